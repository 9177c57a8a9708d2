"""What is said of a kind of problem. Pure."""

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
INFO = "info"


@dataclass(frozen=True, slots=True)
class Declared:
    """A kind of problem. `text` and `mend` are filled from `Problem.subject` and `Problem.values`.

    `depends_on` names the codes that explain this one where they stand for the same subject or for something that
    it belongs to. `patience` is how many seconds it must last before it is shown. `counts` is for a problem that
    stands for many of one code: the value that holds it; then severity and patience are those of that code.
    """

    code: str
    severity: str
    text: str
    mend: str
    depends_on: tuple[str, ...] = ()
    patience: float = 0.0
    counts: str = ""
