"""Keeps the link-layer addresses of gateways known: the rules tell by them who may come with a VPN's addresses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv4Address
from typing import Protocol

from routerd.system.neighbour_watch import NeighbourWatch
from routerd.system.neighbours import Neighbour, neighbours
from routerd.system.netlink_error import NetlinkError

_EVERY, _ASK = 15.0, 10.0
_SHORTEST = 0.05


class Watch(Protocol):
    """What tells of changes, and has the kernel look."""

    def solicit(self, link: int, address: IPv4Address) -> None:
        """Have the kernel find out whether an entry is still right."""

    def close(self) -> None:
        """Stop."""


class GatewayWatch:
    """`links` gives the index of the link that each gateway is on; `on_change` is called when an address is another.

    Only what the kernel holds for right is known: a gateway that does not answer ARP has no address here, and then the
    rules believe every machine of its LAN. The kernel is asked to make sure four times a minute, because packets of a
    gateway alone never make it do so, and a new machine in the place of the old one would be locked out for ever.
    """

    def __init__(
        self,
        links: Callable[[], Mapping[IPv4Address, int]],
        on_change: Callable[[], object],
        *,
        read: Callable[[], Awaitable[list[Neighbour]]] = neighbours,
        watch: Callable[[tuple[IPv4Address, ...], Callable[[], None]], Watch] = NeighbourWatch,
    ) -> None:
        self._links, self._on_change = links, on_change
        self._read, self._open = read, watch
        self._gateways: tuple[IPv4Address, ...] = ()
        self._watch: Watch | None = None
        self._changed = asyncio.Event()
        self._asked = -_ASK
        self.known: tuple[tuple[IPv4Address, bytes], ...] = ()
        """The gateways with their addresses, in order; read only."""

    def configure(self, gateways: tuple[IPv4Address, ...]) -> None:
        """Watch these; without any nothing is asked."""
        if gateways == self._gateways:
            return
        self._gateways = gateways
        self.known = tuple(row for row in self.known if row[0] in gateways)
        self.close()
        self._asked = -_ASK
        self._changed.set()

    def look_soon(self) -> None:
        """A link has changed."""
        if self._gateways:
            self._changed.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await self._look()
                try:
                    async with asyncio.timeout(_EVERY if self._gateways else None):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                else:
                    await asyncio.sleep(_SHORTEST)
                self._changed.clear()
        finally:
            self.close()

    def close(self) -> None:
        """Close the socket."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    async def _look(self) -> None:
        links = self._links() if self._gateways else {}
        if self._watch is None and self._gateways:
            try:
                self._watch = self._open(self._gateways, self._changed.set)
            except OSError:
                self._watch = None  # The timer finds every change as well, only later.
        now = asyncio.get_running_loop().time()
        if self._watch is not None and now >= self._asked + _ASK:
            # Not at every change: a gateway that is gone would be asked for without a pause.
            self._asked = now
            for gateway, link in links.items():
                self._watch.solicit(link, gateway)
        try:
            found = await self._read() if links else []
        except NetlinkError:
            return
        rows = sorted((row.address, row.mac) for row in found if links.get(row.address) == row.link)
        if tuple(rows) != self.known:
            self.known = tuple(rows)
            self._on_change()
