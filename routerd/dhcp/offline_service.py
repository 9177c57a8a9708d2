"""The lease file while no daemon has it: read, copied, and given leases of another server."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from routerd.dhcp.importing import Place, take_over
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lease import BOUND
from routerd.dhcp.leases import LeaseTable, Row
from routerd.dhcp.promises import after_crash
from routerd.dhcp.rehome import rehome
from routerd.dhcp.report import lease_report
from routerd.dhcp.scope import Scope
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_damaged import copied
from routerd.dhcp.store_file import StoreError, is_there, make_directories
from routerd.dhcp.store_rows import APPLICATION_ID, SCHEMA_VERSION
from routerd.dhcp.store_thread import wall_offset
from routerd.lease_records import Import, Imported
from routerd.model import DhcpScope
from routerd.reports import LeaseReport

T = TypeVar("T")
Changes = list[tuple[str, Row]]


def take_over_offline(path: str, scopes: Iterable[DhcpScope], asked: Import) -> Imported:
    """Take over leases into the file at `path`, all of them or, where that fails, none. Raises `StoreError`, OSError.

    `scopes` are the networks that are served. With `dry_run` the file is left as it is. One that is made belongs to
    the owner of its directory.
    """
    if asked.dry_run:
        return _of_copy(path, lambda store: _take_over(store, scopes, asked))
    _make(path)
    with _opened(LeaseStore(path)) as store:
        try:
            return _take_over(store, scopes, asked)
        except StoreError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise StoreError(f"{path}: {reason}; nothing was taken over") from None


def read_offline(path: str) -> list[LeaseReport]:
    """The leases of a file, which is left as it is, by LAN and address. Raises `StoreError`, OSError."""
    refuse_in_use(path)
    if not is_there(path):
        return []

    def read(store: LeaseStore) -> list[LeaseReport]:
        offset = wall_offset()
        leases, _ = _leases(store, offset)
        rows = ((lan, row) for lan in sorted(leases) for row in sorted(leases[lan]))
        return [lease_report(lan, row, offset, None) for lan, row in rows]

    return _of_copy(path, read)


def saved_offline(path: str) -> bytes | None:
    """The file as it is, as one database; None where there is none. Raises `StoreError`, OSError, sqlite3.Error."""
    refuse_in_use(path)

    def read(copy: str) -> bytes:
        with closing(sqlite3.connect(copy)) as database:
            database.execute("PRAGMA schema_version").fetchone()
            return database.serialize()

    return copied(os.path.realpath(path), read) if is_there(path) else None


def refuse_in_use(path: str) -> None:
    """Raises `StoreError` where a routerd of another network namespace has the file: it is not whole without that."""
    path = os.path.realpath(path)
    ahead, shared = f"{path}-wal", f"{path}-shm"
    if not os.path.exists(ahead):
        return  # Who has it open has this beside it.
    had_shared = os.path.exists(shared)
    try:
        with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=0)) as database:
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            text = "another routerd uses this lease file; run this in its network namespace, or stop it"
            raise StoreError(f"{path}: {text}") from None
    finally:
        if not had_shared:
            with suppress(OSError):
                os.unlink(shared)


def judge_saved(path: str) -> tuple[str, int]:
    """Why a file cannot be used as a lease file by this routerd ("" if it can), and how many leases are in it."""
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return "is no lease file of routerd's", 0
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                return f"is of a newer routerd (version {version}, this one knows {SCHEMA_VERSION})", 0
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                return f"is damaged ({said.splitlines()[-1]})", 0
            return "", int(database.execute("SELECT count(*) FROM lease").fetchone()[0])
    except sqlite3.Error as error:
        return f"is damaged or is no lease file ({error})", 0


def judge_opened(path: str, directory: str) -> str:
    """Why this routerd could not start with a lease file; "" if it could. A copy in `directory` is opened and changed.

    Raises OSError where it cannot be copied.
    """
    copy = os.path.join(directory, "opened.db")
    shutil.copyfile(path, copy)
    store, offset = LeaseStore(copy, runtime=Path(directory)), wall_offset()
    try:
        with _opened(store):
            store.load(offset)
            store.commit([("lan", Row(1, b"\1\2", b"\1\2", None, BOUND, clock(), clock()))], offset)
    except StoreError as error:
        return f"cannot be used ({str(error).removeprefix(f'{copy}: ')})"
    finally:
        for file in files_of(copy):
            with suppress(FileNotFoundError):
                os.unlink(file)
    return ""


def _make(path: str) -> None:
    """An empty file where there is none: it must be the owner's already when this process is killed.

    What cannot be made is left to `LeaseStore.open`, which says why.
    """
    if os.path.lexists(path):
        return
    with suppress(OSError):
        make_directories(path)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            found = os.stat(os.path.dirname(path) or ".")
            os.fchown(handle, found.st_uid, found.st_gid)
        finally:
            os.close(handle)


@contextmanager
def _opened(store: LeaseStore) -> Iterator[LeaseStore]:
    """The store, open; at the end closed in order, or, after an error, as after a crash."""
    clean = False
    try:
        store.open()
        yield store
        clean = True
    finally:
        store.close(clean=clean)


def _of_copy(path: str, use: Callable[[LeaseStore], T]) -> T:
    def with_store(copy: str) -> T:
        try:
            with _opened(LeaseStore(copy, runtime=Path(copy).parent)) as store:
                return use(store)
        except StoreError as error:
            # Nobody knows the copy, and it is gone.
            raise type(error)(str(error).replace(copy, path)) from None

    if is_there(path):
        return copied(os.path.realpath(path), with_store)
    with tempfile.TemporaryDirectory(prefix="routerd-") as directory:
        return with_store(os.path.join(directory, "leases.db"))


def _leases(store: LeaseStore, offset: float) -> tuple[dict[str, list[Row]], Changes]:
    """All leases by LAN, and those that may last longer than the file says, as it was not closed in order."""
    leases, longer = store.load(offset), []
    if not store.clean:
        for lan, rows in leases.items():
            leases[lan], changed = after_crash(rows, store.saved, time.time() - offset)
            longer += [(lan, row) for row in changed]
    return leases, longer


def _take_over(store: LeaseStore, scopes: Iterable[DhcpScope], asked: Import) -> Imported:
    offset, now = wall_offset(), clock()
    leases, changes = _leases(store, offset)
    served = {part.key: Scope(part, LeaseTable()) for part in scopes}
    tables = {key: scope.table for key, scope in served.items()}
    for lan, rows in leases.items():
        tables.setdefault(lan, LeaseTable()).load(rows)
    changes += _rehomed(tables, served.values(), now)
    places = {key: Place(scope.part.network, scope.table) for key, scope in served.items()}
    outcomes, taken = take_over(asked, places, now, offset)
    changes += [(key, row) for key, rows in taken for row in rows]
    if changes:
        store.commit(changes, offset)
    return Imported(outcomes)


def _rehomed(tables: dict[str, LeaseTable], served: Iterable[Scope], now: float) -> Changes:
    """Leases of networks that were renamed are looked for where the daemon will put them."""
    networks = {scope.part.key: scope.part.network for scope in served}
    changes: Changes = []
    for move in rehome(tables, networks, now):
        if move is not None:
            changes += [] if move.kept is None else [(move.target, move.kept)]
            changes.append((move.source, move.gone))
    return changes


def files_of(path: str) -> Sequence[str]:
    """The lease file and what may lie beside it."""
    return tuple(path + suffix for suffix in ("", "-wal", "-shm", "-journal", "-clean"))
