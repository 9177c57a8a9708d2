"""The sockets of a DHCP server on one interface: UDP to hear, UDP and whole frames to answer."""

import errno
import os
import socket
import struct

_SO_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)
_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_ETH_P_NONE = 0
_RECEIVE_BUFFER = 4 * 1024 * 1024
_PKTINFO = struct.Struct("=I4s4s")


class SocketError(Exception):
    """A socket cannot be had now. `reason` says why, `hint` what to do; `fatal` if waiting will not mend it."""

    def __init__(self, reason: str, hint: str, *, fatal: bool) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint
        self.fatal = fatal


class DhcpSockets:
    """Port 67 of one interface. Raises `SocketError` where it cannot be had."""

    def __init__(self, interface: str, index: int, address: bytes) -> None:
        self.interface = interface
        self.index = index
        self._ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(index, address, b"\0" * 4))]
        self.udp = self.packet = None
        try:
            self.udp = self._open_udp()
            self.packet = self._open_packet()
        except OSError as error:
            self.close()
            raise explain(error, interface) from None

    def _open_udp(self) -> socket.socket:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.udp = udp
        udp.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self.interface.encode() + b"\0")
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        udp.bind(("0.0.0.0", 67))
        return udp

    def _open_packet(self) -> socket.socket:
        # Protocol 0: this socket only sends, so the kernel queues nothing on it.
        packet = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _ETH_P_NONE
        )
        packet.bind((self.interface, _ETH_P_NONE))
        return packet

    def receive(self) -> tuple[bytes, bytes, str]:
        """One datagram: payload, the address it was sent to, and who sent it. Raises OSError, also if there is none."""
        payload, ancillary, _, source = self.udp.recvmsg(4096, 64)  # type: ignore[union-attr]
        destination = b"\0\0\0\0"
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(data) >= _PKTINFO.size:
                destination = data[8:12]
        return payload, destination, source[0]

    def send_datagram(self, payload: bytes, address: str, port: int) -> None:
        """Send by UDP from this server's address; the kernel finds the hardware address. Raises OSError."""
        self.udp.sendmsg([payload], self._ancillary, 0, (address, port))  # type: ignore[union-attr]

    def send_frame(self, frame: bytes) -> None:
        """Send a whole Ethernet frame. Raises OSError."""
        self.packet.send(frame)  # type: ignore[union-attr]

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self.udp.fileno()  # type: ignore[union-attr]

    def close(self) -> None:
        """Close both sockets; a second call does nothing."""
        for each in (self.udp, self.packet):
            if each is not None:
                each.close()
        self.udp = self.packet = None


def explain(error: OSError, interface: str) -> SocketError:
    """What a failure to open the sockets means for the administrator."""
    if error.errno == errno.EADDRINUSE:
        return SocketError(
            f"UDP port 67 on {interface} is in use",
            "stop the other DHCP server; `ss -lunp sport = :67` names it",
            fatal=True,
        )
    if error.errno in (errno.EPERM, errno.EACCES):
        return SocketError(
            f"no right to open port 67 and raw sockets on {interface}",
            "start as root, or with CAP_NET_RAW and CAP_NET_BIND_SERVICE",
            fatal=True,
        )
    return SocketError(f"{interface}: {os.strerror(error.errno or 0)}", "routerd tries again by itself", fatal=False)
