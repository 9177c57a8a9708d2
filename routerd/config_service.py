"""Where the configuration comes from: reads it anew on demand, and keeps the running one if the new one has faults."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager

from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.model import Config
from routerd.model import Problem
from routerd.reports import ConfigReport, ReloadResult

log = logging.getLogger("routerd")


class ConfigService:
    """The file `path`, read by `read`. One reload at a time, each inside of `during`.

    `take_over` puts a configuration into force. It and `read` raise `ConfigError` where there are faults; then the one
    from before must go on, and `refused` is called.
    """

    name = "reload"

    def __init__(
        self,
        path: str,
        read: Callable[[], Config],
        take_over: Callable[[Config], Awaitable[None]],
        during: Callable[[], AbstractContextManager[None]],
        refused: Callable[[], None],
    ) -> None:
        self.path = path
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
            await self._asked.wait()
            self._asked.clear()
            await self.reload()

    async def close(self) -> None:
        """Take nothing over from now on; returns when what is under way is done."""
        self._closed = True
        async with self._lock:
            pass

    async def reload(self) -> ReloadResult:
        """Take over the configuration as it is now, or keep the running one if that has faults."""
        async with self._lock:
            if self._closed:
                fault = ConfigFault("routerd", None, "is stopping", "reload after its next start")
                return ReloadResult(False, (fault,))
            with self._during():
                return await self._reload()

    async def _reload(self) -> ReloadResult:
        try:
            await self._take_over(await asyncio.to_thread(self._read))
        except ConfigError as error:
            return self._refuse(error.errors)
        self._loaded, self._faults = time.time(), ()
        log.info("config %s: taken over", self.path)
        return ReloadResult(True)

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
