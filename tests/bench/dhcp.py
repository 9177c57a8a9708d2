"""DHCP beside Kea and dnsmasq in one run: whole exchanges a second, with many leases, on the link; delay and memory."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from routerd.dhcp.counters import zeros
from routerd.dhcp.flood import Intake
from routerd.dhcp.message import decode_message
from routerd.lab.lab import Lab
from tests.bench.dhcp_clients import LINK, RELAYED, RENEWING, Work, mac_of
from tests.bench.dhcp_leases import fill
from tests.bench.dhcp_report import Figures, text
from tests.bench.dhcp_servers import ADDRESSES, CLIENTS, FIRST, SERVER, SERVER_MAC, Server, Wire, address
from tests.bench.disk import disk
from tests.bench.perfdhcp import Result, climb, perfdhcp
from tests.bench.start import ASK, resident
from tests.dhcp.scene import message

CHECKOUT = Path(__file__).parents[2]
ROUNDS, ALONE = 3, 7
"""How often the servers are compared, and how often routerd is with itself."""
LONGEST = 400.0
"""Seconds that the section may take; a round of routerd alone that would not end in them is left out, not the first."""
HELD = 50_000
FULL = ADDRESSES * 95 // 100
RATE = 500
"""Exchanges a second at which the delay is measured."""

_BEGIN = {"Kea": 2500.0, "routerd": 3000.0, "dnsmasq": 150.0}
_COARSE, _FINE = 1.5, 1.1
_COARSE_SECONDS, _FINE_SECONDS = 1, 3
_MANY, _FEW, _TURNS, _RENEWED = 12_000, 500, 8, 20_000
_WARM = 200
_NEW = 100_000
"""The number of the first client that has no lease from before."""

T = TypeVar("T")


class Bench:
    """Runs servers on one wire, each from a lease file of its own in `place`, a directory on a real disk."""

    def __init__(self, wire: Wire, place: Path) -> None:
        self.wire = wire
        self.found = Figures()
        self._place = place
        self._clients = _NEW
        self._rates: dict[str, float] = {}

    @contextmanager
    def server(self, name: str = "routerd", leases: int = 0, sync: str = "always") -> Iterator[Server]:
        """A server that has started with so many leases and has nothing else to do."""
        with TemporaryDirectory(dir=self._place) as directory:
            if leases:
                fill(name, Path(directory), leases)
            server = Server(name, self.wire, Path(directory), sync)
            try:
                server.start()
                server.settle()
                yield server
            finally:
                server.stop()

    # ------------------------------------------------------------ perfdhcp

    def _at(self, name: str, seconds: int) -> Callable[[float], Result]:
        """Runs perfdhcp at a rate against a server that starts without leases."""

        def run(rate: float) -> Result:
            with self.server(name) as server:
                result = perfdhcp(self.wire, rate, seconds)
                if name == "routerd":
                    said = server.counters()
                    self.found.add("limited", said["pkt4-limit-exceeded"])
                    self.found.add("received", said["pkt4-received"])
            self.found.add("double", result.double)
            self.found.add(f"unread {name}", result.unread)
            return result

        return run

    def approach(self) -> None:
        """Find the rates from which the rounds begin."""
        for name, rate in _BEGIN.items():
            self._rates[name] = climb(self._at(name, _COARSE_SECONDS), rate, _COARSE).rate or rate

    def climbs(self) -> None:
        """The best rate of each server, one after the other, so that they see the same machine."""
        for name, rate in self._rates.items():
            best = climb(self._at(name, _FINE_SECONDS), rate * 0.95, _FINE).rate
            self.found.add(name, best)
            self._rates[name] = best or rate

    # ------------------------------------------------------------ clients of our own

    def drive(
        self, how: str, clients: int, *, rate: float = 0.0, turns: int = 1, held: bool = False
    ) -> dict[str, float]:
        """What came of so many clients: new ones, or those that hold leases from the start."""
        first = 0 if held else self._clients
        work = Work(how, SERVER, SERVER_MAC, clients, relay=CLIENTS, first_client=first, rate=rate, turns=turns)
        if how == RENEWING:
            work = Work(how, SERVER, SERVER_MAC, clients, first_address=FIRST)
        self._clients += clients * turns
        argv = [sys.executable, "-m", "tests.bench.dhcp_clients", json.dumps(asdict(work))]
        found: dict[str, float] = json.loads(self.wire.load.run(argv, timeout=90).stdout)
        return found

    def round(self, number: int) -> None:
        """One of each figure of routerd alone."""
        add = self.found.add
        add("limits", limits())
        # A machine that grows faster or slower meanwhile favours every place as often as any other.
        for name, how, leases in _turned([("", RELAYED, 0), ("held", RELAYED, HELD), ("link", LINK, 0)], number):
            with self.server(leases=leases) as server:
                self._same_work(name, how, server)
        self._meet(_RENEWED)
        for sync in ("always", "bindings"):
            with self.server(leases=HELD, sync=sync):
                add(f"renewals {sync}", self.drive(RENEWING, _RENEWED, held=True)["rate"])
        for name, leases in _turned([("few", 0), ("full", FULL)], number):
            with self.server(leases=leases):
                self.drive(RELAYED, _WARM)
                if leases:
                    add("delay full", self.drive(RELAYED, 2 * RATE, rate=RATE)["p99_ms"])
                add(name, self.drive(RELAYED, _FEW, turns=_TURNS)["rate"])
        add("ready", self.ready())

    def _same_work(self, name: str, how: str, server: Server) -> None:
        """Delay, speed and, after that, memory and processor time, of a server that was just started."""
        add = self.found.add
        self.drive(how, _WARM)
        add(f"delay {name}".strip(), self.drive(how, 2 * RATE, rate=RATE)["p99_ms"])
        before = server.times()
        found = self.drive(how, _MANY)
        add(name or "empty", found["rate"])
        for part, seconds in server.times().items():
            add(f"{name} {part}".strip(), (seconds - before.get(part, 0.0)) / _MANY * 1e6)
        add(f"memory {name}".strip(), resident(server.pid))
        add("share", found["share"])

    def _meet(self, clients: int) -> None:
        """Let the server's machine know the clients' hardware addresses, as one does that they talk to every day."""
        lines = (
            f"neigh replace {address(n)} lladdr {mac_of(n).hex(':')} dev lan0 nud permanent" for n in range(clients)
        )
        self.wire.server.ip(*lines)

    def ready(self) -> float:
        """Seconds from exec of routerd with many leases on disk to its first OFFER; a client asks every 2 ms."""
        with TemporaryDirectory(dir=self._place) as directory:
            fill("routerd", Path(directory), HELD)
            server = Server("routerd", self.wire, Path(directory))
            argv = [sys.executable, "-c", ASK, message(1, flags=0x8000).hex()]
            asker = self.wire.load.popen(argv, name="asker", stdout=subprocess.PIPE)
            assert asker.stdout is not None
            assert asker.stdout.readline() == "asking\n"
            begin = time.monotonic()
            try:
                server.start()
                return float(asker.stdout.readline()) - begin
            finally:
                server.stop()


def _turned(what: list[T], number: int) -> list[T]:
    """The same in another order each time."""
    first = number % len(what)
    turned = what[first:] + what[:first]
    return turned[::-1] if number % 2 else turned


def limits() -> float:
    """Microseconds that the limits by client cost a message, where every one is of a client that was not seen before.

    They cannot be switched off, so this is not measured beside a routerd without them.
    """
    asked = [message(1, (61, b"\xff" + mac_of(n)), mac=mac_of(n), xid=n) for n in range(_MANY)]
    pairs = [(payload, decode_message(payload)) for payload in asked]
    intake: Intake[bytes] = Intake(zeros())
    begin = time.process_time()
    for payload, decoded in pairs:
        intake.admits(payload, begin)
        intake.admits_client(decoded, begin)
    return (time.process_time() - begin) / _MANY * 1e6


def measure() -> str:
    """The table, and where the time goes."""
    cache = CHECKOUT / ".cache"
    cache.mkdir(exist_ok=True)
    with Lab() as lab, TemporaryDirectory(dir=cache) as place:
        before = disk(Path(place))
        bench = Bench(Wire(lab), Path(place))
        end = time.monotonic() + LONGEST
        bench.approach()
        for _ in range(ROUNDS):
            bench.climbs()
        for number in range(ALONE):
            begin = time.monotonic()
            bench.round(number)
            if 2 * time.monotonic() - begin > end:
                break
        return text(bench.found, before)
