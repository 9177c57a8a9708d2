"""The door to the hosts of one LAN: sends probes from every VPN-side address, and hears what comes back."""

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from ipaddress import IPv4Address

from routerd.hosts import arp, frames
from routerd.hosts.lans import MeasuredLan, Source
from routerd.hosts.steps import Send, What
from routerd.system.sockets_return_path import MutePort, ReturnPathSocket

_AT_ONCE = 256
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0
_EPHEMERAL = 49152

Heard = Callable[[str, bytes, bytes], None]
"""Gets the LAN, an IPv4 packet and its link-layer source."""
HeardArp = Callable[[str, IPv4Address, bytes], None]


class Door:
    """Opened by `open` as often as needed; `error` says why it is not open."""

    def __init__(self, lan: MeasuredLan, heard: Heard, heard_arp: HeardArp, generator: random.Random) -> None:
        self.lan = lan
        self.error: str | None = None
        self.sent = 0
        self._heard, self._heard_arp, self._random = heard, heard_arp, generator
        self._ident = generator.getrandbits(16)
        self._socket: ReturnPathSocket | None = None
        self._mutes: list[MutePort] = []
        self._ends: dict[int | None, tuple[bytes, int]] = {}
        self._retry, self._at = _FIRST_RETRY, 0.0

    @property
    def is_open(self) -> bool:
        """Can it send?"""
        return self._socket is not None

    def open(self, now: float) -> float | None:
        """Open it if it is not, and its time has come; when to try again, None where it is open."""
        if self._socket is not None:
            return None
        if now < self._at:
            return self._at
        try:
            self._open()
        except OSError as error:
            self.close()
            self.error = os.strerror(error.errno) if error.errno else str(error)
            self._at = now + self._retry
            self._retry = min(self._retry * 2, _LAST_RETRY)
            return self._at
        self.error, self._retry = None, _FIRST_RETRY
        return None

    def verify(self) -> None:
        """Close it if its interface is gone or was made anew."""
        if self._socket is not None:
            try:
                self._socket.verify()
            except OSError as error:
                self._broken(error)

    def close(self) -> None:
        """Give everything back."""
        if self._socket is not None:
            loop = asyncio.get_running_loop()
            for number in self._socket.filenos():
                loop.remove_reader(number)
            self._socket.close()
            self._socket = None
        for mute in self._mutes:
            mute.close()
        self._mutes.clear()
        self._ends.clear()

    def send(self, send: Send, mac: bytes | None, next_hop: IPv4Address) -> bool:
        """Send a packet to a host by its next hop's link-layer address; False: it could not be sent."""
        if self._socket is None:
            return False
        try:
            if send.what is What.ARP:
                self._socket.ask(arp.request(self._socket.mac, self.lan.own.packed, next_hop.packed), None)
            elif mac is not None:
                self._socket.send(self._packet(send), mac)
            else:
                return False
        except BlockingIOError:
            return False
        except OSError as error:
            self._broken(error)
            return False
        self.sent += 1
        return True

    def is_lan_side(self, target: IPv4Address) -> bool:
        """Did an answer to this address come to the LAN's?"""
        return target == self.lan.own

    def is_ours(self, answer: frames.Answer) -> bool:
        """Does it answer a packet of this door, by its address and port?"""
        port = self._ident if answer.kind == frames.ECHO else None
        return any(
            answer.target.packed == address and answer.target_port == (own if port is None else port)
            for address, own in self._ends.values()
        )

    def _packet(self, send: Send) -> bytes:
        source, port = self._ends[send.vpn]
        target = send.host[1].packed
        if send.what is What.ECHO:
            return frames.echo(source, target, self._ident, send.number)
        ends = frames.Ends(source, target, port, send.port)
        if send.what is What.SYN:
            return frames.syn(ends, send.number)
        if send.what is What.FAR:
            return frames.far_off(ends, send.number, send.theirs)
        return frames.reset(ends, send.number)

    def _open(self) -> None:
        self._socket = ReturnPathSocket(self.lan.interface)
        own = Source(self.lan.own, (), True)
        keys: list[tuple[int | None, Source]] = [(None, own), *enumerate(self.lan.sources)]
        for key, source in keys:
            port = self._random.randrange(_EPHEMERAL, 65536)
            if source.local:
                self._mutes.append(MutePort(source.address))
                port = self._mutes[-1].port
            self._ends[key] = (source.address.packed, port)
        ports = [(int.from_bytes(address, "big"), port) for address, port in self._ends.values()]
        networks = [net for source in self.lan.sources for net in source.prefixes]
        prefixes = [(int(net.network_address), int(net.netmask)) for net in networks]
        self._socket.listen(ports, self._ident, prefixes)
        loop = asyncio.get_running_loop()
        ip, answers = self._socket.filenos()
        loop.add_reader(ip, self._readable)
        loop.add_reader(answers, self._arp_readable)

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                data, source = self._socket.receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._broken(error)
                return
            self._heard(self.lan.interface, data, source)

    def _arp_readable(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                found = arp.read_reply(self._socket.receive_arp())
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._broken(error)
                return
            if found is not None:
                self._heard_arp(self.lan.interface, *found)

    def _broken(self, error: OSError) -> None:
        with contextlib.suppress(OSError):
            self.close()
        self.error = os.strerror(error.errno) if error.errno else str(error)
        self._at = asyncio.get_running_loop().time() + self._retry
