"""The sockets of a DHCP server on one interface: two for UDP to hear, UDP and whole frames to answer."""

import errno
import os
import select
import socket
import struct

from routerd.system import port_holders
from routerd.system.port_holders import Holder, udp_holders

SERVER_PORT = 67

_SO_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)
_SO_RCVBUFFORCE = getattr(socket, "SO_RCVBUFFORCE", 33)
_SO_MEMINFO = getattr(socket, "SO_MEMINFO", 55)
_MEMINFO = struct.Struct("=9I")
_ETH_P_NONE = 0
_RECEIVE_BUFFER = 4 * 1024 * 1024
_ANY = bytes(4)


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
        self._opened: list[socket.socket] = []
        try:
            self._udp = self._open_udp("0.0.0.0")
            self._direct = self._open_udp(socket.inet_ntoa(address))
            self._packet = self._open_packet()
            self._inlets = {self._udp.fileno(): (self._udp, _ANY), self._direct.fileno(): (self._direct, address)}
            if any(holder.index == index for holder in self.others()):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        except OSError as error:
            self.close()
            raise explain(error, interface, index) from None

    def _open_udp(self, address: str) -> socket.socket:
        """Shared with servers that serve other interfaces and allow it too (dnsmasq).

        The kernel gives broadcasts to all of them, and a unicast to one: that may be a later socket without address
        in spite of its other interface, but it never is if a socket is bound to the very address.
        """
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._opened.append(udp)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self.interface.encode() + b"\0")
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        _make_room(udp)
        udp.bind((address, SERVER_PORT))
        return udp

    def _open_packet(self) -> socket.socket:
        # Protocol 0: this socket only sends, so the kernel queues nothing on it.
        packet = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _ETH_P_NONE
        )
        self._opened.append(packet)
        packet.bind((self.interface, _ETH_P_NONE))
        return packet

    def receive(self, descriptor: int) -> tuple[bytes, bytes, tuple[str, int]]:
        """One datagram from one of `filenos`: payload, this server's address if it was sent there and else 0.0.0.0,
        address and port that sent it.

        Raises OSError, also if there is none.
        """
        udp, destination = self._inlets[descriptor]
        payload, source = udp.recvfrom(4096)
        return payload, destination, source

    def send_datagram(self, payload: bytes, address: str, port: int) -> None:
        """Send by UDP from this server's address; the kernel finds the hardware address. Raises OSError."""
        self._direct.sendto(payload, (address, port))

    def send_frame(self, frame: bytes) -> None:
        """Send a whole Ethernet frame. Raises OSError."""
        self._packet.send(frame)

    def others(self) -> list[Holder]:
        """The sockets of other processes on the port that may hear this interface's clients as well."""
        own = {os.fstat(descriptor).st_ino for descriptor in self.filenos()}
        return [holder for holder in overlapping(self.index) if holder.inode not in own]

    def unread(self) -> bool:
        """Is there a datagram that was not read yet?"""
        poll = select.poll()
        for descriptor in self.filenos():
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def dropped(self) -> int:
        """How many datagrams the kernel dropped since the sockets were opened because their queues were full."""
        return sum(_dropped(udp) for udp in (self._udp, self._direct))

    def filenos(self) -> tuple[int, int]:
        """The descriptors to wait on for reading."""
        return self._udp.fileno(), self._direct.fileno()

    def close(self) -> None:
        """Close the sockets; a second call does nothing."""
        for each in self._opened:
            each.close()


def _make_room(udp: socket.socket) -> None:
    """A queue for a burst of clients: the system's own limit (net.core.rmem_max) is that of a few hundred messages."""
    try:
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def _dropped(udp: socket.socket) -> int:
    try:
        return int(_MEMINFO.unpack(udp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[8])
    except (OSError, struct.error):
        return 0  # A kernel older than 4.12.


def overlapping(index: int) -> list[Holder]:
    """The sockets on the server's port that are bound to this interface or, as far as is known, to none; those last."""
    found = [holder for holder in udp_holders(SERVER_PORT) if holder.index in (index, 0, None)]
    return sorted(found, key=lambda holder: holder.index != index)


def remember_holders() -> None:
    """Look whose port 67 is while the rights to see it are there."""
    port_holders.remember_holders(SERVER_PORT)


def explain(error: OSError, interface: str, index: int) -> SocketError:
    """What a failure to open the sockets means for the administrator."""
    if error.errno == errno.EADDRINUSE:
        return _in_use(interface, overlapping(index))
    if error.errno in (errno.EPERM, errno.EACCES):
        return SocketError(
            f"no right to open port 67 and raw sockets on {interface}",
            "start as root, or with CAP_NET_RAW and CAP_NET_BIND_SERVICE",
            fatal=True,
        )
    return SocketError(f"{interface}: {os.strerror(error.errno or 0)}", "routerd tries again by itself", fatal=False)


def _in_use(interface: str, holders: list[Holder]) -> SocketError:
    """Names the process where that can be known, and what would let it stay."""
    reason = f"UDP port {SERVER_PORT} on {interface} is in use"
    for holder in holders:
        name = holder.name()
        if name is not None:
            break
    else:
        hint = f"stop the other DHCP server; `ss -lunp sport = :{SERVER_PORT}` names it"
        return SocketError(reason, hint, fatal=True)
    hint = "stop it"
    if not holder.index:
        hint += f", or let it bind to the interfaces that it serves, without {interface} (dnsmasq: bind-dynamic)"
    return SocketError(f"{reason} by {name}", hint, fatal=True)
