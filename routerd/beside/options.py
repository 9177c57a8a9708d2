"""The bytes of option 121 for a network, as the other server shall hand them out. Pure."""

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


def fitting(network: BesideNetwork, room: int) -> tuple[bytes, tuple[tuple[IPv4Network, IPv4Address], ...]]:
    """The value in at most `room` bytes, and the routes that found no place in it.

    The default route always has its place: a client without it would lose its way out. The first routes are kept.
    """
    parts = entries(network)
    if not parts:
        return b"", ()
    tail = parts[-1] if len(parts) > len(network.routes) else b""
    kept, left = b"", list[tuple[IPv4Network, IPv4Address]]()
    for route, part in zip(network.routes, parts, strict=False):
        if not left and len(kept) + len(part) + len(tail) <= room:
            kept += part
        else:
            left.append(route)
    return kept + tail, tuple(left)
