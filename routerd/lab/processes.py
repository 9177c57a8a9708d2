"""Processes of the lab, known by pid and start time, so that a pid that was given again is never taken for ours."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "ROUTERD_LAB"
"""The environment variable that marks every process that a lab starts."""

_PROC = Path("/proc")
_STATE, _PARENT, _START = 0, 1, 19  # fields of /proc/PID/stat, counted after the name in parentheses


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its pid, its start time in clock ticks since boot, and what it is called in the lab."""

    pid: int
    start: int
    name: str

    @property
    def alive(self) -> bool:
        """True while this very process runs; false for a zombie and for another process with the same pid."""
        fields = _stat(self.pid)
        return fields is not None and fields[_STATE] != "Z" and int(fields[_START]) == self.start


def process(pid: int, name: str) -> Process | None:
    """The process that has `pid` now, or None where there is none."""
    fields = _stat(pid)
    return None if fields is None else Process(pid, int(fields[_START]), name)


def belonging(mark: str, namespaces: Iterable[Path] = ()) -> list[Process]:
    """All living processes with a mark that begins so, or inside `namespaces`; never this process or its parents."""
    wanted = {identity for path in namespaces if (identity := _identity(path)) is not None}
    entry = f"{MARK}={mark}".encode()
    spared = _lineage()
    found = []
    for directory in _PROC.iterdir():
        if not directory.name.isdigit() or int(directory.name) in spared:
            continue
        if _identity(directory / "ns/net") in wanted or _marked(directory, entry):
            one = process(int(directory.name), "found")
            if one is not None and one.alive:
                found.append(one)
    return found


def end(processes: Iterable[Process], grace: float = 3.0) -> None:
    """Ends processes: SIGTERM, then SIGKILL for those that still run after `grace` seconds. Returns when none runs."""
    running = [one for one in processes if _send(one, signal.SIGTERM)]
    running = _wait(running, grace)
    for one in running:
        _send(one, signal.SIGKILL)
    _wait(running, grace)


def _wait(running: list[Process], limit: float) -> list[Process]:
    deadline = time.monotonic() + limit
    while running and time.monotonic() < deadline:
        time.sleep(0.01)
        running = [one for one in running if one.alive]
    return running


def _send(one: Process, number: signal.Signals) -> bool:
    # A pidfd taken first and checked afterwards cannot be led astray by a pid that is given again in between.
    try:
        descriptor = os.pidfd_open(one.pid)
    except OSError:
        return False
    try:
        if not one.alive:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _stat(pid: int) -> list[str] | None:
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return None


def _lineage() -> set[int]:
    pid, lineage = os.getpid(), set()
    while pid > 1:
        lineage.add(pid)
        fields = _stat(pid)
        pid = int(fields[_PARENT]) if fields else 0
    return lineage


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _marked(directory: Path, entry: bytes) -> bool:
    with suppress(OSError):
        return any(one.startswith(entry) for one in (directory / "environ").read_bytes().split(b"\0"))
    return False
