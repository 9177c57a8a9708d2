"""The disk under a directory: what it is, and how long it takes to sync small appended writes."""

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

_WRITES = 500
_SIZE = 4096
_MEMORY = ("tmpfs", "ramfs", "ramdisk")


class Disk(NamedTuple):
    """A file system, and milliseconds of one fdatasync after an appended write of 4 KiB."""

    name: str
    median_ms: float
    p99_ms: float


def disk(directory: Path) -> Disk:
    """Measures the disk under `directory`. Raises `RuntimeError` where that is memory."""
    found = subprocess.run(
        ["findmnt", "-nro", "SOURCE,FSTYPE", "-T", directory], capture_output=True, text=True, check=True
    )
    source, _, kind = found.stdout.strip().partition(" ")
    if kind in _MEMORY:
        raise RuntimeError(f"{directory} is on {kind}: a checkout on a real disk is needed")
    times = sorted(syncs(directory / "sync"))
    return Disk(f"{source} ({kind})", times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000)


def syncs(path: Path) -> list[float]:
    """Seconds of many fdatasyncs, each after a write that makes the file longer."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    data, times = b"\xa5" * _SIZE, []
    try:
        for _ in range(_WRITES):
            os.write(descriptor, data)
            begin = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - begin)
    finally:
        os.close(descriptor)
        path.unlink()
    return times
