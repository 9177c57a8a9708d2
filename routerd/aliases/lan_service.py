"""The door to one LAN: sends ARP packets about its aliases, and hears those of others."""

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from routerd.alias_part import AliasLan
from routerd.aliases import arp
from routerd.aliases.claim import What
from routerd.system.sockets_arp import ArpSocket

_AT_ONCE = 64
_A_SECOND = 512
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0

Hear = Callable[[str, arp.Heard], None]


class Door:
    """`error` says why it is not open; `listen` opens it, as often as needed."""

    def __init__(self, lan: AliasLan, hear: Hear) -> None:
        self.lan = lan
        self.error: str | None = None
        self._hear = hear
        self._socket: ArpSocket | None = None
        self._ranges: list[tuple[int, int]] = []
        self._deaf: asyncio.TimerHandle | None = None
        self._heard, self._heard_since = 0, 0.0
        self._retry, self._at = _FIRST_RETRY, 0.0

    @property
    def is_open(self) -> bool:
        """Can it send and hear?"""
        return self._socket is not None

    def listen(self, addresses: Sequence[IPv4Address], now: float) -> None:
        """Hear what concerns these addresses, which are in order, from now on."""
        if self._socket is None and (now < self._at or not self._open(now)):
            return
        ranges = _ranges(addresses)
        if ranges != self._ranges and self._socket is not None:
            try:
                self._socket.listen_about(ranges)
                self._ranges = ranges
            except OSError as error:
                self._fail(error, now)

    def close(self) -> None:
        """Hear and send no more."""
        if self._deaf is not None:
            self._deaf.cancel()
            self._deaf = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._ranges = []

    def send(self, what: What, address: IPv4Address, now: float) -> None:
        """Send a packet about an address to all. Without a socket nothing is sent."""
        mac = self.lan.mac
        if what is What.PROBE:
            self._send(arp.probe(mac, address), None, now)
        elif what is What.QUESTION:
            self._send(arp.question(mac, self.lan.address, address), None, now)
        else:
            self._send(arp.announcement(mac, address), None, now)

    def answer(self, address: IPv4Address, heard: arp.Heard, now: float) -> None:
        """Tell who asked that this machine has the address; all, where it asked as one that would take it."""
        self._send(arp.answer(self.lan.mac, address, heard), None if heard.sender is None else heard.mac, now)

    # ------------------------------------------------------------ parts

    def _open(self, now: float) -> bool:
        if len(self.lan.mac) != 6:
            self.error, self._at = "it is no Ethernet", now + _LAST_RETRY
            return False
        try:
            self._socket = ArpSocket(self.lan.interface, self.lan.index)
        except OSError as error:
            self._fail(error, now)
            return False
        self.error, self._retry = None, _FIRST_RETRY
        self._listen()
        return True

    def _fail(self, error: OSError, now: float) -> None:
        self.close()
        self.error = os.strerror(error.errno) if error.errno else str(error)
        self._at = now + self._retry
        self._retry = min(self._retry * 2, _LAST_RETRY)

    def _send(self, packet: bytes, mac: bytes | None, now: float) -> None:
        if self._socket is None:
            return
        try:
            if mac is None:
                self._socket.send(packet)
            else:
                self._socket.send(packet, mac)
        except BlockingIOError:
            pass  # Its queue is full; a packet that is lost on the way is no different.
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.ENETDOWN):
                self._fail(error, now)

    def _listen(self) -> None:
        self._deaf = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._heard_since >= 1.0:
            self._heard, self._heard_since = 0, now
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                packet = self._socket.receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    self._fail(error, now)
                return
            self._heard += 1
            heard = arp.read(packet)
            if heard is not None:
                self._hear(self.lan.interface, heard)
        if self._socket is not None and self._heard >= _A_SECOND and self._deaf is None:
            # Somebody floods the LAN: what the kernel queues is enough for a second.
            loop.remove_reader(self._socket.fileno())
            self._deaf = loop.call_later(1.0, self._listen)


def _ranges(addresses: Sequence[IPv4Address]) -> list[tuple[int, int]]:
    """The addresses as ranges without gaps."""
    found: list[tuple[int, int]] = []
    for address in map(int, addresses):
        if found and address == found[-1][1] + 1:
            found[-1] = (found[-1][0], address)
        else:
            found.append((address, address))
    return found
