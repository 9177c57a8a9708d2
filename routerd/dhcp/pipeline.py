"""Which replies wait for which rows: one batch is being stored, what arrives meanwhile is the next one.

A reply to a renewal need not wait where the row that is on disk bounds what it promises (`Row.covered`): its own row is
owed then, and goes with a later batch. That is so with `lazy`, unless it changes who has the address (`Row.changed`);
and in any case with a disk that does not take what it is given.

Pure: the service runs the commits and sends what comes back from here.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from routerd.dhcp.leases import BOUND, Row

T = TypeVar("T")
Key = tuple[str, int]


class Fate(Enum):
    """What becomes of a reply: it waits for the disk, it leaves at once, or it never leaves, for the disk is stuck."""

    WAITS = 1
    LEAVES = 2
    REFUSED = 3


class Item(NamedTuple, Generic[T]):
    """Rows of a LAN's leases that are stored together, and who waits for that."""

    lan: str
    rows: tuple[Row, ...]
    waiter: T | None
    number: int = 0


class _Unstored(NamedTuple):
    """A change of a lease that has to be on disk first: its number, whether the binding is new, and whether what is on
    disk bounds what it promises.
    """

    number: int
    new: bool
    covered: bool


class Freed(NamedTuple, Generic[T]):
    """Who waits no longer: replies that may leave, by LAN, and those whose rows the disk has not taken."""

    leaving: list[tuple[str, T]]
    refused: list[T]


class Pipeline(Generic[T]):
    """Rows on their way to the disk, in order, each with the reply that may leave when it is there (or None).

    `lazy`: renewals are written with a later batch. `stuck`: the disk failed and has not taken a batch since.
    """

    def __init__(self, largest: int = 1024, most_waiting: int = 10_000) -> None:
        self.lazy = False
        self.stuck = False
        self._largest, self._most_waiting = largest, most_waiting
        self._waiting: deque[Item[T]] = deque()
        self._owed: dict[Key, Row] = {}
        """Rows for the next batch that nobody waits for; each is newer than any other of its address."""
        self._in_flight: list[Item[T]] = []
        self._trying: dict[Key, Row] = {}
        self._unwaited: dict[Key, Row] = {}
        """What is being stored although nobody waits for it, unless somebody waits for the same address."""
        self._unstored: dict[Key, _Unstored] = {}
        """Changes for which replies wait, those of later renewals too."""
        self._number = self._taken = 0

    @property
    def busy(self) -> bool:
        """Is a batch being stored?"""
        return bool(self._trying)

    @property
    def urgent(self) -> bool:
        """Is there more to store than lazy renewals that were answered already?"""
        return bool(self._waiting or self._unstored or (self._owed and not self.lazy))

    @property
    def waiting(self) -> int:
        """How many changes wait for the next batch, with whoever waits for them."""
        return len(self._waiting)

    @property
    def owed(self) -> int:
        """How many rows nobody waits for are to be stored: answered renewals, and what a failed commit left behind."""
        return len(self._owed)

    @property
    def unstored(self) -> int:
        """How many rows are not on disk."""
        return len(self._owed) + len(self._trying) + sum(len(item.rows) for item in self._waiting)

    def pending(self) -> set[Key]:
        """LAN and address of every binding that is new and not on disk yet."""
        return {key for key, (_, new, _) in self._unstored.items() if new}

    # ------------------------------------------------------------ what comes in

    def add(self, lan: str, rows: tuple[Row, ...], waiter: T | None) -> Fate:
        """Store `rows`, then let `waiter` go."""
        if (self.lazy or self.stuck) and self._may_leave(lan, rows):
            self._owed[lan, rows[0].address] = rows[0]
            return Fate.LEAVES
        self._number += 1
        if self._unstored or self._owed or len(rows) != 1 or not rows[0].covered or rows[0].changed:
            rows = tuple([self._noted(lan, row) for row in rows])
        if self.stuck:
            self._owe(lan, rows)
            return Fate.REFUSED
        self._waiting.append(Item(lan, rows, waiter, self._number))
        return Fate.WAITS

    def owe(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Store these rows as well; nobody waits for them."""
        self._owed.update({(lan, row.address): row for lan, row in rows})

    def overflow(self) -> list[T]:
        """Give up the oldest replies where too much waits; their rows are stored all the same."""
        refused = []
        while len(self._waiting) > self._most_waiting:
            item = self._waiting.popleft()
            self._owe(item.lan, item.rows)
            if item.waiter is not None:
                refused.append(item.waiter)
        return refused

    def hurry(self) -> list[tuple[str, T]]:
        """Write renewals lazily from now on: the replies that need not wait any longer, by LAN."""
        self.lazy = True
        waiting, self._waiting = self._waiting, deque()
        freed = self._free([item for item in waiting if self._may_leave(item.lan, item.rows)])
        for item in waiting:
            if self._may_leave(item.lan, item.rows):
                self._owe(item.lan, item.rows)
            else:
                self._waiting.append(item)
        return freed.leaving

    # ------------------------------------------------------------ batches

    def start(self) -> list[tuple[str, Row]]:
        """The next batch, with all that is owed; [] if one is under way or there is nothing to store."""
        if self._trying:
            return []
        waiting = self._waiting
        self._in_flight = [waiting.popleft() for _ in range(min(self._largest, len(waiting)))]
        trying, self._unwaited, self._owed = self._owed.copy(), self._owed, {}
        for lan, rows, _, _ in self._in_flight:
            for row in rows:
                trying[lan, row.address] = row
        self._trying = trying
        self._taken = waiting[0].number - 1 if waiting else self._number
        return [(lan, row) for (lan, _), row in trying.items()]

    def done(self) -> list[Item[T]]:
        """The batch is on disk: what was stored, and who may go now."""
        self.stuck = False
        for item in self._in_flight if self._unwaited else ():
            for row in item.rows:
                self._unwaited.pop((item.lan, row.address), None)
        for key in self._trying if self._unstored else ():
            known = self._unstored.get(key)
            if known is not None and known.number <= self._taken:
                del self._unstored[key]
        stored = [Item[T](key[0], (row,), None) for key, row in self._unwaited.items()] + self._in_flight
        self._in_flight, self._trying, self._unwaited = [], {}, {}
        return stored

    def hangs(self) -> Freed[T]:
        """The disk refuses the batch, or has not taken it for long: nobody waits for it any more."""
        self.stuck = True
        waiting, self._waiting = self._waiting, deque()
        freed = self._free([*self._in_flight, *waiting])
        self._in_flight = [item._replace(waiter=None) for item in self._in_flight]
        for item in waiting:
            self._owe(item.lan, item.rows)
        return freed

    def failed(self) -> Freed[T]:
        """The batch could not be stored; its rows come again with the next."""
        freed = self.hangs()
        newer, self._owed = self._owed, self._unwaited
        for item in self._in_flight:
            self._owe(item.lan, item.rows)
        for (lan, _), row in newer.items():
            self._owe(lan, (row,))
        self._in_flight, self._trying, self._unwaited = [], {}, {}
        return freed

    # ------------------------------------------------------------ inside

    def _may_leave(self, lan: str, rows: tuple[Row, ...]) -> bool:
        """May the reply leave before these rows are on disk: does a row that is there bound what they promise?"""
        if len(rows) != 1 or not rows[0].covered:
            return False
        before = self._unstored.get((lan, rows[0].address))
        if self.stuck:
            return before is None or before.covered
        return before is None and not rows[0].changed

    def _free(self, items: Iterable[Item[T]]) -> Freed[T]:
        freed: Freed[T] = Freed([], [])
        for item in items:
            if item.waiter is not None and self._may_leave(item.lan, item.rows):
                freed.leaving.append((item.lan, item.waiter))
            elif item.waiter is not None:
                freed.refused.append(item.waiter)
        return freed

    def _noted(self, lan: str, row: Row) -> Row:
        key = (lan, row.address)
        older = self._owed.pop(key, None)
        known = self._unstored.get(key)
        if row.state != BOUND:
            self._unstored.pop(key, None)
        elif known is not None:
            # Also a renewal that waits behind it: a later one that did not wait would be older on disk.
            self._unstored[key] = _Unstored(self._number, not row.renewal or known.new, row.covered and known.covered)
        elif not row.covered or row.changed:
            self._unstored[key] = _Unstored(self._number, not row.renewal, row.covered)
        return _instead(older, row)

    def _owe(self, lan: str, rows: tuple[Row, ...]) -> None:
        for row in rows:
            key = (lan, row.address)
            self._owed[key] = _instead(self._owed.get(key), row)


def _instead(older: Row | None, row: Row) -> Row:
    """The row in place of one that was never stored: a binding of which nobody has heard yet is no renewal."""
    return row._replace(renewal=False) if older is not None and row.renewal and not older.renewal else row
