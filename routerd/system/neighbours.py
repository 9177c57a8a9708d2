"""The kernel's IPv4 neighbours, those that it answers for, and the next hop to an address.

Decoded by hand: a table may have thousands of entries.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.system.netlink_error import NetlinkError

_NEWNEIGH, _DELNEIGH, _GETNEIGH, _GETROUTE, _ERROR, _DONE = 28, 29, 30, 26, 2, 3
_REQUEST, _ACK, _DUMP, _CREATE = 0x1, 0x4, 0x300, 0x400
_HEADER = struct.Struct("=IHHII")
_NDMSG = struct.Struct("=BBHiHBB")
_RTMSG = struct.Struct("=8BI")
_ATTRIBUTE = struct.Struct("=HH")
_WORD = struct.Struct("=i")
_DST, _LLADDR, _PROTOCOL = 1, 2, 12
_PROXY, _PERMANENT = 0x08, 0x80
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_OWN_PROTOCOL = 121
_NO_ARP, _INCOMPLETE, _FAILED = 0x40, 0x01, 0x20
_TIMEOUT = 5.0


class Neighbour(NamedTuple):
    """A machine that this one has talked to; `link` is the index of the interface."""

    link: int
    address: IPv4Address
    mac: bytes


class Proxy(NamedTuple):
    """An address that the kernel answers for on an interface, as long as it has a way to it by another one.

    `own`: routerd (this or an earlier one) made the entry. Kernels before 5.2 cannot tell who did.
    """

    link: int
    address: IPv4Address
    own: bool = True


async def proxies() -> list[Proxy]:
    """All addresses that the kernel answers for by an entry. Raises `NetlinkError`."""
    return await asyncio.to_thread(_proxies)


async def change_proxies(add: Iterable[Proxy], delete: Iterable[Proxy]) -> list[tuple[Proxy, NetlinkError]]:
    """Delete entries, then add some as routerd's own, unless they are so already; what could not be done, and why."""
    return await asyncio.to_thread(_change_proxies, tuple(add), tuple(delete))


def remove_own_proxies() -> tuple[list[Proxy], list[tuple[Proxy, NetlinkError]]]:
    """Remove all entries of routerd's: those that were there, and those that could not be. Raises `NetlinkError`."""
    own = [proxy for proxy in _proxies() if proxy.own]
    failed = _change_proxies((), own)
    return own, failed


async def neighbours() -> list[Neighbour]:
    """All whose link-layer address is known, on all interfaces. Raises `NetlinkError`."""
    return await asyncio.to_thread(_neighbours)


def next_hop(address: IPv4Address) -> tuple[int, IPv4Address | None] | None:
    """The interface's index and the router that packets to `address` go to; None where they go nowhere.

    The router is None where the address is on the link itself. Raises `NetlinkError`.
    """
    attribute = _ATTRIBUTE.pack(8, _RTA_DST) + address.packed
    body = _RTMSG.pack(socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, 0) + attribute
    try:
        with _errors(f"look up the route to {address}"):
            for answer in _ask(_GETROUTE, _REQUEST, body):
                found = dict(_attributes(answer, _RTMSG.size))
                if answer[7] != 1 or _RTA_OIF not in found:  # RTN_UNICAST
                    return None
                gateway = found.get(_RTA_GATEWAY)
                return _WORD.unpack(found[_RTA_OIF])[0], None if gateway is None else IPv4Address(gateway)
    except NetlinkError as error:
        if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL):
            raise
    return None


def _neighbours() -> list[Neighbour]:
    found = []
    with _errors("read the neighbours"):
        for body in _ask(_GETNEIGH, _REQUEST | _DUMP, _NDMSG.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0)):
            family, _, _, index, state, _, _ = _NDMSG.unpack_from(body)
            if family != socket.AF_INET or not state or state & (_NO_ARP | _INCOMPLETE | _FAILED):
                continue
            values = dict(_attributes(body, _NDMSG.size))
            if len(values.get(_DST, b"")) == 4 and len(values.get(_LLADDR, b"")) == 6:
                found.append(Neighbour(index, IPv4Address(values[_DST]), values[_LLADDR]))
    return found


def _proxies() -> list[Proxy]:
    found = []
    with _errors("read the proxy neighbours"):
        for body in _ask(_GETNEIGH, _REQUEST | _DUMP, _NDMSG.pack(socket.AF_INET, 0, 0, 0, 0, _PROXY, 0)):
            family, _, _, index, _, flags, _ = _NDMSG.unpack_from(body)
            values = dict(_attributes(body, _NDMSG.size))
            if family == socket.AF_INET and flags & _PROXY and index and len(values.get(_DST, b"")) == 4:
                own = values.get(_PROTOCOL, b"\0")[:1] == bytes((_OWN_PROTOCOL,))
                found.append(Proxy(index, IPv4Address(values[_DST]), own))
    return found


def _change_proxies(add: Iterable[Proxy], delete: Iterable[Proxy]) -> list[tuple[Proxy, NetlinkError]]:
    failed = []
    for proxy in delete:
        try:
            _change_proxy(_DELNEIGH, 0, proxy, "delete")
        except NetlinkError as error:
            if error.code not in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
                failed.append((proxy, error))
    for proxy in add:
        try:
            _change_proxy(_NEWNEIGH, _CREATE, proxy, "add")
        except NetlinkError as error:
            failed.append((proxy, error))
    return failed


def _change_proxy(kind: int, flags: int, proxy: Proxy, action: str) -> None:
    body = _NDMSG.pack(socket.AF_INET, 0, 0, proxy.link, _PERMANENT, _PROXY, 0)
    body += _ATTRIBUTE.pack(8, _DST) + proxy.address.packed
    body += _ATTRIBUTE.pack(5, _PROTOCOL) + bytes((_OWN_PROTOCOL, 0, 0, 0))
    with _errors(f"{action} the proxy neighbour {proxy.address}"):
        for _ in _ask(kind, _REQUEST | _ACK | flags, body):
            pass


def _ask(kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(_TIMEOUT)
        asked.bind((0, 0))
        asked.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        while True:
            data, offset = asked.recv(1 << 18), 0
            while len(data) - offset >= _HEADER.size:
                length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
                if length < _HEADER.size or length > len(data) - offset:
                    return
                answer = data[offset + _HEADER.size : offset + length]
                offset += (length + 3) & ~3
                if kind in (_ERROR, _DONE):
                    code = -_WORD.unpack_from(answer)[0] if len(answer) >= 4 else 0
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield answer
            if not flags & _DUMP & ~_REQUEST:
                return


def _attributes(body: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    while len(body) - start >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if length < _ATTRIBUTE.size or length > len(body) - start:
            return
        yield kind, body[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3


@contextlib.contextmanager
def _errors(action: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise NetlinkError(action, errno.ETIMEDOUT, "the kernel did not answer") from None
    except (OSError, struct.error) as error:
        raise NetlinkError(action, getattr(error, "errno", None) or errno.EIO) from None
