"""What a start of the daemon does about trials: takes back what an earlier one left, and begins a new one."""

import asyncio
import logging
import os
import sys

from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import ConfigFile, parse_text
from routerd.confirm import Mark, Run, at_start, digest
from routerd.confirm_service import ConfirmService
from routerd.system.confirm_mark import MarkFile
from routerd.system.lock import DaemonLock

log = logging.getLogger("routerd")

_TAKING_BACK = 10.0


class RefusedError(Exception):
    """The configuration is that of a trial which was taken back; the text says how to put it into force."""


class NotBackError(Exception):
    """An earlier trial cannot be taken back; the text says why."""


class RunTrial:
    """The trial of one start, `seconds` long, None for none. The methods are called in their order."""

    def __init__(self, source: ConfigFile, seconds: float | None) -> None:
        self._source, self._seconds = source, seconds
        self._file = MarkFile()
        self._mark: Mark | None = None
        self._text = source.text

    def lock(self, lock: DaemonLock) -> None:
        """Take the lock. A helper process that takes a trial back holds it as well, for a moment. Raises as `take`."""
        lock.take_soon(_TAKING_BACK if self._file.read() is not None else 0.0)

    def choose(self, config: Config) -> Config:
        """Take an earlier trial back if there is one: the configuration to run. Raises `RefusedError`, `NotBackError`.

        Everything of that trial is gone then, or nothing is changed.
        """
        self._mark = self._file.read()
        step = at_start(self._mark, digest(self._text), is_wish=_is_wish(self._seconds))
        if self._mark is None:
            return config
        # A daemon that runs sees to what is left in DHCP servers by itself.
        if step.takes_back or (step.run is Run.NOTHING and self._mark.snapshot is not None):
            self._take_back(self._mark)
        if step.run is Run.NOTHING:
            raise RefusedError(
                f"{self._source.path}: this configuration was on trial and was not confirmed, so it is not put into "
                "force again by itself; change it, or try it again: routerd run --confirm 60s (from a terminal "
                "`routerd run` puts it into force for good)"
            )
        if step.run is Run.PREVIOUS:
            return self._previous(self._mark)
        if self._seconds is None or self._mark.digest != digest(self._text):
            self._mark = None
            self._file.remove()
        return config

    def _previous(self, mark: Mark) -> Config:
        self._text = mark.previous or ""
        try:
            config = parse_text(self._text, secrets=False)
        except ConfigError as error:
            raise RefusedError(f"the configuration from before a trial cannot be read: {error.errors[0]}") from None
        log.warning("config %s: was on trial and was not confirmed; that from before it is run", self._source.path)
        self._seconds = None
        return config

    def _take_back(self, mark: Mark) -> None:
        from routerd.system.rollback import take_back

        try:
            failed, _ = take_back(mark, self._file)
        except ValueError as error:
            failed = [str(error)]
        if failed:
            raise NotBackError(
                f"a configuration that was on trial cannot be taken back: {'; '.join(failed)}; "
                "mend that, or remove everything: routerd clean"
            )
        self._mark = self._file.read()
        log.warning("config: the daemon before this one ended before what it tried was confirmed; it is taken back")

    def service(self) -> ConfirmService:
        """What counts the time from now on, and confirms. Nothing has been put into force yet; the mark is on disk.

        Raises `ConfigError` where no trial is possible.
        """
        made = ConfirmService(self._source.path, self._text, self._mark, self._file)
        if self._seconds is not None:
            asyncio.run(made.begin(self._text, self._seconds, is_reload=False))
        return made


def _is_wish(seconds: float | None) -> bool:
    """Whether a person asks for this start, as far as that can be told. A unit with --confirm would try for ever."""
    if "NOTIFY_SOCKET" in os.environ:
        return False
    return seconds is not None or sys.stderr.isatty()
