"""A lease file and the thread that waits for its disk, which may fail, or never come back."""

import asyncio
import os
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from routerd.dhcp.intake_service import clock
from routerd.dhcp.leases import Row
from routerd.dhcp.promises import after_crash
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_damaged import Aside, begin_anew, copied
from routerd.dhcp.store_file import DamagedError, StoreError, UnwritableError, is_there
from routerd.system.worker import Worker, forget

T = TypeVar("T")
Rows = list[tuple[str, Row]]

_LONGEST = 60.0
"""Seconds that opening or copying a whole file may take."""


class Taken(NamedTuple):
    """What a lease file held: all leases by LAN, those that last longer than it says, and what was wrong with it.

    `left` are the files that all this was in before. `unwritable`: why its disk takes no changes; then the file is not
    open. `absent`: nor is there one.
    """

    leases: dict[str, list[Row]]
    longer: Rows
    left: frozenset[str] = frozenset()
    notes: Sequence[str] = ()
    damage: str = ""
    unwritable: str = ""
    absent: bool = False
    aside: Aside | None = None


class StoreThread:
    """Runs the calls to one lease file, one after the other. Nothing that its disk does stops the event loop."""

    def __init__(self, store: LeaseStore) -> None:
        self._store, self._worker = store, Worker("leases")

    @property
    def path(self) -> str:
        """The lease file."""
        return self._store.path

    async def take_over(self) -> Taken:
        """Open the file; where it is damaged, a new one in its place. Raises `StoreError`.

        Where its disk takes no changes its leases are read all the same; `reopen` opens it later.
        """
        return await self._soon(self._worker.run(_take_over, self._store, wall_offset()))

    async def open(self) -> Taken:
        """Open the file. Raises `StoreError`, also where it is damaged."""
        return await self._soon(self._worker.run(_open, self._store, wall_offset()))

    async def replace(self, rows: Rows, left: frozenset[str]) -> None:
        """Store these leases, as they are now, instead of all others, and where they were kept before.

        Raises `StoreError`.
        """
        await self._soon(self._worker.run(_replace, self._store, rows, wall_offset(), clock(), left))

    def commit(self, rows: Rows, now: float) -> "asyncio.Future[None]":
        """Store a batch; all that was promised before `now` is in it, or was stored before."""
        return self._worker.run(self._store.commit, rows, wall_offset(), now)

    async def places(self, other: str) -> tuple[str, str]:
        """Where the file and another one really are, whatever links lead there. Raises `StoreError`."""
        return await self._soon(self._worker.run(lambda: (os.path.realpath(self.path), os.path.realpath(other))))

    async def saved(self) -> bytes:
        """The content of the file, with what was written ahead. Raises `StoreError`."""
        return await self._soon(self._worker.run(self._store.content))

    def look(self) -> "asyncio.Future[None]":
        """Is the file where it was? `DamagedError` where it is not."""
        return self._worker.run(self._store.look)

    def reopen(self, rows: Rows, now: float) -> "asyncio.Future[None]":
        """Open the file that could not be written before, and store all leases, as they were at `now`, in it."""
        return self._worker.run(_reopen, self._store, rows, wall_offset(), now)

    def renew(self, rows: Rows, now: float) -> "asyncio.Future[Aside]":
        """Set the file aside, for it was found damaged, and store all leases, as they were at `now`, in a new one."""
        return self._worker.run(_renew, self._store, rows, wall_offset(), now)

    def follow_clock(self) -> None:
        """Rewrite the stored times after a step of the wall clock. Where that fails, the next commit does it."""
        self._worker.run(self._store.follow, wall_offset()).add_done_callback(forget)

    async def close(self, within: float, *, clean: bool = False) -> None:
        """Close the file, and wait for that at most so many seconds; `clean`: all that was promised is in it."""
        closing = self._worker.run(partial(self._store.close, clean=clean))
        closing.add_done_callback(forget)
        self._worker.end()
        await asyncio.wait([closing], timeout=within)

    def discard(self) -> None:
        """Remove a file that was made for nothing; after `close`."""
        self._store.discard()

    async def _soon(self, awaited: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(_LONGEST):
                return await awaited
        except TimeoutError:
            text = f"its disk has not answered for {_LONGEST:g} s; mend it, or set another leases.store"
            raise StoreError(f"{self.path}: {text}") from None


def wall_offset() -> float:
    """The wall clock less the clock that leases are kept by, in seconds."""
    return time.time() - clock()


def _take_over(store: LeaseStore, offset: float) -> Taken:
    try:
        return _open(store, offset)
    except UnwritableError as error:
        return _read_only(store, offset, error)
    except DamagedError as error:
        aside = begin_anew(store, time.time())
        return _loaded(store, offset)._replace(damage=str(error), aside=aside)


def _read_only(store: LeaseStore, offset: float, error: UnwritableError) -> Taken:
    """The leases of a file that cannot be written, from a copy, where there is space for one."""
    store.close()
    path, reason = os.path.realpath(store.path), str(error).removeprefix(f"{store.path}: ")
    if not is_there(path):
        return Taken({}, [], unwritable=reason, absent=True)
    doubted = store.mark.is_doubted
    try:
        taken = copied(path, lambda path: _of_copy(LeaseStore(path), offset, doubted=doubted))
    except (OSError, StoreError):
        raise error from None
    # What is promised from now on is in memory only.
    store.mark.doubt()
    return taken._replace(unwritable=reason)


def _of_copy(copy: LeaseStore, offset: float, *, doubted: bool) -> Taken:
    try:
        copy.open()
        return _loaded(copy, offset, doubted=doubted)
    finally:
        copy.close()


def _replace(store: LeaseStore, rows: Rows, offset: float, now: float, left: frozenset[str]) -> None:
    store.left = left
    store.replace(rows, offset, now)


def _reopen(store: LeaseStore, rows: Rows, offset: float, now: float) -> None:
    store.close()
    _open(store, offset)
    store.replace(rows, offset, now)


def _open(store: LeaseStore, offset: float) -> Taken:
    store.open()
    return _loaded(store, offset)


def _loaded(store: LeaseStore, offset: float, *, doubted: bool = False) -> Taken:
    leases, longer = store.load(offset), []
    if doubted or not store.clean:
        for lan, rows in leases.items():
            leases[lan], changed = after_crash(rows, store.saved, time.time() - offset)
            longer += [(lan, row) for row in changed]
    return Taken(leases, longer, store.left, tuple(store.notes))


def _renew(store: LeaseStore, rows: Rows, offset: float, now: float) -> Aside:
    aside = begin_anew(store, time.time(), rescue=False)
    store.replace(rows, offset, now)
    return aside._replace(kept=len(rows))
