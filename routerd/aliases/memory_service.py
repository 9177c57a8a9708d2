"""Remembers which peer has which address of a pool, over restarts; without its file everything goes on from memory."""

import asyncio
import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from routerd.aliases.choice import Choice, Choices
from routerd.aliases.store import Loaded, load, save
from routerd.model import Problem
from routerd.system.worker import Worker, forget

log = logging.getLogger("routerd.aliases")

_PATIENCE = 2.0
_RETRY = 60.0


class Memory:
    """The file at `path`. What it lacks follows from the peers' keys, so that most get what they had before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._worker = Worker("routerd-aliases")
        self._loaded: Loaded | None = None
        self._error: str | None = None
        self._saving: asyncio.Future[str | None] | None = None
        self._retry_at = 0.0

    async def load(self) -> tuple[Choice, ...]:
        """What the file says. A disk that hangs is not waited for longer than 2 s."""
        reading = self._worker.run(load, self.path)
        try:
            async with asyncio.timeout(_PATIENCE):
                self._loaded = await asyncio.shield(reading)
        except TimeoutError:
            reading.add_done_callback(forget)
            self._loaded = Loaded(error="cannot be read: its disk does not answer")
        if self._loaded.error is not None:
            what = f"it was set aside as {self._loaded.aside}" if self._loaded.aside else "it is left as it is"
            log.warning("aliases: %s %s; %s", self.path, self._loaded.error, what)
        return self._loaded.rows

    def move(self, path: Path) -> None:
        """Use another file from now on; what is remembered goes there."""
        self.path, self._loaded, self._error, self._retry_at = path, Loaded(), None, 0.0

    def keep(self, choices: Choices, now: float) -> None:
        """Write the choices where they have changed; one at a time, and later again where that fails."""
        if not choices.changed or self._saving is not None or now < self._retry_at or self._unread:
            return
        self._saving = self._worker.run(save, self.path, choices.rows())
        choices.saved()
        self._saving.add_done_callback(partial(self._kept, choices, self.path))

    async def written(self) -> None:
        """Wait until what is being written was, but not for a disk that hangs."""
        if self._saving is not None:
            await asyncio.wait((self._saving,), timeout=_PATIENCE)

    def close(self) -> None:
        """Write no more."""
        self._worker.end()

    @property
    def error(self) -> str | None:
        """Why the file cannot be used; None if it can."""
        return self._loaded.error if self._unread and self._loaded is not None else self._error

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the file."""
        if self.error is not None:
            yield Problem("alias-store", "aliases", (("path", str(self.path)), ("reason", self.error)))
        if self._loaded is not None and self._loaded.aside is not None and os.path.lexists(self._loaded.aside):
            values = (("path", str(self.path)), ("reason", self._loaded.error or ""), ("aside", self._loaded.aside))
            yield Problem("alias-store-damaged", "aliases", values)

    @property
    def _unread(self) -> bool:
        """Is there something that must not be overwritten?"""
        return self._loaded is not None and self._loaded.error is not None and self._loaded.aside is None

    def _kept(self, choices: Choices, path: Path, saving: "asyncio.Future[str | None]") -> None:
        self._saving = None
        if saving.cancelled():
            return
        error = str(saving.exception()) if saving.exception() is not None else saving.result()
        if error is not None:
            choices.changed = True
            self._retry_at = asyncio.get_running_loop().time() + _RETRY
            if error != self._error:
                log.warning("aliases: %s %s; trying again every %d s", path, error, _RETRY)
        elif self._error is not None:
            log.info("aliases: %s is written again", path)
        if path == self.path:
            self._error = error
        else:
            choices.changed = True
