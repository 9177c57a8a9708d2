"""One daemon a network namespace: a lock that the kernel gives back when its holder ends, however that ends.

Its file belongs to the owner of the runtime directory: root's commands take the lock too, and may be killed.
"""

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

from routerd.system.files import RUNTIME, namespace_inode, runtime_directory

_PAUSE = 0.02
_WRITTEN = 0.2
_COMMAND = 10.0
"""Seconds that a command is waited for: it needs the files for a moment only."""
_CONTENT = re.compile(r"([0-9]+)(?: ([a-z ]+))?\n", re.ASCII)


class LockedError(Exception):
    """Another daemon holds the lock, or a command that works on its files; the text says which process.

    `command`: the name of that command, "" for a daemon.
    """

    def __init__(self, process: str, command: str = "") -> None:
        doing = f"`routerd {command}` works on routerd's files now" if command else "routerd runs here already"
        super().__init__(f"{doing} (process {process or 'unknown'})")
        self.process, self.command = process, command

    @property
    def mend(self) -> str:
        """What to do."""
        return "try again when it has ended" if self.command else "stop it first: systemctl stop routerd"


class DaemonLock:
    """The lock of this process's network namespace, held from `take` until the process ends.

    `command`: what holds it, where that is no daemon but a command of routerd, as in "leases import".
    """

    def __init__(self, runtime: Path = RUNTIME, *, command: str = "") -> None:
        self.path = runtime / f"lock-{namespace_inode()}"
        self._command = command
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock. Raises `LockedError`, or OSError where the directory cannot be written."""
        runtime_directory(self.path.parent)
        while self._handle is None:
            handle = self._open()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = os.read(handle, 100).decode("ascii", errors="replace")
                os.close(handle)
                said = _CONTENT.fullmatch(text)
                raise LockedError(*(said.groups("") if said else (text.strip()[:20],))) from None
            links = os.fstat(handle).st_nlink
            if links != 1:
                # Removed by its holder between the opening and the locking, when another one may be there already. Or
                # it has a second name: then it is not ours to write to, but may be removed.
                if links:
                    self.path.unlink(missing_ok=True)
                os.close(handle)
                continue
            self._give(handle)
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}{self._command and ' '}{self._command}\n".encode())
            self._handle = handle

    def take_soon(self, seconds: float) -> None:
        """As `take`, but what holds it may end within so many seconds, a command within 10 s. Raises the same."""
        start = time.monotonic()
        while True:
            try:
                self.take()
                return
            except LockedError as error:
                # Between the locking and the writing the file does not say who holds it.
                least = _COMMAND if error.command else 0.0 if error.process else _WRITTEN
                patience = max(seconds, least)
                if time.monotonic() >= start + patience:
                    raise
            time.sleep(_PAUSE)

    def give_back(self) -> None:
        """Remove the file and give the lock back."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(self.path, flags, 0o644)
        except PermissionError:
            # Another user's, who was killed before it was removed or given away. Nobody loses it who holds it.
            if _may_be_held(self.path):
                raise
            self.path.unlink(missing_ok=True)
        return os.open(self.path, flags, 0o644)

    def _give(self, handle: int) -> None:
        owner = self.path.parent.stat()
        if os.geteuid() == 0 and os.fstat(handle).st_uid != owner.st_uid:
            # Without the right to do so the daemon makes the file anew, see `_open`.
            with contextlib.suppress(OSError):
                os.fchown(handle, owner.st_uid, owner.st_gid)


def holder(runtime: Path = RUNTIME) -> int | None:
    """The process id of this network namespace's daemon; None where there is none. Takes no lock, not even shortly.

    A command that works on the daemon's files is none.
    """
    path = runtime / f"lock-{namespace_inode()}"
    end = time.monotonic() + _WRITTEN
    while True:
        try:
            process = _locker(path)
        except OSError:
            return None
        if process is None:
            return None
        try:
            said = _CONTENT.fullmatch(path.read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError:
            continue
        except OSError:
            return process
        if said is not None and said[1] == str(process):
            return None if said[2] else process
        # Between the locking and the writing it says nothing, or what an earlier holder wrote.
        if time.monotonic() >= end:
            return process
        time.sleep(_PAUSE)


def _locker(path: Path) -> int | None:
    there = path.stat()
    wanted = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    found = (int(row[4]) for row in _locks() if row[5] == wanted)
    return next((process for process in found if process > 0), None)


def _may_be_held(path: Path) -> bool:
    """Does anybody hold it, as far as that can be told? Some file systems show another device than the kernel's."""
    try:
        inode = str(path.stat().st_ino)
        return any(row[5].endswith(f":{inode}") for row in _locks())
    except OSError:
        return True


def _locks() -> list[list[str]]:
    rows = (line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines())
    return [row for row in rows if len(row) > 5 and row[1] == "FLOCK"]
