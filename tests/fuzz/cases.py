"""Cases: what once broke the server, as text that is replayed ever after.

One message a line: seconds that pass before it, "us" or "all" for where it was sent, and its bytes in hexadecimal.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path as File
from time import process_time
from typing import NamedTuple

from routerd.dhcp.leases import BOUND
from tests.dhcp.scene import SERVER, ip
from tests.fuzz.path import BROADCAST, Path

DIRECTORY = File(__file__).with_name("cases")
MOST_SECONDS = 0.5
"""Of processor time for one message: far beyond any, far below what a flood would need to stop the server."""
_NEVER = {ip("192.168.200.0"), ip("192.168.200.1"), int(SERVER), ip("192.168.200.255")}


class Step(NamedTuple):
    """One message: how long after the last one, and whether it is sent to the server's own address."""

    wait: float
    to_us: bool
    data: bytes


class Broken(AssertionError):
    """What holds after every message does not hold."""


def play(path: Path, step: Step) -> object:
    """Let one step happen; what came of it, in a form that can be compared. Raises whatever is wrong."""
    path.now += step.wait
    before = dict(path.counters)
    start = process_time()
    reply = path.receive(step.data, SERVER.packed if step.to_us else BROADCAST)
    path.overhear(step.data)
    if process_time() - start > MOST_SECONDS:
        raise Broken(f"{process_time() - start:.2f} s for one message")
    counted = frozenset(name for name, count in path.counters.items() if count != before.get(name, 0))
    return counted, None if reply is None else (reply.options[53], frozenset(reply.options))


def check(path: Path) -> None:
    """The next client is served, and the tables are in order. Raises `Broken`."""
    path.now += 11.0
    for key, table in path.tables.items():
        table.expire(path.now)
        rows = table.rows()
        held = [row.client for row in rows if row.state == BOUND and row.expires > path.now]
        if len({row.address for row in rows}) != len(rows) or len(set(held)) != len(held):
            raise Broken(f"{key}: an address or a client has two leases")
        if key == "lan0" and _NEVER & {row.address for row in rows}:
            raise Broken("an address that nobody may have is leased")
    if not path.serves():
        raise Broken("the next DISCOVER gets no OFFER")


def fails(steps: Sequence[Step]) -> BaseException | None:
    """What these steps lead to on a new server; None if all is well."""
    path = Path()
    try:
        for step in steps:
            play(path, step)
        check(path)
    except Exception as error:
        return error
    return None


def shortened(steps: Sequence[Step]) -> list[Step]:
    """Fewer steps that still fail, found by leaving out ever smaller pieces."""
    left = list(steps)
    size = len(left)
    while size:
        start = 0
        while start < len(left):
            candidate = left[:start] + left[start + size :]
            if fails(candidate) is not None:
                left = candidate
            else:
                start += size
        size //= 2
    return left


def write(steps: Sequence[Step], error: BaseException, directory: File = DIRECTORY) -> File:
    """Keep a case; its name is that of the error and a digest of the messages."""
    lines = [f"{step.wait:g} {'us' if step.to_us else 'all'} {step.data.hex()}" for step in steps]
    digest = blake2b("\n".join(lines).encode(), digest_size=4).hexdigest()
    path = directory / f"{type(error).__name__.lower()}-{digest}.case"
    said = str(error).splitlines()[0][:200] if str(error) else "no text"
    path.write_text("\n".join([f"# {type(error).__name__}: {said}", *lines]) + "\n")
    return path


def read(path: File) -> list[Step]:
    """The steps of a case."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [Step(float(wait), where == "us", bytes.fromhex("".join(data))) for wait, where, *data in lines]


def known() -> list[File]:
    """Every case that was ever found."""
    return sorted(DIRECTORY.glob("*.case"))
