"""Asks on one LAN who uses free addresses, and listens for who does: the socket and the timer of `Conflicts`.

Nothing here keeps DHCP from anything: without the socket addresses go out unasked, as where `conflict_probe` is false.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from itertools import islice

from routerd.dhcp.arp import encode_probe, read_sender
from routerd.dhcp.conflicts import Conflicts, Found
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lease import Row
from routerd.dhcp.leases import LeaseTable
from routerd.model import DhcpPart, Problem
from routerd.system.sockets_arp import ArpSocket

log = logging.getLogger("routerd.dhcp")

_AFTER_START = 0.05
"""The first clients come first."""
_RETRY_SECONDS = 60.0
_PACKETS_A_WAKE_UP = 64
_PACKETS_A_SECOND = 512
_NAMED = 3

Store = Callable[[str, tuple[Row, ...], None], object]


class ConflictWatch:
    """Keeps the table of the LAN's own network told, from `open` to `close`. `store` takes rows, `pump` writes them."""

    def __init__(
        self,
        part: DhcpPart,
        table: LeaseTable,
        own_macs: frozenset[bytes],
        counters: Counter[str],
        store: Store,
        pump: Callable[[], None],
    ) -> None:
        self._part, self._table, self._own_macs = part, table, own_macs
        self._counters, self._store, self._pump = counters, store, pump
        self._wanted = False
        self._socket: ArpSocket | None = None
        self._conflicts: Conflicts | None = None
        self._watched: tuple[Sequence[tuple[int, int]], list[int]] = ((), [])
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deaf: asyncio.TimerHandle | None = None
        self._heard, self._heard_since = 0, 0.0
        self._reason: str | None = None

    # ------------------------------------------------------------ life

    def open(self) -> None:
        """Ask from now on, if the configuration wants it. A failure is logged, and mended as soon as that works."""
        if not self._wanted:
            self._wanted = True
            self._schedule(clock() + _AFTER_START)

    def close(self) -> None:
        """Ask and listen no more."""
        self._wanted = False
        self._stop()

    def configure(self, part: DhcpPart, own_macs: frozenset[bytes]) -> None:
        """Go on with this part."""
        same = (part.index, part.mac, _wants(part)) == (self._part.index, self._part.mac, _wants(self._part))
        self._part, self._own_macs = part, own_macs
        if not _wants(part) or not same:
            self._stop()
        if self._wanted:
            if self._conflicts is not None:
                self._keep(self._conflicts.reconsider())
            self._schedule(clock())

    def poke(self) -> None:
        """Clients were answered, or time has passed: an address may be needed, be in doubt, or have become free.

        Costs nothing where it is not so.
        """
        if self._conflicts is not None:
            due = self._conflicts.next_deadline()
            if due is not None and (self._timer is None or due < self._timer_at):
                now = clock()
                if due <= now:
                    self._on_time()
                else:
                    self._schedule(due)

    def _start(self) -> None:
        part = self._part
        try:
            self._socket = ArpSocket(part.interface, part.index)
        except OSError as error:
            self._fail(error)
            return
        self._conflicts = Conflicts(self._table, clock())
        self._keep(self._conflicts.reconsider())
        self._listen()
        if self._reason is not None:
            log.info("lan %s: free addresses are probed by ARP again", part.interface)
        self._reason = None

    def _stop(self) -> None:
        for timer in (self._timer, self._deaf):
            if timer is not None:
                timer.cancel()
        self._timer = self._deaf = None
        self._watched = ((), [])
        if self._conflicts is not None:
            self._conflicts.stop()
            self._conflicts = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _fail(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self._reason:
            text = "lan %s: addresses are offered without an ARP probe: %s; trying again every %d s"
            log.warning(text, self._part.interface, reason, _RETRY_SECONDS)
        self._reason = reason
        self._stop()
        self._schedule(clock() + _RETRY_SECONDS)

    # ------------------------------------------------------------ asking

    def _schedule(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None and _wants(self._part):
            self._timer_at = at
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - clock()), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._socket is None:
            self._start()
        else:
            self._read()  # What was answered must count before silence does.
        if self._socket is None or self._conflicts is None:
            return
        addresses, found = self._conflicts.questions(clock())
        for one in found:
            self._tell(one)
        try:
            self._follow()
            for address in addresses:
                self._counters["conflict-probe-sent"] += 1
                self._socket.send(encode_probe(self._part.mac, address))
        except OSError as error:
            self._fail(error)
            return
        self._schedule(self._conflicts.next_deadline())

    def _follow(self) -> None:
        """Have the kernel wake us for the addresses that are of interest now, and for nothing else."""
        assert self._conflicts is not None
        assert self._socket is not None
        watched = self._table.pools.ranges, sorted(set(self._conflicts.watched()))
        if watched != self._watched:
            self._socket.listen_for(*watched)
            self._watched = watched

    # ------------------------------------------------------------ hearing

    def _listen(self) -> None:
        self._deaf = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        now = clock()
        if now - self._heard_since >= 1.0:
            self._heard, self._heard_since = 0, now
        for _ in range(_PACKETS_A_WAKE_UP):
            if self._socket is None:
                return
            try:
                packet = self._socket.receive()
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)
                return
            self._heard += 1
            self._hear(packet, now)
        if self._socket is not None and self._heard >= _PACKETS_A_SECOND and self._deaf is None:
            # Somebody floods the LAN: what the kernel queues is enough for a second.
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket.fileno())
            self._deaf = loop.call_later(1.0, self._listen)

    def _hear(self, packet: bytes, now: float) -> None:
        sender = read_sender(packet)
        if sender is None or self._conflicts is None or sender[1] in self._own_macs:
            return
        found = self._conflicts.heard(*sender, now)
        if found is not None:
            self._tell(found)

    def _tell(self, found: Found) -> None:
        name, address, mac = self._part.interface, IPv4Address(found.address), found.hardware[1:].hex(":")
        if found.taken is None:
            self._counters["conflict-found-late"] += 1
            log.warning("lan %s: %s was just leased, but %s uses it too", name, address, mac)
        elif found.taken:
            self._counters["conflict-found"] += 1
            log.info("lan %s: %s is used by %s without a lease; it is not offered", name, address, mac)
        else:
            self._counters["reclaimed-declined-addresses"] += 1
            log.info("lan %s: %s is no longer used by %s; it is offered again", name, address, mac)
        self._keep(found.rows)

    def _keep(self, rows: tuple[Row, ...]) -> None:
        if rows:
            self._store(self._part.own.key, rows, None)
            self._pump()

    def problems(self) -> Iterator[Problem]:
        """Addresses that cannot be offered because machines without a lease use them."""
        occupied = self._table.occupied()
        if occupied and self._wanted:
            named = [f"{IPv4Address(address)} by {mac[1:].hex(':')}" for address, mac in islice(occupied, _NAMED)]
            more = f", and {len(occupied) - _NAMED} more" if len(occupied) > _NAMED else ""
            yield Problem("address-in-use", f"lan {self._part.interface}", (("addresses", ", ".join(named) + more),))


def _wants(part: DhcpPart) -> bool:
    return part.settings.conflict_probe and len(part.mac) == 6
