"""The hosts service: finds out for every host of the site whether it has a way back to the VPN, and keeps that true."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address
from itertools import chain, islice

from routerd.config.model import Reservation, ReturnPathProbe
from routerd.hosts import frames
from routerd.hosts.book import MOST, Book, Decide
from routerd.hosts.door_service import Door
from routerd.hosts.find_service import Finder
from routerd.hosts.flow_service import FlowFeed, Tracker
from routerd.hosts.judge import Judge
from routerd.hosts.known import known_hosts, measured_hosts
from routerd.hosts.lans import MeasuredLan, measured_lans, watched_networks
from routerd.hosts.schedule import HostKey
from routerd.hosts.steps import Result, What
from routerd.hosts.words import event_of, text_of, without_way_back
from routerd.model import Event, Problem
from routerd.nat_part import HostChange, NatLan, NatPart
from routerd.reports import Check, HostReport, LeaseReport, ReturnPath

log = logging.getLogger("routerd.hosts")

_TICK = 0.08
_SECOND = 1.0
_CLOCK_STEP = 1.0
_AT_ONCE = 300

DecideOf = Callable[[NatPart, NatLan], Decide]
"""Gives what decides about the hosts of one LAN of the part."""


class HostsService:
    """Measures the hosts of all LANs. `on_changes` is called, in the event loop, with the items for nat/.

    `leases` and `reservations` are asked for whenever the hosts are looked through. What fails is tried again and
    shown by `problems`; nothing raises because of it.
    """

    name = "hosts"

    def __init__(
        self,
        decide: DecideOf,
        on_changes: Callable[[list[HostChange]], None],
        *,
        leases: Callable[[], Iterable[LeaseReport]] = lambda: (),
        reservations: Callable[[], Iterable[tuple[str, Reservation]]] = lambda: (),
        emit: Callable[[Event], None] = lambda event: None,
        tracker: Tracker | None = None,
    ) -> None:
        self._decide, self._on_changes, self._emit = decide, on_changes, emit
        self._leases, self._reservations = leases, reservations
        self._random = random.SystemRandom()
        self._book = Book()
        self._judge = Judge(self._book, random.Random(self._random.getrandbits(64)))
        self._applied: tuple[NatPart, ReturnPathProbe] | None = None
        self._decides: dict[str, Decide] = {}
        self._lans: dict[str, MeasuredLan] = {}
        self._doors: dict[str, Door] = {}
        self._asked: dict[HostKey, set[HostKey]] = {}
        self._acknowledged: dict[tuple[str, int], bytes | None] = {}
        self._feed = FlowFeed(lambda flow, what: self._judge.flow(flow, what, _now()), tracker)
        self._finder = Finder(self._judge, leases, reservations)
        self._wake = asyncio.Event()
        self._running, self._ticked = False, 0.0
        self._offset = time.time() - time.monotonic()

    async def apply(self, part: NatPart, probe: ReturnPathProbe) -> None:
        """Take over what is to be measured; without a VPN interface on this machine that is nothing. States survive."""
        if self._applied == (part, probe):
            return
        self._applied, now = (part, probe), _now()
        self._judge.configure(probe.interval, probe.timeout)
        lans = measured_lans(part)
        for name, door in list(self._doors.items()):
            if lans.get(name) != door.lan:
                door.close()
                del self._doors[name]
        for name, lan in lans.items():
            if name not in self._doors:
                self._doors[name] = Door(lan, self._heard, self._heard_arp, random.Random(self._random.getrandbits(64)))
        self._lans = lans
        self._decides = {lan.interface: self._decide(part, lan) for lan in part.lans}
        self._judge.take_over({name: (self._decides[name], lan) for name, lan in lans.items()}, now)
        networks, mapped = watched_networks(part) if lans else ([], [])
        self._judge.watch.configure(networks, mapped)
        self._feed.configure(networks)
        self._finder.configure(lans, probe.interval)
        self._tell()
        self._wake.set()

    def acknowledged(self, lan: str, address: int, mac: bytes | None) -> None:
        """A host was sent an ACK just now with which it sets itself up: an address, or other routes than it had.

        It costs next to nothing here, where DHCP waits for it.
        """
        if lan in self._lans and len(self._acknowledged) < MOST:
            self._acknowledged[lan, address] = mac
            self._wake.set()

    # ------------------------------------------------------------ what is shown

    def report(self) -> tuple[HostReport, ...]:
        """All hosts: those with a lease, those with a reservation, then all others that were seen."""
        return tuple(self.reports())

    def reports(self) -> Iterator[HostReport]:
        """The same as `report`, made one by one as they are asked for."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > _CLOCK_STEP:
            self._offset = offset
        known = known_hosts(self._leases(), self._reservations())
        return measured_hosts(known, self._book.hosts, self._offset, self._decides)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps hosts from being measured, and hosts that are routed without a way back."""
        found = []
        for name, door in self._doors.items():
            if door.error is not None:
                found.append(Problem("hosts-unmeasured", f"lan {name}", (("reason", door.error),)))
            missing = without_way_back(name, self._book.without_way_back.get(name, ()))
            found += [] if missing is None else [missing]
        for reason in (self._feed.reason, self._finder.reason):
            if reason is not None:
                found.append(Problem("hosts-unwatched", "hosts", (("reason", reason),)))
        if self._book.refused:
            found.append(Problem("hosts-too-many", "hosts", (("most", str(len(self._book.hosts))),)))
        return tuple(found)

    def checks(self) -> tuple[Check, ...]:
        """One check: whether every LAN's socket is open. Never a host's state."""
        closed = sorted(name for name, door in self._doors.items() if not door.is_open)
        if not self._running:
            return (Check(self.name, False, "not started"),)
        return (Check(self.name, not closed, f"no probe socket on {', '.join(closed)}" if closed else ""),)

    def status(self) -> dict[str, object]:
        """How many hosts there are in each state, and what measuring them takes."""
        states = dict.fromkeys((path.value for path in ReturnPath), 0)
        for host in self._book.hosts.values():
            states[host.path.state.value] += 1
        return {
            "known": len(self._book.hosts),
            **states,
            "interval": self._judge.schedule.interval,
            "timeout": self._judge.rounds.timeout,
            "packets_sent": {name: door.sent for name, door in self._doors.items()},
        }

    # ------------------------------------------------------------ the work

    async def run(self) -> None:
        """Measure until cancelled; closes every socket then."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed.run(), name="hosts flows")
                tasks.create_task(self._finder.run(self._wake.set), name="hosts found")
                await self._measure()
        finally:
            self._running = False
            for door in self._doors.values():
                door.close()

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            timer = loop.call_at(self._step(_now()), self._wake.set) if self._lans else None
            await self._wake.wait()
            if timer is not None:
                timer.cancel()
            # What is due within a tick is done together: a wake-up costs more than a probe.
            await asyncio.sleep(_TICK)

    def _step(self, now: float) -> float:
        """Do what is due at `now`; when to come again."""
        for lan, address in list(islice(self._acknowledged, _AT_ONCE)):
            self._judge.leased((lan, IPv4Address(address)), now, self._acknowledged.pop((lan, address)))
        if self._book.judge_rest(now) or self._acknowledged:
            self._wake.set()
        if now >= self._ticked + _SECOND:
            self._ticked = now
            for door in self._doors.values():
                door.verify()
            self._judge.tick(now)
        retries = [door.open(now) for door in self._doors.values()]
        self._do(self._judge.on_deadline(now))
        if any(door.is_open for door in self._doors.values()):
            self._do(self._judge.begin(now, lambda lan: lan in self._doors and self._doors[lan].is_open))
        self._tell()
        deadlines = [self._judge.next_deadline(), *retries, self._ticked + _SECOND]
        return min(at for at in deadlines if at is not None)

    def _do(self, results: Iterable[Result]) -> None:
        for send in chain.from_iterable(result.sends for result in results):
            host, door = self._book.hosts.get(send.host), self._doors.get(send.host[0])
            if host is None or door is None:
                continue
            hop = host.gateway or send.host[1]
            if send.what is What.ARP:
                self._asked.setdefault((send.host[0], hop), set()).add(send.host)
            door.send(send, host.mac, hop)

    def _heard(self, lan: str, packet: bytes, source: bytes) -> None:
        now, door = _now(), self._doors[lan]
        answer = frames.read(packet)
        if answer is not None and door.is_ours(answer):
            lan_side = door.is_lan_side(answer.target)
            self._do([self._judge.answered((lan, answer.source), answer, source, now, lan=lan_side)])
        elif (head := frames.read_head(packet)) is not None:
            if (closed := frames.read_closed(packet)) is not None:
                self._judge.watch.closed(*closed, now)
            self._judge.passed(lan, head[1], head[2], source, now)
        self._tell()

    def _heard_arp(self, lan: str, address: IPv4Address, mac: bytes) -> None:
        now = _now()
        for key in self._asked.pop((lan, address), ()):
            self._do([self._judge.resolved(key, mac, now)])
        self._tell()

    def _tell(self) -> None:
        """Tell of what has changed since the last time."""
        if len(self._asked) > 2 * len(self._judge.rounds) + 64:
            self._asked = {hop: keys for hop, keys in self._asked.items() if any(k in self._judge.rounds for k in keys)}
        moves, self._book.moves = self._book.moves, []
        for move in moves:
            self._emit(event_of(move, time.time()))
            level = logging.WARNING if move.path.state is ReturnPath.LAN_ONLY else logging.INFO
            log.log(level, "host %s: %s", move.host[1], text_of(move))
        changes, self._book.changes = self._book.changes, []
        if changes:
            self._on_changes(changes)


def _now() -> float:
    return time.monotonic()
