"""What a disk was asked to write, in order, from the log that the emulator keeps (the form of dm-log-writes). Pure.

A disk may keep what it was asked to write in a cache, in any order, until it is told to flush. Power that is lost loses
any of what came after the last flush: `disk_after` makes such a disk.
"""

import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

FLUSH, FUA, DISCARD = 1, 2, 4
MAGIC = 0x6A736677736872
_HEAD = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class Write(NamedTuple):
    """One request: where (bytes), what, its flags, and where its record ends in the log."""

    at: int
    data: bytes
    flags: int
    end: int


def writes(log: bytes) -> Iterator[Write]:
    """All requests of a log; it may be cut off anywhere. Raises ValueError for what is no such log."""
    magic, _, _, sector = _HEAD.unpack_from(log)
    if magic != MAGIC or sector < 512:
        raise ValueError("this is no log of writes")
    position = sector
    while position + sector <= len(log):
        start, count, flags, _ = _ENTRY.unpack_from(log, position)
        position += sector
        size = 0 if flags & DISCARD else count * sector
        if (not count and not flags) or position + size > len(log):
            return
        data = log[position : position + size]
        position += size
        yield Write(start * sector, data, flags, position)


def disk_after(disk: bytearray, done: list[Write], rng: random.Random) -> bytearray:
    """The disk when the power is lost after these requests.

    What came before the last flush is there, and what had to be (FUA). Of the rest, anything may be missing, and one
    in four of the writes that are there is there in part only.
    """
    flushed = max((number for number, write in enumerate(done) if write.flags & FLUSH), default=-1)
    for number, write in enumerate(done):
        data = write.data
        if number > flushed and not write.flags & FUA:
            if rng.random() < 0.5:
                continue
            if rng.random() < 0.25:
                data = data[: rng.randrange(0, len(data) + 1, 512)]
        disk[write.at : write.at + len(data)] = data
    return disk
