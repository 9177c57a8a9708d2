"""Directories that routerd writes to: made where they are missing, and given to the user that it runs as.

The user may put anything into a directory that is its own. So nothing is followed here: no link is, and a file that
has a second name is not touched; else root could be made to give away a file of the system.
"""

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

_NAME = "routerd"
_made: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that routerd writes to: what it is for, patterns of the names of its files, and its mode if made.

    `waits`: routerd starts all the same while its file system is read-only, and says what that means.
    """

    directory: Path
    purpose: str
    files: frozenset[str] = field(default_factory=frozenset)
    mode: int = 0o755
    waits: bool = False


def merged(places: Iterable[Place]) -> list[Place]:
    """One place for each directory, with the files of all that are there."""
    found: dict[Path, Place] = {}
    for place in places:
        before = found.get(place.directory)
        if before is not None:
            place = Place(before.directory, before.purpose, before.files | place.files, before.mode, before.waits)
        found[place.directory] = place
    return list(found.values())


def make(place: Place) -> None:
    """Make the directory, and those above it, where they are missing. Raises OSError."""
    if not place.directory.is_dir():
        place.directory.parent.mkdir(parents=True, exist_ok=True)
        place.directory.mkdir(mode=place.mode, exist_ok=True)
        _made.add(place.directory)


def give(place: Place, uid: int, gid: int) -> None:
    """Make the user the owner of the directory and of routerd's files in it. Raises OSError.

    Only a directory of routerd's own is given: one that is named so, that was made just now, or that holds files of
    its own and nothing else.
    """
    try:
        handle = os.open(place.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):  # a link
            return
        raise
    try:
        names = os.listdir(handle)
        own = [name for name in names if any(fnmatchcase(name, pattern) for pattern in place.files)]
        if place.directory.name == _NAME or (own and len(own) == len(names)) or place.directory in _made:
            _chown(handle, uid, gid)
        for name in own:
            _give_file(handle, name, uid, gid)
    finally:
        os.close(handle)


def is_usable(place: Place) -> bool:
    """True if this process, as it is now, can make and remove files in the directory."""
    return os.access(place.directory, os.W_OK | os.X_OK)


def is_read_only(place: Place) -> bool:
    """True if the directory is there and its file system is read-only now."""
    try:
        return bool(os.statvfs(place.directory).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _give_file(directory: int, name: str, uid: int, gid: int) -> None:
    try:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return
    try:
        found = os.fstat(handle)
        if found.st_nlink == 1 and (stat.S_ISREG(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
            _chown(handle, uid, gid)
    finally:
        os.close(handle)


def _chown(handle: int, uid: int, gid: int) -> None:
    # A group that an administrator chose for the user's own files stays.
    if os.fstat(handle).st_uid != uid:
        # By /proc, because the kernel changes nothing through a handle that was opened with O_PATH.
        os.chown(f"/proc/self/fd/{handle}", uid, gid)
