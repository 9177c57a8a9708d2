"""Moves leases to the networks that have their addresses now, in pieces: no message is answered meanwhile, and nothing
else is held up.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network
from itertools import islice

from routerd.dhcp.commit_service import CommitService
from routerd.dhcp.intake_service import clock
from routerd.dhcp.leases import LeaseTable
from routerd.dhcp.rehome import Moved, rehome

log = logging.getLogger("routerd.dhcp")

AT_ONCE = 256
"""Leases that are moved before all else has its turn: some 3 ms of work."""
_WHILE_CROWDED = 0.005


class Rehoming:
    """At most one move at a time. `hold` is called with True before other things have their turn, with False after."""

    def __init__(self, commits: CommitService, hold: Callable[[bool], None]) -> None:
        self._commits, self._hold = commits, hold
        self._moves: Iterator[Moved | None] = iter(())
        self._next: asyncio.Handle | None = None
        self._pending: set[tuple[str, int]] = set()
        self._moved = 0

    @property
    def busy(self) -> bool:
        """Are there leases that are not where they belong yet?"""
        return self._next is not None

    def begin(self, tables: Mapping[str, LeaseTable], networks: Mapping[str, IPv4Network]) -> None:
        """Every lease goes to the table of the network that its address lies in: nobody else gets it there.

        What no network covers stays where it is: kept, shown and not given. What an earlier call has not moved yet is
        found again. A few leases are moved when this returns.
        """
        self._cancel()
        self._moves, self._pending = rehome(tables, networks, clock()), self._commits.pending()
        self._turn()

    def stop(self) -> None:
        """Move no more; the next start does."""
        self._cancel()
        self._moves = iter(())

    def _cancel(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _turn(self) -> None:
        self._next = None
        if self._commits.crowded():
            self._go_on(_WHILE_CROWDED)
            return
        looked, moved = 0, self._moved
        for move in islice(self._moves, AT_ONCE):
            looked += 1
            if move is not None:
                self._move(move)
        if self._moved > moved:
            self._commits.pump()
        if looked == AT_ONCE:
            self._go_on(0.0)
            return
        if self._moved:
            text = "leases: %d of networks that are not served any more go on in those that have their addresses"
            log.info(text, self._moved)
            self._moved = 0
        self._hold(False)

    def _go_on(self, seconds: float) -> None:
        self._hold(True)
        self._next = asyncio.get_running_loop().call_later(seconds, self._turn)

    def _move(self, move: Moved) -> None:
        """On disk the row in its new place comes first, so that no end of the process loses one."""
        source, target, kept, gone = move
        if kept is not None:
            # The row in the old place bounds what was promised as well as the one in the new place will.
            covered = (source, kept.address) not in self._pending
            self._commits.keep(target, (kept._replace(renewal=True, covered=covered),), None)
        self._commits.keep(source, (gone,), None)
        self._moved += 1
