"""RIP begins when a LAN first has it: its code costs memory that most sites need not spend."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from routerd.config.model import Config
from routerd.model import Event, PeerKey, Problem
from routerd.reports import Check, PeerState
from routerd.rip_part import RipPart
from routerd.system.learned_routes import remove_all
from routerd.system.netlink_error import NetlinkError

if TYPE_CHECKING:
    from routerd.rip.service import RipService

log = logging.getLogger("routerd.rip")


class RipStarter:
    """Stands for `RipService` until a LAN has RIP, and for good where none does."""

    name = "rip"

    def __init__(self, emit: Callable[[Event], None], states: Callable[[], Mapping[PeerKey, PeerState]]) -> None:
        self._emit, self._states = emit, states
        self._service: RipService | None = None
        self._started = asyncio.Event()
        self._applied: tuple[RipPart, Config] | None = None

    async def apply(self, part: RipPart, config: Config) -> None:
        """Speak as the part says. Keys are read anew whenever the configuration was, though it may be the same."""
        before, self._applied = self._applied, (part, config)
        is_loaded = before is None or before[1] is not config
        if not is_loaded and before is not None and before[0] == part:
            return
        names = [lan.interface for lan in config.lans if lan.rip is not None]
        if self._service is None and names:
            module = await asyncio.to_thread(importlib.import_module, "routerd.rip.service")
            self._service = module.RipService(self._emit, self._states)
            self._started.set()
        if self._service is not None:
            directory = Path(config.leases.store.removeprefix("sqlite:")).parent
            await self._service.apply(part, names, directory, is_loaded=is_loaded)
        elif before is None:
            await self._remove_leftovers()

    async def _remove_leftovers(self) -> None:
        try:
            removed = await asyncio.to_thread(remove_all)
        except NetlinkError as error:
            log.warning("rip: routes that an earlier routerd learned cannot be removed: %s", error)
        else:
            for route in removed:
                log.info("route %s: an earlier routerd learned it; removed", route)

    def peers_changed(self) -> None:
        """As `RipService.peers_changed`."""
        if self._service is not None:
            self._service.peers_changed()

    def resync(self) -> None:
        """As `RipService.resync`."""
        if self._service is not None:
            self._service.resync()

    async def farewell(self) -> None:
        """As `RipService.farewell`; where RIP was never spoken, nothing."""
        if self._service is not None:
            await self._service.farewell()

    async def run(self) -> None:
        """Run the service once there is one."""
        await self._started.wait()
        assert self._service is not None
        await self._service.run()

    def problems(self) -> tuple[Problem, ...]:
        """What keeps RIP from being spoken or understood."""
        return () if self._service is None else self._service.problems()

    def checks(self) -> tuple[Check, ...]:
        """Is RIP spoken where it is wanted?"""
        return () if self._service is None else self._service.checks()

    def status(self) -> dict[str, object]:
        """As `RipService.status`."""
        if self._service is None:
            learned = {"kept": 0, "failed": 0, "routes": [], "left_out": 0}
            return {"speakers": [], "learned": learned, "sequence": {"file": None, "error": None}}
        return self._service.status()
