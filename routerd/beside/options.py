"""The bytes of option 121 for a network, as the other server shall hand them out. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from routerd.beside_part import BesideNetwork
from routerd.classless import classless_routes

CLASSLESS_ROUTES = 121
MS_CLASSLESS_ROUTES = 249
CODES = (CLASSLESS_ROUTES, MS_CLASSLESS_ROUTES)


def entries(network: BesideNetwork) -> tuple[bytes, ...]:
    """The entries of option 121, one bytes value a route, the default route last; none where nothing is offered."""
    return classless_routes(network.routes, network.router)


def value(network: BesideNetwork) -> bytes:
    """The whole value of option 121, which option 249 has as well; empty where nothing is offered."""
    return b"".join(entries(network))


def fitting(
    network: BesideNetwork, room: int, kept: Sequence[tuple[IPv4Network, IPv4Address]] = ()
) -> tuple[bytes, tuple[tuple[IPv4Network, IPv4Address], ...]]:
    """The value in at most `room` bytes, and the routes that found no place in it.

    The default route always has its place, and so have the `kept` ones, which are the administrator's (option 33): a
    client without them would lose its way. Of the network's own the first are kept, and none with a kept destination.
    """
    theirs = {prefix for prefix, _ in kept}
    routes = [route for route in network.routes if route[0] not in theirs]
    if not routes:
        return b"", ()
    parts = classless_routes((*routes, *kept), network.router)
    tail = b"".join(parts[len(routes) :])
    placed, left = b"", list[tuple[IPv4Network, IPv4Address]]()
    for route, part in zip(routes, parts, strict=False):
        if not left and len(placed) + len(part) + len(tail) <= room:
            placed += part
        else:
            left.append(route)
    return placed + tail, tuple(left)
