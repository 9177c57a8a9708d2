"""Routes as the kernel's route messages say them, and back. Pure but for the look-up of names that callers pass in."""

import struct
import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network
from socket import AF_INET
from typing import Any

from pyroute2.netlink.rtnl.rtmsg import rtmsg

from routerd.model import DefaultGateway, KernelRoute

OWN_PROTOCOL = 121

_MAIN = 254
_UNICAST, _UNREACHABLE = 1, 7
_UNIVERSE, _LINK, _NOWHERE = 0, 253, 255
_DEAD = 0x1
_ANY = bytes(4)
_ATTRIBUTE = struct.Struct("=HH")

Name = Callable[[int], str | None]
"""Gives the name of an interface's index; None if there is no such interface."""


def encode(route: KernelRoute, index: int | None, *, adding: bool) -> Any:
    """The message body that adds or deletes the route as one of routerd's own; `index` is the interface's."""
    on_link = route.gateway is None and index is not None
    message = rtmsg()
    message["family"] = AF_INET
    message["dst_len"] = route.prefix.prefixlen
    message["table"] = _MAIN
    message["proto"] = OWN_PROTOCOL
    # Deleting: NOWHERE matches every scope.
    message["scope"] = (_LINK if on_link else _UNIVERSE) if adding else _NOWHERE
    message["type"] = _UNREACHABLE if route.gateway is None and index is None else _UNICAST
    message["attrs"] = [
        ("RTA_DST", str(route.prefix.network_address)),
        ("RTA_TABLE", _MAIN),
        ("RTA_PRIORITY", route.metric),
    ]
    if route.gateway is not None:
        message["attrs"].append(("RTA_GATEWAY", str(route.gateway)))
    if index is not None:
        message["attrs"].append(("RTA_OIF", index))
    if route.mtu is not None or not adding:
        # Deleting: 0 matches a route without, and spares one with another value.
        message["attrs"].append(("RTA_METRICS", {"attrs": [("RTAX_MTU", route.mtu or 0)]}))
    return message


def dump_request(protocol: int = 0) -> Any:
    """The message body that asks for the main table's routes, only those of `protocol` if it is not 0."""
    message = rtmsg()
    message["family"] = AF_INET
    message["table"] = _MAIN
    message["proto"] = protocol
    message["attrs"] = [("RTA_TABLE", _MAIN)]
    return message


def peek(data: bytes, offset: int) -> tuple[int, bytes]:
    """Prefix length and address of the route message at `offset`, taken from the bytes as the kernel writes them."""
    length = data[offset + 17]
    if length == 0:
        return 0, _ANY
    at, end = offset + 28, offset + int.from_bytes(data[offset : offset + 4], sys.byteorder)
    while at + 8 <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if kind == 1 and size == 8:
            return length, data[at + 4 : at + 8]
        at += max((size + 3) & ~3, 4)
    return length, _ANY


def decode_own(message: Any, name: Name) -> KernelRoute | None:
    """One of routerd's routes as the kernel reports it; None if it is not one, or its interface went meanwhile."""
    if not _is_main(message) or message["proto"] != OWN_PROTOCOL:
        return None
    prefix, metric, _ = identity(message)
    if message["type"] == _UNREACHABLE:
        return KernelRoute(prefix, metric=metric)
    if message["type"] != _UNICAST:
        return None
    gateway, index = _next_hop(message)
    interface = None if index is None else name(index)
    values = message.get_attr("RTA_METRICS")
    mtu = (values.get_attr("RTAX_MTU") if values else None) or None
    return None if interface is None else KernelRoute(prefix, gateway, interface, metric, mtu)


def identity(message: Any) -> tuple[IPv4Network, int, bool]:
    """Prefix, metric, and whether it is routerd's own."""
    destination = message.get_attr("RTA_DST") or "0.0.0.0"
    prefix = IPv4Network((destination, message["dst_len"]), strict=False)
    return prefix, message.get_attr("RTA_PRIORITY") or 0, message["proto"] == OWN_PROTOCOL and _is_main(message)


def default_gateways(messages: Iterable[Any], name: Name) -> tuple[DefaultGateway, ...]:
    """The usable default routes among the messages, best metric first, each next hop once. Own routes do not count."""
    rows = []
    for message in messages:
        prefix, metric, own = identity(message)
        if prefix.prefixlen or own or message["type"] != _UNICAST or message["tos"] or not _is_main(message):
            continue
        for gateway, index in _next_hops(message):
            interface = None if index is None else name(index)
            if gateway is not None and interface is not None:
                rows.append((metric, DefaultGateway(gateway, interface)))
    rows.sort(key=lambda row: row[0])
    return tuple(dict.fromkeys(gateway for _, gateway in rows))


def _is_main(message: Any) -> bool:
    table: int = message.get_attr("RTA_TABLE") or message["table"]
    return table == _MAIN


def _next_hop(message: Any) -> tuple[IPv4Address | None, int | None]:
    return next(iter(_next_hops(message)), (None, None))


def _next_hops(message: Any) -> list[tuple[IPv4Address | None, int | None]]:
    several = message.get_attr("RTA_MULTIPATH")
    if several:
        return [(_gateway(hop), hop["oif"]) for hop in several if not hop["flags"] & _DEAD]
    return [(_gateway(message), message.get_attr("RTA_OIF"))]


def _gateway(message: Any) -> IPv4Address | None:
    text = message.get_attr("RTA_GATEWAY")
    # A next hop of the other family (RTA_VIA) is no IPv4 gateway.
    return None if text is None else IPv4Address(text)
