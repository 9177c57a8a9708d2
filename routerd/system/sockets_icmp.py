"""Raw ICMP sockets for probes: bound to an interface and a source address, and deaf to all but echo replies."""

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

_SOL_RAW = 255
_ICMP_FILTER = 1
_ICMP6_FILTER = 1
_ECHO_REPLY = 0
_ECHO_REPLY6 = 129
_LARGEST_REPLY = 2048


class IcmpSocket:
    """One non-blocking raw socket. Every method may raise OSError, with the kernel's reason."""

    def __init__(self, version: int, interface: str | None = None, source: Address | None = None) -> None:
        """Open it for IP version 4 or 6; needs CAP_NET_RAW. Raises OSError: ENODEV, EADDRNOTAVAIL, EPERM and others."""
        family, protocol = (
            (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        )
        self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        try:
            self._filter(version)
            if interface is not None:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            if source is not None:
                scope = _scope(source, interface)
                self._socket.bind((str(source), 0) if version == 4 else (str(source), 0, 0, scope))
        except BaseException:
            self._socket.close()
            raise
        self._interface = interface

    def fileno(self) -> int:
        """The file descriptor, for the event loop."""
        return self._socket.fileno()

    def send(self, packet: bytes, address: Address) -> None:
        """Send one ICMP message to `address`."""
        if address.version == 4:
            self._socket.sendto(packet, (str(address), 0))
        else:
            self._socket.sendto(packet, (str(address), 0, 0, _scope(address, self._interface)))

    def receive(self) -> tuple[bytes, Address]:
        """The next datagram and who sent it: with its IP header for IPv4, without for IPv6. Raises BlockingIOError."""
        data, sender = self._socket.recvfrom(_LARGEST_REPLY)
        return data, ip_address(sender[0].partition("%")[0])

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        self._socket.close()

    def _filter(self, version: int) -> None:
        # Set before the bind, so that foreign ICMP never fills the buffer. A set bit is a type that is kept out.
        if version == 4:
            self._socket.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << _ECHO_REPLY)))
        else:
            words = [0xFFFFFFFF] * 8
            words[_ECHO_REPLY6 // 32] &= ~(1 << _ECHO_REPLY6 % 32)
            self._socket.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))


def _scope(address: Address, interface: str | None) -> int:
    return socket.if_nametoindex(interface) if interface is not None and address.is_link_local else 0
