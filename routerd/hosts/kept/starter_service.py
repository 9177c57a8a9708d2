"""Measuring begins when a forward or an alias first needs it: its code costs memory that most sites need not spend."""

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from routerd.config.model import ReturnPathProbe
from routerd.model import Address, Problem
from routerd.nat_part import NatPart

if TYPE_CHECKING:
    from routerd.hosts.kept.service import KeptService


class KeptStarter:
    """Stands for `KeptService` until a part has something to measure, and for good where none does."""

    name = "kept"

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._service: KeptService | None = None
        self._started = asyncio.Event()

    async def apply(self, part: NatPart, probe: ReturnPathProbe) -> None:
        """Take over what is to be measured."""
        if self._service is None and _needed(part):
            module = await asyncio.to_thread(importlib.import_module, "routerd.hosts.kept.service")
            self._service = module.KeptService(self._on_change)
            self._started.set()
        if self._service is not None:
            self._service.apply(part, probe)

    def kept(self) -> frozenset[tuple[str, Address]]:
        """As `Facts.kept`."""
        return frozenset() if self._service is None else frozenset(self._service.kept())

    def look_soon(self) -> None:
        """A peer has come or gone."""
        if self._service is not None:
            self._service.look_soon()

    async def run(self) -> None:
        """Run the service once there is one."""
        await self._started.wait()
        assert self._service is not None
        await self._service.run()

    def problems(self) -> tuple[Problem, ...]:
        """What keeps targets from being measured."""
        return () if self._service is None else self._service.problems()

    def status(self) -> dict[str, object]:
        """As `KeptService.status`."""
        return {"targets": 0, "kept": 0, "packets_sent": {}} if self._service is None else self._service.status()


def _needed(part: NatPart) -> bool:
    return any(forward.measured for forward in part.forwards) or bool(part.aliases or part.pools)
