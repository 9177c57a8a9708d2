"""Keeps leases on disk: one batch is being stored while the next one gathers, and replies leave as that goes on.

A disk that fails, or does not answer, stops no renewal of a lease that it holds already: `pipeline.py` says which.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from routerd.dhcp.intake_service import clock
from routerd.dhcp.lease_file_service import LeaseFile
from routerd.dhcp.leases import Row
from routerd.dhcp.pipeline import Fate, Freed, Item, Pipeline
from routerd.dhcp.reply import Reply
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_damaged import Aside
from routerd.dhcp.store_file import StoreError
from routerd.dhcp.store_thread import Rows, Taken
from routerd.dhcp.turns_service import Pause, Turns
from routerd.model import Problem
from routerd.reports import Check

PATIENCE = 5.0
"""Seconds after which a disk that does not answer counts as one that fails."""
LAZY_SECONDS = 60.0
"""How long a renewal that was answered is not stored at most."""
GAP, MOST_GAP = 0.002, 0.006
CROWD, FULL = 3, 96
"""Seconds between the beginnings of two commits, at least, and at most as long as there are messages to be read and
replies to be sent; from so many rows at once on, and until so many wait. Under load many leases share a commit, which
costs less and delays nobody noticeably. Clients that come one by one wait for nothing but the disk."""
_MOST_OWED = 4096
_CROWDED = 4096
"""Rows on their way to the disk, so many that who makes more of them by itself waits."""
_FINISH_SECONDS = 8.0
_STORED_WITHIN = 10.0

Waiter = Reply | asyncio.Future[bool]
Adopt = Callable[[dict[str, list[Row]]], None]
"""Takes over leases by LAN, as far as their addresses and clients have none here."""


class CommitService:
    """The way of leases to their file.

    `send` sends a reply of a LAN, `announce` tells of rows that are stored, `known` gives all leases there are.
    """

    def __init__(
        self,
        store: LeaseStore,
        send: Callable[[str, Reply], None],
        announce: Callable[[str, Iterable[Row]], None],
        known: Callable[[], Rows],
        counters: Counter[str],
    ) -> None:
        self._file = LeaseFile(store, known)
        self._send, self._announce, self._known, self._counters = send, announce, known, counters
        self._pipeline: Pipeline[Waiter] = Pipeline()
        self._commit: asyncio.Future[None] | asyncio.Future[Aside] | None = None
        self._began = 0.0
        self._worked = 0
        self._pause = Pause(self.pump, lambda: self._worked)
        self._stored: Turns[Item[Waiter]] = Turns(self._let_go)
        self._owed_since: float | None = None
        self._held = False

    # ------------------------------------------------------------ life

    @property
    def absent(self) -> bool:
        """Is there no lease file yet, so that nothing is known and nothing can be promised?"""
        return self._file.absent

    async def open(self, adopt: Adopt = lambda leases: None) -> dict[str, list[Row]]:
        """Open the lease file, or a new one in its place if it is damaged: the leases by LAN. Raises `StoreError`.

        One that can be read but not written is read; known leases are renewed as with any disk that fails. Where there
        is none and its disk takes none (`absent`), that is tried again, and `adopt` takes over what is found then.
        """
        return self._took(await self._file.open(lambda taken: adopt(self._took(taken))))

    def _took(self, taken: Taken) -> dict[str, list[Row]]:
        if taken.unwritable and not taken.absent:
            self._pipeline.stuck = True
            # All of them, so that it is tried again although nothing changes.
            self._owe([(lan, row) for lan, rows in taken.leases.items() for row in rows])
        elif taken.longer:
            self._owe(taken.longer)
        return taken.leases

    def configure(self, sync: str) -> None:
        """Store renewals before they are answered ("always"), or lazily ("bindings")."""
        if sync == "bindings":
            for lan, waiter in self._pipeline.hurry():
                self._free(lan, waiter)
        elif self._pipeline.lazy:
            self._pipeline.lazy = False
            self._begin()

    async def move(self, store: LeaseStore, adopt: Adopt) -> None:
        """Keep leases in another file from now on, with all that are known and those that it holds already.

        `adopt` takes the latter over, unless the file was left before, be it by an earlier routerd: what is known is
        newer than all of it. What is known wins. Under another name of the same file nothing moves. Raises
        `StoreError`; then nothing moved. Until it is done nothing is stored, so that all that was acknowledged is in
        the one file or in the other.
        """
        file, self._held = LeaseFile(store, self._known), True
        adopted: list[int] = []

        def take_over(taken: Taken) -> None:
            adopt(taken.leases)
            adopted.append(len(taken.leases))

        try:
            await self._wait(PATIENCE)
            moved = await file.take_from(self._file, take_over)
        except StoreError:
            await file.close(0.0)
            if adopted:
                self._owe(self._known())
            raise
        else:
            await (self._leave(file) if moved else file.close(0.0))
        finally:
            self._held = False
            self._begin()

    async def _leave(self, file: LeaseFile) -> None:
        """All is in another file now; nobody waits for the old one any more."""
        if self._commit is not None:
            self._commit = None
            self._give_up("its disk has not answered", self._pipeline.failed())
        old, self._file = self._file, file
        self._pipeline.stuck = False
        # For it may be wanted again at once; not for long, for its disk may be the reason to leave.
        await old.close(1.0)

    async def finish(self) -> None:
        """Store all that waits, answer who waits for it, and close the file; within a few seconds."""
        end = clock() + _FINISH_SECONDS
        self._begin()
        while self._commit is not None and clock() < end:
            await self._wait(end - clock())
            if self._file.health.error is None:
                self._begin()
        self._pause.cancel()
        self._stored.flush()
        lost = self._pipeline.unstored
        if lost:
            self._file.health.lost(lost)
        await self._file.close(max(0.1, end - clock()), clean=not lost)

    def discard(self) -> None:
        """Remove a lease file that was made for nothing; after `finish`."""
        self._file.discard()

    # ------------------------------------------------------------ rows and replies

    def keep(self, lan: str, rows: tuple[Row, ...], reply: Reply | None) -> bool:
        """Store rows. True: the reply may leave now. Otherwise it is sent when they are stored, or never."""
        if self._pipeline.add(lan, rows, reply) is not Fate.LEAVES:
            return False
        if self._owed_since is None:
            self._owed_since = clock()
        return True

    async def store(self, changes: Iterable[tuple[str, tuple[Row, ...]]]) -> bool:
        """Store rows of LANs. Were all of them stored, within some seconds?"""
        if self._pipeline.stuck:
            self._begin()
            await self._wait(_STORED_WITHIN)
        waits: list[asyncio.Future[bool]] = []
        for lan, rows in changes:
            stored = asyncio.get_running_loop().create_future()
            waits.append(stored)
            if self._pipeline.add(lan, rows, stored) is Fate.REFUSED:
                stored.set_result(False)
        self.pump()
        done, _ = await asyncio.wait(waits, timeout=_STORED_WITHIN)
        return len(done) == len(waits) and all(each.result() for each in done)

    async def saved(self) -> bytes:
        """The lease file's content, with all that is waiting now. Raises `StoreError`."""
        self._begin()
        await self._wait(_STORED_WITHIN)
        return await self._file.saved()

    def pump(self) -> None:
        """Begin to store what was kept, if nothing is being stored; called after messages were read."""
        self._worked += 1
        for waiter in self._pipeline.overflow():
            _refuse(waiter)
        if self._pipeline.stuck or not (self._pipeline.urgent or self._pipeline.owed >= _MOST_OWED):
            return
        if self._commit is None and (self._pipeline.waiting >= FULL or self._pause.is_over()):
            self._begin()

    def tick(self) -> None:
        """Once a second: try again what failed, write what is owed, and wait no longer for a disk that hangs."""
        now = clock()
        self._file.watch_clock()
        if self._file.absent:
            self._file.try_again()
        elif self._commit is not None:
            if now - self._began > PATIENCE and not self._pipeline.stuck:
                self._give_up(f"its disk has not answered for {PATIENCE:g} s", self._pipeline.hangs())
        elif self._pipeline.stuck or self._pipeline.urgent:
            self._begin()
        elif self._pipeline.owed and self._owed_since is None:
            self._owed_since = now
        elif self._owed_since is not None and now - self._owed_since >= LAZY_SECONDS:
            self._begin()
        else:
            self._file.look(now, self._saw)

    def _saw(self, future: "asyncio.Future[None]") -> None:
        """A file that was removed under the open database keeps nothing: all leases go into a new one."""
        error = None if future.cancelled() else future.exception()
        if error is not None and not self._held and self._file.is_torn_by(error):
            self._file.health.failed(self._file.reason(error), 0)
            self._owe(self._known())
            self._begin()

    def _owe(self, rows: Rows) -> None:
        """Store these with the next tick."""
        self._pipeline.owe(rows)
        self._owed_since = clock() - LAZY_SECONDS

    def _free(self, lan: str, waiter: Waiter) -> None:
        if isinstance(waiter, Reply):
            self._send(lan, waiter)
        elif not waiter.done():
            waiter.set_result(True)

    # ------------------------------------------------------------ commits

    def _begin(self) -> None:
        """Begin to store the next batch, unless there is none, or another one is under way."""
        if self._held or self._commit is not None or not self._file.can_store(clock()):
            return
        if not (batch := self._pipeline.start()):
            return
        self._owed_since, self._began = None, clock()
        if len(batch) >= CROWD:
            self._pause.begin(GAP, MOST_GAP)
        self._commit = self._file.store(batch, self._began)
        self._commit.add_done_callback(self._committed)

    async def _wait(self, seconds: float) -> None:
        """Until the commit that is under way came back and was dealt with, or for so long."""
        if self._commit is not None:
            await asyncio.wait([self._commit], timeout=max(0.0, seconds))

    def _committed(self, future: "asyncio.Future[Any]") -> None:
        error = None if future.cancelled() else future.exception()
        if future is not self._commit:
            return
        self._commit = None
        if error is None:
            self._succeeded(future.result())
            return
        self._counters["lease-store-failed"] += 1
        self._give_up(self._file.reason(error), self._pipeline.failed())
        if self._file.is_torn_by(error):
            self._begin()

    def _succeeded(self, renewed: Aside | None) -> None:
        self._file.stored(renewed)
        recovered = self._pipeline.stuck
        stored = self._pipeline.done()
        # First some replies: those who get them ask again in time for the batch after the next, which is larger then.
        self._stored.extend(stored)
        if recovered:
            self._begin()
        self.pump()

    def _let_go(self, item: Item[Waiter]) -> None:
        lan, rows, waiter, _ = item
        self._worked += 1
        if type(waiter) is Reply:
            self._send(lan, waiter)
        elif waiter is not None:
            self._free(lan, waiter)
        if len(rows) != 1 or not rows[0].renewal:
            self._announce(lan, rows)

    def _give_up(self, reason: str, freed: Freed[Waiter]) -> None:
        """The disk has not taken a batch: whoever can do without it is answered, the others ask again."""
        for lan, waiter in freed.leaving:
            self._free(lan, waiter)
        for waiter in freed.refused:
            _refuse(waiter)
        self._file.health.failed(reason, len(freed.refused))

    # ------------------------------------------------------------ what is shown

    def promising(self) -> bool:
        """Does the disk take what clients are promised, as far as is known?"""
        return not self._pipeline.stuck

    def crowded(self) -> bool:
        """Is so much to be stored that whoever makes more of it by itself should wait? Not while the disk fails."""
        return not self._pipeline.stuck and self._pipeline.unstored > _CROWDED

    def pending(self) -> set[tuple[str, int]]:
        """LAN and address of every new binding that is not on disk yet, so that nobody was promised it."""
        return self._pipeline.pending()

    def status(self) -> dict[str, object]:
        """The file, what is wrong with it, and how many changes it lacks."""
        sync = "bindings" if self._pipeline.lazy else "always"
        error, unwritten = self._file.health.error, self._pipeline.unstored
        return {"path": self._file.path, "error": error, "sync": sync, "unwritten": unwritten}

    def check(self) -> Check:
        """Can leases be stored?"""
        return self._file.health.check()

    def problems(self) -> list[Problem]:
        """What is wrong with the lease file."""
        return self._file.health.problems()


def _refuse(waiter: Waiter) -> None:
    if not isinstance(waiter, Reply) and not waiter.done():
        waiter.set_result(False)
