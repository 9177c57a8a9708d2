"""Leases on disk (SQLite): a batch is one transaction and synced before `commit` returns.

Rows come and go with times of the caller's steady clock; on disk they are Unix seconds. The file knows how the two
clocks stood to each other when they were written, so that a step of the wall clock neither ends a lease nor lets it
live for years: all rows are rewritten as soon as a step is noticed, be it at the next start.
"""

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from routerd.dhcp import store_rows as rows
from routerd.dhcp.leases import DELETED, Row
from routerd.dhcp.store_clock import CLOCK_STEP, StoredClock
from routerd.dhcp.store_file import (
    DamagedError,
    Identity,
    Mark,
    StoreError,
    UnwritableError,
    identity,
    inspect,
    is_read_only,
    make_directories,
    unmakable,
)
from routerd.dhcp.store_open import explained, open_database
from routerd.system.files import RUNTIME

__all__ = ["CLOCK_STEP", "DamagedError", "LeaseStore", "StoreError", "UnwritableError"]

LOOK_EVERY = 0.02
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LeaseStore:
    """A lease file that this process has for itself. Blocking: call it from one worker thread.

    After `load`: `clean` is whether the file was closed in order, `saved` the time, by the caller's clock, up to which
    everything was stored in it (-inf where that is not known), and `notes` what an administrator should know of it.
    `left` are the lease files that all this was in before; `replace` stores it too.
    """

    def __init__(
        self, path: str, *, wall: Callable[[], float] = time.time, boot: str | None = None, runtime: Path = RUNTIME
    ) -> None:
        self.path = path
        self.clean, self.saved = False, -math.inf
        self.notes: list[str] = []
        self.left: frozenset[str] = frozenset()
        self._wall, self._boot = wall, boot
        self.mark = Mark(path, runtime)
        self._database: sqlite3.Connection | None = None
        self._file: Identity = ()
        self._made: tuple[str, ...] = ()
        self._looked = -math.inf
        self._clock = StoredClock(wall, boot or "")

    # ------------------------------------------------------------ life

    def open(self, *, anew: bool = False) -> None:
        """Open the file, and create it and its directory if need be. Raises `StoreError`, `DamagedError` among them.

        `anew`: the one that was there was set aside just now.
        """
        self._clock = StoredClock(self._wall, _boot_id() if self._boot is None else self._boot)
        self.notes = []
        if not anew and inspect(self.path) and not os.path.getsize(self.path):
            self.notes.append(f"{self.path} is empty: leases start empty")
        try:
            self._made = make_directories(self.path)
        except OSError as error:
            text = f"{error.filename}: cannot be made ({error.strerror}); set another leases.store"
            raise unmakable(self.path, text) from None
        self._database = open_database(self.path)
        self._file, self._looked = identity(self.path), -math.inf

    def close(self, *, clean: bool = False) -> None:
        """Close the file; what was committed is on disk already. `clean`: so is all that was promised to anyone."""
        if self._database is None:
            return
        self._database.close()
        self._database = None
        if clean:
            # Without the mark the next start takes it for a crash, which does no harm.
            with suppress(OSError):
                self.mark.put(self._clock.newest)

    def discard(self) -> None:
        """Remove what `open` made and nobody uses: the closed file and directories that did not exist before."""
        with suppress(OSError):
            if self._made:
                self.mark.remove()
            for path in self._made:
                os.rmdir(path) if os.path.isdir(path) else os.unlink(path)

    # ------------------------------------------------------------ what is in it

    def load(self, offset: float) -> dict[str, list[Row]]:
        """Every stored lease by LAN; `offset` is the wall clock less the caller's clock, in seconds.

        Rows that no routerd wrote are dropped, and `notes` say so. Raises `DamagedError` where the file is torn.
        """
        try:
            known = self._clock.read(self._connection, offset)
            leases, broken = self._read(known)
            self.left = self._left_behind()
            self.clean = self.mark.take(self._clock.newest)
            if not self.clean:
                self._check()
        except sqlite3.Error as error:
            raise explained(self.path, error) from None
        except OSError as error:
            raise UnwritableError(f"{error.filename}: cannot be removed ({error.strerror}); mend its disk") from None
        newest = self._clock.newest
        self.saved = -math.inf if newest is None else newest - known
        self._drop(broken)
        with suppress(StoreError):  # The next commit tries again.
            self._settled(offset)
        return leases

    def _read(self, offset: float) -> tuple[dict[str, list[Row]], dict[tuple[object, object], str]]:
        """All leases, and those that are dropped with the reason."""
        leases: dict[str, list[Row]] = {}
        broken: dict[tuple[object, object], str] = {}
        for lan, *values in self._connection.execute(f"SELECT {rows.NAMES} FROM lease"):
            try:
                row = rows.restored(values, offset)
                if not isinstance(lan, str):
                    raise TypeError("its LAN is not readable")
            except (TypeError, ValueError) as error:
                broken[lan, values[0]] = f"that of {values[0]!r}: {error}"
            else:
                leases.setdefault(lan, []).append(row)
        return leases, broken

    def _left_behind(self) -> frozenset[str]:
        if not self._connection.execute(rows.LEFT_THERE).fetchone()[0]:
            return frozenset()
        return frozenset(place for (place,) in self._connection.execute("SELECT place FROM left_behind"))

    def _drop(self, broken: dict[tuple[object, object], str]) -> None:
        if not broken:
            return
        why = next(iter(broken.values()))
        self.notes.append(f"{len(broken)} leases in {self.path} are not readable and are dropped, first {why}")
        with suppress(sqlite3.Error):  # They are dropped again at the next start then.
            self._connection.executemany("DELETE FROM lease WHERE lan IS ? AND address IS ?", broken)

    def _check(self) -> None:
        """Raises `DamagedError` where the tree of pages is broken, be it in a place that no lease is in."""
        (said,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise DamagedError(f"{self.path}: is damaged ({said.splitlines()[-1]})")

    def look(self) -> None:
        """Raises `DamagedError` where the file is not at its path any more: what is stored would be lost."""
        if self._database is not None and identity(self.path) != self._file:
            raise DamagedError(f"{self.path}: was removed or replaced while it was in use")

    def _look_again(self) -> None:
        """Whoever is told that it is stored must find it in the file that is there.

        Under load not with every commit, as each look waits for the interpreter twice: what is acknowledged within
        20 ms after the file was removed is lost if the process is killed before those are over.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self.look()

    def content(self) -> bytes:
        """All that is stored, as one file of its own: what was written ahead is in it. Raises `StoreError`."""
        try:
            return self._connection.serialize()
        except sqlite3.Error as error:
            raise explained(self.path, error) from None

    # ------------------------------------------------------------ changes

    def commit(self, changes: Sequence[tuple[str, Row]], offset: float, now: float | None = None) -> None:
        """Store (LAN, row) in their order as one synced transaction, whole or not at all. Raises `StoreError`.

        `now`: everything that was promised before, by the caller's clock, is stored with it; default: the present.
        """
        gone = DELETED in {row.state for _, row in changes}
        single = len(changes) <= rows.ROWS_PER_STATEMENT and not gone
        write = self._sort if gone else self._write
        self._transact(offset, now, lambda base: write(changes, base), single=single)

    def replace(self, changes: Sequence[tuple[str, Row]], offset: float, now: float | None = None) -> None:
        """As `commit`, but instead of all leases that are in the file. Raises `StoreError`."""

        def write(base: float) -> None:
            self._connection.execute("DELETE FROM lease")
            self._sort(changes, base)
            if self.left or self._left_behind():
                self._connection.execute(rows.LEFT_TABLE)
                self._connection.execute("DELETE FROM left_behind")
                self._connection.executemany("INSERT INTO left_behind VALUES (?)", [(place,) for place in self.left])

        self._transact(offset, now, write)

    def fill(self, columns: Sequence[str], leases: Iterable[Sequence[Any]], clock: Sequence[Any] | None) -> None:
        """Store leases as another lease file has them, and what it says of its clocks. Raises `StoreError`."""
        self._made = ()
        statement = f"INSERT OR IGNORE INTO lease ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, leases)
            if clock is not None:
                self._connection.execute("REPLACE INTO clock VALUES (1, ?, ?, ?)", clock)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._undone(error) from None

    def _transact(
        self, offset: float, now: float | None, write: Callable[[float], None], *, single: bool = False
    ) -> None:
        base = self._settled(offset)
        newest = (self._wall() - offset if now is None else now) + base
        due = self._clock.is_due(newest)
        try:
            if single and not due:
                # One statement is a transaction of its own: it waits once for the interpreter, not three times.
                write(base)
            else:
                self._connection.execute("BEGIN IMMEDIATE")
                write(base)
                if due:
                    self._clock.note(self._connection, base, newest)
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._undone(error) from None
        if due:
            self._clock.noted(newest)
        self._look_again()

    def _sort(self, changes: Sequence[tuple[str, Row]], base: float) -> None:
        final = {(lan, row.address): row for lan, row in changes}
        gone = [key for key, row in final.items() if row.state == DELETED]
        self._connection.executemany("DELETE FROM lease WHERE lan = ? AND address = ?", gone)
        self._write([(lan, row) for (lan, _), row in final.items() if row.state != DELETED], base)

    def _write(self, changes: Sequence[tuple[str, Row]], base: float) -> None:
        for start in range(0, len(changes), rows.ROWS_PER_STATEMENT):
            piece = rows.padded(rows.stored(changes[start : start + rows.ROWS_PER_STATEMENT], base))
            self._connection.execute(rows.upsert(len(piece)), list(chain.from_iterable(piece)))

    def _undone(self, error: sqlite3.Error) -> StoreError:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()
        meant = explained(self.path, error)
        if isinstance(meant, DamagedError):
            return meant
        return StoreError("its file system is read-only" if is_read_only(self.path) else str(error))

    # ------------------------------------------------------------ clocks

    def follow(self, offset: float) -> None:
        """Rewrite all rows if the wall clock was stepped. Raises `StoreError`; then the next change does it."""
        self._settled(offset)

    def _settled(self, offset: float) -> float:
        try:
            return self._clock.settle(self._connection, offset)
        except sqlite3.Error as error:
            raise self._undone(error) from None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise StoreError(f"{self.path}: is not open")
        return self._database


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
