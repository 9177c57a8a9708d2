"""Leases on disk (SQLite): a batch is one transaction and synced before `commit` returns.

Rows come and go with times of the caller's steady clock; on disk they are Unix seconds.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache

from routerd.dhcp.leases import DELETED, Row

APPLICATION_ID = 0x72746C64
SCHEMA_VERSION = 1
_ROWS_PER_STATEMENT = 256

_SCHEMA = """
CREATE TABLE lease (
    lan TEXT NOT NULL, address INTEGER NOT NULL, client BLOB NOT NULL, hardware BLOB NOT NULL, hostname TEXT,
    state INTEGER NOT NULL, starts REAL NOT NULL, expires REAL NOT NULL, PRIMARY KEY (lan, address)
) WITHOUT ROWID
"""


class StoreError(Exception):
    """The lease file cannot be used; the text says why and what to do."""


class LeaseStore:
    """A lease file that this process has for itself. Blocking: call it from one worker thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, and create it and its directory if need be. Raises `StoreError`."""
        try:
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
        elif application != APPLICATION_ID or version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: is not a lease file of this version (version {version}); move it away and start again"
            )
        database.execute("COMMIT")

    def load(self, offset: float) -> dict[str, list[Row]]:
        """Every stored lease by LAN; `offset` is the wall clock less the caller's clock, in seconds."""
        leases: dict[str, list[Row]] = {}
        query = "SELECT lan, address, client, hardware, hostname, state, starts, expires FROM lease"
        for lan, address, client, hardware, hostname, state, starts, expires in self._connection.execute(query):
            row = Row(address, client, hardware, hostname, state, starts - offset, expires - offset)
            leases.setdefault(lan, []).append(row)
        return leases

    def commit(self, changes: Sequence[tuple[str, Row]], offset: float) -> None:
        """Store (LAN, row) in their order as one synced transaction, whole or not at all. Raises `StoreError`."""
        final = {(lan, row.address): row for lan, row in changes}
        keep = [
            (lan, address, row.client, row.hardware, row.hostname, row.state, row.starts + offset, row.expires + offset)
            for (lan, address), row in final.items()
            if row.state != DELETED
        ]
        gone = [key for key, row in final.items() if row.state == DELETED]
        database = self._connection
        try:
            database.execute("BEGIN IMMEDIATE")
            if gone:
                database.executemany("DELETE FROM lease WHERE lan = ? AND address = ?", gone)
            for start in range(0, len(keep), _ROWS_PER_STATEMENT):
                piece = keep[start : start + _ROWS_PER_STATEMENT]
                database.execute(_upsert(len(piece)), _flat(piece))
            database.execute("COMMIT")
        except sqlite3.Error as error:
            if database.in_transaction:
                database.rollback()
            raise StoreError(str(error)) from None

    def close(self) -> None:
        """Close the file; what was committed is on disk already."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise StoreError(f"{self.path}: is not open")
        return self._database


@lru_cache(maxsize=_ROWS_PER_STATEMENT)
def _upsert(rows: int) -> str:
    return "REPLACE INTO lease VALUES " + ",".join(["(?,?,?,?,?,?,?,?)"] * rows)


def _flat(rows: Iterable[tuple[object, ...]]) -> list[object]:
    return [value for row in rows for value in row]
