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

from routerd.beside.dnsmasq_contest import Contest
from routerd.beside.dnsmasq_file import lines_of, lines_text, values_in
from routerd.beside.dnsmasq_notice_service import is_watched, missing_right, tell
from routerd.beside.dnsmasq_shown import status
from routerd.beside.dnsmasq_talk_service import DISTANCE, WATCHED, DnsmasqTalk
from routerd.beside.hold import HoldDown
from routerd.beside.options_file_service import FileError
from routerd.beside.told import Questions, Verdict
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesidePart
from routerd.model import Problem
from routerd.reports import Check

log = logging.getLogger("routerd.beside")

_LOOK, _SELDOM = 2.0, 300.0
_REMEMBERED = 16
_RIGHTS, _FAREWELLS = 30.0, 2


class DnsmasqService(DnsmasqTalk):
    """One dnsmasq, by the file of options that it reads. `apply` only notes what is wanted; `run` does it."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        super().__init__(key, ask, changed)
        self._parts: tuple[BesidePart, ...] | None = None
        self._due = asyncio.Event()
        self._questions = Questions()
        self._hold = HoldDown()
        self._is_new, self._is_clear, self._is_first = True, False, True
        self._owed: tuple[object, ...] | None = None
        """The process that has not been told yet that nothing is wanted of it any more."""
        self._rights_at = 0.0
        self._text: str | None = None
        self._contest = Contest()

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
            await asyncio.sleep(max(0.0, self._told_at + DISTANCE - time.monotonic()))

    def _rest(self) -> float:
        """How long nothing is to be done."""
        now = time.monotonic()
        rest = min(_SELDOM, self._contest.slower(_LOOK))
        return max(0.0, min(rest, self._questions.due - now, self._hold.due - now))

    async def _round(self, parts: tuple[BesidePart, ...]) -> None:
        is_new, self._is_new = self._is_new, False
        if self._values is None:
            self._values = dict.fromkeys(await asyncio.to_thread(self._handed_out))
        await self._look(parts, force=is_new)
        if self._is_first and any(net.routes for part in parts for net in part.networks):
            self._is_first = False
            is_new = await self._ask_first(parts) or is_new
        await self._write(parts, is_new)
        if parts and time.monotonic() >= self._questions.due:
            await self._ask_all(parts)
        elif self._shown.no_right is not None and time.monotonic() >= self._rights_at + _RIGHTS:
            await self._look_at_rights()

    def _handed_out(self) -> tuple[bytes, ...]:
        """What an earlier run has left in the file."""
        try:
            return values_in(self._file.read() or "")
        except FileError:
            return ()

    async def _look(self, parts: tuple[BesidePart, ...], *, force: bool) -> None:
        watch = self._watch
        mark, edits = watch.mark, watch.edits
        await asyncio.to_thread(watch.look, force=force)
        if watch.mark != mark:
            self._questions.changed(time.monotonic())
            if watch.process is not None:
                self._heard.forget(routers=watch.conf is not None)
            if watch.process is not None and watch.unseen:
                # It may have begun with other options, and has read ours as well.
                self._is_first, self._is_restarted = True, self._text is not None
        elif watch.edits != edits:
            self._questions.changed(time.monotonic())
            if not watch.unseen:
                self._heard.served = frozenset()
        self._shown.pid = None if watch.process is None else watch.process.pid
        self._shown.conf, self._shown.unseen = watch.conf, watch.unseen
        self._shown.elsewhere = watch.elsewhere(frozenset(part.lan for part in parts))

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
        self._shown.contested = self._contest.note(now, written=written, is_new=is_new)
        if written:
            self._log_written(is_new=is_new)
        if written:
            given = dict.fromkeys(value for line in self._shown.lines for value in (line.value, *line.values))
            earlier = [value for value in self._values or () if value not in given]
            self._values = dict.fromkeys((*earlier[-_REMEMBERED:], *given))
            self._questions.changed(time.monotonic())
            await self._hang_up()
        elif is_new:
            self._questions.changed(time.monotonic())
        if not parts:
            self._questions.due = float("inf")
            await self._settle(was_told=written)

    def _log_written(self, *, is_new: bool) -> None:
        if is_new:
            log.info("beside: %s is written for dnsmasq", self._file.path)
        else:
            log.warning("beside: %s was changed or removed by another program; it is as before again", self._file.path)

    async def _settle(self, *, was_told: bool) -> None:
        """Nothing is wanted any more: see that dnsmasq was told so, or has been started anew."""
        if self._is_clear:
            return
        mark = self._watch.mark
        if self._owed is None or mark == self._owed:
            if not was_told and await asyncio.to_thread(os.path.exists, self._file.path):
                await self._hang_up()
            error = self._shown.signal_error
            if error is not None and error[1] and not await self._is_watched():
                if self._owed is None:
                    log.warning("beside: dnsmasq hands out the routes until it gets a SIGHUP: %s", error[0])
                self._owed = mark
                return
        self._owed, self._is_clear = None, True

    async def _is_watched(self) -> bool:
        return await asyncio.to_thread(is_watched, self._file.path, self._file.touch)

    def _render(self, parts: tuple[BesidePart, ...], now: float) -> str:
        """The whole file."""
        self._shown.lines = lines_of(self._hold.admit(parts, now), self._known(parts))
        return lines_text(self._shown.lines)

    async def _look_at_rights(self) -> None:
        self._rights_at = time.monotonic()
        path, touch = self._file.path, self._file.touch
        self._shown.no_right = await asyncio.to_thread(missing_right, self._watch.pid_file, path, touch)

    async def _ask_all(self, parts: tuple[BesidePart, ...]) -> None:
        found = await self._asked(parts)
        asked = {lan: finding for lan, finding in found.items() if finding is not None}
        right = bool(asked) and all(finding.verdict is Verdict.RIGHT for finding in asked.values())
        self._shown.findings = asked
        # What the administrator's own options keep back is to be handed out soon after they are gone.
        self._questions.answered(time.monotonic(), right=right and not self._heard.served)
        if self._heard.note(found, self._shown.lines):
            # It tells another router than was known, so what clients are told is to be another thing.
            self._is_new = True
            self._due.set()
        closed = None if right else await asyncio.to_thread(self._file.closed_at)
        self._shown.closed = None if closed is None else str(closed)
        if right:
            self._shown.signal_error = None
            await self._look_at_rights()
            return
        if self._questions.may_repeat:
            await self._hang_up()
        if self._shown.signal_error is not None:
            # Whoever watches the file for routerd may have begun to only now, or have missed a change while it worked.
            await asyncio.to_thread(self._file.touch)

    async def withdraw(self) -> Withdrawn:
        """Empty the file, and have dnsmasq read it; it may not have been told of a file that is empty already."""
        nothing = await self._empty(again=self._parts is None or self._owed is not None)
        if isinstance(nothing, Withdrawn):
            return nothing
        done = (f"routes from {self._file.path} of dnsmasq",) if nothing else ()
        error = await asyncio.to_thread(tell, self._watch.pid_file)
        if error is not None and error.may_not and not await self._is_taken_back():
            return Withdrawn(done, f"dnsmasq hands out the routes until it gets a SIGHUP: {error}")
        self._is_clear = True
        return Withdrawn(done)

    async def _empty(self, *, again: bool = False) -> Withdrawn | bool:
        """Take all out of the file. A `bool`: dnsmasq is to be told, True if something was in the file.

        Else there was nothing, or it cannot be done. With `again` dnsmasq is also told of a file that is empty already.
        """
        try:
            there = await asyncio.to_thread(self._file.read) is not None
            emptied = await asyncio.to_thread(self._file.empty, remove=False)
        except FileError as error:
            self._is_clear = error.foreign
            return Withdrawn() if error.foreign else Withdrawn(left=f"{self._file.path}: {error}")
        if emptied or (again and there):
            return emptied
        self._is_clear = True
        return Withdrawn()

    async def _is_taken_back(self) -> bool:
        """Has somebody else told dnsmasq to read the file again?"""
        parts, self._shown.lines = self._parts or (), ()
        for _ in range(_FAREWELLS):
            await asyncio.sleep(WATCHED)
            found = await asyncio.gather(*map(self._ask_one, parts))
            if bool(parts) and not any(each is None or each.verdict is Verdict.OLD for each in found):
                return True
        return False

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
        bad = self._shown.failures()
        lans = [(lan, bad.get(lan)) for lan in self._shown.lans()]
        return tuple(
            Check(f"dhcp {lan}", code is None, "" if code is None else f"dnsmasq: {code}") for lan, code in lans
        )

    def status(self) -> dict[str, object]:
        """The process, and what it answers on each LAN."""
        return {"pid_file": str(self._watch.pid_file), **status(self._shown)}
