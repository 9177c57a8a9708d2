"""Finds the hosts of the site: leases, reservations, pins, the kernel's neighbours, and who is behind inner routers."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from routerd.config.model import Reservation
from routerd.hosts.arp import ethernet
from routerd.hosts.judge import Judge
from routerd.hosts.lans import MeasuredLan, lan_at
from routerd.hosts.schedule import HostKey
from routerd.reports import LeaseReport
from routerd.system.neighbours import neighbours, next_hop
from routerd.system.netlink_error import NetlinkError

_PAUSE = 1.0
_SHORTEST, _LONGEST = 1.0, 30.0
_STRANGERS = 20
_PIECE = 200


class Finder:
    """Tells the judge of hosts, again and again. `reason` says what could not be read."""

    def __init__(
        self,
        judge: Judge,
        leases: Callable[[], Iterable[LeaseReport]],
        reservations: Callable[[], Iterable[tuple[str, Reservation]]],
    ) -> None:
        self.reason: str | None = None
        self._judge, self._leases, self._reservations = judge, leases, reservations
        self._lans: dict[str, MeasuredLan] = {}
        self._every = _LONGEST
        self._changed = asyncio.Event()

    def configure(self, lans: dict[str, MeasuredLan], interval: float) -> None:
        """Look for the hosts of these LANs, as often as they are measured."""
        self._lans = dict(lans)
        self._every = min(max(interval, _SHORTEST), _LONGEST)
        self._changed.set()

    async def run(self, wake: Callable[[], None]) -> None:
        """Look until cancelled; `wake` is called after each time."""
        looked = 0.0
        while True:
            if self._changed.is_set() or time.monotonic() >= looked + self._every:
                self._changed.clear()
                looked = time.monotonic()
                await self._look()
                wake()
            self._look_behind()
            try:
                async with asyncio.timeout(_PAUSE if self._lans else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        if not self._lans:
            return
        self._judge.book.refused = 0
        self._judge.book.begin_look()
        await self._keep_all()
        self._judge.book.end_look()
        try:
            found = await neighbours()
        except NetlinkError as error:
            self.reason = error.reason
            return
        self.reason, now = None, time.monotonic()
        names = _names(self._lans)
        for at, row in enumerate(found):
            lan = names.get(row.link)
            if lan is not None and lan_at(self._lans, row.address) == lan:
                self._judge.neighbour((lan, row.address), row.mac, now)
            await _breathe(at)

    async def _keep_all(self) -> None:
        """Tell of the hosts of leases, reservations and pins."""
        now = time.monotonic()
        for at, lease in enumerate(self._leases()):
            if at % _PIECE == 0:
                # One number for all of a piece: there may be thousands of hosts to remember it.
                now = time.monotonic()
            if lease.state == "bound":
                self._keep((lease.lan, lease.address), now, lease.mac)
            await _breathe(at)
        for name, reservation in self._reservations():
            self._keep((name, reservation.address), now)
        for name, lan in self._lans.items():
            for address in lan.pinned:
                self._keep((name, address), now)

    def _keep(self, key: HostKey, now: float, mac: str = "") -> None:
        if lan_at(self._lans, key[1]) == key[0]:
            self._judge.found(key, now, mac=ethernet(mac), kept=True)

    def _look_behind(self) -> None:
        """Where are the addresses that flows tell of, and that are on no LAN?"""
        if not self._lans:
            return
        names = _names(self._lans)
        for address in self._judge.strangers(_STRANGERS):
            hop = self._hop(address)
            if hop is None or hop[1] is None or hop[0] not in names:
                continue
            lan = names[hop[0]]
            if lan_at(self._lans, hop[1]) == lan:
                self._judge.found((lan, address), time.monotonic(), gateway=hop[1])

    def _hop(self, address: IPv4Address) -> tuple[int, IPv4Address | None] | None:
        try:
            return next_hop(address)
        except NetlinkError as error:
            self.reason = error.reason
            return None


async def _breathe(at: int) -> None:
    """Let others run after each piece of the work."""
    if at % _PIECE == _PIECE - 1:
        await asyncio.sleep(0)


def _names(lans: Iterable[str]) -> dict[int, str]:
    found = {}
    for name in lans:
        try:
            found[socket.if_nametoindex(name)] = name
        except OSError:
            continue
    return found
