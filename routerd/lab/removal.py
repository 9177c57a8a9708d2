"""Removes labs: one that is at hand, and those whose owner died. Only what is recorded or marked as the lab's own."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routerd.lab import processes
from routerd.lab.errors import LabError
from routerd.lab.state import NETNS, ROOT, SOCKETS, State, directories, owned, read, take
from routerd.system.files import RUNTIME

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would end this process wait until the block is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def remove(state: State) -> None:
    """Ends the lab's processes and removes its namespaces, sockets and directory. What is gone already is fine."""
    record = state.record
    paths = [NETNS / name for name in record.namespaces]
    processes.end(one for one in record.processes if one.alive)
    for _ in range(5):  # a process that ends may leave a child of its own behind
        rest = processes.belonging(record.mark, paths)
        if not rest:
            break
        processes.end(rest)
    for name in record.sockets:
        (SOCKETS / name).unlink(missing_ok=True)
    for path in paths:
        _forget_daemon(path)
    text = "".join(f"netns del {path.name}\n" for path in paths if path.exists())
    if text:
        done = subprocess.run(["ip", "-force", "-batch", "-"], input=text, capture_output=True, text=True, check=False)
        left = [path.name for path in paths if path.exists()]
        if left:
            raise LabError(f"could not remove {', '.join(left)}: {done.stderr.strip()}")
    shutil.rmtree(state.directory, ignore_errors=True)
    state.release()


def _forget_daemon(namespace: Path) -> None:
    """What a daemon that was killed has left in the runtime directory goes with its namespace."""
    try:
        inode = namespace.stat().st_ino
    except OSError:
        return
    for name in (f"sysctl-{inode}.json", f"lock-{inode}", f"listen-{inode}", f"confirm-{inode}.json"):
        (RUNTIME / name).unlink(missing_ok=True)


def sweep(root: Path = ROOT) -> list[str]:
    """Removes the labs whose owner died without cleaning up, except kept ones. Returns their ids."""
    swept = []
    for directory in directories(root):
        record = read(directory)
        if record is not None and record.kept:
            continue
        state = take(directory)
        if state is None:
            continue
        if state.record.kept:
            state.release()
            continue
        with undisturbed():
            remove(state)
        swept.append(directory.name)
    return swept


def down(number: str, root: Path = ROOT) -> None:
    """Removes the lab with this id, kept or not. Raises `LabError` where there is none or its owner lives."""
    directory = root / number
    state = take(directory) if re.fullmatch("[0-9a-f]{4}", number) else None
    if state is not None:
        with undisturbed():
            remove(state)
        return
    record = read(directory) if directory in directories(root) else None
    if record is not None and owned(directory):
        raise LabError(f"lab {number} is in use by process {record.owner}; end that process instead")
    raise LabError(f"there is no lab {number}")


def leftovers(number: str, root: Path = ROOT) -> list[str]:
    """What there is of the lab with this id: namespaces, sockets, its directory, marked processes."""
    found = [*NETNS.glob(f"routerd-{number}-*"), *SOCKETS.glob(f"wg{number}*"), *root.glob(number)]
    running = processes.belonging(f"{number}-")
    return [*map(str, found), *(f"process {one.pid}" for one in running)]
