"""Watches what is wrong: asks everybody for their problems, and tells when one appears and when it is over."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from routerd.health import ProblemTracker
from routerd.model import Event, Problem
from routerd.problems import ERROR, INFO, WARNING
from routerd.reports import ProblemReport

log = logging.getLogger("routerd")

_LOOK_EVERY = 1.0
_SHORTEST = 0.1
_LEVELS = {ERROR: logging.ERROR, WARNING: logging.WARNING, INFO: logging.INFO}


class ProblemService:
    """Tells of every problem within a second of its beginning, or of the end of the patience with it.

    `find` gives what is wrong now; it is called once a second, soon after `look_soon`, and for every report.
    """

    name = "problems"

    def __init__(self, find: Callable[[], Iterable[Problem]], emit: Callable[[Event], None]) -> None:
        self._find, self._emit = find, emit
        self._tracker = ProblemTracker()
        self._told: tuple[ProblemReport, ...] = ()
        self._wake = asyncio.Event()

    def reports(self) -> tuple[ProblemReport, ...]:
        """What is wrong now, first causes first."""
        now = time.time()
        self._tracker.update(self._find(), now)
        return self._tracker.report(now)

    def look_soon(self) -> None:
        """Something has changed that may be a problem, or the end of one."""
        self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._wake.clear()
            self._tell(self.reports())
            now = time.time()
            ends = self._tracker.next_change(now)
            pause = _LOOK_EVERY if ends is None else max(0.0, min(ends - now, _LOOK_EVERY))
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            # What changes at the same time is looked at together, however often somebody asks for it.
            await asyncio.sleep(_SHORTEST)

    def _tell(self, rows: tuple[ProblemReport, ...]) -> None:
        if rows is self._told:
            return
        before = {(row.code, row.subject) for row in self._told}
        shown = {(row.code, row.subject) for row in rows}
        for row in rows:
            if (row.code, row.subject) not in before:
                data = {"code": row.code, "severity": row.severity, "text": row.text}
                self._emit(Event("problem", row.subject, "appeared", time.time(), data))
                log.log(_LEVELS[row.severity], "%s; %s", row.text, row.mend)
        for row in self._told:
            if (row.code, row.subject) not in shown:
                self._emit(Event("problem", row.subject, "gone", time.time(), {"code": row.code}))
                log.info("%s: %s is over", row.subject, row.code)
        self._told = rows
