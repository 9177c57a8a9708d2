"""Puts what a backup holds in place of what is there: each file is the old or the new one at any moment."""

import fcntl
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from routerd.backup_manifest import LEASES
from routerd.commands.store_at import give, owner_of
from routerd.system.files import sync_directory

_MODE = 0o640
_PREFIX = ".restore-"
_LEFT = re.compile(r"\.restore-[a-z0-9_]{8}", re.ASCII)
_BESIDE = ("-wal", "-shm", "-journal", "-clean")
_SETTLING = ("-wal", "-journal")


def own_directory(stack: ExitStack, upper: Path) -> str:
    """A directory for this restore in `upper`; those that killed ones left there are removed. Raises OSError."""
    for name in os.listdir(upper):
        with suppress(OSError), ExitStack() as lock:
            if _LEFT.fullmatch(name) and is_locked(lock, upper / name):
                shutil.rmtree(upper / name)
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=upper))
    # A restore in another network namespace may have the same files.
    is_locked(stack, Path(directory))
    return directory


def is_locked(stack: ExitStack, directory: Path) -> bool:
    """Lock the directory until `stack` ends; False where another process has it. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    stack.callback(os.close, handle)
    with suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def put(names: Iterable[str], directory: Path, places: Mapping[str, str]) -> list[str]:
    """Put the parts in place; the files that were set aside. Each is the old or the new one at any moment.

    Raises OSError.
    """
    stamp, aside = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), []
    for name in names:
        source, target = directory / name, os.path.realpath(places[name])
        if not source.exists():
            continue
        owner, mode = owner_of(target), _MODE
        if os.path.exists(target):
            mode = os.stat(target).st_mode & 0o777
            if name == LEASES:
                _settle(target)
            aside.append(_set_aside(target, stamp))
        if name == LEASES:
            for suffix in _BESIDE:
                with suppress(FileNotFoundError):
                    os.unlink(target + suffix)
            sync_directory(Path(target).parent)
        os.chmod(source, mode)
        give(source, owner)
        os.rename(source, target)
        sync_directory(Path(target).parent)
    return aside


def _settle(path: str) -> None:
    """What was written ahead goes into the file itself, so that it is whole without what lies beside it."""
    if any(os.path.exists(path + suffix) for suffix in _SETTLING):
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _set_aside(path: str, stamp: str) -> str:
    """A second name for the file, and for what lies beside it; the name. Raises OSError."""
    aside, number = f"{path}.before-restore-{stamp}", 1
    while os.path.lexists(aside):
        number += 1
        aside = f"{path}.before-restore-{stamp}-{number}"
    for suffix in ("", *_SETTLING):
        if os.path.exists(path + suffix):
            try:
                os.link(path + suffix, aside + suffix)
            except OSError:
                # Some file systems have no second names.
                os.rename(path + suffix, aside + suffix)
    sync_directory(Path(path).parent)
    return aside
