"""Keeps options 121 and 249 current in a dnsmasq of this machine, by a file that it reads, and nothing else of it.

The file is written where its content changes, and dnsmasq gets a SIGHUP: it reads the file again then (not before, and
of a directory it would forget nothing before). Whether clients are told is asked on each LAN, as a client would ask.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

from routerd.beside.dnsmasq_clients import Known, known_of
from routerd.beside.dnsmasq_conf_service import NAME
from routerd.beside.dnsmasq_file import lines_of, lines_text, values_in
from routerd.beside.dnsmasq_shown import FAILURES, Shown, status
from routerd.beside.dnsmasq_watch_service import Watch
from routerd.beside.hold import HoldDown
from routerd.beside.options_file_service import FileError, OptionsFile
from routerd.beside.told import ASKED, PATIENCE, Finding, Questions, Verdict, judge
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesidePart
from routerd.model import Problem
from routerd.reports import Check
from routerd.system.named_process import SignalError, find_process, hang_up

log = logging.getLogger("routerd.beside")

_LOOK, _SELDOM = 2.0, 300.0
_CALM = 600.0
_WATCHED = 0.5
_CONTESTED = 3
_REMEMBERED = 16
_DISTANCE = 1.0
"""Seconds between two changes: with each, dnsmasq reads all its files again."""


class DnsmasqService:
    """One dnsmasq, by the file of options that it reads. `apply` only notes what is wanted; `run` does it."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        self._ask, self._changed = ask, changed
        self._file, self._watch = OptionsFile(Path(key.path)), Watch(Path(key.also), Path(key.path))
        self._parts: tuple[BesidePart, ...] | None = None
        self._due = asyncio.Event()
        self._shown = Shown(key.path)
        self._questions = Questions()
        self._hold = HoldDown()
        self._values: dict[bytes, None] | None = None
        self._routers: dict[str, IPv4Address | None] = {}
        self._served: frozenset[str] = frozenset()
        self._is_new, self._is_clear, self._is_first = True, False, True
        self._text: str | None = None
        self._rewritten: list[float] = []
        self._told_at = -_DISTANCE

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        """Hand out this from now on; () removes all that was ever made."""
        if parts != self._parts:
            self._parts, self._is_new, self._is_clear = parts, True, False
            self._due.set()

    async def run(self) -> None:
        """Keep the file as the parts say, and dnsmasq by the file, until cancelled."""
        while True:
            self._due.clear()
            if self._parts is not None:
                before = self.problems(), self._is_clear
                await self._round(self._parts)
                if (self.problems(), self._is_clear) != before:
                    self._changed()
            # Not wait_for, which loses a cancellation that comes together with what it waits for (Python 3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rest()):
                    await self._due.wait()
            # What changes again and again is taken together; what is taken back is taken back after that time.
            await asyncio.sleep(max(0.0, self._told_at + _DISTANCE - time.monotonic()))

    def _rest(self) -> float:
        """How long nothing is to be done."""
        now = time.monotonic()
        # What is refused to be left alone is put back ever less often.
        rest = min(_SELDOM, _LOOK * 2.0 ** max(0, len(self._rewritten) - _CONTESTED + 1))
        return max(0.0, min(rest, self._questions.due - now, self._hold.due - now))

    async def _round(self, parts: tuple[BesidePart, ...]) -> None:
        is_new, self._is_new = self._is_new, False
        if self._values is None:
            self._values = dict.fromkeys(await asyncio.to_thread(self._handed_out))
        await self._look(parts, force=is_new)
        if self._is_first and any(net.routes for part in parts for net in part.networks):
            self._is_first = False
            await self._ask_first(parts)
        await self._write(parts, is_new)
        if parts and time.monotonic() >= self._questions.due:
            await self._ask_all(parts)

    def _handed_out(self) -> tuple[bytes, ...]:
        """What an earlier run has left in the file."""
        try:
            return values_in(self._file.read() or "")
        except FileError:
            return ()

    async def _look(self, parts: tuple[BesidePart, ...], *, force: bool) -> None:
        before = self._watch.pid
        await asyncio.to_thread(self._watch.look, force=force)
        if self._watch.pid != before:
            self._questions.changed(time.monotonic())
            if self._watch.conf is not None:
                self._routers = {}
        self._shown.pid, self._shown.conf = self._watch.pid, self._watch.conf
        self._shown.elsewhere = self._watch.elsewhere(frozenset(part.lan for part in parts))

    async def _ask_first(self, parts: tuple[BesidePart, ...]) -> None:
        """What dnsmasq hands out before routerd has given it anything: that is its administrator's."""
        if self._watch.pid is None and self._watch.conf is not None:
            return
        self._shown.lines = lines_of(parts, self._known(parts))
        found = await self._asked(parts)
        self._note(found, is_first=True)
        was_there = await asyncio.to_thread(os.path.exists, self._file.path)
        if self._served and was_there:
            # It may also be what routerd gave it before, and took from the file without the right to say so.
            await self._hang_up()
            await asyncio.sleep(_WATCHED)
            self._note(await self._asked(parts), is_first=True)

    async def _asked(self, parts: tuple[BesidePart, ...]) -> dict[str, Finding | None]:
        found = await asyncio.gather(*map(self._ask_one, parts))
        return dict(zip((part.lan for part in parts), found, strict=True))

    def _note(self, found: dict[str, Finding | None], *, is_first: bool = False) -> bool:
        """What dnsmasq was heard to tell: its routers, and routes of its administrator's. True if that is new."""
        before = dict(self._routers), self._served
        for lan, finding in found.items():
            if finding is None or finding.verdict is Verdict.SILENT:
                continue
            if finding.serves:
                self._routers[lan] = finding.router
            if is_first or not any(line.rows for line in self._shown.lines if line.lan == lan and line.own):
                strange = finding.verdict is Verdict.OTHER if is_first else finding.verdict is not Verdict.OLD
                self._served = self._served | {lan} if finding.value and strange else self._served - {lan}
        return (self._routers, self._served) != before

    def _known(self, parts: tuple[BesidePart, ...]) -> Known:
        served = [(part.networks[0].tag,) for part in parts if part.lan in self._served]
        return known_of(self._watch.conf, self._routers, self._watch.links, served)

    async def _write(self, parts: tuple[BesidePart, ...], is_new: bool) -> None:
        now = time.monotonic()
        self._shown.routers = {part.lan: part.networks[0].router for part in parts}
        text = self._render(parts, now)
        is_new, self._text = is_new or text != self._text, text
        try:
            if parts:
                written = await asyncio.to_thread(self._file.keep, text)
            else:
                written = await asyncio.to_thread(self._file.empty, remove=False)
        except FileError as error:
            self._shown.file_error = (str(error), error.hint, error.foreign)
            self._is_clear = not parts and error.foreign
            return
        self._shown.file_error = None
        self._note_rewritten(is_new, written)
        if written:
            given = dict.fromkeys(value for line in self._shown.lines for value in (line.value, *line.values))
            earlier = [value for value in self._values or () if value not in given]
            self._values = dict.fromkeys((*earlier[-_REMEMBERED:], *given))
            self._questions.changed(time.monotonic())
            await self._hang_up()
        elif is_new:
            self._questions.changed(time.monotonic())
        if not parts:
            self._is_clear, self._questions.due = True, float("inf")

    def _render(self, parts: tuple[BesidePart, ...], now: float) -> str:
        """The whole file."""
        self._shown.lines = lines_of(self._hold.admit(parts, now), self._known(parts))
        return lines_text(self._shown.lines)

    def _note_rewritten(self, is_new: bool, written: bool) -> None:
        """Somebody else changes the file where it differs although nothing new is wanted."""
        now = time.monotonic()
        self._rewritten = [at for at in self._rewritten if now - at < _CALM]
        if written and is_new:
            log.info("beside: %s is written for dnsmasq", self._file.path)
        elif written:
            self._rewritten.append(now)
            log.warning("beside: %s was changed or removed by another program; it is as before again", self._file.path)
        self._shown.contested = len(self._rewritten) >= _CONTESTED

    async def _hang_up(self) -> None:
        self._told_at = time.monotonic()
        self._shown.no_right = None
        try:
            await asyncio.to_thread(hang_up, self._watch.pid_file, NAME)
            self._shown.signal_error = None
        except SignalError as error:
            # Whether it matters shows when dnsmasq is asked: systemd may have told it, or it is about to start.
            self._shown.signal_error = (str(error), error.may_not)

    async def _ask_all(self, parts: tuple[BesidePart, ...]) -> None:
        found = await self._asked(parts)
        asked = {lan: finding for lan, finding in found.items() if finding is not None}
        right = bool(asked) and all(finding.verdict is Verdict.RIGHT for finding in asked.values())
        self._shown.findings = asked
        self._questions.answered(time.monotonic(), right=right)
        if self._note(found):
            # It tells another router than was known, so what clients are told is to be another thing.
            self._is_new = True
            self._due.set()
        closed = None if right else await asyncio.to_thread(self._file.closed_at)
        self._shown.closed = None if closed is None else str(closed)
        if right:
            self._shown.signal_error = None
            self._shown.no_right = await asyncio.to_thread(self._watch.missing_right)
            return
        if self._questions.may_repeat:
            await self._hang_up()
        if self._shown.signal_error is not None:
            # Whoever watches the file for routerd may have begun to only now, or have missed a change while it worked.
            await asyncio.to_thread(self._file.touch)

    async def _ask_one(self, part: BesidePart) -> Finding | None:
        """None where nothing can be asked: then nothing is said either."""
        line = next((line for line in self._shown.lines if line.lan == part.lan and line.own), None)
        wanted, also = (b"", ()) if line is None else (line.value, line.values)
        try:
            return judge(wanted, self._values or (), await self._ask(part, ASKED, PATIENCE), also)
        except OSError as error:
            log.debug("beside: lan %s cannot be asked: %s", part.lan, error)
            return None

    async def withdraw(self) -> Withdrawn:
        """Empty the file, and have dnsmasq read it."""
        nothing = await self._empty()
        if nothing is not None:
            return nothing
        done = (f"routes from {self._file.path} of dnsmasq",)
        try:
            await asyncio.to_thread(hang_up, self._watch.pid_file, NAME)
        except SignalError as error:
            found = await asyncio.to_thread(find_process, self._watch.pid_file, NAME)
            is_gone = not error.may_not and found is None
            if is_gone or (error.may_not and await self._is_taken_back()):
                return Withdrawn(done)
            return Withdrawn(done, f"dnsmasq hands out the routes until it gets a SIGHUP: {error}")
        return Withdrawn(done)

    async def _empty(self) -> Withdrawn | None:
        """Take all out of the file; None: dnsmasq is to be told, else there was nothing, or it cannot be done."""
        try:
            emptied = await asyncio.to_thread(self._file.empty, remove=False)
        except FileError as error:
            self._is_clear = error.foreign
            return Withdrawn() if error.foreign else Withdrawn(left=f"{self._file.path}: {error}")
        self._is_clear = True
        return None if emptied else Withdrawn()

    async def _is_taken_back(self) -> bool:
        """Has somebody else told dnsmasq to read the file again?"""
        await asyncio.sleep(_WATCHED)
        parts, self._shown.lines = self._parts or (), ()
        found = await asyncio.gather(*map(self._ask_one, parts))
        return bool(parts) and not any(each is None or each.verdict is Verdict.OLD for each in found)

    # ------------------------------------------------------------ what is shown

    @property
    def is_untouched(self) -> bool:
        """Never: its file can be looked at at any time."""
        return False

    @property
    def is_clear(self) -> bool:
        """Is nothing of routerd's in the file?"""
        return self._is_clear

    def problems(self) -> tuple[Problem, ...]:
        """What keeps dnsmasq from handing out what it should."""
        return self._shown.problems()

    def checks(self) -> tuple[Check, ...]:
        """Are the clients of every LAN told what they should be?"""
        bad = {each.subject: each.code for each in self.problems() if each.code in FAILURES}
        lans = [(lan, bad.get(f"lan {lan}")) for lan in self._shown.lans()]
        return tuple(
            Check(f"dhcp {lan}", code is None, "" if code is None else f"dnsmasq: {code}") for lan, code in lans
        )

    def status(self) -> dict[str, object]:
        """The process, and what it answers on each LAN."""
        return {"pid_file": str(self._watch.pid_file), **status(self._shown)}
