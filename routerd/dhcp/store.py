"""Leases on disk (SQLite): a batch is one transaction and synced before `commit` returns.

Rows come and go with times of the caller's steady clock; on disk they are Unix seconds. The file knows how the two
clocks stood to each other when they were written, so that a step of the wall clock neither ends a lease nor lets it
live for years: all rows are rewritten as soon as a step is noticed, be it at the next start.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from routerd.dhcp.given import given
from routerd.dhcp.leases import BOUND, DELETED, Row

APPLICATION_ID = 0x72746C64
SCHEMA_VERSION = 2
CLOCK_STEP = 2.0
_ROWS_PER_STATEMENT = 256
_NEWEST_EVERY = 60.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SCHEMA = """
CREATE TABLE lease (
    lan TEXT NOT NULL, address INTEGER NOT NULL, client BLOB NOT NULL, hardware BLOB NOT NULL, hostname TEXT,
    state INTEGER NOT NULL, starts REAL NOT NULL, expires REAL NOT NULL, accepts_routes INTEGER, routes INTEGER,
    PRIMARY KEY (lan, address)
) WITHOUT ROWID
"""
_COLUMNS = "lan, address, client, hardware, hostname, state, starts, expires, accepts_routes, routes"
_UPGRADES = {
    1: ("ALTER TABLE lease ADD COLUMN accepts_routes INTEGER", "ALTER TABLE lease ADD COLUMN routes INTEGER"),
}
"""What makes a file of each older version one of the next version."""
_CLOCK = """
CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, offset REAL NOT NULL, newest REAL NOT NULL
)
"""


class StoreError(Exception):
    """The lease file cannot be used; the text says why and what to do."""


class LeaseStore:
    """A lease file that this process has for itself. Blocking: call it from one worker thread."""

    def __init__(self, path: str, *, wall: Callable[[], float] = time.time, boot: str | None = None) -> None:
        self.path = path
        self._wall, self._boot = wall, boot
        self._database: sqlite3.Connection | None = None
        self._made: tuple[str, ...] = ()
        self._offset: float | None = None
        self._newest = 0.0

    def open(self) -> None:
        """Open the file, and create it and its directory if need be. Raises `StoreError`."""
        try:
            self._made = _missing(self.path)
            os.makedirs(os.path.dirname(self.path), mode=0o750, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.path}: cannot be opened ({error}); create its directory or set leases.store"
            ) from None
        try:
            # Exclusive: no second routerd on the same leases, and no shared-memory file beside them.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            self._prepare(database)
        except sqlite3.Error as error:
            database.close()
            raise StoreError(f"{self.path}: {self._explain(error)}") from None
        except StoreError:
            database.close()
            raise
        self._database = database

    @staticmethod
    def _explain(error: sqlite3.Error) -> str:
        if "locked" in str(error):
            return "another routerd uses this lease file; stop it, or set another leases.store"
        if "not a database" in str(error) or "malformed" in str(error):
            return f"is damaged or is no lease file ({error}); move it away and start again"
        return f"cannot be used ({error})"

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("BEGIN IMMEDIATE")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        application = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0:
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application != APPLICATION_ID or not (version == SCHEMA_VERSION or version in _UPGRADES):
            raise StoreError(
                f"{self.path}: is not a lease file of this version (version {version}); move it away and start again"
            )
        else:
            _upgrade(database, version)
        database.execute(_CLOCK)
        database.execute("COMMIT")
        if self._boot is None:
            self._boot = _boot_id()

    def load(self, offset: float) -> dict[str, list[Row]]:
        """Every stored lease by LAN; `offset` is the wall clock less the caller's clock, in seconds."""
        leases: dict[str, list[Row]] = {}
        query = f"SELECT {_COLUMNS} FROM lease"
        try:
            offset = self._settle(offset)
            for lan, *values in self._connection.execute(query):
                leases.setdefault(lan, []).append(_row(values, offset))
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise StoreError(f"{self.path}: is damaged ({error}); move it away and start again") from None
        return leases

    def commit(self, changes: Sequence[tuple[str, Row]], offset: float) -> None:
        """Store (LAN, row) in their order as one synced transaction, whole or not at all. Raises `StoreError`."""
        base = self._settled(offset)
        database = self._connection
        try:
            database.execute("BEGIN IMMEDIATE")
            self._write(changes, base)
            self._note_time(base)
            database.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise StoreError(str(error)) from None

    def _write(self, changes: Sequence[tuple[str, Row]], base: float) -> None:
        final = {(lan, row.address): row for lan, row in changes}
        keep = [
            (
                lan,
                a,
                row.client,
                row.hardware,
                row.hostname,
                row.state,
                row.starts + base,
                row.expires + base,
                *row.given,
            )
            for (lan, a), row in final.items()
            if row.state != DELETED
        ]
        gone = [key for key, row in final.items() if row.state == DELETED]
        if gone:
            self._connection.executemany("DELETE FROM lease WHERE lan = ? AND address = ?", gone)
        for start in range(0, len(keep), _ROWS_PER_STATEMENT):
            piece = keep[start : start + _ROWS_PER_STATEMENT]
            self._connection.execute(_upsert(len(piece)), _flat(piece))

    def replace(self, rows: Sequence[tuple[str, Row]], offset: float) -> None:
        """Store these leases instead of all that are in the file, in one transaction. Raises `StoreError`."""
        base = self._settled(offset)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM lease")
            self._write(rows, base)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise StoreError(str(error)) from None

    def _settled(self, offset: float) -> float:
        try:
            return self._settle(offset)
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise StoreError(f"{self.path}: is damaged ({error}); move it away and start again") from None

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()

    def _settle(self, offset: float) -> float:
        """The wall clock less the caller's clock as all rows have it, after they were rewritten if that was stepped."""
        if self._offset is not None and abs(offset - self._offset) <= CLOCK_STEP:
            return self._offset
        known = self._offset if self._offset is not None else self._written(offset)
        if abs(offset - known) <= CLOCK_STEP:
            self._offset = known
            return known
        database = self._connection
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE lease SET starts = starts + ?, expires = expires + ?", (offset - known,) * 2)
            self._newest = 0.0
            self._note_time(offset)
            database.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise StoreError(str(error)) from None
        self._offset = offset
        return offset

    def _written(self, offset: float) -> float:
        """With which offset the rows in the file were written."""
        row = self._connection.execute("SELECT boot, offset, newest FROM clock").fetchone()
        if row is None:
            return offset
        boot, written, newest = row
        if boot == self._boot:
            return float(written)
        # The caller's clock began anew. Where the wall clock is behind the last commit (no battery, and no time server
        # has answered yet) it says nothing: no time has passed then, as far as anyone knows.
        return offset + max(0.0, float(newest) - self._wall())

    def _note_time(self, offset: float) -> None:
        now = self._wall()
        if not 0.0 <= now - self._newest < _NEWEST_EVERY:
            row = (1, self._boot, offset, now)
            self._connection.execute("REPLACE INTO clock VALUES (?, ?, ?, ?)", row)
            self._newest = now

    def close(self) -> None:
        """Close the file; what was committed is on disk already."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def discard(self) -> None:
        """Remove what `open` made and nobody uses: the closed file and directories that did not exist before."""
        for path in self._made:
            try:
                os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
            except OSError:
                break

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


@lru_cache(maxsize=_ROWS_PER_STATEMENT)
def _upsert(rows: int) -> str:
    return f"REPLACE INTO lease ({_COLUMNS}) VALUES " + ",".join(["(?,?,?,?,?,?,?,?,?,?)"] * rows)


def _upgrade(database: sqlite3.Connection, version: int) -> None:
    """Bring a file of an older version up to this one, in the transaction that is open."""
    while version in _UPGRADES:
        for statement in _UPGRADES[version]:
            database.execute(statement)
        version += 1
        database.execute(f"PRAGMA user_version = {version}")


def _flat(rows: Iterable[tuple[object, ...]]) -> list[object]:
    return [value for row in rows for value in row]


def _missing(path: str) -> tuple[str, ...]:
    """The file and the directories above it that do not exist, innermost first."""
    missing = []
    while path and not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return tuple(missing)


def _row(values: list[Any], offset: float) -> Row:
    """A stored row; raises TypeError or ValueError for one that no routerd wrote."""
    address, client, hardware, hostname, state, starts, expires, accepts, routes = values
    if not (isinstance(client, bytes) and isinstance(hardware, bytes) and isinstance(hostname, str | None)):
        raise TypeError(f"lease of {address}: its client is not readable")
    if not (0 < address <= 0xFFFFFFFF and BOUND <= state < DELETED):
        raise ValueError(f"lease of {address}: address or state is out of range")
    if accepts not in (None, 0, 1) or not isinstance(routes, int | None):
        raise ValueError(f"lease of {address}: what it was given is not readable")
    told = given(None if accepts is None else bool(accepts), routes)
    return Row(address, client, hardware, hostname, state, starts - offset, expires - offset, False, told)
