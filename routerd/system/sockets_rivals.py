"""The socket that asks for other DHCP servers on one interface and hears what servers say to clients."""

import errno
import os
import socket

from routerd.system.packet_filter import attach_filter

_SO_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)
_ETH_P_IP, _ETH_P_ALL = 0x0800, 0x0003
_PACKET_OUTGOING = 4
_BROADCAST_MAC = b"\xff" * 6

# On a packet that begins with its IP header: UDP, not a later fragment, to port 68.
_FILTER = (
    (0x30, 0, 0, 9),  # load byte 9, the protocol
    (0x15, 0, 6, 17),
    (0x28, 0, 0, 6),  # load half-word 6, the fragment's offset
    (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 0),  # X = length of the IP header
    (0x48, 0, 0, 2),  # load half-word X + 2, the destination port
    (0x15, 0, 1, 68),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
)


class RivalSocket:
    """Whole IPv4 packets on one interface. Every method may raise OSError.

    `outgoing`: also those that this machine sends there. A server that writes whole frames, as Kea does, answers this
    machine by a frame on the LAN, which never comes back. They may be no IPv4 then.
    """

    def __init__(self, interface: str, index: int, *, outgoing: bool = False) -> None:
        self._interface = interface
        self.is_own = False
        """Did this machine send the packet that was received last?"""
        # Protocol 0: nothing is queued before the filter is in place.
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0
        )
        try:
            if socket.if_nametoindex(interface) != index:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            attach_filter(self._socket, _FILTER)
            self._socket.bind((interface, _ETH_P_ALL if outgoing else _ETH_P_IP))
        except BaseException:
            self._socket.close()
            raise

    def send(self, packet: bytes) -> None:
        """Broadcast a packet on the LAN; this machine's own servers do not hear it."""
        self._socket.sendto(packet, (self._interface, _ETH_P_IP, 0, 0, _BROADCAST_MAC))

    def send_looped(self, packet: bytes) -> None:
        """Broadcast a packet by way of the kernel, so that this machine's own servers hear it as well.

        What they answer to an address of this machine comes by the loopback interface.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW) as raw:
            raw.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self._interface.encode() + b"\0")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            raw.sendto(packet, ("255.255.255.255", 0))

    def receive(self) -> tuple[bytes, bytes]:
        """A packet, and the MAC that sent it. Raises BlockingIOError if there is none."""
        packet, source = self._socket.recvfrom(4096)
        self.is_own = source[2] == _PACKET_OUTGOING
        return packet, source[4]

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        self._socket.close()
