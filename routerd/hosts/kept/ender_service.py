"""Ends flows that hosts have begun with their own addresses to a target that answers those no more."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from routerd.flows import Flow
from routerd.hosts.kept.targets import Key, hides, listened_at
from routerd.model import Network
from routerd.nat_part import NatPart
from routerd.system.conntrack import Conntrack
from routerd.system.netlink_error import NetlinkError

log = logging.getLogger("routerd.kept")


class Tracker(Protocol):
    """What is needed of the kernel's table of flows; `routerd.system.conntrack.Conntrack`."""

    async def flows(self, networks: Iterable[Network]) -> list[Flow]:
        """Those to or from these networks."""

    async def delete(self, flows: Sequence[Flow]) -> int:
        """End them; how many were there."""


class Ender:
    """Ends what cannot be answered, once the rules hide: until then the next packet would begin it as before.

    What has an answer goes on, but where the whole site lost its way back. What fails is not tried again: such flows
    end by themselves.
    """

    def __init__(self, tracker: Tracker | None = None) -> None:
        self._tracker: Tracker = tracker or Conntrack()
        self._fallen: dict[Key, bool] = {}
        self._part = NatPart()
        self._changed = asyncio.Event()

    def fell(self, key: Key, *, lost: bool) -> None:
        """A target is to be hidden from; `lost`: it answers no address of the site."""
        self._fallen[key] = lost

    def rose(self, key: Key) -> None:
        """It is kept again."""
        self._fallen.pop(key, None)

    def applied(self, part: NatPart) -> None:
        """The rules are those of the part now."""
        self._part = part
        if self._fallen:
            self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            done = {key: lost for key, lost in self._fallen.items() if hides(self._part, key)}
            if done:
                self._fallen = {key: lost for key, lost in self._fallen.items() if key not in done}
                await self._end(done)

    async def _end(self, fallen: dict[Key, bool]) -> None:
        targets: dict[object, bool] = {address: lost for (_, address), lost in fallen.items()}
        try:
            flows = await self._tracker.flows(listened_at(self._part))
            ended = await self._tracker.delete([flow for flow in flows if _is_dead(flow, targets)])
        except NetlinkError as error:
            log.warning("nat: flows without an answer cannot be ended: %s; they end by themselves", error.reason)
            return
        if ended:
            log.info("nat: %d flow%s ended, which the peer does not answer", ended, "" if ended == 1 else "s")


def _is_dead(flow: Flow, targets: dict[object, bool]) -> bool:
    lost = targets.get(flow.reply_source)
    if lost is None or flow.source_changed or not flow.destination_changed:
        return False
    return lost or flow.opening
