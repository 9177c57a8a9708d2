"""Kea's configuration file: looked at before Kea is asked to write it, and afterwards."""

import asyncio
import os
import time
from typing import Any

from routerd.beside.kea_door_service import started_at, started_with
from routerd.beside.kea_file import (
    FileIdentity,
    FileSeen,
    fingerprint,
    has_room,
    is_as_started,
    may_have_ours,
    parsed,
)
from routerd.beside.kea_talk_service import KeaTalk, Read
from routerd.beside.kea_wire import LARGEST, KeaError

USUAL_FILE = "/etc/kea/kea-dhcp4.conf"
"""Where packages have it."""


class KeaFile:
    """The file of one Kea. What it is known to say is remembered as long as nobody else changes either."""

    def __init__(self, talk: KeaTalk) -> None:
        self._talk = talk
        self._trusted: tuple[FileIdentity, bytes] | None = None
        self.path: str | None = None
        self.watched: str | None = None
        """The file, also where it is not to be written; None where it is not known."""
        self.reason: str | None = None
        """Why the file is left as it is; None where it says what Kea runs, or was not looked at."""
        self._may: bool = False

    def use(self, talk: KeaTalk) -> None:
        """Ask Kea through this from now on."""
        self._talk = talk

    def leave(self, read: Read, configured: str | None) -> None:
        """Leave the file alone, which is no problem."""
        self.watched, _ = _path(read.pid, configured)
        self.path = self.reason = self._trusted = None
        self._may = False

    async def look(self, read: Read, configured: str | None) -> None:
        """Before Kea's configuration is changed: may the file be written afterwards? `read` is what Kea runs now.

        `configured` is the key config_file. Sets `reason`.
        """
        self.path, self.reason = _path(read.pid, configured)
        self.watched = self.path
        self._may = False
        if self.reason is None and self.path is not None:
            self.reason = await self._why_not(self.path, read)
            self._may = self.reason is None

    async def _why_not(self, path: str, read: Read) -> str | None:
        seen = await _seen(path)
        if isinstance(seen, str):
            return seen
        config, reason = await asyncio.to_thread(parsed, seen.data)
        if config is None:
            return reason
        now = await asyncio.to_thread(fingerprint, read.config)
        if await asyncio.to_thread(fingerprint, config) != now and self._trusted != (seen.identity, now):
            since = await self._talk.since()
            if not is_as_started(seen, since, time.time(), started_at(read.pid) if read.pid else None):
                return "it does not say what Kea runs: it may have edits that Kea has not loaded yet"
        if not has_room(seen, read.config):
            return "its disk has too little room left to write it safely"
        self._trusted = (seen.identity, now)
        return None

    async def write(self, running: dict[str, Any]) -> bool:
        """Afterwards: have Kea write the file unless it says what Kea runs now already, and see that it does.

        True where it was written. Sets `reason`.
        """
        if not self._may or self.path is None:
            return False
        seen = await _seen(self.path)
        if isinstance(seen, str) or self._trusted is None or seen.identity != self._trusted[0]:
            self.reason = seen if isinstance(seen, str) else "it is being edited"
            return False
        if parsed(seen.data)[0] == running:
            return False
        try:
            written = await self._talk.write()
        except KeaError as error:
            self.reason = f"Kea cannot write it: {error}"
            return False
        after = await _seen(self.path)
        if isinstance(after, str) or parsed(after.data)[0] != running:
            self.reason = f"Kea says that it wrote {written or 'it'}, but it does not say what Kea runs"
            return False
        self._trusted = (after.identity, fingerprint(running))
        return True

    async def has_ours(self, read: Read, configured: str | None) -> bool:
        """Does the file have something of routerd's? False where it cannot be seen."""
        path, _ = _path(read.pid, configured)
        seen = await _seen(path) if path is not None else ""
        return not isinstance(seen, str) and await asyncio.to_thread(may_have_ours, seen.data)


async def file_has_ours(path: str) -> bool | None:
    """Has this file of a Kea that does not run something of routerd's? None where it cannot be read."""
    seen = await _seen(path)
    return None if isinstance(seen, str) else await asyncio.to_thread(may_have_ours, seen.data)


def _path(pid: int, configured: str | None) -> tuple[str | None, str | None]:
    """The file, or why it is not known."""
    started = started_with(pid) if pid else None
    if started is None and configured is None:
        return None, "the file that Kea was started with cannot be seen from here"
    if started is not None and configured is not None and not _is_same(started, configured):
        return configured, f"Kea was started with {started}"
    return started or configured, None


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one == other


async def _seen(path: str) -> FileSeen | str:
    """The file, or why it cannot be read."""
    try:
        return await asyncio.to_thread(_read, path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _read(path: str) -> FileSeen:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        data = file.read(LARGEST + 1)
    disk = os.statvfs(path)
    identity = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return FileSeen(data, identity, max(found.st_mtime, found.st_ctime), disk.f_bavail * disk.f_frsize)
