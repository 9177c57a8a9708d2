"""What all sockets of probes share: they leave by the VPN interface, from its own address."""

import errno
import fcntl
import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

from routerd.system.addresses import ipv6_addresses

Address = IPv4Address | IPv6Address

_SIOCGIFADDR = 0x8915


def bind(opened: socket.socket, interface: str | None, source: Address | None) -> Address | None:
    """Bind a socket to the interface and to `source`, or to the interface's own address where that is None.

    The address that it is bound to; None where it is free to use any. Raises OSError, EADDRNOTAVAIL for an interface
    without an address of the socket's family.
    """
    if interface is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        if source is None:
            # Left to itself the kernel may take another interface's address, which the peer has no way back to.
            source = own_address(interface, 4 if opened.family == socket.AF_INET else 6)
    if source is not None:
        opened.bind(socket_address(source, interface))
    return source


def own_address(interface: str, version: int) -> Address:
    """The first usable address of the interface, a global one before a link-local one. Raises OSError."""
    return _own_ipv4(interface) if version == 4 else _own_ipv6(interface)


def socket_address(
    address: Address, interface: str | None, port: int = 0
) -> tuple[str, int] | tuple[str, int, int, int]:
    """The socket address of an IP address; a link-local one is of the interface."""
    if address.version == 4:
        return (str(address), port)
    scope = socket.if_nametoindex(interface) if interface is not None and address.is_link_local else 0
    return (str(address), port, 0, scope)


def _own_ipv4(interface: str) -> IPv4Address:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("16s24x", interface.encode()))
    return IPv4Address(answer[20:24])


def _own_ipv6(interface: str) -> IPv6Address:
    socket.if_nametoindex(interface)
    found = ipv6_addresses(interface)
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return found[0].ip
