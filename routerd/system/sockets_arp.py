"""The socket that asks who uses an address on one interface, and hears who uses one of a few."""

import errno
import os
import socket
from collections.abc import Iterable, Sequence

from routerd.system.packet_filter import Instruction, attach_filter

_ETH_P_ARP = 0x0806
_BROADCAST_MAC = b"\xff" * 6
_RECEIVE_BUFFER = 64 * 1024
_MOST_RANGES = 64
_MOST_WATCHED = 256

_LOAD_WORD, _LOAD_HALF, _COPY_TO_X = 0x20, 0x28, 0x07
_EQUAL, _EQUAL_X, _AT_LEAST, _MORE, _JUMP, _RETURN = 0x15, 0x1D, 0x35, 0x25, 0x05, 0x06
_PACKET_TYPE = 0xFFFFF000 + 4
_BROADCAST, _OTHERS, _OUTGOING = 1, 3, 4
_ALL = 0xFFFF
_FORMAT, _OPERATION, _SENDER, _TARGET = 2, 6, 14, 24
_IPV4_OVER_ETHERNET = 0x08000604
_REPLY = 2

NOTHING: Sequence[Instruction] = ((_RETURN, 0, 0, 0),)


class ArpSocket:
    """ARP packets on one interface. Every method may raise OSError."""

    def __init__(self, interface: str, index: int) -> None:
        self._interface = interface
        # Protocol 0: nothing is queued before the filter is in place.
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0
        )
        try:
            if socket.if_nametoindex(interface) != index:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            attach_filter(self._socket, NOTHING)
            self._socket.bind((interface, _ETH_P_ARP))
        except BaseException:
            self._socket.close()
            raise

    def listen_for(self, ranges: Sequence[tuple[int, int]], addresses: Iterable[int]) -> None:
        """Hear what `listening` lets through from now on."""
        attach_filter(self._socket, listening(ranges, addresses))

    def listen_about(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Hear what `concerning` lets through from now on."""
        attach_filter(self._socket, concerning(ranges))

    def send(self, packet: bytes, mac: bytes = _BROADCAST_MAC) -> None:
        """Send a packet to a link-layer address, by default to all."""
        self._socket.sendto(packet, (self._interface, _ETH_P_ARP, 0, 0, mac))

    def receive(self) -> bytes:
        """A packet. Raises BlockingIOError if there is none."""
        return self._socket.recv(64)

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()


def listening(ranges: Sequence[tuple[int, int]], addresses: Iterable[int]) -> list[Instruction]:
    """The program that lets through what tells that an address is in use, and nothing else of the LAN's ARP.

    Of any address in `ranges`: answers to probes, and announcements. Of `addresses`, which are in them: all packets.
    """
    program = [*_OTHERS_IPV4, (_LOAD_WORD, 0, 0, _SENDER), *_unless_in(ranges), (_RETURN, 0, 0, 0)]
    for address in list(addresses)[:_MOST_WATCHED]:
        program += [(_EQUAL, 0, 1, address), (_RETURN, 0, 0, _ALL)]
    program += [
        (_COPY_TO_X, 0, 0, 0),
        (_LOAD_WORD, 0, 0, _TARGET),
        (_EQUAL_X, 3, 0, 0),
        (_EQUAL, 0, 3, 0),
        (_LOAD_HALF, 0, 0, _OPERATION),
        (_EQUAL, 0, 1, _REPLY),
        (_RETURN, 0, 0, _ALL),
        (_RETURN, 0, 0, 0),
    ]
    return program


def concerning(ranges: Sequence[tuple[int, int]]) -> list[Instruction]:
    """The program that lets through what concerns any address in `ranges`: packets of who says that it has it, probes
    for it, and questions of hosts to all.
    """
    accept: Instruction = (_RETURN, 0, 0, _ALL)
    program = [*_OTHERS_IPV4, (_LOAD_WORD, 0, 0, _SENDER)]
    # A probe comes from nobody, and is told from a packet of somebody else by what it asks for.
    others = [(_LOAD_WORD, 0, 0, _PACKET_TYPE), (_EQUAL, 1, 0, _BROADCAST), (_RETURN, 0, 0, 0)]
    senders = [*_unless_in(ranges), (_JUMP, 0, 0, 1), accept, *others]
    program += [(_EQUAL, 0, 1, 0), (_JUMP, 0, 0, len(senders)), *senders]
    return [*program, (_LOAD_WORD, 0, 0, _TARGET), *_unless_in(ranges), (_RETURN, 0, 0, 0), accept]


_OTHERS_IPV4: Sequence[Instruction] = (
    (_LOAD_WORD, 0, 0, _PACKET_TYPE),
    (_EQUAL, 1, 0, _OTHERS),
    (_EQUAL, 0, 1, _OUTGOING),
    (_RETURN, 0, 0, 0),
    (_LOAD_WORD, 0, 0, _FORMAT),
    (_EQUAL, 1, 0, _IPV4_OVER_ETHERNET),
    (_RETURN, 0, 0, 0),
)
"""Drops what is not for this machine or for all, what it sends itself, and what is not about IPv4 over Ethernet."""


def _unless_in(ranges: Sequence[tuple[int, int]]) -> list[Instruction]:
    """Goes on with the next instruction but one if the loaded word is in one of `ranges`, which are in order."""
    if len(ranges) > _MOST_RANGES:
        ranges = [(ranges[0][0], ranges[-1][1])]
    program: list[Instruction] = []
    for left, (first, last) in zip(range(len(ranges) - 1, -1, -1), ranges, strict=True):
        program += [(_AT_LEAST, 0, 2, first), (_MORE, 1, 0, last), (_JUMP, 0, 0, 3 * left + 1)]
    return program
