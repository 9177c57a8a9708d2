"""Where the daemon of a configuration keeps its leases, and whether it runs: for commands that work on its files."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from routerd.aliases.starter_service import memory_path
from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import read_config
from routerd.dhcp.store_file import StoreError
from routerd.rip.sequence_service import NAME as RIP_SEQUENCE
from routerd.system.http_client import AskError
from routerd.system.lock import DaemonLock, LockedError, holder

T = TypeVar("T")


class RefusedError(Exception):
    """The command cannot do what is asked; the text says why and what to do."""


def leases_path(config: Config) -> str:
    """The lease file."""
    return config.leases.store.removeprefix("sqlite:")


def aliases_path(config: Config) -> Path:
    """The file that remembers which peer has which address of a pool."""
    return memory_path(config.leases.store)


def sequence_path(config: Config) -> Path:
    """The file with the last sequence number of RIP."""
    return Path(leases_path(config)).parent / RIP_SEQUENCE


def is_running() -> bool:
    """Does a daemon run in this network namespace?"""
    return holder() is not None


def guarded(name: str, config_file: str, work: Callable[[Config], int]) -> int:
    """The exit code of `work` with the configuration: 2 where that is not valid, 1 where it cannot be done."""
    try:
        config = read_config(config_file, secrets=False)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    try:
        return work(config)
    except (RefusedError, AskError, StoreError) as error:
        print(f"{name}: {error}", file=sys.stderr)
    except LockedError as error:
        print(f"{name}: {error}; {error.mend}", file=sys.stderr)
    return 1


@contextmanager
def alone(command: str) -> Iterator[None]:
    """No daemon starts in this network namespace while `command` works. Another command is waited for.

    Raises `LockedError`, `RefusedError`.
    """
    lock = DaemonLock(command=command)
    try:
        lock.take_soon(0.0)
    except OSError as error:
        raise RefusedError(f"{lock.path}: {reason(error)}; run this as root") from None
    try:
        yield
    finally:
        lock.give_back()


def reason(error: OSError) -> str:
    """Why the system refused, in words."""
    return (
        "no space is left on its disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
    )


def owner_of(path: str | Path) -> tuple[int, int]:
    """The user and group that own a file, else the directory that it would be in. Raises OSError."""
    there = Path(path)
    while not there.exists():
        there = there.parent
    found = there.stat()
    return found.st_uid, found.st_gid


def give(path: str | Path, owner: tuple[int, int]) -> None:
    """Give a file to a user, as far as this process may; not a link, nor a file that has a second name."""
    with suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.chown(path, *owner, follow_symlinks=False)
