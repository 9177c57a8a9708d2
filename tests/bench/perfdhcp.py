"""perfdhcp of Kea: whole exchanges at a given rate, by clients that ask once, through it as their relay agent."""

import re
from collections.abc import Callable
from typing import NamedTuple

from routerd.lab.errors import LabError
from tests.bench.dhcp_servers import CLIENTS, SERVER, Wire

MOST_DROPS = 0.025
# Answers to what was sent last are waited for. Were it long, a queue that only grows would pass for speed.
_WAIT = 0.2
_COUNTS = re.compile(r"^(?:sent|received) packets: (\d+)$", re.MULTILINE)
_DOUBLE = re.compile(r"^non unique addresses: (\d+)$", re.MULTILINE)


class Result(NamedTuple):
    """What came of one run: exchanges begun and ended, and addresses that two clients got.

    `unread` are answers that the server sent and perfdhcp, whose socket takes some 200 at once, did not fetch in time.
    """

    begun: int
    done: int
    double: int
    unread: int
    seconds: float

    @property
    def drops(self) -> float:
        """The share of exchanges that did not end within a second."""
        return 1.0 - self.done / max(1, self.begun)

    @property
    def rate(self) -> float:
        """Whole exchanges a second."""
        return self.done / self.seconds


def perfdhcp(wire: Wire, rate: float, seconds: int) -> Result:
    """Runs perfdhcp at this many exchanges a second, every one of a client of its own."""
    clients = int(rate * seconds * 1.1) + 10
    argv = ["perfdhcp", "-4", "-l", CLIENTS, "-r", str(int(rate)), "-p", str(seconds), "-R", str(clients), "-u"]
    argv += ["-d", "1", "-W", str(int(_WAIT * 1e6)), "-b", "mac=02:99:00:00:00:00", SERVER]
    before = _unread(wire)
    done = wire.load.run(argv, check=False, timeout=seconds + 20)
    counts = [int(count) for count in _COUNTS.findall(done.stdout)]
    if done.returncode not in (0, 3) or len(counts) != 4:
        raise LabError(f"perfdhcp: exit {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    double = sum(map(int, _DOUBLE.findall(done.stdout)))
    return Result(counts[0], counts[3], double, _unread(wire) - before, seconds)


def _unread(wire: Wire) -> int:
    """How many datagrams found the queue of their socket full."""
    lines = [line.split() for line in wire.load.run(["cat", "/proc/net/snmp"]).stdout.splitlines()]
    names, values = [line for line in lines if line[0] == "Udp:"]
    return int(values[names.index("RcvbufErrors")])


def climb(run: Callable[[float], Result], start: float, step: float) -> Result:
    """The best run of rising rates: each is `step` times the one before, until one drops too much twice.

    Where even `start` drops too much, the rates begin lower.
    """
    best, rate, ceiling = Result(0, 0, 0, 0, 1.0), start, float("inf")
    while 10 <= rate < ceiling:
        found = run(rate)
        if found.drops > MOST_DROPS:
            found = run(rate)
        if found.drops <= MOST_DROPS:
            best, rate = found, rate * step
        elif best.done:
            break
        else:
            rate, ceiling = rate / step**2, rate
    return best
