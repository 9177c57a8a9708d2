"""The sockets that ask hosts of one LAN from addresses of this machine, below its netfilter, and hear the answers."""

import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address

from routerd.system.packet_filter import Instruction, attach_filter

_ETH_P_IP, _ETH_P_ARP = 0x0800, 0x0806
_BROADCAST_MAC = b"\xff" * 6
_RECEIVE_BUFFER = 256 * 1024
_LARGEST = 128
_MOST_PREFIXES = 64

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _AND = 0x20, 0x28, 0x30, 0x54
_HEADER_TO_X, _HALF_AT_X, _BYTE_AT_X = 0xB1, 0x48, 0x50
_EQUAL, _RETURN = 0x15, 0x06
_PACKET_TYPE, _RANDOM = 0xFFFFF000 + 4, 0xFFFFF000 + 56
_OTHERS, _OUTGOING = 3, 4
_TARGET, _PROTOCOL = 16, 9
_TCP, _ICMP, _ECHO_REPLY, _UNREACHABLE = 6, 1, 0, 3
_ARP_OPERATION, _ARP_TARGET, _ARP_REPLY = 6, 24, 2

SAMPLE = 64
"""Of the other packets to the VPN one in so many is told, by chance; hosts send few refusals, so these are told all."""

_NOT_OWN: tuple[Instruction, ...] = (
    (_LOAD_WORD, 0, 0, _PACKET_TYPE),
    (_EQUAL, 1, 0, _OTHERS),
    (_EQUAL, 0, 1, _OUTGOING),
    (_RETURN, 0, 0, 0),
)


class MutePort:
    """A TCP port of an own address that is kept for probes: nothing else takes it, and the kernel answers nothing.

    Without it the kernel would answer a host's SYN-ACK with a reset before a probe is through with it. May raise
    OSError: EADDRNOTAVAIL where this machine does not have the address now.
    """

    def __init__(self, address: IPv4Address) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            attach_filter(self._socket, [(_RETURN, 0, 0, 0)])
            self._socket.bind((str(address), 0))
            self._socket.listen(1)
            self.port: int = self._socket.getsockname()[1]
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


class ReturnPathSocket:
    """IPv4 and ARP on one interface, each on a socket of its own. Every method may raise OSError."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self._index = socket.if_nametoindex(interface)
        self._ip = _open(interface, _ETH_P_IP)
        try:
            self._arp = _open(interface, _ETH_P_ARP)
        except BaseException:
            self._ip.close()
            raise
        self.mac: bytes = self._arp.getsockname()[4]

    def listen(self, ports: Sequence[tuple[int, int]], ident: int, prefixes: Sequence[tuple[int, int]]) -> None:
        """Hear what `listening` lets through, and answers to ARP requests, from now on."""
        attach_filter(self._ip, listening(ports, ident, prefixes))
        attach_filter(self._arp, answers_to([address for address, _ in ports]))

    def send(self, packet: bytes, mac: bytes) -> None:
        """Send an IPv4 packet to a link-layer address."""
        self._ip.sendto(packet, (self.interface, _ETH_P_IP, 0, 0, mac))

    def ask(self, packet: bytes, mac: bytes | None) -> None:
        """Send an ARP packet, to all where `mac` is None."""
        self._arp.sendto(packet, (self.interface, _ETH_P_ARP, 0, 0, mac or _BROADCAST_MAC))

    def receive(self) -> tuple[bytes, bytes]:
        """An IPv4 packet and its link-layer source. Raises BlockingIOError if there is none."""
        data, sender = self._ip.recvfrom(_LARGEST)
        return data, sender[4]

    def receive_arp(self) -> bytes:
        """An ARP packet. Raises BlockingIOError if there is none."""
        return self._arp.recv(64)

    def verify(self) -> None:
        """Raises OSError if the interface is gone, or was made anew."""
        if socket.if_nametoindex(self.interface) != self._index:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def filenos(self) -> tuple[int, int]:
        """The descriptors to wait on for reading: IPv4, ARP."""
        return self._ip.fileno(), self._arp.fileno()

    def close(self) -> None:
        """Close both; a second call does nothing."""
        self._ip.close()
        self._arp.close()


def listening(ports: Sequence[tuple[int, int]], ident: int, prefixes: Sequence[tuple[int, int]]) -> list[Instruction]:
    """The program for IPv4. It lets through, of what is sent to this machine:

    TCP to one of `ports` (address, port), echo replies with `ident` to their addresses, and of what goes to one of
    `prefixes` (network, mask) every ICMP "destination unreachable" and a sample of the rest.
    """
    program = list(_NOT_OWN)
    for address, port in ports:
        program += [
            (_LOAD_WORD, 0, 0, _TARGET),
            (_EQUAL, 0, 12, address),
            (_HEADER_TO_X, 0, 0, 0),
            (_LOAD_BYTE, 0, 0, _PROTOCOL),
            (_EQUAL, 0, 3, _TCP),
            (_HALF_AT_X, 0, 0, 2),
            (_EQUAL, 0, 7, port),
            (_RETURN, 0, 0, _LARGEST),
            (_EQUAL, 0, 5, _ICMP),
            (_BYTE_AT_X, 0, 0, 0),
            (_EQUAL, 0, 3, _ECHO_REPLY),
            (_HALF_AT_X, 0, 0, 4),
            (_EQUAL, 0, 1, ident),
            (_RETURN, 0, 0, _LARGEST),
        ]
    program += [
        (_LOAD_BYTE, 0, 0, _PROTOCOL),
        (_EQUAL, 0, 3, _ICMP),
        (_HEADER_TO_X, 0, 0, 0),
        (_BYTE_AT_X, 0, 0, 0),
        (_EQUAL, 4, 0, _UNREACHABLE),
    ]
    program += [(_LOAD_WORD, 0, 0, _RANDOM), (_AND, 0, 0, SAMPLE - 1), (_EQUAL, 1, 0, 0), (_RETURN, 0, 0, 0)]
    for network, mask in prefixes[:_MOST_PREFIXES]:
        program += [
            (_LOAD_WORD, 0, 0, _TARGET),
            (_AND, 0, 0, mask),
            (_EQUAL, 0, 1, network),
            (_RETURN, 0, 0, _LARGEST),
        ]
    return [*program, (_RETURN, 0, 0, 0)]


def answers_to(addresses: Sequence[int]) -> list[Instruction]:
    """The program for ARP: answers to one of these addresses."""
    program = [*_NOT_OWN, (_LOAD_HALF, 0, 0, _ARP_OPERATION), (_EQUAL, 1, 0, _ARP_REPLY), (_RETURN, 0, 0, 0)]
    program.append((_LOAD_WORD, 0, 0, _ARP_TARGET))
    for address in addresses:
        program += [(_EQUAL, 0, 1, address), (_RETURN, 0, 0, _LARGEST)]
    return [*program, (_RETURN, 0, 0, 0)]


def _open(interface: str, protocol: int) -> socket.socket:
    # Protocol 0: nothing is queued before a filter is in place.
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        attach_filter(opened, [(_RETURN, 0, 0, 0)])
        opened.bind((interface, protocol))
    except BaseException:
        opened.close()
        raise
    return opened
