"""Claiming begins when something first needs it: its code costs memory that most sites need not spend."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from routerd.alias_part import AliasPart, Claimed
from routerd.model import Address, Event, Problem
from routerd.system.neighbours import remove_own_proxies
from routerd.system.netlink_error import NetlinkError

if TYPE_CHECKING:
    from routerd.aliases.service import AliasService

log = logging.getLogger("routerd.aliases")


def memory_path(store: str) -> Path:
    """The file beside the leases (`leases.store`) that remembers which peer has which address of a pool."""
    return Path(f"{store.removeprefix('sqlite:')}-aliases")


class AliasStarter:
    """Stands for `AliasService` until a part has aliases, and for good where none does."""

    name = "aliases"

    def __init__(
        self,
        path: Path,
        ruled: Callable[[], Collection[tuple[str, Address]]],
        on_claims: Callable[[], None],
        emit: Callable[[Event], None],
    ) -> None:
        self._path, self._ruled, self._on_claims, self._emit = path, ruled, on_claims, emit
        self._service: AliasService | None = None
        self._started = asyncio.Event()
        self._looked = False

    def configure(self, path: Path) -> None:
        """As `AliasService.configure`."""
        self._path = path
        if self._service is not None:
            self._service.configure(path)

    async def take(self, part: AliasPart) -> None:
        """As `AliasService.take`; where there was never an alias, only what an earlier routerd left is removed."""
        if self._service is None and (part.aliases or part.pools):
            module = await asyncio.to_thread(importlib.import_module, "routerd.aliases.service")
            self._service = module.AliasService(self._path, self._ruled, self._on_claims, self._emit)
            self._started.set()
        if self._service is not None:
            await self._service.take(part)
        elif not self._looked:
            self._looked = True
            await self._remove_leftovers()

    async def _remove_leftovers(self) -> None:
        try:
            removed, failed = await asyncio.to_thread(remove_own_proxies)
        except NetlinkError as error:
            log.warning("aliases: %s", error)
            return
        for _, why in failed:
            log.warning("aliases: %s", why)
        if removed:
            log.info("aliases: removed %d that an earlier routerd has claimed", len(removed) - len(failed))

    def claimed(self) -> frozenset[Claimed]:
        """As `AliasService.claimed`."""
        return frozenset() if self._service is None else self._service.claimed()

    async def settle(self) -> None:
        """As `AliasService.settle`."""
        if self._service is not None:
            await self._service.settle()

    def resync(self) -> None:
        """As `AliasService.resync`."""
        if self._service is not None:
            self._service.resync()

    async def release(self) -> None:
        """As `AliasService.release`."""
        if self._service is not None:
            await self._service.release()

    async def run(self) -> None:
        """Run the service once there is one. Cancelling it takes back what was claimed, unless it is kept."""
        await self._started.wait()
        assert self._service is not None
        await self._service.run()

    def problems(self) -> tuple[Problem, ...]:
        """As `AliasService.problems`."""
        return () if self._service is None else self._service.problems()

    def status(self) -> dict[str, object]:
        """As `AliasService.status`."""
        return {"aliases": [], "file": None} if self._service is None else self._service.status()
