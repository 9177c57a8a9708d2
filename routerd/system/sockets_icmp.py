"""Raw ICMP sockets for probes: bound to an interface and a source address, and deaf to all but echo replies."""

import errno
import os
import socket
import struct
from ipaddress import IPv4Address, ip_address

from routerd.system.sockets_probe import Address, bind, socket_address

_SOL_RAW = 255
_ICMP_FILTER = 1
_ICMP6_FILTER = 1
_ECHO_REPLY = 0
_ECHO_REPLY6 = 129
_LARGEST_REPLY = 2048
_IPV4_HEADER = 20


class IcmpSocket:
    """One non-blocking raw socket. Every method may raise OSError, with the kernel's reason."""

    def __init__(self, version: int, interface: str | None = None, source: Address | None = None) -> None:
        """Open it for IP version 4 or 6; needs CAP_NET_RAW. Raises OSError: ENODEV, EADDRNOTAVAIL, EPERM and others.

        Without `source` it is the interface's own address.
        """
        family, protocol = (
            (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        )
        self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        try:
            self._filter(version)
            source = bind(self._socket, interface, source)
            self._index = 0 if interface is None else socket.if_nametoindex(interface)
        except BaseException:
            self._socket.close()
            raise
        self._interface, self._source = interface, source

    def fileno(self) -> int:
        """The file descriptor, for the event loop."""
        return self._socket.fileno()

    def send(self, packet: bytes, address: Address) -> None:
        """Send one ICMP message to `address`."""
        self._socket.sendto(packet, socket_address(address, self._interface))

    def receive(self) -> tuple[bytes, Address]:
        """The next datagram and who sent it: with its IP header for IPv4, without for IPv6. Raises BlockingIOError."""
        data, sender = self._socket.recvfrom(_LARGEST_REPLY)
        if self._socket.family == socket.AF_INET and len(data) >= _IPV4_HEADER:
            # Out of the header, because that is much faster than parsing the text.
            return data, IPv4Address(data[12:16])
        return data, ip_address(sender[0].partition("%")[0])

    def verify(self) -> None:
        """Raises OSError if what it is bound to is gone or was made anew: sending fails to say so (ENETUNREACH)."""
        if self._interface is not None and socket.if_nametoindex(self._interface) != self._index:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if self._source is not None:
            with socket.socket(self._socket.family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as trial:
                trial.bind(socket_address(self._source, self._interface))

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
