"""The page for when it does not work: the first questions, and every problem that is declared. Pure.

It is made twice, as the manual page routerd-problems(7) and in Markdown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from routerd.docs import markdown, roff
from routerd.docs.problem_examples import COMMON, OWN, SUBJECTS
from routerd.docs.problem_words import AREAS, MEANWHILE, REST
from routerd.docs.trouble_words import END, QUESTIONS, START
from routerd.problems import Declared

_TITLE = "When it doesn't work"
_PROBLEMS = "Problems"


@dataclass(frozen=True, slots=True)
class Entry:
    """One problem: `text` and `mend` with values of the example network, `more` about it in sentences."""

    code: str
    severity: str
    text: str
    mend: str
    more: str


def manual(problems: Iterable[Declared], heading: str) -> str:
    """The manual page. `heading` is its first line."""
    lines = [heading, *roff.section("Name"), "routerd\\-problems \\- what to do when routerd does not work"]
    lines += [*roff.section("Description"), *roff.prose(_lines(START))]
    lines += roff.section("Questions")
    for title, text in QUESTIONS:
        lines += [*roff.subsection(title), *roff.prose(_lines(text))]
    lines += [*roff.section(_PROBLEMS), *roff.prose(_lines(END))]
    for title, entries in by_area(problems):
        lines += roff.subsection(title)
        for entry in entries:
            body = [*roff.sentences(entry.text), ".IP", *roff.sentences(entry.mend)]
            body += [".IP", *roff.sentences(entry.more)] if entry.more else []
            lines += roff.entry(f"{roff.bold(entry.code)} ({entry.severity})", body)
    return "\n".join([*lines, *roff.see_also(["routerd(8)", "routerd.toml(5)"]), ""])


def text(problems: Iterable[Declared]) -> str:
    """The same in Markdown."""
    lines = [f"# {_TITLE}", "", *markdown.prose(_lines(START))]
    for title, about in QUESTIONS:
        lines += ["", f"## {title}", "", *markdown.prose(_lines(about))]
    lines += ["", f"## {_PROBLEMS}", "", *markdown.prose(_lines(END))]
    for title, entries in by_area(problems):
        lines += ["", f"### {title}"]
        for entry in entries:
            lines += ["", f"**`{entry.code}`** ({entry.severity})", "", f"> {markdown.inline(entry.text)}", ""]
            lines.append(markdown.inline(f"{entry.mend} {entry.more}".rstrip()))
    return "\n".join([*lines, ""])


def by_area(problems: Iterable[Declared]) -> Iterator[tuple[str, list[Entry]]]:
    """The areas that have problems, each with its entries in the order in which they are declared."""
    found: dict[str, list[Entry]] = {title: [] for title, _ in AREAS}
    for declared in problems:
        title = next((title for title, begins in AREAS if declared.code.startswith(begins)), REST)
        found.setdefault(title, []).append(_entry(declared))
    yield from ((title, entries) for title, entries in found.items() if entries)


class Examples(dict[str, str]):
    """The values of one problem; a value without an example is its own name in capital letters."""

    def __init__(self, code: str) -> None:
        subject = next(subject for begin, subject in SUBJECTS if code.startswith(begin))
        super().__init__({**COMMON, "subject": subject, **OWN.get(code, {})})

    def __missing__(self, key: str) -> str:
        return key.upper()


def _entry(declared: Declared) -> Entry:
    values = Examples(declared.code)
    severity = "as the problems that it counts" if declared.counts else declared.severity
    more = [MEANWHILE.get(declared.code, "")]
    if declared.patience:
        more.append(f"It is shown when it has lasted {declared.patience:g} s.")
    if declared.depends_on:
        causes = ", ".join(f"`{code}`" for code in dict.fromkeys(declared.depends_on))
        more.append(f"Its cause, where one of them is shown too: {causes}.")
    text, mend = declared.text.format_map(values), _sentence(declared.mend.format_map(values).strip())
    return Entry(declared.code, severity, text, mend, " ".join(filter(None, more)))


def _sentence(said: str) -> str:
    """What a problem says is to be done; hints may begin in lower case, and commands stand at the end without a dot."""
    first = said if said.startswith("routerd") else f"{said[:1].upper()}{said[1:]}"
    return first if first.endswith((".", "?")) else f"{first}."


def _lines(about: str) -> list[str]:
    return about.strip("\n").splitlines()
