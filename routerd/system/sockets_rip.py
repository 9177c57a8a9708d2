"""The UDP socket of RIPv2 or RIPng on one interface, and whether another program speaks RIP there."""

import errno
import os
import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from routerd.system import port_holders
from routerd.system.port_holders import Holder, udp_holders

PORTS = {4: 520, 6: 521}
"""The port of each IP version."""

_GROUP, _GROUP6 = IPv4Address("224.0.0.9").packed, IPv6Address("ff02::9").packed
_NAMES = {4: "RIPv2", 6: "RIPng"}
_SO_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)
_SO_SNDBUFFORCE = getattr(socket, "SO_SNDBUFFORCE", 32)
_SO_RCVBUFFORCE = getattr(socket, "SO_RCVBUFFORCE", 33)
_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_RECEIVE_BUFFER = 1024 * 1024
_SEND_BUFFER = 4 * 1024 * 1024
_LARGEST = 9216
_INTERNETWORK_CONTROL = 0xC0
_INT = struct.Struct("=i")
_PKTINFO = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16sI")
_MREQN = struct.Struct("=4s4si")
_MREQ6 = struct.Struct("=16sI")


class RipSocketError(Exception):
    """RIP cannot be spoken on the interface now. `reason` says why, `hint` what to do.

    `rival`: because another program of this machine speaks it there.
    """

    def __init__(self, reason: str, hint: str, *, rival: bool = False) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint
        self.rival = rival


class Received(NamedTuple):
    """A datagram. `hop_limit` and `multicast` are known of RIPng only."""

    data: bytes
    source: str
    port: int
    hop_limit: int | None
    multicast: bool


class RipSocket:
    """Port 520 or 521 of one interface; packets leave from `address`, for RIPng a link-local one.

    Where another program holds the port, but speaks no RIP on this interface (`ripd` takes it for all of them), the
    port is shared with it. Raises `RipSocketError`.
    """

    def __init__(self, interface: str, index: int, address: IPv4Address | IPv6Address) -> None:
        self.interface = interface
        self.index = index
        self.address = address
        self.version = address.version
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, interface.encode() + b"\0")
            self._bind()
            if self.version == 4:
                self._prepare()
            else:
                self._prepare6()
            _make_room(self._socket)
        except OSError as error:
            self.close()
            raise _explain(error, interface, self.version) from None
        except BaseException:
            self.close()
            raise

    def _bind(self) -> None:
        """Without sharing first: that is how it is noticed that the port is taken."""
        place = ("0.0.0.0" if self.version == 4 else "::", PORTS[self.version])
        if self.version == 6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            self._socket.bind(place)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if (rival := self._rival()) is not None:
                raise rival from None
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(place)
        # From now on others may come for their interfaces; `others_speak` sees who comes for this one.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def _rival(self) -> RipSocketError | None:
        holders = _overlapping(self.index, self.version)
        if not any(holder.index == self.index for holder in holders) and not members(self.index, self.version):
            return None
        name = _name(holders)
        reason = f"{name or 'another program'} speaks {_NAMES[self.version]} there already"
        hint = "stop it there; or let it announce the VPN's routes: routerd export frr, or bird, prints how"
        return RipSocketError(reason, hint, rival=True)

    def _prepare(self) -> None:
        group, own = _GROUP, self.address.packed
        udp = self._socket
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _INTERNETWORK_CONTROL)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _MREQN.pack(group, own, self.index))
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _MREQN.pack(group, own, self.index))
        self._source = [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(self.index, own, own))]

    def _prepare6(self) -> None:
        udp = self._socket
        for name, value in (
            (socket.IPV6_UNICAST_HOPS, 255),
            (socket.IPV6_MULTICAST_HOPS, 255),
            (socket.IPV6_MULTICAST_LOOP, 0),
            (socket.IPV6_MULTICAST_IF, self.index),
            (socket.IPV6_TCLASS, _INTERNETWORK_CONTROL),
            (socket.IPV6_RECVPKTINFO, 1),
            (socket.IPV6_RECVHOPLIMIT, 1),
        ):
            udp.setsockopt(socket.IPPROTO_IPV6, name, value)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, _MREQ6.pack(_GROUP6, self.index))
        own = _PKTINFO6.pack(self.address.packed, self.index)
        self._source = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, own)]

    # ------------------------------------------------------------ datagrams

    def receive(self) -> Received:
        """One datagram. Raises OSError, also if there is none."""
        if self.version == 4:
            data, (source, port) = self._socket.recvfrom(_LARGEST)
            return Received(data, source, port, None, True)
        data, notes, _, where = self._socket.recvmsg(_LARGEST, 128)
        hop_limit, multicast = None, False
        for level, kind, note in notes:
            if level != socket.IPPROTO_IPV6:
                continue
            if kind == socket.IPV6_HOPLIMIT and len(note) >= _INT.size:
                hop_limit = _INT.unpack_from(note)[0]
            elif kind == socket.IPV6_PKTINFO:
                multicast = note[:1] == b"\xff"
        return Received(data, where[0].partition("%")[0], where[1], hop_limit, multicast)

    def send(self, data: bytes, address: str, port: int) -> None:
        """Send one from this machine's address on the link. Raises OSError."""
        place = (address, port) if self.version == 4 else (address, port, 0, self.index)
        self._socket.sendmsg([data], self._source, 0, place)

    def fileno(self) -> int:
        """The descriptor to wait on for reading."""
        return self._socket.fileno()

    # ------------------------------------------------------------ whether it still works

    def verify(self) -> None:
        """Raise OSError where it can hear or send no more: its interface or the group's membership is gone."""
        if socket.if_nametoindex(self.interface) != self.index:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if not members(self.index, self.version):
            raise OSError(errno.EADDRNOTAVAIL, "the interface has lost the group's address")

    def others_speak(self) -> str | None:
        """The name of another program that speaks RIP on this interface as well, "" if it is not known; else None."""
        if members(self.index, self.version) < 2:
            return None
        own = os.fstat(self.fileno()).st_ino
        others = [holder for holder in _overlapping(self.index, self.version) if holder.inode != own]
        return (_name(others) or "") if others else None

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        self._socket.close()


def members(index: int, version: int) -> int:
    """How many sockets of this namespace are in RIP's group on the interface; 0 where that cannot be read."""
    with suppress(OSError, ValueError, IndexError):
        if version == 6:
            return _members6(index)
        # A line for each interface, and below it one for each of its groups, written as a little-endian number.
        group, current = f"{int.from_bytes(_GROUP, 'little'):08X}", -1
        with open("/proc/net/igmp", encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                fields = line.split()
                if not line[0].isspace():
                    current = int(fields[0])
                elif current == index and fields[0] == group:
                    return int(fields[1])
    return 0


def _members6(index: int) -> int:
    group = _GROUP6.hex()
    with open("/proc/net/igmp6", encoding="ascii") as lines:
        for line in lines:
            number, _, found, users, *_ = line.split()
            if int(number) == index and found == group:
                return int(users)
    return 0


def remember_holders() -> None:
    """Look whose the ports are while the rights to see it are there."""
    for port in PORTS.values():
        port_holders.remember_holders(port)


def _overlapping(index: int, version: int) -> list[Holder]:
    """The sockets on the port that are bound to this interface or, as far as is known, to none; those last."""
    found = [holder for holder in udp_holders(PORTS[version]) if holder.index in (index, 0, None)]
    return sorted(found, key=lambda holder: holder.index != index)


def _name(holders: list[Holder]) -> str | None:
    return next((name for holder in holders if (name := holder.name()) is not None), None)


def _make_room(udp: socket.socket) -> None:
    """For the whole table of a neighbour, which comes as a burst; and for answers to machines that are not there: they
    wait some seconds for ARP, and updates must not wait behind them.
    """
    for force, ask, size in (
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF, _RECEIVE_BUFFER),
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF, _SEND_BUFFER),
    ):
        try:
            udp.setsockopt(socket.SOL_SOCKET, force, size)
        except PermissionError:
            udp.setsockopt(socket.SOL_SOCKET, ask, size)


def _explain(error: OSError, interface: str, version: int) -> RipSocketError:
    port = PORTS[version]
    if error.errno == errno.EADDRINUSE:
        name = _name(udp_holders(port))
        return RipSocketError(
            f"UDP port {port} is in use{f' by {name}' if name else ''}, which does not share it",
            f"stop that program; `ss -lunp sport = :{port}` names it",
        )
    if error.errno in (errno.EPERM, errno.EACCES):
        return RipSocketError(
            f"no right to open UDP port {port} on {interface}",
            "start as root, or with CAP_NET_RAW and CAP_NET_BIND_SERVICE",
        )
    return RipSocketError(os.strerror(error.errno or 0), "look at the interface; routerd tries again by itself")
