"""The RIP service: speaks RIP on the LANs of the plan, keeps what it learns, and says farewell."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from routerd.model import Event, Network, PeerKey, Problem
from routerd.reports import Check, PeerState
from routerd.rip.farewell_service import say_farewell
from routerd.rip.kernel_service import KernelRoutes
from routerd.rip.lan_service import LanService
from routerd.rip.sequence_service import SequenceStore
from routerd.rip.shown import speaker_status
from routerd.rip.timers import TIMEOUT
from routerd.rip.words import Version
from routerd.rip_part import RipLan, RipLearned, RipPart
from routerd.system.learned_routes import LearnedRoute

log = logging.getLogger("routerd.rip")

_TICK = 1.0
_FAREWELL = 1.0


class RipService:
    """Speaks on all LANs of a part. `states` gives the states of all peers.

    What fails is tried again and shown by `problems`; nothing that is heard or fails raises.
    """

    name = "rip"

    def __init__(self, emit: Callable[[Event], None], states: Callable[[], Mapping[PeerKey, PeerState]]) -> None:
        self._states = states
        self._lans: dict[str, LanService] = {}
        self._silent: set[str] = set()
        self._store = SequenceStore()
        self._kernel = KernelRoutes(emit)
        self._is_first, self._is_over = True, False
        self._loaded = 0

    # ------------------------------------------------------------ life

    async def apply(
        self, part: RipPart, configured: Collection[str], directory: Path, *, is_loaded: bool = True
    ) -> None:
        """Speak on exactly these LANs, and keep sequence numbers in this directory.

        Secrets are read anew where the configuration behind the part was (`is_loaded`), and else stay what they are;
        on a LAN that is silent then, as soon as it is spoken on again.

        On a LAN that is `configured` but not in the part, this machine cannot or must not speak now; where it is not
        even configured any more, neighbours are told so.
        """
        if self._is_over:
            return
        self._loaded += is_loaded
        await self._store.open(directory)
        wanted = {lan.interface: lan for lan in part.lans}
        if self._is_first:
            self._is_first = False
            self._adopt(part)
        for name in self._lans.keys() - wanted.keys():
            await self._leave(name, stays=name in configured)
        states = self._states()
        for name, lan in wanted.items():
            if name in self._silent:
                self._silent.discard(name)
                self._kernel.look_soon()
            if name not in self._lans:
                self._lans[name] = LanService(lan, self._store, self._learned)
            await self._lans[name].apply(lan, states, self._loaded)

    async def _leave(self, name: str, *, stays: bool) -> None:
        if not stays:
            await self._lans.pop(name).end()
            self._silent.discard(name)
            log.info("lan %s: RIP is no longer spoken here", name)
        elif name not in self._silent:
            self._silent.add(name)
            await self._lans[name].park()
            log.info("lan %s: RIP is silent", name)

    def _adopt(self, part: RipPart) -> None:
        """Routes of an earlier routerd count as if they had been heard of just now, where they may be learned."""
        learning = {lan.index: lan for lan in part.lans if lan.settings.learn}
        timeout = max((lan.settings.update_interval * TIMEOUT for lan in learning.values()), default=0.0)

        def may_stay(route: LearnedRoute) -> bool:
            lan = learning.get(route.link)
            return lan is not None and _may_learn(lan, route.prefix)

        self._kernel.adopt(may_stay, timeout)

    def _learned(self, source: tuple[str, Version], link: int, changes: dict[Network, RipLearned | None]) -> None:
        self._kernel.update(source, link, changes)

    def peers_changed(self) -> None:
        """Whether some peer is reachable has changed."""
        if not self._is_over and any(lan.lan.peers for lan in self._lans.values()):
            states = self._states()
            for name, lan in self._lans.items():
                if name not in self._silent:
                    lan.observe(states)

    def resync(self) -> None:
        """Somebody has changed the kernel's routes: see that the learned ones are there."""
        self._kernel.look_soon()

    async def farewell(self) -> None:
        """Tell all neighbours that nothing is announced any more, and say nothing else from now on."""
        if self._is_over:
            return
        self._is_over = True
        try:
            async with asyncio.timeout(_FAREWELL):
                await say_farewell([door for lan in self._lans.values() for door in lan.doors])
                await self._store.finish()
        except TimeoutError:
            log.warning("rip: the farewell took too long; neighbours find out by themselves")

    async def run(self) -> None:
        """Look after sockets and learned routes until cancelled; then say farewell, close and remove them."""
        kernel = asyncio.create_task(self._kernel.run(), name="rip routes")
        try:
            while not kernel.done():
                await asyncio.sleep(_TICK)
                if not self._is_over:
                    now = time.monotonic()
                    for name, lan in self._lans.items():
                        if name not in self._silent:
                            for door in lan.doors:
                                door.tick(now)
            kernel.result()
        finally:
            await self.farewell()
            for lan in self._lans.values():
                lan.close()
            kernel.cancel()
            await asyncio.gather(kernel, return_exceptions=True)

    # ------------------------------------------------------------ what is shown

    def _speaking(self) -> list[LanService]:
        return [lan for name, lan in self._lans.items() if name not in self._silent]

    def problems(self) -> tuple[Problem, ...]:
        """What keeps RIP from being spoken, neighbours from being understood, or learned routes from being kept."""
        found = [problem for lan in self._speaking() for problem in lan.problems()]
        return (*found, *self._store.problems(), *self._kernel.problems())

    def checks(self) -> tuple[Check, ...]:
        """Is RIP spoken wherever it can be?"""
        return tuple(check for lan in self._speaking() for check in lan.checks())

    def status(self) -> dict[str, object]:
        """Every speaker with its counters and neighbours, the learned routes, and the file of sequence numbers."""
        speakers = [
            speaker_status(door.is_open, report) for lan in self._lans.values() for door, report in lan.reports()
        ]
        return {"speakers": speakers, "learned": self._kernel.status(), "sequence": self._store.status()}


def _may_learn(lan: RipLan, prefix: Network) -> bool:
    allowed = [item for item in lan.settings.imports if isinstance(item, Network)]
    if allowed and not any(_is_inside(prefix, item) for item in allowed):
        return False
    return not any(_is_inside(prefix, item) for item in lan.barred)


def _is_inside(prefix: Network, other: Network) -> bool:
    return prefix.version == other.version and prefix.subnet_of(other)  # type: ignore[arg-type]
