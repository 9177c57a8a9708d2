"""The record of a lab on disk: what was made, who owns it, and the lock that says whether the owner lives."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from routerd.lab.errors import LabError
from routerd.lab.processes import Process

ROOT = Path("/run/routerd-lab")
NETNS = Path("/run/netns")
SOCKETS = Path("/var/run/wireguard")


@dataclass(slots=True)
class Record:
    """Everything that one lab made outside its own directory. Names are written before the thing itself is made."""

    id: str
    mark: str
    owner: int
    created: float
    kept: bool = False
    namespaces: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)


class State:
    """One lab's directory, its record and its lock. Holding a `State` means holding the lock."""

    def __init__(self, directory: Path, record: Record, lock: int) -> None:
        self.directory = directory
        self.record = record
        self._lock = lock

    def save(self) -> None:
        """Writes the record; a reader sees the old one or the new one, never a part."""
        fresh = self.directory / "state.new"
        fresh.write_text(json.dumps(asdict(self.record), indent=1))
        fresh.replace(self.directory / "state.json")

    def release(self) -> None:
        """Gives the lock back and leaves the rest as it is."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim(root: Path = ROOT) -> State:
    """A new lab's directory with an id that nothing on this machine uses, locked by this process."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _all_locked(root):
        for _ in range(1000):
            number = secrets.token_hex(2)
            if _taken(number):
                continue
            with suppress(FileExistsError):
                (root / number).mkdir(mode=0o700)
                lock = _lock(root / number)
                if lock is None:
                    raise LabError(f"{root / number} was locked by another process the moment it was made")
                record = Record(number, f"{number}-{secrets.token_hex(8)}", os.getpid(), time.time())
                state = State(root / number, record, lock)
                state.save()
                return state
    raise LabError(f"no free lab id is left below {root}; remove old labs with: routerd lab down")


def take(directory: Path) -> State | None:
    """An existing lab whose owner no longer lives, locked by this process; None where the owner lives or it is gone."""
    if not directory.is_dir():
        return None
    with _all_locked(directory.parent):
        lock = _lock(directory)
        if lock is None:
            return None
        return State(directory, read(directory) or _unrecorded(directory), lock)


def read(directory: Path) -> Record | None:
    """The record of a lab, or None where there is none (yet)."""
    try:
        values = json.loads((directory / "state.json").read_text())
        values["processes"] = [Process(**one) for one in values["processes"]]
        return Record(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def directories(root: Path = ROOT) -> list[Path]:
    """The directories of all labs, by id."""
    with suppress(OSError):
        return sorted(path for path in root.iterdir() if len(path.name) == 4 and path.is_dir())
    return []


def owned(directory: Path) -> bool:
    """True while the process that made the lab lives and holds its lock."""
    with _all_locked(directory.parent):
        lock = _lock(directory)
        if lock is not None:
            os.close(lock)
        return lock is None and directory.is_dir()


def _unrecorded(directory: Path) -> Record:
    # The owner died before it wrote anything, hence before it made anything.
    return Record(directory.name, secrets.token_hex(8), 0, 0.0)


def _taken(number: str) -> bool:
    namespaces = NETNS.glob(f"routerd-{number}-*")
    return any(namespaces) or any(SOCKETS.glob(f"wg{number}*"))


@contextmanager
def _all_locked(root: Path) -> Iterator[None]:
    """Between making a directory and locking it, nobody else may look at it."""
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(directory: Path) -> int | None:
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
