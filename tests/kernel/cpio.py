"""Writes the archive that a kernel unpacks as its first file system: cpio in the form "newc", not compressed."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or symbolic link: its path without the leading slash, its mode, and its content."""

    path: str
    mode: int
    content: bytes = b""
    mtime: int = 0


def directory(path: str) -> Entry:
    """A directory that everyone can read."""
    return Entry(path, stat.S_IFDIR | 0o755)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def file(path: str, content: bytes, *, mode: int = 0o644, mtime: int = 0) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | mode, content, mtime)


def write(entries: Iterable[Entry], out: BinaryIO) -> int:
    """Writes the whole archive, directories before what is in them as given; returns its length."""
    length = 0
    for number, entry in enumerate(entries, 1):
        length += out.write(_record(number, entry))
    return length + out.write(_record(0, Entry(_TRAILER, 0)))


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = [inode, entry.mode, 0, 0, links, entry.mtime, len(entry.content), 0, 0, 0, 0, len(name), 0]
    head = _MAGIC + b"".join(b"%08X" % value for value in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
