"""The lease file as a file: whether it can be one, what lies beside it, and the mark that it was closed in order."""

import os
import stat
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from routerd.system.files import runtime_directory, sync_directory, write_synced

LARGEST = 1 << 30
_SMALLEST = 512
_HINT = "or set another leases.store"
READ_ONLY = f"its file system is read-only; mend or remount it, {_HINT}"
NO_SPACE = f"no space is left on its disk; free some, {_HINT}"


class StoreError(Exception):
    """The lease file cannot be used; the text says why and what to do."""


class UnwritableError(StoreError):
    """The lease file may well be read, but its disk takes no changes now."""


class DamagedError(StoreError):
    """The lease file is torn, or another program's: nothing can be stored in it."""


def inspect(path: str) -> bool:
    """Is there a file that may be a lease file? Raises `StoreError` where there is something that never can be one."""
    try:
        if os.path.islink(path) and not os.path.exists(path):
            target = os.readlink(path)
            raise StoreError(f"{path}: is a symbolic link to {target}, which is not there; mount its disk, {_HINT}")
        info = os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened ({error.strerror}); create its directory {_HINT}") from None
    if stat.S_ISDIR(info.st_mode):
        raise StoreError(f"{path}: is a directory; leases.store must name a file")
    if not stat.S_ISREG(info.st_mode):
        raise StoreError(f"{path}: is no regular file; remove it, {_HINT}")
    # Not by opening it: to close it again would give up the lock of whoever has it open in this process.
    if not os.access(path, os.R_OK | os.W_OK):
        kind = UnwritableError if is_read_only(path) and os.access(path, os.R_OK) else StoreError
        raise kind(f"{path}: {_refusal(path, info)}")
    if info.st_size > LARGEST:
        raise DamagedError(f"{path}: is {info.st_size / LARGEST:.1f} GiB large, which no lease file is")
    if 0 < info.st_size < _SMALLEST:
        raise DamagedError(f"{path}: is damaged (it has {info.st_size} bytes only)")
    if info.st_size == 0 and _size(f"{path}-wal"):
        raise DamagedError(f"{path}: is empty, but {path}-wal is not")
    return True


def is_there(path: str) -> bool:
    """Is there anything in a lease file at this path?"""
    return bool(_size(path) or _size(f"{path}-wal"))


def is_read_only(path: str) -> bool:
    """Is the file system of the path read-only now?"""
    return _refuses(path) == READ_ONLY


def unmakable(path: str, otherwise: str) -> StoreError:
    """Why a lease file cannot be made: its disk takes none now, or `otherwise`."""
    upper = os.path.realpath(path)
    while not os.path.exists(upper):
        upper = os.path.dirname(upper)
    reason = _refuses(upper)
    return UnwritableError(f"{path}: {reason}") if reason else StoreError(otherwise)


def _refuses(path: str) -> str:
    """Why the file system of the path takes no new file now; "" if it does."""
    try:
        found = os.statvfs(path)
    except OSError:
        return ""
    if found.f_flag & os.ST_RDONLY:
        return READ_ONLY
    return NO_SPACE if not found.f_bavail or (found.f_files and not found.f_favail) else ""


def _refusal(path: str, info: os.stat_result) -> str:
    if is_read_only(path):
        return f"{READ_ONLY} (sqlite:/run/routerd/leases.db until then)"
    who = f"user {os.geteuid()}"
    return f"{who} may not read and write it (owner {info.st_uid}, mode {info.st_mode & 0o777:04o}); chown it, {_HINT}"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


Identity = tuple[tuple[int, int] | None, ...]


def identity(path: str) -> Identity:
    """Which files the lease file and what is written ahead of it are now; None for one that is not there."""
    return tuple(_inode(path + suffix) for suffix in ("", "-wal"))


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_directories(path: str) -> tuple[str, ...]:
    """Create the directories above the file; it and those that were missing come back, innermost first.

    What is created lasts over a crash. Raises OSError.
    """
    missing, upper = [], path
    while upper and not os.path.lexists(upper):
        missing.append(upper)
        upper = os.path.dirname(upper)
    for directory in reversed(missing[1:]):
        # Those above its own are of no more use to a user that routerd runs as if they are closed.
        os.mkdir(directory, mode=0o750 if directory == missing[1] else 0o755)
        sync_directory(Path(directory).parent)
    return tuple(missing)


class Mark:
    """A small file beside the lease file that is there only while all that was promised is in the lease file.

    It holds what the lease file says of its newest change, so that it does not vouch for another file put in its place.
    Where it cannot be removed, a note in `runtime`, the runtime directory, says that it vouches for nothing.
    """

    def __init__(self, path: str, runtime: Path) -> None:
        self._path, self._runtime = Path(f"{path}-clean"), runtime
        name = blake2b(os.path.realpath(path).encode(errors="surrogateescape"), digest_size=8).hexdigest()
        self._doubt = runtime / f"leases-{name}.doubt"

    @property
    def is_doubted(self) -> bool:
        """Does it vouch for nothing, although it may be there?"""
        return self._doubt.exists()

    def doubt(self) -> None:
        """From now on nothing vouches for the file, which cannot be written now: promises are made beyond it.

        On a file system that is read-only the note lasts until the machine stops; longer than that nothing can.
        """
        with suppress(OSError):
            self.remove()
            sync_directory(self._path.parent)
            return
        with suppress(OSError):
            runtime_directory(self._runtime)
            self._doubt.touch()

    def take(self, newest: float | None) -> bool:
        """Was the file closed in order? From now on nothing vouches for it, not even after a crash. Raises OSError."""
        said = b""
        with suppress(FileNotFoundError):
            with suppress(PermissionError):  # Another user's, who was killed before it was given away.
                said = self._path.read_bytes()
            self._path.unlink()
            sync_directory(self._path.parent)
        doubted = self.is_doubted
        with suppress(OSError):
            self._doubt.unlink(missing_ok=True)
        return said == _said(newest) and not doubted

    def put(self, newest: float | None) -> None:
        """The file is whole and closed. Raises OSError."""
        write_synced(self._path, _said(newest), 0o640)

    def remove(self) -> None:
        """Remove it. Raises OSError."""
        self._path.unlink(missing_ok=True)


def _said(newest: float | None) -> bytes:
    return f"{newest!r}\n".encode()
