"""Keeps on disk which sequence numbers may have been used, before any packet with one of them leaves."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from routerd.model import Problem
from routerd.rip.sequence import AHEAD, LAST, Sequence
from routerd.system.files import write_synced
from routerd.system.worker import Worker, forget

log = logging.getLogger("routerd.rip")

NAME = "rip-sequence"
"""The file, in the directory of the leases."""
_PATIENCE = 1.0
_RETRY = 60.0
_LONGEST = 32
_NEIGHBOURS_FORGET = 3600.0
"""By then routers have forgotten a machine whose numbers stepped back: six times the longest update interval."""


class SequenceStore:
    """The sequence of this machine and its file. A disk that hangs delays packets by a second, once a minute."""

    def __init__(self) -> None:
        self.sequence = Sequence()
        self._path: Path | None = None
        self._error: str | None = None
        self._damage: str | None = None
        self._damaged_at = float("-inf")
        self._worker = Worker("rip-sequence")
        self._running: asyncio.Future[None] | None = None
        self._waiting: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._retry_at = float("-inf")
        self._begun = 0

    async def open(self, directory: Path) -> None:
        """Keep the file in this directory from now on; the first time its number is where this run begins."""
        path, before = directory / NAME, self._path
        if path == before:
            return
        self._path, self._retry_at = path, float("-inf")
        if before is None:
            number, self._damage = await asyncio.to_thread(_read, path)
            self._damaged_at = time.monotonic()
            self.sequence = Sequence(number)
            self._begun = self.sequence.last
        elif self.sequence.last != self._begun:
            await self._write(min(self.sequence.last + AHEAD, LAST))

    def when_stored(self, send: Callable[[], None]) -> None:
        """Call `send` when the numbers of what it sends are on disk: now, or in order as soon as they are."""
        if not self._waiting and self._task is None and not self._needs_storing():
            send()
            return
        self._waiting.append(send)
        if self._task is None:
            self._task = asyncio.create_task(self._store(), name="rip sequence")

    def _needs_storing(self) -> bool:
        return self.sequence.unstored is not None and time.monotonic() >= self._retry_at

    async def _store(self) -> None:
        try:
            while self._waiting:
                number = self.sequence.unstored
                if number is not None and self._needs_storing():
                    await self._write(number)
                waiting, self._waiting = self._waiting, []
                for send in waiting:
                    send()
        finally:
            self._task = None

    async def _write(self, number: int) -> None:
        if self._path is None:
            return
        if self._running is not None and not self._running.done():
            self._failed("the disk does not answer")
            return
        self._running = self._worker.run(write_synced, self._path, f"{number}\n".encode())
        self._running.add_done_callback(forget)
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(self._running)
        except TimeoutError:
            self._failed("the disk does not answer")
        except OSError as error:
            self._failed(os.strerror(error.errno or 0))
        else:
            if self._error is not None:
                log.info("rip: %s can be written again", self._path)
            self._error, self._retry_at = None, float("-inf")
            self.sequence.stored(number)

    def _failed(self, reason: str) -> None:
        if self._error is None:
            log.warning("rip: %s cannot be written: %s; packets are sent all the same", self._path, reason)
        self._error, self._retry_at = reason, time.monotonic() + _RETRY

    async def finish(self) -> None:
        """What was used last goes to the disk as it is, so that the next start need not begin ahead of the clock."""
        if self.sequence.last != self._begun:
            await self._write(self.sequence.last)
        self._worker.end()

    def problems(self) -> tuple[Problem, ...]:
        """Problems while the file cannot be written, or its number is of no use: none without signed packets."""
        found, path = [], ("path", str(self._path))
        is_used = self.sequence.last != self._begun or self.sequence.last == LAST
        if self._error is not None:
            found.append(Problem("rip-sequence", "rip", (path, ("reason", self._error))))
        if is_used and self._damage is not None and time.monotonic() - self._damaged_at < _NEIGHBOURS_FORGET:
            found.append(Problem("rip-sequence-lost", "rip", (path, ("reason", self._damage))))
        if is_used and self.sequence.last == LAST:
            found.append(Problem("rip-sequence-end", "rip", (path, ("number", str(LAST)))))
        return tuple(found)

    def status(self) -> dict[str, object]:
        """The file, and why it cannot be written, if it cannot."""
        return {"file": None if self._path is None else str(self._path), "error": self._error}


def _read(path: Path) -> tuple[int, str | None]:
    """The number, and why there is none although there is a file."""
    try:
        with path.open("rb") as file:
            number = int(file.read(_LONGEST))
        if not 0 <= number <= LAST:
            raise ValueError
        return number, None
    except FileNotFoundError:
        return 0, None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "it holds no number"
        log.warning("rip: %s cannot be read: %s; sequence numbers begin with the time of the clock", path, reason)
        return 0, reason
