"""Cases: what once broke a server, as text that is replayed ever after.

One message a line: seconds that pass before it, "us" or "all" for where it was sent, and its bytes in hexadecimal.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path as File

from tests.fuzz.target import Step, Target

DIRECTORY = File(__file__).with_name("cases")


def fails(steps: Sequence[Step], target: Target) -> BaseException | None:
    """What these steps lead to on a new server; None if all is well."""
    server = target.start()
    try:
        for step in steps:
            target.play(server, step)
        target.check(server)
    except Exception as error:
        return error
    return None


def shortened(steps: Sequence[Step], target: Target) -> list[Step]:
    """Fewer steps that still fail, found by leaving out ever smaller pieces."""
    left = list(steps)
    size = len(left)
    while size:
        start = 0
        while start < len(left):
            candidate = left[:start] + left[start + size :]
            if fails(candidate, target) is not None:
                left = candidate
            else:
                start += size
        size //= 2
    return left


def write(steps: Sequence[Step], error: BaseException, directory: File) -> File:
    """Keep a case; its name is that of the error and a digest of the messages."""
    lines = [f"{step.wait:g} {'us' if step.to_us else 'all'} {step.data.hex()}" for step in steps]
    digest = blake2b("\n".join(lines).encode(), digest_size=4).hexdigest()
    directory.mkdir(exist_ok=True)
    path = directory / f"{type(error).__name__.lower()}-{digest}.case"
    said = str(error).splitlines()[0][:200] if str(error) else "no text"
    path.write_text("\n".join([f"# {type(error).__name__}: {said}", *lines]) + "\n")
    return path


def read(path: File) -> list[Step]:
    """The steps of a case."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [Step(float(wait), where == "us", bytes.fromhex("".join(data))) for wait, where, *data in lines]


def known(target: Target) -> list[File]:
    """Every case that was ever found."""
    return sorted(target.directory.glob("*.case"))
