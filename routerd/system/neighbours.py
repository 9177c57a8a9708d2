"""The kernel's IPv4 neighbour table, and the next hop to an address. Decoded by hand: a table may have thousands."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.system.netlink_error import NetlinkError

_GETNEIGH, _GETROUTE, _ERROR, _DONE = 30, 26, 2, 3
_REQUEST, _DUMP = 0x1, 0x300
_HEADER = struct.Struct("=IHHII")
_NDMSG = struct.Struct("=BBHiHBB")
_RTMSG = struct.Struct("=8BI")
_ATTRIBUTE = struct.Struct("=HH")
_WORD = struct.Struct("=i")
_DST, _LLADDR = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_NO_ARP, _INCOMPLETE, _FAILED = 0x40, 0x01, 0x20
_TIMEOUT = 5.0


class Neighbour(NamedTuple):
    """A machine that this one has talked to; `link` is the index of the interface."""

    link: int
    address: IPv4Address
    mac: bytes


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
