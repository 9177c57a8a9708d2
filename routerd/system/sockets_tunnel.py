"""A socket that asks what is behind a tunnel's interface, below this machine's netfilter, and hears the answers."""

import errno
import os
import socket

from routerd.system.packet_filter import Instruction, attach_filter

_ETH_P_IP = 0x0800
_RECEIVE_BUFFER = 256 * 1024
_LARGEST = 128

_LOAD_WORD, _LOAD_BYTE, _HEADER_TO_X, _BYTE_AT_X, _HALF_AT_X = 0x20, 0x30, 0xB1, 0x50, 0x48
_EQUAL, _RETURN = 0x15, 0x06
_PACKET_TYPE = 0xFFFFF000 + 4
_OUTGOING = 4
_PROTOCOL, _TCP, _ICMP, _ECHO_REPLY = 9, 6, 1, 0


class TunnelSocket:
    """IPv4 on one interface without link-layer addresses. Every method may raise OSError.

    It hears TCP to `port` and echo replies with `ident` that come in, whatever address they are for, nothing else.
    """

    def __init__(self, interface: str, port: int, ident: int) -> None:
        self.interface = interface
        self._index = socket.if_nametoindex(interface)
        # Protocol 0: nothing is queued before the filter is in place.
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            attach_filter(self._socket, listening(port, ident))
            self._socket.bind((interface, _ETH_P_IP))
        except BaseException:
            self._socket.close()
            raise

    def send(self, packet: bytes) -> None:
        """Send an IPv4 packet into the tunnel, whatever its source."""
        self._socket.sendto(packet, (self.interface, _ETH_P_IP, 0, 0, b""))

    def receive(self) -> bytes:
        """An IPv4 packet. Raises BlockingIOError if there is none."""
        return self._socket.recv(_LARGEST)

    def verify(self) -> None:
        """Raises OSError if the interface is gone, or was made anew."""
        if socket.if_nametoindex(self.interface) != self._index:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()


def listening(port: int, ident: int) -> list[Instruction]:
    """The program: what comes in, and is TCP to the port or an echo reply with the identifier."""
    return [
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_EQUAL, 10, 0, _OUTGOING),
        (_HEADER_TO_X, 0, 0, 0),
        (_LOAD_BYTE, 0, 0, _PROTOCOL),
        (_EQUAL, 0, 2, _TCP),
        (_HALF_AT_X, 0, 0, 2),
        (_EQUAL, 6, 5, port),
        (_EQUAL, 0, 4, _ICMP),
        (_BYTE_AT_X, 0, 0, 0),
        (_EQUAL, 0, 2, _ECHO_REPLY),
        (_HALF_AT_X, 0, 0, 4),
        (_EQUAL, 1, 0, ident),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _LARGEST),
    ]
