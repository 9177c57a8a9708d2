"""Keeps options 121 and 249 current in a dnsmasq of this machine, by a file that it reads, and nothing else of it.

The file is written where its content changes, and dnsmasq gets a SIGHUP: it reads the file again then (not before, and
of a directory it would forget nothing before). Whether clients are told is asked on each LAN, as a client would ask.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from routerd.beside.dnsmasq_conf import tags_of
from routerd.beside.dnsmasq_conf_service import NAME, read_dnsmasq
from routerd.beside.dnsmasq_file import Tags, file_text, lines_of
from routerd.beside.dnsmasq_shown import FAILURES, Shown, status
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


class DnsmasqService:
    """One dnsmasq, by the file of options that it reads. `apply` only notes what is wanted; `run` does it."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        self._ask, self._changed = ask, changed
        self._file, self._pid_file = OptionsFile(Path(key.path)), Path(key.also)
        self._parts: tuple[BesidePart, ...] | None = None
        self._due = asyncio.Event()
        self._shown = Shown(key.path)
        self._questions = Questions()
        self._values: dict[bytes, None] = {}
        self._is_new, self._is_clear = True, False
        self._text: str | None = None
        self._rewritten: list[float] = []

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
            # What is refused to be left alone is put back ever less often.
            rest = min(_SELDOM, _LOOK * 2 ** max(0, len(self._rewritten) - _CONTESTED + 1))
            try:
                due = min(rest, max(0.0, self._questions.due - time.monotonic()))
                await asyncio.wait_for(self._due.wait(), due)
            except TimeoutError:
                pass

    async def _round(self, parts: tuple[BesidePart, ...]) -> None:
        is_new, self._is_new = self._is_new, False
        await self._look(force=is_new)
        await self._write(parts, is_new)
        if parts and time.monotonic() >= self._questions.due:
            await self._ask_all(parts)

    async def _look(self, *, force: bool) -> None:
        """At the process; and at its configuration, which it reads only when it starts."""
        pid = await asyncio.to_thread(find_process, self._pid_file, NAME)
        if pid != self._shown.pid or force:
            if pid != self._shown.pid:
                self._questions.changed(time.monotonic())
            read = await asyncio.to_thread(read_dnsmasq, self._pid_file, self._file.path)
            self._shown.pid, self._shown.conf = read

    async def _write(self, parts: tuple[BesidePart, ...], is_new: bool) -> None:
        conf = self._shown.conf
        others = () if conf is None else tags_of(conf.options)
        self._shown.lines = lines_of(parts, others)
        text = self._render(parts, others)
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
        if written:
            self._note_rewritten(is_new)
            for line in self._shown.lines:
                self._values.pop(line.value, None)
                self._values[line.value] = None
            self._values = dict.fromkeys(list(self._values)[-_REMEMBERED:])
            self._questions.changed(time.monotonic())
            await self._hang_up()
        elif is_new:
            self._questions.changed(time.monotonic())
        if not parts:
            self._is_clear, self._questions.due = True, float("inf")

    def _render(self, parts: tuple[BesidePart, ...], others: Sequence[Tags]) -> str:
        """The whole file."""
        return file_text(parts, others)

    def _note_rewritten(self, is_new: bool) -> None:
        """Somebody else changes the file where it differs although nothing new is wanted."""
        now = time.monotonic()
        self._rewritten = [at for at in self._rewritten if now - at < _CALM]
        if is_new:
            log.info("beside: %s is written for dnsmasq", self._file.path)
        else:
            self._rewritten.append(now)
            log.warning("beside: %s was changed or removed by another program; it is as before again", self._file.path)
        self._shown.contested = len(self._rewritten) >= _CONTESTED

    async def _hang_up(self) -> None:
        try:
            await asyncio.to_thread(hang_up, self._pid_file, NAME)
            self._shown.signal_error = None
        except SignalError as error:
            # Whether it matters shows when dnsmasq is asked: systemd may have told it, or it is about to start.
            self._shown.signal_error = (str(error), error.may_not)

    async def _ask_all(self, parts: tuple[BesidePart, ...]) -> None:
        found = dict(zip((part.lan for part in parts), await asyncio.gather(*map(self._ask_one, parts)), strict=True))
        asked = {lan: finding for lan, finding in found.items() if finding is not None}
        right = bool(asked) and all(finding.verdict is Verdict.RIGHT for finding in asked.values())
        self._shown.findings = asked
        self._questions.answered(time.monotonic(), right=right)
        closed = None if right else await asyncio.to_thread(self._file.closed_at)
        self._shown.closed = None if closed is None else str(closed)
        if right:
            self._shown.signal_error = None
            return
        if self._questions.may_repeat:
            await self._hang_up()
        if self._shown.signal_error is not None:
            # Whoever watches the file for routerd may have begun to only now, or have missed a change while it worked.
            await asyncio.to_thread(self._file.touch)

    async def _ask_one(self, part: BesidePart) -> Finding | None:
        """None where nothing can be asked: then nothing is said either."""
        wanted = next((line.value for line in self._shown.lines if line.lan == part.lan and line.own), b"")
        try:
            return judge(wanted, self._values, await self._ask(part, ASKED, PATIENCE))
        except OSError as error:
            log.debug("beside: lan %s cannot be asked: %s", part.lan, error)
            return None

    async def withdraw(self) -> Withdrawn:
        """Empty the file, and have dnsmasq read it."""
        try:
            emptied = await asyncio.to_thread(self._file.empty, remove=False)
        except FileError as error:
            self._is_clear = error.foreign
            return Withdrawn() if error.foreign else Withdrawn(left=f"{self._file.path}: {error}")
        self._is_clear = True
        if not emptied:
            return Withdrawn()
        done = (f"routes from {self._file.path} of dnsmasq",)
        try:
            await asyncio.to_thread(hang_up, self._pid_file, NAME)
        except SignalError as error:
            is_gone = not error.may_not and await asyncio.to_thread(find_process, self._pid_file, NAME) is None
            if is_gone or (error.may_not and await self._is_taken_back()):
                return Withdrawn(done)
            return Withdrawn(done, f"dnsmasq hands out the routes until it gets a SIGHUP: {error}")
        return Withdrawn(done)

    async def _is_taken_back(self) -> bool:
        """Has somebody else told dnsmasq to read the file again?"""
        await asyncio.sleep(_WATCHED)
        parts, self._shown.lines = self._parts or (), ()
        found = await asyncio.gather(*map(self._ask_one, parts))
        return bool(parts) and not any(each is None or each.verdict is Verdict.OLD for each in found)

    # ------------------------------------------------------------ what is shown

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
        return {"pid_file": str(self._pid_file), **status(self._shown)}
