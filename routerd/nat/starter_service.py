"""Address translation begins when something first needs it: DHCP need not wait until its code is loaded."""

import asyncio
import importlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from routerd.model import Address, Problem
from routerd.nat_part import HostChange, NatPart, Strategy
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
        self._looked = False

    async def apply(self, part: NatPart) -> None:
        """Make the table as `part` says; where none was ever needed, only what an earlier routerd left is removed."""
        wanted = part if needs_table(part) else NatPart()
        if self._service is None and wanted != NatPart():
            module = await asyncio.to_thread(importlib.import_module, "routerd.nat.service")
            self._service = module.NatService()
            self._started.set()
        if self._service is not None:
            await self._service.apply(wanted)
        elif not self._looked:
            self._looked = True
            await self._remove_leftovers()

    def update(self, changes: Iterable[HostChange]) -> None:
        """As `NatService.update`; without a table there is nothing to move."""
        if self._service is not None:
            self._service.update(changes)

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

    def ruled(self) -> frozenset[tuple[str, Address]]:
        """As `NatService.ruled`."""
        return frozenset() if self._service is None else self._service.ruled()

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the rules from being there or from working."""
        return () if self._service is None else self._service.problems()

    def checks(self) -> tuple[Check, ...]:
        """Whether the table is there as it should be; nothing where none is needed."""
        return () if self._service is None else self._service.checks()

    def status(self) -> dict[str, object]:
        """As `NatService.status`."""
        if self._service is None:
            return {"applied": True, "table": None, "hosts_proven": 0, "flows": {}, "spoofed_packets": 0, "keep": False}
        return self._service.status()


def needs_table(part: NatPart) -> bool:
    """Does anything between a vpn and the site concern routerd? With strategy none for all nothing does."""
    if part.forwards or part.aliases or any(vpn.mapped for vpn in part.vpns):
        return True
    strategies = {lan.strategy for lan in part.lans}
    strategies |= {pin.strategy for lan in part.lans for pin in lan.pins}
    strategies |= {strategy for lan in part.lans for _, strategy in lan.mac_pins}
    return bool(strategies - {Strategy.NONE})
