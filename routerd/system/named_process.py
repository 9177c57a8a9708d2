"""Another program's process, found by its pid file: whether it is there, how it was started, and a SIGHUP for it."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

_LONGEST = 1 << 17


class SignalError(Exception):
    """The process was not signalled; the text says why. `may_not`: the right to do so is missing."""

    def __init__(self, text: str, *, may_not: bool = False) -> None:
        super().__init__(text)
        self.may_not = may_not


class Process(NamedTuple):
    """A process that a pid file names. `is_hidden`: it is there, but what it runs is not seen (/proc).

    `mark` is another value for another process, as far as that is seen: also for one that has the same number.
    """

    pid: int
    is_hidden: bool
    mark: tuple[object, ...]


def look_up(pid_file: Path, name: str) -> Process | None:
    """The process in the file, where it runs a program of this name, or may do so because that is not seen."""
    pid = _number(pid_file)
    if pid is None:
        return None
    found = _name(pid)
    if found not in (None, name) or (found is None and not _is_there(pid)):
        return None
    try:
        at = os.stat(pid_file)
    except OSError:
        return None
    return Process(pid, found is None, (pid, _started(pid), at.st_ino, at.st_mtime_ns))


def find_process(pid_file: Path, name: str) -> int | None:
    """The process in the file if it runs a program of this name; None where it does not, or where that is not seen."""
    pid = _number(pid_file)
    return pid if pid is not None and _name(pid) == name else None


def arguments(pid: int) -> tuple[str, ...]:
    """The words of the process's command line; none where they are not seen."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_LONGEST).split(b"\0")
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in words[:-1])


def hang_up(pid_file: Path, name: str, *, only_try: bool = False) -> int:
    """Send SIGHUP to the process in the file, which must run a program of this name. Raises `SignalError`.

    With `only_try` nothing is sent, and it only shows whether it could be.

    By a handle on the process: its number may be another one's by now.
    """
    pid = _number(pid_file)
    if pid is None:
        raise SignalError(f"{pid_file} names no process")
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        raise SignalError(f"process {pid} of {pid_file} is not there") from None
    try:
        found = _name(pid)
        if found is None:
            raise SignalError(f"process {pid} of {pid_file} is hidden from routerd (/proc)", may_not=True)
        if found != name:
            raise SignalError(f"process {pid} of {pid_file} is {found}, not {name}")
        signal.pidfd_send_signal(handle, 0 if only_try else signal.SIGHUP)
    except PermissionError:
        raise SignalError(f"routerd may not signal process {pid} (CAP_KILL is missing)", may_not=True) from None
    except ProcessLookupError:
        raise SignalError(f"process {pid} of {pid_file} is not there") from None
    finally:
        os.close(handle)
    return pid


def _number(pid_file: Path) -> int | None:
    try:
        with open(pid_file, "rb") as file:
            text = file.read(32).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and 1 < int(text) < 1 << 22 else None


def _is_there(pid: int) -> bool:
    try:
        os.close(os.pidfd_open(pid))
    except OSError:
        return False
    return True


def _started(pid: int) -> str | None:
    """When the process began, in the kernel's words; None where that is not seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # Its name stands in brackets, and may have any letters.
            return file.read(4096).decode(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _name(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read(64).strip().decode(errors="replace")
    except OSError:
        return None
