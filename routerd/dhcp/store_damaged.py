"""A lease file that is damaged or no lease file: it is set aside, and what can be read of it begins a new one."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from routerd.dhcp.store import LeaseStore, StoreError
from routerd.dhcp.store_file import LARGEST
from routerd.dhcp.store_pages import leases_in
from routerd.dhcp.store_rows import APPLICATION_ID, COLUMNS
from routerd.system.files import sync_directory

T = TypeVar("T")

_BESIDE = ("", "-wal", "-journal", "-shm")
_FEWEST = 8


class Aside(NamedTuple):
    """Where a lease file was set aside, and how many of its leases the new one has."""

    path: str
    kept: int


class Salvage(NamedTuple):
    """What could be read: the names of the columns, the leases, and what the file says of its clocks."""

    columns: tuple[str, ...] = ()
    leases: tuple[tuple[Any, ...], ...] = ()
    clock: tuple[Any, ...] | None = None


def begin_anew(store: LeaseStore, now: float, *, rescue: bool = True) -> Aside:
    """Set the store's file aside and open a new one in its place, with what can be read of the old one (`rescue`).

    `now` is Unix seconds. Raises `StoreError` where that cannot be; then the file is where it was.
    """
    store.close()
    path = os.path.realpath(store.path)
    try:
        aside = set_aside(path, now)
    except OSError as error:
        raise StoreError(f"{store.path}: is damaged, and cannot be set aside ({error}); move it away") from None
    found = salvage(aside) if rescue else Salvage()
    try:
        store.open(anew=True)
        store.fill(found.columns or COLUMNS, found.leases, found.clock)
    except StoreError:
        store.close()
        with suppress(OSError):
            _rename(aside, path)
        raise
    return Aside(aside, len(found.leases))


def copied(path: str, use: Callable[[str], T]) -> T:
    """What `use` makes of a copy of a lease file, which is left as it is. Raises OSError where it cannot be copied."""
    with tempfile.TemporaryDirectory(prefix="routerd-") as directory:
        copy = os.path.join(directory, "leases.db")
        for suffix in (*_BESIDE[:3], "-clean"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        return use(copy)


def set_aside(path: str, now: float) -> str:
    """Rename a database and the files that belong to it; its new path. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside, count = f"{path}.damaged-{stamp}", 1
    while any(os.path.lexists(aside + suffix) for suffix in _BESIDE):
        count += 1
        aside = f"{path}.damaged-{stamp}-{count}"
    _rename(path, aside)
    return aside


def _rename(old: str, new: str) -> None:
    for suffix in _BESIDE:
        if os.path.lexists(old + suffix):
            os.rename(old + suffix, new + suffix)
    sync_directory(Path(new).parent)


def salvage(path: str) -> Salvage:
    """Everything that can be read of a lease file, which is left as it is; nothing of another program's database."""
    try:
        if os.path.getsize(path) > LARGEST:
            return Salvage()
        return copied(path, _all_of)
    except OSError:
        return Salvage()


def _all_of(copy: str) -> Salvage:
    try:
        found = _by_tree(copy)
    except sqlite3.Error:
        found = Salvage(COLUMNS)
    return _with_pages(found, Path(copy).read_bytes())


def _by_tree(path: str) -> Salvage:
    """What is read from either end of the table; what was written ahead is in the file itself afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.text_factory = lambda data: data.decode(errors="replace")
        if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            return Salvage()
        there = {name for _, name, *_ in database.execute("PRAGMA table_info(lease)")}
        columns = tuple(name for name in COLUMNS if name in there)
        if columns != COLUMNS[: max(_FEWEST, len(columns))]:
            return Salvage()
        clock = None
        with suppress(sqlite3.Error):
            clock = database.execute("SELECT boot, offset, newest FROM clock").fetchone()
        leases: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for order in ("", " DESC"):
            query = f"SELECT {', '.join(columns)} FROM lease ORDER BY lan{order}, address{order}"
            with suppress(sqlite3.Error):
                for row in database.execute(query):
                    leases[row[:2]] = row
        return Salvage(columns, tuple(leases.values()), clock)


def _with_pages(found: Salvage, data: bytes) -> Salvage:
    """Adds the leases that are on pages which the tree does not lead to any more."""
    if not found.columns:
        return found
    leases = {row[:2]: row for row in found.leases}
    width = len(found.columns)
    for values in leases_in(data):
        row = (*values, *[None] * width)[:width]
        known = leases.get(row[:2])
        if known is None:
            leases[row[:2]] = row
    return found._replace(leases=tuple(leases.values()))
