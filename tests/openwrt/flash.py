"""How much of a day's leases is written to flash: fifty clients that renew, for each way to store them."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routerd.dhcp.commit_service import LAZY_SECONDS
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.store import LeaseStore

CLIENTS = 50
_DAY = 86_400
_EPOCH = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Written:
    """What a day took: transactions, and bytes that were handed to the file system."""

    commits: int
    octets: int


def day(lease_time: int, *, lazy: bool) -> Written:
    """Renewals at half of the lease time, spread evenly; with `lazy` those of a minute share a transaction."""
    now = 0.0
    with tempfile.TemporaryDirectory() as name:
        store = LeaseStore(str(Path(name) / "leases.db"), wall=lambda: _EPOCH + now, boot="1", runtime=Path(name))
        store.open()
        store.load(_EPOCH)
        store.commit([("br-lan", _row(client, 0.0, lease_time)) for client in range(CLIENTS)], _EPOCH)
        before, commits = _octets(), 0
        for now, rows in _batches(lease_time, LAZY_SECONDS if lazy else 0.0):
            store.commit([("br-lan", row) for row in rows], _EPOCH, now)
            commits += 1
        written = _octets() - before
        store.close(clean=True)
    return Written(commits, written)


def _batches(lease_time: int, gather: float) -> Iterator[tuple[float, list[Row]]]:
    """Rows with the time at which they are stored."""
    waiting: list[Row] = []
    due = 0.0
    steps = _DAY * 2 * CLIENTS // lease_time
    for number in range(steps):
        at = number * lease_time / (2 * CLIENTS)
        if waiting and at >= due:
            yield due, waiting
            waiting = []
        if not waiting:
            due = at + gather
        waiting.append(_row(number % CLIENTS, at, lease_time))
        if not gather:
            yield at, waiting
            waiting = []
    if waiting:
        yield float(_DAY), waiting


def _row(client: int, now: float, lease_time: int) -> Row:
    key = bytes((1, 2, 0, 0, 0, 0, client))
    return Row(0xC0A80164 + client, key, key, f"host-{client}", BOUND, now, now + lease_time)


def _octets() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def table() -> Iterator[str]:
    """A line for each way."""
    for lease_time, words in ((3_600, "1 h"), (43_200, "12 h")):
        for lazy, sync in ((False, "always"), (True, "bindings")):
            done = day(lease_time, lazy=lazy)
            size = f"{done.octets / 1e6:6.1f} MB"
            yield f"leases of {words:4}  sync = {sync:8}  {done.commits:5} transactions  {size} written in a day"


if __name__ == "__main__":
    print("\n".join(table()))
