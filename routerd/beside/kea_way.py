"""The way that Kea tells clients by options 3 and 33, which option 121 takes the place of (RFC 3442). Pure."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.beside.kea_config import Map, address_of, entries_of
from routerd.beside.options import fitting
from routerd.beside.static_routes import STATIC_ROUTES, Route, decode_static_routes, routes_of
from routerd.beside_part import BesideNetwork
from routerd.classless import encode_route

ROOM = 255
ROUTER = 3
_DEFAULT = IPv4Network("0.0.0.0/0")


class Way(NamedTuple):
    """The router of some clients, and their static routes."""

    router: IPv4Address | None = None
    statics: tuple[Route, ...] = ()


def way_of(options: Iterable[Map], outer: Way) -> Way:
    """What a place with these options says; `outer` counts for what it does not."""
    known = list(options)
    router = next(entries_of(known, ROUTER), None)
    statics = next(entries_of(known, STATIC_ROUTES), None)
    return Way(
        outer.router if router is None else address_of(router),
        outer.statics if statics is None else _statics_of(statics),
    )


def _statics_of(entry: Map) -> tuple[Route, ...]:
    if entry.get("never-send") is True:
        return ()
    data = str(entry.get("data", "")).strip()
    try:
        if entry.get("csv-format", True):
            known = [IPv4Address(word.strip()) for word in data.split(",")]
            return routes_of(zip(known[::2], known[1::2], strict=False))
        return decode_static_routes(bytes.fromhex(data.removeprefix("0x").replace(":", " ")))
    except (AddressValueError, ValueError):
        return ()


def value_for(told: BesideNetwork, way: Way) -> tuple[bytes, tuple[Route, ...]]:
    """Option 121 for the clients of a whole subnet, and the routes that have no room in it; b"" where none has."""
    kept = [route for route in way.statics if route not in told.routes]
    value, left = fitting(replace(told, router=way.router), ROOM, kept)
    return (value, left) if len(left) < len(told.routes) else (b"", left)


def value_within(told: BesideNetwork, way: Way) -> tuple[bytes, bool]:
    """Option 121 for clients who would otherwise have the subnet's: at least their own way.

    The second is False where static routes of their own have no room in it.
    """
    kept = [route for route in way.statics if route not in told.routes]
    most = len(kept)
    while len(own := _encoded(kept, way.router)) > ROOM:
        kept.pop()
    value, _ = fitting(replace(told, router=way.router), ROOM, kept)
    return value or own, len(kept) == most


def _encoded(routes: Iterable[Route], router: IPv4Address | None) -> bytes:
    default = () if router is None else ((_DEFAULT, router),)
    return b"".join(encode_route(*route) for route in (*routes, *default))


def other_way(network: BesideNetwork, way: Way) -> tuple[IPv4Network, ...]:
    """Destinations of both for which they name different routers."""
    told = dict(network.routes)
    return tuple(prefix for prefix, router in way.statics if told.get(prefix, router) != router)
