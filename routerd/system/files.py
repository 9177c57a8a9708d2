"""Files that must survive a crash, the runtime directory, and which network namespace this is."""

import contextlib
import os
import tempfile
from pathlib import Path

RUNTIME = Path("/run/routerd")


def runtime_directory(path: Path = RUNTIME) -> Path:
    """Create the runtime directory (mode 0755) where it is missing, and return it. Raises OSError."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def write_synced(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the file's content as a whole; after return it is on disk, and a crash leaves the old or the new one.

    Raises OSError; the old file is untouched then and nothing is left beside it.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and removals in the directory last over a crash. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def namespace_inode() -> int:
    """The inode of this process's network namespace: it tells one namespace from another while both exist."""
    return os.stat("/proc/self/ns/net").st_ino
