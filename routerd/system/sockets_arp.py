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
_OTHERS, _OUTGOING = 3, 4
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

    def send(self, packet: bytes) -> None:
        """Broadcast a packet."""
        self._socket.sendto(packet, (self._interface, _ETH_P_ARP, 0, 0, _BROADCAST_MAC))

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
    if len(ranges) > _MOST_RANGES:
        ranges = [(ranges[0][0], ranges[-1][1])]
    program: list[Instruction] = [
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_EQUAL, 1, 0, _OTHERS),
        (_EQUAL, 0, 1, _OUTGOING),
        (_RETURN, 0, 0, 0),
        (_LOAD_WORD, 0, 0, _FORMAT),
        (_EQUAL, 1, 0, _IPV4_OVER_ETHERNET),
        (_RETURN, 0, 0, 0),
        (_LOAD_WORD, 0, 0, _SENDER),
    ]
    for left, (first, last) in zip(range(len(ranges) - 1, -1, -1), ranges, strict=True):
        # Jumps over what is left of the ranges, and over the end after them.
        program += [(_AT_LEAST, 0, 2, first), (_MORE, 1, 0, last), (_JUMP, 0, 0, 3 * left + 1)]
    program.append((_RETURN, 0, 0, 0))
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
