"""One daemon a network namespace: a lock that the kernel gives back when its holder ends, however that ends."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from routerd.system.files import RUNTIME, namespace_inode, runtime_directory

_PAUSE = 0.02


class LockedError(Exception):
    """Another daemon holds the lock; the text says which process."""


class DaemonLock:
    """The lock of this process's network namespace, held from `take` until the process ends."""

    def __init__(self, runtime: Path = RUNTIME) -> None:
        self.path = runtime / f"lock-{namespace_inode()}"
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock. Raises `LockedError`, or OSError where the directory cannot be written."""
        runtime_directory(self.path.parent)
        while self._handle is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(handle, 32).decode("ascii", errors="replace").strip()
                os.close(handle)
                raise LockedError(f"routerd runs here already (process {holder or 'unknown'})") from None
            if not os.fstat(handle).st_nlink:
                # Its holder has removed it between the opening and the locking: another one may be there already.
                os.close(handle)
                continue
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            self._handle = handle

    def take_soon(self, seconds: float) -> None:
        """As `take`, but what holds it may end within so many seconds. Raises the same."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.take()
                return
            except LockedError:
                if time.monotonic() >= end:
                    raise
            time.sleep(_PAUSE)

    def give_back(self) -> None:
        """Remove the file and give the lock back."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def holder(runtime: Path = RUNTIME) -> int | None:
    """The process id of this network namespace's daemon; None where there is none. Takes no lock, not even shortly."""
    try:
        there = (runtime / f"lock-{namespace_inode()}").stat()
        rows = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    wanted = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    found = (int(row[4]) for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[5] == wanted)
    return next((process for process in found if process > 0), None)
