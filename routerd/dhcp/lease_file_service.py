"""The file that leases are kept in, whatever becomes of it: one that is not there, is torn, or cannot be written."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from routerd.dhcp.opening_service import Opening
from routerd.dhcp.store import CLOCK_STEP, LeaseStore
from routerd.dhcp.store_damaged import Aside
from routerd.dhcp.store_file import DamagedError
from routerd.dhcp.store_health import StoreHealth
from routerd.dhcp.store_thread import Rows, StoreThread, Taken, wall_offset

log = logging.getLogger("routerd.dhcp")

_RENEW_EVERY = 60.0
"""Seconds between two files that are set aside, on a disk that breaks every one."""
_LOOK_EVERY = 5.0


class LeaseFile:
    """One lease file. `known` gives all leases there are; `health` says what is wrong with the file.

    `left` are the files where all this was kept before.
    """

    def __init__(self, store: LeaseStore, known: Callable[[], Rows]) -> None:
        self.health = StoreHealth(store.path)
        self.left: frozenset[str] = frozenset()
        self._disk, self._known = StoreThread(store), known
        self._opening: Opening | None = None
        self._torn = self._closed = False
        self._renewed, self._looked = -_RENEW_EVERY, 0.0
        self._offset = wall_offset()

    @property
    def path(self) -> str:
        """Where it is."""
        return self._disk.path

    @property
    def absent(self) -> bool:
        """Is there none yet, so that nothing is known and nothing can be promised?"""
        return self._opening is not None

    # ------------------------------------------------------------ life

    async def open(self, then: Callable[[Taken], None]) -> Taken:
        """Open it, or a new one in its place if it is damaged. Raises `StoreError`.

        One that can be read but not written is read, and written as soon as that works. Where there is none and its
        disk takes none (`absent`), `try_again` tries it again, and `then` hears what was found.
        """
        taken = await self._disk.take_over()
        if taken.absent:
            self.health.absent(taken.unwritable)
            self._opening = Opening(self._disk, self.health, lambda found: then(self._took(found)))
            return taken
        return self._took(taken)

    def _took(self, taken: Taken) -> Taken:
        self._opening = None
        self.health.taken(taken)
        self.left = taken.left
        if taken.unwritable:
            self._closed = True
            self.health.failed(taken.unwritable, 0)
        return taken

    def try_again(self) -> None:
        """Open one that is absent, unless that is being tried."""
        if self._opening is not None:
            self._opening.try_again()

    async def take_from(self, other: "LeaseFile", adopt: Callable[[Taken], None]) -> bool:
        """Become the file instead of another one, with all leases that are known; False if it is the same one.

        `adopt` hears what it holds already, unless it was left before: what is known is newer than all of that.
        Raises `StoreError`.
        """
        place, before = await self._disk.places(other.path)
        if place == before:
            return False
        taken = await self._disk.open()
        if place not in other.left:
            adopt(taken)
        gone = taken.left | other.left if other.absent else taken.left | other.left | {before}
        self.left = gone - {place}
        await self._disk.replace(self._known(), self.left)
        self.health.taken(taken)
        return True

    async def close(self, within: float, *, clean: bool = False) -> None:
        """Close it, and wait for that at most so many seconds; `clean`: all that was promised is in it."""
        if self._opening is not None:
            self._opening.stop()
        await self._disk.close(within, clean=clean)

    def discard(self) -> None:
        """Remove a file that was made for nothing; after `close`."""
        self._disk.discard()

    # ------------------------------------------------------------ what is stored

    def can_store(self, now: float) -> bool:
        """May a batch be stored now? Not where every new file breaks at once."""
        return not self._torn or now - self._renewed >= _RENEW_EVERY

    def store(self, batch: Rows, now: float) -> "asyncio.Future[None] | asyncio.Future[Aside]":
        """Store a batch; everything that is known where the file must be made anew or was closed."""
        if self._torn:
            self._renewed = now
            return self._disk.renew(self._known(), now)
        if self._closed:
            return self._disk.reopen(self._known(), now)
        return self._disk.commit(batch, now)

    async def saved(self) -> bytes:
        """The content of the file. Raises `StoreError`, also where it is not open now."""
        return await self._disk.saved()

    def stored(self, renewed: Aside | None) -> None:
        """A batch was stored; `renewed` is where the file was set aside."""
        if renewed is not None:
            self.health.renewed(renewed.path, renewed.kept)
        self.health.works()
        self._torn = self._closed = False

    def reason(self, error: BaseException) -> str:
        """Why a call failed, for a text that names the file."""
        return str(error).removeprefix(f"{self.path}: ")

    def is_torn_by(self, error: BaseException | None) -> bool:
        """Was the file just found damaged or gone? Then the next batch makes a new one."""
        if self._torn or not isinstance(error, DamagedError):
            return False
        self._torn = True
        return True

    # ------------------------------------------------------------ from time to time

    def look(self, now: float, seen: "Callable[[asyncio.Future[Any]], None]") -> None:
        """Every few seconds: is the file still where it was? `seen` hears that."""
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._disk.look().add_done_callback(seen)

    def watch_clock(self) -> None:
        """After a step of the wall clock the stored ends of all leases are wrong: no lease must come first."""
        offset = wall_offset()
        if abs(offset - self._offset) > CLOCK_STEP:
            log.warning("leases: the clock was stepped by %+.0f s; their stored times follow", offset - self._offset)
            self._offset = offset
            self._disk.follow_clock()
