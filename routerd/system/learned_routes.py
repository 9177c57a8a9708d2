"""Kernel routes that were learned from routers of the site: of both families, with a protocol number of their own.

By plain netlink messages, many in one system call: a neighbour may announce thousands.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from routerd.system.netlink_error import NetlinkError

PROTOCOL = 122
"""Beside 121, the mark of routes towards the VPN: the kernel finds either kind without reading the other."""
METRIC = 12100
"""Added to RIP's own metric (1 to 15): what an administrator sets by hand comes first."""

_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP, _CREATE = 0x1, 0x4, 0x300, 0x400
_MAIN, _UNICAST, _UNIVERSE, _NOWHERE = 254, 1, 0, 255
_DST, _OIF, _GATEWAY, _PRIORITY = 1, 4, 5, 6
_SOL_NETLINK, _STRICT = 270, 12
_HEADER = struct.Struct("=IHHII")
_RTMSG = struct.Struct("=8BI")
_ATTRIBUTE = struct.Struct("=HH")
_WORD = struct.Struct("=I")
_CODE = struct.Struct("=i")
_AT_ONCE = 200
_TIMEOUT = 5.0


class LearnedRoute(NamedTuple):
    """A route through a router; `link` is the index of the interface, `metric` the kernel's."""

    prefix: IPv4Network | IPv6Network
    gateway: IPv4Address | IPv6Address
    link: int
    metric: int

    def __str__(self) -> str:
        try:
            interface = socket.if_indextoname(self.link)
        except OSError:
            interface = f"number {self.link}"
        return f"{self.prefix} via {self.gateway} dev {interface} metric {self.metric}"


def read() -> set[LearnedRoute]:
    """Every route that routerd, this or an earlier one, learned and put there. Raises `NetlinkError`."""
    found = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _RTMSG.pack(family, 0, 0, 0, _MAIN, PROTOCOL, 0, 0, 0)
        for message in _dump(body):
            if message[4] == _MAIN and message[5] == PROTOCOL and message[7] == _UNICAST:
                route = _decode(message)
                if route is not None:
                    found.add(route)
    return found


def change(add: Sequence[LearnedRoute], delete: Sequence[LearnedRoute]) -> dict[LearnedRoute, int]:
    """Add routes, then delete others; the errno of each that failed. What is so already is no failure.

    Raises `NetlinkError` where the kernel does not answer.
    """
    failed: dict[LearnedRoute, int] = {}
    try:
        with _opened() as netlink:
            for routes, kind, flags, fine in (
                (add, _NEWROUTE, _REQUEST | _CREATE, (errno.EEXIST,)),
                (delete, _DELROUTE, _REQUEST, (errno.ESRCH, errno.ENODEV)),
            ):
                for start in range(0, len(routes), _AT_ONCE):
                    batch = routes[start : start + _AT_ONCE]
                    failed.update(_send(netlink, batch, kind, flags, fine))
    except TimeoutError:
        raise NetlinkError("change learned routes", errno.ETIMEDOUT, "the kernel did not answer") from None
    except (OSError, struct.error) as error:
        raise NetlinkError("change learned routes", getattr(error, "errno", None) or errno.EIO) from None
    return failed


def remove_all() -> list[LearnedRoute]:
    """Delete all of them; those that were there. Raises `NetlinkError`."""
    found = sorted(read(), key=lambda route: (route.prefix.version, route.prefix, route.metric))
    failed = change((), found) if found else {}
    for route, code in failed.items():
        raise NetlinkError(f"delete the route {route.prefix}", code)
    return found


# ---------------------------------------------------------------- messages


def _encode(route: LearnedRoute, kind: int, flags: int, number: int) -> bytes:
    prefix = route.prefix
    family = socket.AF_INET if prefix.version == 4 else socket.AF_INET6
    scope = _UNIVERSE if kind == _NEWROUTE else _NOWHERE
    body = b"".join(
        (
            _RTMSG.pack(family, prefix.prefixlen, 0, 0, _MAIN, PROTOCOL, scope, _UNICAST, 0),
            _attribute(_DST, prefix.network_address.packed),
            _attribute(_GATEWAY, route.gateway.packed),
            _attribute(_OIF, _WORD.pack(route.link)),
            _attribute(_PRIORITY, _WORD.pack(route.metric)),
        )
    )
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, number, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data


def _send(
    netlink: socket.socket, batch: Sequence[LearnedRoute], kind: int, flags: int, fine: Iterable[int]
) -> Iterator[tuple[LearnedRoute, int]]:
    """The kernel answers errors, and by the flag the last one in any case."""
    last = len(batch) - 1
    netlink.send(
        b"".join(_encode(route, kind, flags | (_ACK if at == last else 0), at) for at, route in enumerate(batch))
    )
    while True:
        for number, code in _results(netlink.recv(1 << 16)):
            if code and code not in fine and number <= last:
                yield batch[number], code
            if number == last:
                return


def _results(data: bytes) -> Iterator[tuple[int, int]]:
    offset = 0
    while len(data) - offset >= _HEADER.size + _CODE.size:
        length, kind, _, number, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        if kind == _ERROR:
            yield number, -_CODE.unpack_from(data, offset + _HEADER.size)[0]
        offset += (length + 3) & ~3


def _opened() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        netlink.settimeout(_TIMEOUT)
        netlink.bind((0, 0))
    except BaseException:
        netlink.close()
        raise
    return netlink


def _dump(body: bytes) -> Iterator[bytes]:
    """The route messages. Kernels before 4.20 do not filter, so whoever asks looks at the protocol as well."""
    try:
        with _opened() as netlink:
            try:
                netlink.setsockopt(_SOL_NETLINK, _STRICT, 1)
            except OSError:
                pass
            netlink.send(_HEADER.pack(_HEADER.size + len(body), _GETROUTE, _REQUEST | _DUMP, 1, 0) + body)
            while True:
                data, offset = netlink.recv(1 << 18), 0
                while len(data) - offset >= _HEADER.size:
                    length, kind, *_ = _HEADER.unpack_from(data, offset)
                    if length < _HEADER.size:
                        return
                    message = data[offset + _HEADER.size : offset + length]
                    if kind in (_ERROR, _DONE):
                        code = -_CODE.unpack_from(message)[0] if len(message) >= _CODE.size else 0
                        # A kernel without IPv6 knows no such request; one without routes of the kind says ENOENT.
                        if code not in (0, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.ENOENT):
                            raise OSError(code, os.strerror(code))
                        return
                    if kind == _NEWROUTE and len(message) >= _RTMSG.size:
                        yield message
                    offset += (length + 3) & ~3
    except TimeoutError:
        raise NetlinkError("read learned routes", errno.ETIMEDOUT, "the kernel did not answer") from None
    except (OSError, struct.error) as error:
        raise NetlinkError("read learned routes", getattr(error, "errno", None) or errno.EIO) from None


def _decode(message: bytes) -> LearnedRoute | None:
    values = dict(_attributes(message))
    gateway, index, metric = values.get(_GATEWAY), values.get(_OIF), values.get(_PRIORITY)
    if gateway is None or index is None or metric is None:
        return None
    if message[0] == socket.AF_INET:
        prefix = IPv4Network((values.get(_DST, bytes(4)), message[1]))
        return LearnedRoute(prefix, IPv4Address(gateway), _WORD.unpack(index)[0], _WORD.unpack(metric)[0])
    prefix6 = IPv6Network((values.get(_DST, bytes(16)), message[1]))
    return LearnedRoute(prefix6, IPv6Address(gateway), _WORD.unpack(index)[0], _WORD.unpack(metric)[0])


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    start = _RTMSG.size
    while len(message) - start >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(message, start)
        if length < _ATTRIBUTE.size or length > len(message) - start:
            return
        yield kind, message[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3
