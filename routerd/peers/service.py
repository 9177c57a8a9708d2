"""The peers service: sends the probes that are due, reads their replies, and reports every peer's state."""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from routerd.model import Address, Event, PeerChange, PeerKey, PeersPart, ProbeTarget, Problem, WireGuardDevice
from routerd.peers.asking_service import Asking
from routerd.peers.connect_service import Connects
from routerd.peers.echo import Reply
from routerd.peers.icmp_service import IcmpDoors
from routerd.peers.links import has_no_address, problem, says_gone, shown
from routerd.peers.moves import event_of, is_notable, text_of
from routerd.peers.probes import Probes
from routerd.peers.roster import Roster
from routerd.peers.sends import Link, Outcome, Send, key_of, link_of
from routerd.reports import Check, PeerReport, PeerState

log = logging.getLogger("routerd.peers")

_TICK = 0.01
_CLOCK_STEP = 1.0
_LATE = 0.05


class PeersService:
    """Measures all peers. `on_change` is called, in the event loop, whenever `reachable` of some peer has changed."""

    name = "peers"

    def __init__(self, on_change: Callable[[], None], emit: Callable[[Event], None] = lambda event: None) -> None:
        self._on_change = on_change
        self._emit = emit
        self._targets: dict[PeerKey, ProbeTarget] = {}
        self._lacks: tuple[Problem, ...] = ()
        self._timeout = 2.0
        self._roster = Roster()
        self._probes = Probes(random.SystemRandom().randrange(0x10000))
        self._doors = IcmpDoors(self._on_reply, self._tell, self._on_mended)
        self._connects = Connects(self._on_connected)
        self._asking = Asking()
        self._wake = asyncio.Event()
        self._running = False
        self._due = math.inf
        self._has_changed = False
        self._offset = time.time() - time.monotonic()

    async def apply(self, part: PeersPart) -> None:
        """Take over what is to be measured; an empty part stops all probes. States of targets that stay survive."""
        now = _now()
        self._targets = {key_of(target): target for target in part.targets}
        self._lacks, self._timeout = part.problems, part.timeout
        self._has_changed |= self._roster.apply(part, now, time.time())
        self._probes.configure(part, now)
        self._targets_changed()

    def update(self, changes: Iterable[PeerChange]) -> None:
        """Take over single peers; the result is that of one `apply` of all of them."""
        changes = tuple(changes)
        now = _now()
        for key, target in changes:
            self._targets.pop(key, None)
            if target is not None:
                self._targets[key] = target
        self._has_changed |= self._roster.update(changes, now, time.time())
        self._probes.update(changes, now)
        self._targets_changed()

    def _targets_changed(self) -> None:
        links = [(target, link) for target in self._targets.values() if (link := link_of(target)) is not None]
        self._doors.want(link for target, link in links if target.kind == "icmp")
        self._connects.forget({link for target, link in links if target.kind != "icmp"})
        self._connects.keep(self._probes.is_outstanding)
        self._tell()
        self._wake.set()

    def observed(self, devices: Mapping[str, WireGuardDevice]) -> None:
        """Take over the WireGuard devices, by vpn; a vpn that cannot be read is left out."""
        self._has_changed |= self._roster.observed(devices, _now(), time.time())
        for key, at in self._roster.fresh():
            self._probes.fresh(key, at)
        self._tell()
        self._wake.set()

    # ------------------------------------------------------------ reports

    def report(self) -> tuple[PeerReport, ...]:
        """All peers: the configured ones, then the devices' other ones by their public keys."""
        return tuple(self.reports())

    def reports(self) -> Iterator[PeerReport]:
        """The same as `report`, made one by one as they are asked for, for use in pieces."""
        offset = self._unix_offset()
        return (self._roster.report(entry, offset) for entry in self._roster.entries())

    def find(self, name: str) -> PeerReport | None:
        """The report of the peer of this name, else of this public key; None if there is none."""
        entry = self._roster.find(name)
        return None if entry is None else self._roster.report(entry, self._unix_offset())

    async def probe_now(self, name: str) -> PeerReport | None:
        """Probe the peer of this name or public key at once; its report when that has ended, None if there is none.

        Who asks while a probe is out waits for that one. A peer that was asked for within the last second, that
        is not probed, or that too many wait for already, is reported as it is.
        """
        entry = self._roster.find(name)
        if entry is None:
            return None
        key = key_of(entry.target)
        if self._running and self._asking.may_ask(key, _now()) and self._probes.ask(key, _now()):
            self._wake.set()
            await self._asking.wait(key, 2 * self._timeout + 1.0)
        return self.find(name)

    def reachable(self) -> dict[str, bool | None]:
        """Per peer name: reachable or not, None where nobody knows."""
        return self._roster.reachable()

    def states(self) -> dict[PeerKey, PeerState]:
        """The state of every peer."""
        return self._roster.states()

    def all_down(self) -> frozenset[str]:
        """The vpns that have peers, every one of them known to be unreachable."""
        return self._roster.all_down()

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now, with peers and with sending probes."""
        errors = {**self._connects.errors, **self._doors.errors()}
        vpns: dict[tuple[str, Link], int] = {}
        for target in self._targets.values() if errors else ():
            link = link_of(target)
            if link is not None and (error := errors.get(link)):
                vpns[target.vpn, link] = error
        sockets = (problem(vpn, link, error, os.strerror(error)) for (vpn, link), error in vpns.items())
        return (*sockets, *self._lacks, *self._roster.problems())

    def status(self) -> dict[str, object]:
        """How many peers there are, what their probes go through, and the replies that were ignored."""
        probes, doors = self._probes, self._doors
        rows = ((door.link, door.socket is not None, door.backoff.error) for door in doors.doors.values())
        ignored = {"late": probes.late, "forged": probes.forged, "foreign": probes.foreign, "garbled": doors.garbled}
        return {
            "configured": len(self._targets),
            "probe_sockets": [shown(link, is_open, error, os.strerror(error)) for link, is_open, error in rows],
            "ignored_replies": ignored,
            "spared_probes": probes.spared,
        }

    def checks(self) -> tuple[Check, ...]:
        """One check: whether every probe socket that is needed and possible is open. Never a peer's state."""
        closed = [(door.link, door.backoff.error) for door in self._doors.doors.values() if door.socket is None]
        broken = [link for link, error in (*closed, *self._connects.errors.items()) if not has_no_address(link, error)]
        missing = sorted({link.interface or "any interface" for link in broken})
        if not self._running:
            return (Check(self.name, False, "not started"),)
        return (Check(self.name, not missing, f"no probe socket on {', '.join(missing)}" if missing else ""),)

    # ------------------------------------------------------------ probing

    async def run(self) -> None:
        """Probe until cancelled; closes every socket then."""
        self._running = True
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                deadline = self._step(_now())
                timer = None if deadline is None else loop.call_at(deadline, self._wake.set)
                await self._wake.wait()
                if timer is not None:
                    timer.cancel()
                # Whatever is due within a tick is done together: thousands of peers do not cost a wake-up each.
                await asyncio.sleep(_TICK)
        finally:
            self._running = False
            self._doors.close()
            self._asking.close()
            await self._connects.close()

    def _step(self, now: float) -> float | None:
        """Do what is due at `now`; the next deadline."""
        if now > self._due + _LATE:
            self._doors.drain()
        sends, outcomes = self._probes.on_deadline(now)
        self._doors.verify(now, lost=bool(outcomes))
        retry = self._doors.open(now)
        self._has_changed |= self._roster.on_deadline(now)
        for outcome in outcomes:
            self._judge(outcome, now)
        if outcomes:
            self._connects.keep(self._probes.is_outstanding)
        for send in sends:
            self._send(send, now)
        self._tell()
        deadlines = (retry, self._probes.next_deadline(), self._roster.next_deadline())
        deadline = min((at for at in deadlines if at is not None), default=None)
        self._due = math.inf if deadline is None else deadline
        return deadline

    def _send(self, send: Send, now: float) -> None:
        self._roster.probe_sent(send.key)
        try:
            if send.kind == "icmp":
                error = self._doors.send(send, self._probes.identifier)
            else:
                error = self._connects.start(send)
        except OSError as failed:
            self._failed(send, now, os.strerror(failed.errno or 0))
            return
        if says_gone(send.link, error):
            self._failed(send, now, os.strerror(error))
        elif error or not self._is_ready(send):
            self._probes.not_sent(send.key, now)
            self._has_changed |= self._roster.unmeasured(send.key, now)
            self._asking.done(send.key)

    def _is_ready(self, send: Send) -> bool:
        return send.kind != "icmp" or self._doors.doors[send.link].socket is not None

    def _failed(self, send: Send, now: float, reason: str) -> None:
        outcome = self._probes.send_failed(send.key, now, reason)
        if outcome is not None:
            self._judge(outcome, now)

    def _on_reply(self, link: Link, source: Address, reply: Reply) -> None:
        now = _now()
        outcome = self._probes.receive(link, source, reply.identifier, reply.sequence, now)
        if outcome is not None:
            self._judge(outcome, now)

    def _on_connected(self, send: Send, reason: str) -> None:
        now = _now()
        outcome = self._probes.connected(send, reason, now)
        if outcome is not None:
            self._judge(outcome, now)
            self._tell()
            self._wake.set()

    def _on_mended(self, link: Link) -> None:
        self._probes.hasten(link, _now())

    def _judge(self, outcome: Outcome, now: float) -> None:
        self._has_changed |= self._roster.outcome(outcome, now)
        self._asking.done(outcome.key)

    def _tell(self) -> None:
        """Tell of what has changed since the last time."""
        for move in self._roster.moves():
            self._emit(event_of(move, time.time()))
            level = logging.WARNING if move.state is PeerState.DOWN else logging.INFO
            log.log(level if is_notable(move) else logging.DEBUG, "peer %s: %s", move.key[1], text_of(move))
        if self._has_changed:
            self._has_changed = False
            self._on_change()

    def _unix_offset(self) -> float:
        # Kept while the clock is only slewed, so that a peer's `since` is the same in every report.
        offset = time.time() - _now()
        if abs(offset - self._offset) > _CLOCK_STEP:
            self._offset = offset
        return self._offset


def _now() -> float:
    return asyncio.get_running_loop().time()
