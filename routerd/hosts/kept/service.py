"""Finds out which of what forwards and aliases lead to answer the site's own addresses, and keeps that true."""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from routerd.config.model import ReturnPathProbe
from routerd.flows import Flow
from routerd.hosts.flow_service import FlowFeed
from routerd.hosts.frames import Answer
from routerd.hosts.kept.book import KeptBook, Move
from routerd.hosts.kept.door_service import Door
from routerd.hosts.kept.ender_service import Ender, Tracker
from routerd.hosts.kept.rounds import Send
from routerd.hosts.kept.targets import Key, kept_targets, listened_at
from routerd.model import Problem
from routerd.nat_part import NatPart

log = logging.getLogger("routerd.kept")

_TICK = 0.05
_SECOND = 1.0


class KeptService:
    """Measures all targets of a part. `on_change` is called, in the event loop, when `kept` is another one.

    What fails is tried again and shown by `problems`; nothing raises because of it.
    """

    name = "kept"

    def __init__(self, on_change: Callable[[], None], *, tracker: Tracker | None = None) -> None:
        self._on_change = on_change
        self._random = random.Random(random.SystemRandom().getrandbits(64))
        self._book = KeptBook(self._random)
        self._doors: dict[str, Door] = {}
        self._feed = FlowFeed(self._flow, tracker)
        self._ender = Ender(tracker)
        self._part = NatPart()
        self._applied: tuple[NatPart, ReturnPathProbe] | None = None
        self._wake = asyncio.Event()
        self._next: float | None = None
        self._verified = 0.0

    def apply(self, part: NatPart, probe: ReturnPathProbe) -> None:
        """Take over what is to be measured; the rules are those of the part by now. States survive."""
        self._ender.applied(part)
        if self._applied == (part, probe):
            return
        self._applied, self._part = (part, probe), part
        targets = kept_targets(part)
        self._book.configure(targets, probe.interval, probe.timeout, _now())
        wanted = {target.vpn: target.interface for target in targets.values()}
        for name, door in list(self._doors.items()):
            if wanted.get(name) != door.interface:
                door.close()
                del self._doors[name]
        for name, interface in wanted.items():
            if name not in self._doors:
                self._doors[name] = Door(name, interface, self._heard, self._random)
        self._tell()
        self._wake.set()

    def kept(self) -> frozenset[Key]:
        """The vpn and the address of each target that hosts may come to with their own addresses."""
        return self._book.kept()

    def look_soon(self) -> None:
        """A peer has come or gone."""
        self._book.soon(_now())
        self._wake.set()

    def problems(self) -> tuple[Problem, ...]:
        """What keeps targets from being measured."""
        found = [
            Problem("kept-unmeasured", f"vpn {name}", (("reason", door.error),))
            for name, door in self._doors.items()
            if door.error is not None
        ]
        if self._feed.reason is not None:
            found.append(Problem("kept-unwatched", "nat", (("reason", self._feed.reason),)))
        return tuple(found)

    def status(self) -> dict[str, object]:
        """How many targets there are, how many answer the site, and what measuring them takes."""
        sent = {name: door.sent for name, door in self._doors.items()}
        return {"targets": len(self._book), "kept": len(self._book.kept()), "packets_sent": sent}

    async def run(self) -> None:
        """Measure until cancelled; closes every socket then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed.run(), name="kept flows")
                tasks.create_task(self._ender.run(), name="kept ends")
                await self._measure()
        finally:
            for door in self._doors.values():
                door.close()

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            self._next = self._step(_now())
            timer = None if self._next is None else loop.call_at(self._next, self._wake.set)
            await self._wake.wait()
            if timer is not None:
                timer.cancel()
            # What is due within a tick is done together: a wake-up costs more than a probe.
            await asyncio.sleep(_TICK)

    def _step(self, now: float) -> float | None:
        """Do what is due at `now`; when to come again, None: when something changes."""
        if now >= self._verified + _SECOND:
            self._verified = now
            for door in self._doors.values():
                door.verify(now)
        retries = [door.open(now) for door in self._doors.values()]
        self._send(self._book.on_deadline(now), now)
        self._send(self._book.begin(now), now)
        self._tell()
        return min((at for at in (self._book.next_deadline(), *retries) if at is not None), default=None)

    def _send(self, sends: list[Send], now: float) -> None:
        for send in sends:
            door = self._doors.get(send.target[0])
            if door is not None:
                door.send(send, now)

    def _flow(self, flow: Flow, what: str) -> None:
        self._book.flow(flow, what, _now())
        at = self._book.next_doubt()
        if at is not None and (self._next is None or at < self._next):
            self._next = at
            self._wake.set()

    def _heard(self, vpn: str, answer: Answer) -> None:
        now = _now()
        self._send(self._book.heard((vpn, answer.source), answer, now), now)
        self._tell()

    def _tell(self) -> None:
        """Tell of what has changed since the last time, and watch flows only while some source is kept."""
        self._feed.configure(listened_at(self._part) if self._book.kept() else ())
        moves, self._book.moves = self._book.moves, []
        for move in moves:
            if move.kept:
                self._ender.rose(move.key)
            else:
                self._ender.fell(move.key, lost=move.lost)
            log.info("target %s of vpn %s: %s", move.key[1], move.key[0], _text(move))
        if moves:
            self._on_change()


def _text(move: Move) -> str:
    if move.kept:
        return "it answers addresses of the site, so hosts come to it with their own"
    why = "a host's own address stayed without an answer" if move.flow else "it answers addresses of the site no more"
    return f"{why}, so hosts come to it with this machine's"


def _now() -> float:
    return time.monotonic()
