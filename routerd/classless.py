"""The value of option 121, classless static routes (RFC 3442), which option 249 has as well. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from routerd.wire import Reader, WireError

Routes = Sequence[tuple[IPv4Network, IPv4Address]]


def encode_route(prefix: IPv4Network, gateway: IPv4Address) -> bytes:
    """A destination descriptor and its router (RFC 3442): the width, the significant octets, the router's address."""
    width = prefix.prefixlen
    return bytes((width,)) + prefix.network_address.packed[: (width + 7) // 8] + gateway.packed


def classless_routes(routes: Routes, router: IPv4Address | None) -> tuple[bytes, ...]:
    """The entries of option 121, one bytes value a route.

    The default route via `router` comes last: a client that takes option 121 ignores the router option (RFC 3442), so
    without it the client would lose its default route. Nothing at all comes out where there is no route to hand out.
    """
    entries = [encode_route(prefix, gateway) for prefix, gateway in routes]
    if entries and router is not None:
        entries.append(encode_route(IPv4Network("0.0.0.0/0"), router))
    return tuple(entries)


def decode_classless_routes(data: bytes) -> list[tuple[IPv4Network, IPv4Address]]:
    """The routes in a whole option 121. Raises `WireError` for a bad width, a cut entry or host bits."""
    reader = Reader(data)
    routes = []
    while reader.left:
        start = reader.offset
        width = reader.uint8()
        if width > 32:
            raise WireError(f"offset {start}: width of at most 32 expected, {width} found")
        octets = reader.bytes((width + 7) // 8).ljust(4, b"\x00")
        gateway = IPv4Address(reader.bytes(4))
        try:
            prefix = IPv4Network((octets, width))
        except ValueError:
            raise WireError(f"offset {start}: {IPv4Address(octets)}/{width} has host bits set") from None
        routes.append((prefix, gateway))
    return routes
