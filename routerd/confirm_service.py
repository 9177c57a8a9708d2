"""A configuration on trial: counts the time, takes it back at the deadline, and has a helper do so if that fails."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from routerd.config.durations import format_duration
from routerd.config.fault import ConfigError, ConfigFault
from routerd.confirm import ENDING, GRACE, Mark, digest, is_due, left
from routerd.confirm_texts_service import back_in_force, is_any_kept, noted, refuse_another_store
from routerd.model import Problem
from routerd.reports import Confirmed
from routerd.system import sysctl
from routerd.system.confirm_mark import MarkFile, boot_time

if TYPE_CHECKING:
    from routerd.system.confirm_guard import Guard

log = logging.getLogger("routerd")

_LONGEST_NAP, _PAUSE = 1.0, 0.1


class ConfirmService:
    """The trial of this daemon, if there is one; the rules are in confirm.py. `text` is what runs when it begins.

    `mark` is what an earlier daemon has left: a trial that was taken back, whose file is perhaps not what runs now.
    `bind` before `run`.
    """

    name = "confirm"

    def __init__(self, path: str, text: str, mark: Mark | None = None, file: MarkFile | None = None) -> None:
        self.path = path
        self._in_force = self._tried = text
        self._mark = mark
        self._file = file or MarkFile()
        self._guard: Guard | None = None
        self._before: Mark | None = None
        self._stop: Callable[[], None] = lambda: None
        self._take_back: Callable[[], Awaitable[bool]] = _impossible
        self._look_soon: Callable[[], None] = lambda: None
        self._woken = asyncio.Event()
        self._is_ending = self._is_leaving = self._guard_died = self._ran = False
        self.is_expired = False
        """Whether the daemon ends because a trial was not confirmed."""

    def bind(
        self, stop: Callable[[], None], take_back: Callable[[], Awaitable[bool]], look_soon: Callable[[], None]
    ) -> None:
        """What the end of a trial needs: `stop` ends the daemon; `take_back` puts `previous()` into force again, and
        says whether it could.
        """
        self._stop, self._take_back, self._look_soon = stop, take_back, look_soon

    # ------------------------------------------------------------ the begin

    async def begin(self, text: str, seconds: float | None, *, is_reload: bool) -> None:
        """What is put into force next is `text`: on trial for so many seconds; None: for good, or in the trial that is
        pending. The mark is on disk when this returns. Raises `ConfigError` where there can be no trial.
        """
        self._before = self._mark
        pending = self._mark if self._mark is not None and self._mark.is_pending else None
        if seconds is None and pending is None:
            return
        if is_reload:
            refuse_another_store(text, self._tried)
        try:
            if pending is None:
                assert seconds is not None
                mark = await self._new(text, seconds, is_reload=is_reload)
            else:
                deadline = pending.deadline if seconds is None else boot_time() + seconds
                taken = {**(pending.snapshot or {}), **await noted((text,), pending.snapshot)}
                mark = replace(pending, digest=digest(text), deadline=deadline, snapshot=taken or None)
            if self._guard is None:
                # Before the mark, so that there is none that nobody takes back.
                self._guard = await asyncio.to_thread(_guard, mark.trial, mark.deadline + GRACE)
            await asyncio.to_thread(self._file.write, mark)
            self._mark = mark
            self._guard.move(mark.deadline + GRACE)
        except OSError as error:
            await self.abandon()
            reason = error.strerror or str(error)
            fault = ConfigFault("--confirm", None, f"cannot be kept: {reason}", "nothing was changed; mend that first")
            raise ConfigError([fault]) from None
        if seconds is None:
            kind, span = "belongs to the trial, which ends in", format_duration(left(mark, boot_time()))
        else:
            kind, span = "on trial for", format_duration(round(seconds, 3))
        log.warning("config %s: %s %s; run `routerd confirm` to keep it", self.path, kind, span)
        self._woken.set()
        self._look_soon()

    async def _new(self, text: str, seconds: float, *, is_reload: bool) -> Mark:
        from routerd.system import snapshot

        taken = snapshot.encode(await snapshot.take(self._file.path.parent))
        taken |= await noted((self._in_force, text), None)
        earlier = None if self._mark is None else self._mark.previous
        previous = self._in_force if is_reload else earlier
        name, deadline = os.urandom(8).hex(), boot_time() + seconds
        return Mark(name, digest(text), deadline, is_reload=is_reload, previous=previous, snapshot=taken)

    async def abandon(self) -> None:
        """The configuration of `begin` could not be put into force: all is as before that."""
        now, self._mark = self._mark, self._before
        if now is not self._mark:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._keep)
        if self._mark is None or not self._mark.is_pending:
            await self._dismiss()
        elif self._guard is not None:
            self._guard.move(self._mark.deadline + GRACE)

    def taken_over(self, text: str) -> None:
        """The configuration of `begin` is in force."""
        if self._mark is not None and not self._mark.is_pending:
            # Somebody asked for it, so it is no trial's any more.
            self._mark = None
            self._keep_or_tell()
        self._tried = text
        if self._mark is None:
            self._in_force = text

    def resolved(self, text: str) -> None:
        """What is in force is written as `text` now, and is the same configuration."""
        if self._mark is None:
            self._in_force = text

    # ------------------------------------------------------------ the end

    async def confirm(self) -> Confirmed:
        """What is on trial stays in force."""
        mark = self._mark
        if mark is None or not mark.is_pending or self._is_ending or is_due(mark, boot_time()):
            return Confirmed.NOTHING
        try:
            await asyncio.to_thread(self._file.remove)
        except OSError as error:
            log.error("config %s: cannot be confirmed: %s: %s", self.path, self._file.path, error.strerror)
            return Confirmed.UNSTORED
        self._mark, self._in_force = None, self._tried
        await self._dismiss()
        log.info("config %s: confirmed; it stays in force", self.path)
        self._look_soon()
        return Confirmed.DONE

    def previous(self) -> str | None:
        """The text that is to be in force again, as its trial is over; None: nothing is to be done."""
        self._is_ending = self._is_leaving or is_due(self._mark, boot_time())
        return self._mark.previous if self._mark is not None and self._is_ending else None

    async def went_back(self) -> None:
        """`previous` is in force again."""
        assert self._mark is not None
        self._in_force = self._tried = self._mark.previous or ""
        await back_in_force(self._mark.snapshot, self._in_force)
        self._mark = replace(self._mark, is_pending=False, snapshot=None)
        self._keep_or_tell()
        await self._dismiss()
        self._is_ending = False
        why = "routerd stops before it was confirmed" if self._is_leaving else "not confirmed in time"
        log.warning("config %s: %s; the configuration from before is in force again", self.path, why)
        self._look_soon()

    async def leave(self) -> None:
        """The daemon is about to stop. What it leaves in place then (`nat.keep`) must not be of a reload on trial."""
        mark = self._mark
        if mark is None or not mark.is_pending or not mark.is_reload or self.is_expired:
            return
        if is_any_kept(self._tried, mark.previous or ""):
            self._is_leaving = True
            if not await self._take_back():
                log.error("config %s: what is on trial stays, as nat.keep says; run `routerd clean`", self.path)
            self._is_leaving = False

    def stopping(self) -> None:
        """The daemon stops: what it restores by its own rules is restored here as it was, so that is noted first."""
        mark = self._mark
        if mark is None or not mark.is_pending or mark.snapshot is None:
            return
        from routerd.system import snapshot

        self._is_ending = True
        if self._guard is not None:
            self._guard.move(boot_time() + ENDING)
        found = snapshot.decode(mark.snapshot)
        settings = {**sysctl.Originals(self._file.path.parent).values, **found.settings}
        taken = {**mark.snapshot, **snapshot.encode(replace(found, settings=settings))}
        self._mark = replace(mark, snapshot=taken)
        self._keep_or_tell()

    def finish(self) -> bool:
        """After the daemon stopped, outside of the event loop: take a started trial back; False if something stays."""
        mark, failed, is_left = self._mark, list[str](), False
        if mark is not None and mark.is_pending and mark.is_reload and not self.is_expired:
            # Every stop takes all back, also what ran before the trial.
            self._mark = replace(mark, is_pending=False, snapshot=None)
            self._keep_or_tell()
        elif mark is not None and mark.is_pending:
            from routerd.system.rollback import take_back

            try:
                failed, is_left = take_back(mark, self._file)
            except (OSError, ValueError) as error:
                failed = [str(error)]
        if not self._ran and not failed:
            # It never began to run, so it was not tried either.
            self._mark = self._before
            self._keep_or_tell()
        for text in failed:
            log.error("confirm: not taken back: %s; the helper process and the next start try again", text)
        if self._guard is not None and not failed:
            self._guard.dismiss()
        return not failed and not is_left

    # ------------------------------------------------------------ the time

    async def run(self) -> None:
        """Take a trial back at its deadline, until cancelled."""
        self._ran = True
        while True:
            now = boot_time()
            mark = self._mark
            if mark is not None and is_due(mark, now):
                await self._expire(mark)
                await asyncio.sleep(_PAUSE)
                continue
            # The clock of a wait stands still while the machine is suspended, that of the deadline does not.
            nap = None if mark is None or not mark.is_pending else min(_LONGEST_NAP, mark.deadline - now)
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await self._woken.wait()
            self._look_after_guard()

    async def _expire(self, mark: Mark) -> None:
        self._is_ending = True
        if self._guard is not None:
            self._guard.move(boot_time() + ENDING)
        if mark.is_reload and await self._take_back():
            return
        log.error("config %s: not confirmed in time; everything is taken back, and routerd ends", self.path)
        self.is_expired = True
        self._stop()
        await asyncio.Event().wait()

    def _look_after_guard(self) -> None:
        if self._guard is not None and not self._guard.is_alive and not self._guard_died:
            self._guard_died = True
            log.warning("confirm: the helper process was ended; if the daemon is as well, the next start takes back")

    async def _dismiss(self) -> None:
        guard, self._guard = self._guard, None
        self._guard_died = False
        if guard is not None:
            await asyncio.to_thread(guard.dismiss)

    def _keep(self) -> None:
        if self._mark is None:
            self._file.remove()
        else:
            self._file.write(self._mark)

    def _keep_or_tell(self) -> None:
        try:
            self._keep()
        except OSError as error:
            log.error("confirm: %s cannot be changed: %s", self._file.path, error.strerror)

    # ------------------------------------------------------------ what is shown

    def deadline(self) -> float | None:
        """When what is on trial is taken back (Unix seconds); None while nothing is."""
        if self._mark is None or not self._mark.is_pending:
            return None
        return time.time() + self._mark.deadline - boot_time()

    def problems(self) -> Iterator[Problem]:
        """What is on trial, or that the file is not what runs."""
        mark = self._mark
        if mark is None:
            return
        values = (("path", self.path), ("seconds", str(left(mark, boot_time()))))
        yield Problem("not-confirmed" if mark.is_pending else "configuration-rolled-back", "config", values)


def _guard(trial: str, deadline: float) -> "Guard":
    """Loaded when it is needed, as all that only trials need."""
    from routerd.system.confirm_guard import Guard

    return Guard(trial, deadline)


async def _impossible() -> bool:
    return False
