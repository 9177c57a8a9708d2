"""Brings the kernel's flows between the VPN and the site: what is there at the start, and then every change."""

import asyncio
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
from typing import Protocol

from routerd.flows import Flow
from routerd.model import Network
from routerd.system.conntrack import Conntrack, ConntrackEvents, events_are_on
from routerd.system.netlink_error import NetlinkError

_POLL, _SHARE = 1.0, 20
_RETRY = 10.0
_PIECE = 500


class Tracker(Protocol):
    """What is read of the kernel's table of flows; `routerd.system.conntrack.Conntrack`."""

    async def flows(self, networks: Iterable[Network]) -> list[Flow]:
        """Those to or from these networks."""


class FlowFeed:
    """Calls `heard(flow, what)`: new, changed, ended, or listed (it was there already).

    Where the kernel does not tell of flows, its table is read again and again.
    """

    def __init__(self, heard: Callable[[Flow, str], None], tracker: Tracker | None = None) -> None:
        self.reason: str | None = None
        self._heard = heard
        self._tracker = tracker or Conntrack()
        self._networks: tuple[IPv4Network, ...] = ()
        self._changed = asyncio.Event()
        self._events: ConntrackEvents | None = None

    def configure(self, networks: Iterable[IPv4Network]) -> None:
        """Watch the flows to and from these networks."""
        wanted = tuple(sorted(set(networks)))
        if wanted != self._networks:
            self._networks = wanted
            self._close()
            self._changed.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                self._changed.clear()
                pause = await self._read() if self._networks else None
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            self._close()

    async def _read(self) -> float | None:
        """Read all; how long to wait until the next time, None: until something was lost."""
        began = time.monotonic()
        try:
            if self._events is None and events_are_on():
                self._events = ConntrackEvents(
                    self._networks, self._on_event, self._changed.set, changed=True, ended=True
                )
            flows = await self._tracker.flows(self._networks)
        except NetlinkError as error:
            self.reason = error.reason
            self._close()
            return _RETRY
        self.reason = None
        for at, flow in enumerate(flows):
            self._heard(flow, "listed")
            if at % _PIECE == _PIECE - 1:
                await asyncio.sleep(0)
        took = time.monotonic() - began
        if self._events is None:
            return max(_POLL, took * _SHARE)
        # What was lost is read soon, but never so often that nothing else is done.
        await asyncio.sleep(took * _SHARE)
        return None

    def _on_event(self, what: str, flow: Flow) -> None:
        self._heard(flow, what)

    def _close(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None
