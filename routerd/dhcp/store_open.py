"""Opens a SQLite file as a lease file, and says in plain words why one cannot be used."""

import sqlite3

from routerd.dhcp import store_rows as rows
from routerd.dhcp.store_file import NO_SPACE, READ_ONLY, DamagedError, StoreError, UnwritableError, unmakable

_UNREADABLE = {
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
    *(sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS),
}


def open_database(path: str) -> sqlite3.Connection:
    """The file's database with all tables, for this process alone. Raises `StoreError`, `DamagedError` among them."""
    try:
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        text = f"{path}: cannot be opened ({error}); create its directory or set leases.store"
        raise unmakable(path, text) from None
    try:
        _prepare(path, database)
    except sqlite3.Error as error:
        database.close()
        raise explained(path, error) from None
    except StoreError:
        database.close()
        raise
    return database


def explained(path: str, error: sqlite3.Error) -> StoreError:
    """What an error means for the lease file, and how to mend it."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code in _UNREADABLE or code & 0xFF in _UNREADABLE:
        return DamagedError(f"{path}: is damaged or is no lease file ({error})")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        text = "another routerd uses this lease file; stop it, or set another leases.store"
    elif code & 0xFF == sqlite3.SQLITE_FULL:
        return UnwritableError(f"{path}: {NO_SPACE}")
    elif code & 0xFF == sqlite3.SQLITE_READONLY:
        return UnwritableError(f"{path}: {READ_ONLY}")
    else:
        text = f"cannot be used ({error}); mend its disk, or set another leases.store"
    return StoreError(f"{path}: {text}")


def _prepare(path: str, database: sqlite3.Connection) -> None:
    # Exclusive: no second routerd on the same leases, and no shared-memory file beside them.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        _judge(path, database, version)
    # Only now: it changes the file.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    if not tables:
        database.execute(rows.LEASE_TABLE)
        database.execute(f"PRAGMA application_id = {rows.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {rows.SCHEMA_VERSION}")
    elif version < rows.SCHEMA_VERSION:
        for statement in rows.upgrade(version):
            database.execute(statement)
    database.execute(rows.CLOCK_TABLE)
    database.execute("COMMIT")
    # A name that is no text, for whatever reason, must not cost the other leases.
    database.text_factory = _text


def _judge(path: str, database: sqlite3.Connection, version: int) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != rows.APPLICATION_ID:
        raise DamagedError(f"{path}: is another program's database, no lease file")
    if version > rows.SCHEMA_VERSION:
        raise StoreError(
            f"{path}: is a lease file of a newer routerd (version {version}, this one knows {rows.SCHEMA_VERSION}); "
            "start that one, or set another leases.store"
        )
    # Without its key an address would be stored twice.
    keys = [name for _, name, _, _, _, key in database.execute("PRAGMA table_info(lease)") if key]
    known = version == rows.SCHEMA_VERSION or version in rows.OLD_VERSIONS
    if not known or keys != ["lan", "address"]:
        raise DamagedError(f"{path}: is damaged (it has no table of leases)")


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
