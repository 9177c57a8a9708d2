"""Looks, now and then, whether a program of this machine serves a port that a forward leads elsewhere."""

import asyncio
import time
from itertools import islice

from routerd.model import Problem
from routerd.nat.taken import problem, taken
from routerd.nat_part import NatForward, NatPart
from routerd.system.listeners import listeners, own_sockets

_EVERY, _SHARE = 10.0, 100.0
_MOST = 8


class TakenPorts:
    """What was found at the last look. A UDP socket counts when it was there twice: others come and go with a query."""

    def __init__(self) -> None:
        self._next = 0.0
        self._seen: tuple[NatForward, ...] = ()
        self._udp: frozenset[int] = frozenset()
        self._problems: tuple[Problem, ...] = ()

    def problems(self) -> tuple[Problem, ...]:
        """At most eight."""
        return self._problems

    async def look(self, part: NatPart, now: float) -> None:
        """Look if it is time to, or if the forwards are others."""
        if now < self._next and part.forwards == self._seen:
            return
        self._seen = part.forwards
        if not part.forwards:
            self._problems = ()
            return
        begun = time.monotonic()
        self._problems = await asyncio.to_thread(self._find, part)
        self._next = now + max(_EVERY, _SHARE * (time.monotonic() - begun))

    def _find(self, part: NatPart) -> tuple[Problem, ...]:
        own = own_sockets()
        found = [each for each in listeners() if each.inode not in own]
        before, self._udp = self._udp, frozenset(each.inode for each in found if each.protocol == "udp")
        lasting = (each for each in found if each.protocol != "udp" or each.inode in before)
        return tuple(problem(*row) for row in islice(taken(part, lasting), _MOST))
