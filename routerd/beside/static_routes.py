"""Option 33, static routes (RFC 2132 section 5.8), of an administrator's. Pure.

A client that takes option 121 must ignore option 33 (RFC 3442), so what an administrator hands out in it has to be in
option 121 as well.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

STATIC_ROUTES = 33
_ENTRY = 8
_CLASSES = ((128, 8), (192, 16), (224, 24))

Route = tuple[IPv4Network, IPv4Address]


def destination(address: IPv4Address) -> IPv4Network | None:
    """What a destination of option 33 stands for; None for one that is illegal: 0.0.0.0, or no host or network.

    The option has no masks: an address with nothing but its class's network is that network, any other is a host.
    """
    first = address.packed[0]
    width = next((width for below, width in _CLASSES if first < below), None)
    if width is None or first in (0, 127):
        return None
    whole = IPv4Network((address, width), strict=False)
    return whole if whole.network_address == address else IPv4Network(address)


def routes_of(pairs: Iterable[tuple[IPv4Address, IPv4Address]]) -> tuple[Route, ...]:
    """The routes of destinations and their routers; of two with one destination the first counts."""
    found: dict[IPv4Network, IPv4Address] = {}
    for address, router in pairs:
        network = destination(address)
        if network is not None and int(router):
            found.setdefault(network, router)
    return tuple(found.items())


def decode_static_routes(data: bytes) -> tuple[Route, ...]:
    """The routes of a whole option 33; what is cut at its end, or illegal, is left out."""
    whole = range(0, len(data) - _ENTRY + 1, _ENTRY)
    return routes_of((IPv4Address(data[at : at + 4]), IPv4Address(data[at + 4 : at + _ENTRY])) for at in whole)
