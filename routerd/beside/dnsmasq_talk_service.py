"""Asks a dnsmasq what it hands out, and tells it to read its options again: what its service for a LAN stands on."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from routerd.beside.dnsmasq_clients import Known
from routerd.beside.dnsmasq_file import lines_of
from routerd.beside.dnsmasq_heard import Heard
from routerd.beside.dnsmasq_notice_service import tell
from routerd.beside.dnsmasq_shown import Shown
from routerd.beside.dnsmasq_watch_service import Watch
from routerd.beside.options_file_service import FileError, OptionsFile
from routerd.beside.told import ASKED, PATIENCE, Finding, Verdict, judge
from routerd.beside.words import Ask, ServerKey
from routerd.beside_part import BesidePart

log = logging.getLogger("routerd.beside")

WATCHED = 0.5
"""Seconds that those have who watch the file for routerd."""
DISTANCE = 1.0
"""Seconds between two changes: with each, dnsmasq reads all its files again."""
_TRIES = 3


class DnsmasqTalk:
    """One dnsmasq and its file of options: what was heard of it, and what is shown."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        self._ask, self._changed = ask, changed
        self._file, self._watch = OptionsFile(Path(key.path)), Watch(Path(key.also), Path(key.path))
        self._shown = Shown(key.path)
        self._heard = Heard()
        self._values: dict[bytes, None] | None = None
        self._is_restarted = False
        self._told_at = -DISTANCE

    def _known(self, parts: tuple[BesidePart, ...]) -> Known:
        watch = self._watch
        return self._heard.known(parts, watch.conf, watch.links, is_seen=not watch.unseen)

    async def _ask_first(self, parts: tuple[BesidePart, ...]) -> bool:
        """What dnsmasq hands out before routerd has given it anything: that is its administrator's.

        True if the file was emptied for that: a dnsmasq of which not all is seen has read ours when it started.
        """
        is_restarted, self._is_restarted = self._is_restarted, False
        emptied = is_restarted and await self._take_out()
        self._shown.lines = lines_of(parts, self._known(parts))
        was_there = await asyncio.to_thread(os.path.exists, self._file.path)
        for _ in range(_TRIES if is_restarted else 1):
            found = await self._asked(parts)
            self._heard.note(found, self._shown.lines, is_first=True)
            if all(each is None or each.verdict is not Verdict.SILENT for each in found.values()):
                break
        if self._heard.served and was_there and not emptied:
            # It may also be what routerd gave it before, and took from the file without the right to say so.
            await self._hang_up()
            await asyncio.sleep(WATCHED)
            self._heard.note(await self._asked(parts), self._shown.lines, is_first=True)
        return emptied

    async def _take_out(self) -> bool:
        """Take all out of the file for a moment; True if something was in it."""
        with contextlib.suppress(FileError):
            if await asyncio.to_thread(self._file.empty, remove=False):
                await self._hang_up()
                await asyncio.sleep(WATCHED)
                return True
        return False

    async def _asked(self, parts: tuple[BesidePart, ...]) -> dict[str, Finding | None]:
        found = await asyncio.gather(*map(self._ask_one, parts))
        return dict(zip((part.lan for part in parts), found, strict=True))

    async def _ask_one(self, part: BesidePart) -> Finding | None:
        """None where nothing can be asked: then nothing is said either."""
        line = next((line for line in self._shown.lines if line.lan == part.lan and line.own), None)
        wanted, also = (b"", ()) if line is None else (line.value, line.values)
        try:
            return judge(wanted, self._values or (), await self._ask(part, ASKED, PATIENCE), also)
        except OSError as error:
            log.debug("beside: lan %s cannot be asked: %s", part.lan, error)
            return None

    async def _hang_up(self) -> None:
        self._told_at = time.monotonic()
        self._shown.no_right = None
        error = await asyncio.to_thread(tell, self._watch.pid_file)
        # Whether it matters shows when dnsmasq is asked: systemd may have told it, or it is about to start.
        self._shown.signal_error = None if error is None else (str(error), error.may_not)
