"""Figures of routerd's own process."""

import asyncio
import os


def own_process() -> dict[str, object]:
    """Process id, resident memory in bytes, open files, and tasks of the running loop."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return {
        "pid": os.getpid(),
        "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "open_files": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
    }
