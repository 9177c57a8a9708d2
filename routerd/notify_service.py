"""Tells systemd that routerd started, reloads, stops, how it is, and that it is alive, as systemd.service(5) says."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from routerd.reports import Check, ProblemReport
from routerd.system.log import escaped
from routerd.system.notify import Notifier, monotonic_line

log = logging.getLogger("routerd")

_TELL_EVERY = 1.0
_SHORTEST = 0.05
_LONGEST_STATUS = 500


def status_line(checks: Iterable[Check], problems: Sequence[ProblemReport]) -> str:
    """How routerd is, on one line: its duties, as `/readyz` says, and the first of the problems."""
    unmet = [check for check in checks if not check.ok]
    text = "Ready" if not unmet else f"Not ready: {unmet[0].name}: {unmet[0].text}"
    if not problems:
        return f"{text}; no problems"
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems, the first"
    return f"{text}; {count}: {problems[0].text}"


class NotifyService:
    """`alive` says whether DHCP messages are answered: while they are not, the watchdog gets no sign of life, and
    systemd starts routerd anew. `status` is the line that `systemctl status` shows.
    """

    name = "systemd"

    def __init__(self, alive: Callable[[], bool], status: Callable[[], str], notifier: Notifier | None = None) -> None:
        self._alive, self._status = alive, status
        self._notifier = notifier or Notifier()
        self._told = ""
        self._reloads = 0
        watchdog = self._notifier.watchdog
        # Three signs of life in each time of the watchdog: a busy machine may delay one.
        self._feeds = None if watchdog is None else watchdog / 3
        self._pause = max(_SHORTEST, min(_TELL_EVERY, self._feeds or _TELL_EVERY))
        self._next_feed = 0.0
        self._was_alive = True
        self._unsent: dict[str, tuple[str, ...]] = {}
        """What could not be sent, by what it is about: only the newest of each counts."""

    async def run(self) -> None:
        """routerd is ready; from now on tell how it is, until cancelled."""
        if not self._notifier.wanted:
            return
        try:
            self._state("READY=1")
            while True:
                self._resend()
                self._tell_status()
                self._feed_watchdog(time.monotonic())
                await asyncio.sleep(self._pause)
        finally:
            self._notifier.close()

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """While this lasts, the unit shows as reloading."""
        self._reloads += 1
        self._state("RELOADING=1", monotonic_line())
        try:
            yield
        finally:
            self._reloads -= 1
            if not self._reloads:
                self._state("READY=1")
                self._tell_status()

    def stopping(self) -> None:
        """routerd stops from now on."""
        self._state("STOPPING=1", "STATUS=Stopping")

    def _feed_watchdog(self, now: float) -> None:
        if self._feeds is None or now < self._next_feed:
            return
        self._next_feed = now + self._feeds
        alive = self._alive()
        if alive:
            self._notifier.send("WATCHDOG=1")
        elif self._was_alive:
            log.error("dhcp: messages arrive and are not read; systemd starts routerd anew if that lasts")
        self._was_alive = alive

    def _tell_status(self) -> None:
        text = escaped(self._status())[:_LONGEST_STATUS]
        if text != self._told:
            self._told = text
            self._send("status", f"STATUS={text}")

    def _state(self, *lines: str) -> None:
        self._send("state", *lines)

    def _send(self, about: str, *lines: str) -> None:
        self._unsent.pop(about, None)
        if not self._notifier.send(*lines):
            self._unsent[about] = lines

    def _resend(self) -> None:
        for about, lines in list(self._unsent.items()):
            self._send(about, *lines)
