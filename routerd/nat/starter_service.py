"""Address translation begins when something first needs it: its code costs memory that most sites need not spend."""

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING

from routerd.model import Problem
from routerd.nat_part import NatPart
from routerd.plan_served import served, unserved
from routerd.reports import Check
from routerd.system.leftovers import LeftoverError, remove_table

if TYPE_CHECKING:
    from routerd.nat.service import NatService

log = logging.getLogger("routerd.nat")


class NatStarter:
    """Stands for `NatService` until a part needs a table, and for good where none does."""

    name = "nat"

    def __init__(self) -> None:
        self._service: NatService | None = None
        self._started = asyncio.Event()
        self._part = NatPart()
        self._looked = False

    async def apply(self, part: NatPart) -> None:
        """Make the table as `part` says; where none was ever needed, only what an earlier routerd left is removed."""
        self._part = part
        wanted = served(part)
        if self._service is None and wanted != NatPart():
            module = await asyncio.to_thread(importlib.import_module, "routerd.nat.service")
            self._service = module.NatService()
            self._started.set()
        if self._service is not None:
            await self._service.apply(wanted)
        elif not self._looked:
            self._looked = True
            await self._remove_leftovers()

    async def _remove_leftovers(self) -> None:
        try:
            removed = await asyncio.to_thread(remove_table)
        except LeftoverError as error:
            log.warning("nat: %s", error)
        else:
            if removed is not None:
                log.info("nat: removed the %s that an earlier routerd left", removed)

    async def run(self) -> None:
        """Run the service once there is one. Cancelling it removes the table, unless it is to be kept."""
        await self._started.wait()
        assert self._service is not None
        await self._service.run()

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the rules from being there or from working."""
        found = () if self._service is None else self._service.problems()
        return (*found, *unserved(self._part))

    def checks(self) -> tuple[Check, ...]:
        """Whether the table is there as it should be; nothing where none is needed."""
        return () if self._service is None else self._service.checks()

    def status(self) -> dict[str, object]:
        """As `NatService.status`."""
        if self._service is None:
            return {"applied": True, "table": None, "hosts_proven": 0, "flows": {}, "spoofed_packets": 0}
        return self._service.status()
