"""Where the configuration comes from: reads it anew on demand, and keeps the running one if the new one has faults."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager

from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.model import Config
from routerd.config.store import parse_text
from routerd.confirm_service import ConfirmService
from routerd.model import Problem
from routerd.reports import ConfigReport, ReloadResult

log = logging.getLogger("routerd")

_AGAIN = 2.0


class ConfigService:
    """The file `path`, read by `read`. One reload at a time, each inside of `during`.

    `take_over` puts a configuration into force. It and `read` raise `ConfigError` where there are faults; then the one
    from before must go on, and `refused` is called. `text` is what `read` read last; without `trial` all is for good.
    `again` is the configuration with devices that it lacked when it was read, None where it lacks none or still does.
    """

    name = "reload"

    def __init__(
        self,
        path: str,
        read: Callable[[], Config],
        take_over: Callable[[Config], Awaitable[None]],
        during: Callable[[], AbstractContextManager[None]],
        refused: Callable[[], None],
        trial: ConfirmService | None = None,
        text: Callable[[], str] = str,
        again: Callable[[], Config | None] | None = None,
    ) -> None:
        self.path = path
        self._again = again
        self._trial, self._text = trial, text
        self._read, self._take_over, self._during, self._refused = read, take_over, during, refused
        self._loaded = time.time()
        self._faults: tuple[ConfigFault, ...] = ()
        self._asked, self._lock = asyncio.Event(), asyncio.Lock()
        self._closed = False

    def ask(self) -> None:
        """Reload soon; several at once are one."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever it is asked for, until cancelled."""
        while True:
            if self._again is None:
                await self._asked.wait()
            else:
                # Not wait_for, which loses a cancellation that comes together with what it waits for (Python 3.11).
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN):
                        await self._asked.wait()
            if self._asked.is_set():
                self._asked.clear()
                await self.reload()
            elif self._again is not None:
                await self._resolve(self._again)

    async def _resolve(self, again: Callable[[], Config | None]) -> None:
        """Look whether the running configuration can have devices that it lacked; whatever fails, it goes on."""
        async with self._lock:
            if self._closed:
                return
            try:
                config = await asyncio.to_thread(again)
                if config is None:
                    return
                await self._take_over(config)
            except ConfigError as error:
                log.debug("config %s: %s", self.path, error)
                return
            if self._trial is not None:
                self._trial.resolved(self._text())
            log.info("config %s: interfaces have got their devices", self.path)

    async def close(self) -> None:
        """Take nothing over from now on; returns when what is under way is done."""
        self._closed = True
        async with self._lock:
            pass

    async def reload(self, confirm: float | None = None) -> ReloadResult:
        """Take over the configuration as it is now, or keep the running one if that has faults.

        `confirm`: on trial for so many seconds; None: for good, or within a trial that is pending.
        """
        async with self._lock:
            if self._closed:
                fault = ConfigFault("routerd", None, "is stopping", "reload after its next start")
                return ReloadResult(False, (fault,))
            with self._during():
                return await self._reload(confirm)

    async def _reload(self, confirm: float | None) -> ReloadResult:
        try:
            config = await asyncio.to_thread(self._read)
            if self._trial is None:
                await self._take_over(config)
            else:
                await self._try_out(self._trial, config, confirm)
        except ConfigError as error:
            return self._refuse(error.errors)
        self._loaded, self._faults = time.time(), ()
        log.info("config %s: taken over", self.path)
        return ReloadResult(True)

    async def _try_out(self, trial: ConfirmService, config: Config, confirm: float | None) -> None:
        text = self._text()
        await trial.begin(text, confirm, is_reload=True)
        try:
            await self._take_over(config)
        except ConfigError:
            await trial.abandon()
            raise
        trial.taken_over(text)

    async def go_back(self) -> bool:
        """Put the configuration from before a trial into force again, if the trial is over; False: that cannot be."""
        async with self._lock:
            previous = None if self._trial is None else self._trial.previous()
            if previous is None or self._trial is None or self._closed:
                return True
            try:
                with self._during():
                    await self._take_over(parse_text(previous, secrets=False))
            except ConfigError as error:
                for fault in error.errors:
                    log.error("config: that from before cannot be in force again: %s", fault)
                return False
            self._loaded, self._faults = time.time(), ()
            await self._trial.went_back()
            return True

    def _refuse(self, faults: tuple[ConfigFault, ...]) -> ReloadResult:
        self._faults = faults
        self._refused()
        for fault in faults:
            log.error("config %s: %s", self.path, fault, extra={"every": True})
        log.error("config %s: not taken over; routerd goes on with the one it has", self.path)
        return ReloadResult(False, faults)

    # ------------------------------------------------------------ what is shown

    def report(self) -> ConfigReport:
        """Where it comes from, since when it is in use, and what keeps a newer one from being so."""
        return ConfigReport(self.path, self._loaded, self._faults)

    def problems(self) -> Iterator[Problem]:
        """One, as long as the newest configuration is refused."""
        if self._faults:
            count = f"{len(self._faults)} fault{'' if len(self._faults) == 1 else 's'}"
            values = (("path", self.path), ("count", count), ("first", str(self._faults[0])))
            yield Problem("config-invalid", "config", values)
