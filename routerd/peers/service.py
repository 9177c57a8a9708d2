"""The peers service: sends the probes that are due, reads their replies, and reports every peer's state."""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from routerd.model import (
    Check,
    Event,
    PeerChange,
    PeerKey,
    PeerReport,
    PeersPart,
    PeerState,
    ProbeTarget,
    Problem,
    WireGuardDevice,
)
from routerd.peers import echo
from routerd.peers.links import GONE, Backoff, problem, shown
from routerd.peers.moves import event_of, is_notable, text_of
from routerd.peers.probes import Link, Outcome, Probes, Send, key_of, link_of
from routerd.peers.roster import Roster, report
from routerd.system.sockets_icmp import IcmpSocket
from routerd.wire import WireError

log = logging.getLogger("routerd.peers")

_TICK = 0.005
_READS = 64
_CLOCK_STEP = 1.0
_LATE = 0.05
_VERIFY_INTERVAL = 0.25


class _Door:
    """The socket of one link, or why there is none."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.socket: IcmpSocket | None = None
        self.backoff = Backoff()


class PeersService:
    """Measures all peers. `on_change` is called, in the event loop, whenever `reachable` of some peer has changed."""

    name = "peers"

    def __init__(self, on_change: Callable[[], None], emit: Callable[[Event], None] = lambda event: None) -> None:
        self._on_change = on_change
        self._emit = emit
        self._targets: dict[PeerKey, ProbeTarget] = {}
        self._roster = Roster()
        self._probes = Probes(random.SystemRandom().randrange(0x10000))
        self._doors: dict[Link, _Door] = {}
        self._wake = asyncio.Event()
        self._running = False
        self._due = math.inf
        self._suspicious = False
        self._verify_at = 0.0
        self._offset = time.time() - time.monotonic()

    async def apply(self, part: PeersPart) -> None:
        """Take over what is to be measured; an empty part stops all probes. States of targets that stay survive."""
        now = _now()
        self._targets = {key_of(target): target for target in part.targets}
        changed = self._roster.apply(part, now, time.time())
        self._probes.configure(part, now)
        self._open_doors()
        self._changed(changed)
        self._wake.set()

    def update(self, changes: Iterable[PeerChange]) -> None:
        """Take over single peers; the result is that of one `apply` of all of them."""
        changes = tuple(changes)
        now = _now()
        for key, target in changes:
            self._targets.pop(key, None)
            if target is not None:
                self._targets[key] = target
        changed = self._roster.update(changes, now, time.time())
        self._probes.update(changes, now)
        self._open_doors()
        self._changed(changed)
        self._wake.set()

    def _open_doors(self) -> None:
        wanted = {link for target in self._targets.values() if (link := link_of(target)) is not None}
        for link in self._doors.keys() - wanted:
            self._close(self._doors.pop(link))
        for link in wanted - self._doors.keys():
            self._doors[link] = _Door(link)

    def observed(self, devices: Mapping[str, WireGuardDevice]) -> None:
        """Take over the WireGuard devices, by vpn; a vpn that cannot be read is left out."""
        self._changed(self._roster.observed(devices, _now(), time.time()))
        self._wake.set()

    def report(self) -> tuple[PeerReport, ...]:
        """All peers: the configured ones, then the devices' other ones by their public keys."""
        return tuple(self.reports())

    def reports(self) -> Iterator[PeerReport]:
        """The same as `report`, made one by one as they are asked for, for use in pieces."""
        offset = self._unix_offset()
        return (report(entry, offset) for entry in self._roster.entries())

    def find(self, name: str) -> PeerReport | None:
        """The report of the peer of this name, else of this public key; None if there is none."""
        entry = self._roster.find(name)
        return None if entry is None else report(entry, self._unix_offset())

    def reachable(self) -> dict[str, bool | None]:
        """Per peer name: reachable or not, None where nobody knows."""
        return self._roster.reachable()

    def all_down(self) -> frozenset[str]:
        """The vpns that have peers, every one of them known to be unreachable."""
        return self._roster.all_down()

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now, with peers and with sending probes."""
        vpns: dict[tuple[str, Link], int] = {}
        for target in self._targets.values():
            link = link_of(target)
            if link is not None and (error := self._doors[link].backoff.error):
                vpns[target.vpn, link] = error
        sockets = (problem(vpn, link, error, os.strerror(error)) for (vpn, link), error in vpns.items())
        return (*sockets, *self._roster.problems())

    def status(self) -> dict[str, object]:
        """How many peers there are, what their probes go through, and the replies that were ignored."""
        probes = self._probes
        rows = ((door.link, door.socket is not None, door.backoff.error) for door in self._doors.values())
        return {
            "configured": len(self._targets),
            "probe_sockets": [shown(link, is_open, error, os.strerror(error)) for link, is_open, error in rows],
            "ignored_replies": {"late": probes.late, "forged": probes.forged, "foreign": probes.foreign},
        }

    def checks(self) -> tuple[Check, ...]:
        """One check: whether every probe socket that is needed is open. Never a peer's state."""
        missing = sorted(door.link.interface or "any interface" for door in self._doors.values() if not door.socket)
        if not self._running:
            return (Check(self.name, False, "not started"),)
        return (Check(self.name, not missing, f"no probe socket on {', '.join(missing)}" if missing else ""),)

    async def run(self) -> None:
        """Probe until cancelled; closes every socket then."""
        self._running = True
        try:
            while True:
                self._wake.clear()
                deadline = self._step(_now())
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                # Whatever is due within a tick is done together: thousands of peers do not cost a wake-up each.
                await asyncio.sleep(_TICK)
        finally:
            self._running = False
            for door in self._doors.values():
                self._close(door)

    def _step(self, now: float) -> float | None:
        """Do what is due at `now`; the next deadline."""
        if now > self._due + _LATE:
            # The loop was held: replies that came in time are still in the sockets.
            for door in self._doors.values():
                while self._read(door):
                    pass
        sends, outcomes = self._probes.on_deadline(now)
        if (outcomes or self._suspicious) and now >= self._verify_at:
            self._suspicious = False
            self._verify(now)
        retries = [retry for door in self._doors.values() if (retry := self._open(door, now)) is not None]
        changed = self._roster.on_deadline(now)
        for outcome in outcomes:
            changed |= self._judge(outcome, now)
        for send in sends:
            changed |= self._send(send, now)
        self._changed(changed)
        deadlines = (*retries, self._probes.next_deadline(), self._roster.next_deadline())
        deadline = min((at for at in deadlines if at is not None), default=None)
        self._due = math.inf if deadline is None else deadline
        return deadline

    def _send(self, send: Send, now: float) -> bool:
        door = self._doors[send.link]
        if door.socket is None:
            return self._unsendable(send, door.backoff.error, now)
        encode = echo.encode_request if send.link.version == 4 else echo.encode_request6
        try:
            door.socket.send(encode(self._probes.identifier, send.sequence), send.address)
        except OSError:
            return self._failed(send, now)
        return False

    def _verify(self, now: float) -> None:
        """Find the sockets whose interface or source address is gone or was made anew; they are opened anew."""
        self._verify_at = now + _VERIFY_INTERVAL
        for door in self._doors.values():
            if door.socket is not None:
                try:
                    door.socket.verify()
                except OSError as error:
                    self._close(door)
                    door.backoff.broke(error.errno or 0, now)

    def _unsendable(self, send: Send, error: int, now: float) -> bool:
        if error in GONE:
            return self._failed(send, now)
        self._probes.not_sent(send.key, now)
        return self._roster.unmeasured(send.key, now)

    def _failed(self, send: Send, now: float) -> bool:
        self._suspicious = True
        outcome = self._probes.send_failed(send.key, now)
        return outcome is not None and self._judge(outcome, now)

    def _open(self, door: _Door, now: float) -> float | None:
        """Open the link's socket if it is time to; when to try again, None if it is open."""
        if door.socket is not None:
            return None
        if now >= door.backoff.retry_at:
            was_missing = door.backoff.attempts > 0
            try:
                door.socket = IcmpSocket(door.link.version, door.link.interface, door.link.source)
            except OSError as error:
                if not door.backoff.attempts:
                    log.warning("%s: probes cannot be sent: %s; trying again", _where(door.link), error.strerror)
                door.backoff.failed(error.errno or 0, now)
                return door.backoff.retry_at
            door.backoff.worked()
            asyncio.get_running_loop().add_reader(door.socket.fileno(), self._read, door)
            if was_missing:
                log.info("%s: probes can be sent again", _where(door.link))
                self._probes.hasten(door.link, now)
            return None
        return door.backoff.retry_at

    def _read(self, door: _Door) -> bool:
        """Take a bounded number of replies; whether more may be there."""
        changed = False
        decode = echo.decode_reply if door.link.version == 4 else echo.decode_reply6
        for _ in range(_READS):
            if door.socket is None:
                return False
            try:
                packet, source = door.socket.receive()
                reply = decode(packet)
            except WireError:
                continue
            except OSError:
                self._changed(changed)
                return False
            now = _now()
            outcome = self._probes.receive(door.link, source, reply.identifier, reply.sequence, now)
            if outcome is not None:
                changed |= self._judge(outcome, now)
        self._changed(changed)
        return True

    def _close(self, door: _Door) -> None:
        if door.socket is not None:
            asyncio.get_running_loop().remove_reader(door.socket.fileno())
            door.socket.close()
            door.socket = None

    def _judge(self, outcome: Outcome, now: float) -> bool:
        return self._roster.outcome(outcome, now)

    def _changed(self, changed: bool) -> None:
        for move in self._roster.moves():
            self._emit(event_of(move, time.time()))
            level = logging.WARNING if move.state is PeerState.DOWN else logging.INFO
            log.log(level if is_notable(move) else logging.DEBUG, "peer %s: %s", move.key[1], text_of(move))
        if changed:
            self._on_change()

    def _unix_offset(self) -> float:
        # Kept while the clock is only slewed, so that a peer's `since` is the same in every report.
        offset = time.time() - _now()
        if abs(offset - self._offset) > _CLOCK_STEP:
            self._offset = offset
        return self._offset


def _where(link: Link) -> str:
    return f"interface {link.interface}" if link.interface else "any interface"


def _now() -> float:
    return asyncio.get_running_loop().time()
