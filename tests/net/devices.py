"""What DHCP clients of other systems ask for, and what they make of the answer: their default route and their routes.

The lists are those that the systems send; the rules are what they are known to do with options 3, 121 and 249.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Options = dict[str, list[Any]]
Routes = dict[str, str]
"""Prefix to gateway."""

BROADCAST = 0x8000
DEFAULT = "0.0.0.0/0"


def router(options: Options) -> Routes:
    """The default route of option 3."""
    return {DEFAULT: options["router"][0]} if "router" in options else {}


def classless(options: Options) -> Routes:
    """The routes of option 121, as scapy reads them."""
    routes: list[str] = options.get("classless_static_routes", [[]])[0]
    return dict(route.split(":") for route in routes)


def microsoft(options: Options) -> Routes:
    """The routes of option 249, which scapy does not know."""
    data, routes = bytes.fromhex(options.get("249", [""])[0]), {}
    while data:
        width, octets = data[0], -(-data[0] // 8)
        network = data[1 : 1 + octets].ljust(4, b"\0")
        gateway, data = data[1 + octets : 5 + octets], data[5 + octets :]
        routes[f"{'.'.join(map(str, network))}/{width}"] = ".".join(map(str, gateway))
    return routes


def windows(options: Options) -> Routes:
    """121 before 249; the router counts where neither has a default route."""
    return router(options) | (classless(options) or microsoft(options))


def windows_xp(options: Options) -> Routes:
    """249 only, beside the router."""
    return router(options) | microsoft(options)


def apple(options: Options) -> Routes:
    """The router is the default route; that of 121 counts only without one; 249 is nothing."""
    return classless(options) | router(options)


def router_only(options: Options) -> Routes:
    """Knows no classless routes at all."""
    return router(options)


@dataclass(frozen=True, slots=True)
class Device:
    """A client: the parameter list, what else it sends (code, hexadecimal), its flags, and its rule."""

    name: str
    asks_for: tuple[int, ...]
    rule: Callable[[Options], Routes]
    learns: bool
    """Whether it ends up with the VPN's route."""
    options: tuple[tuple[int, str], ...] = ()
    flags: int = 0


def _text(text: str) -> str:
    return text.encode().hex()


_MICROSOFT = ((60, _text("MSFT 5.0")), (12, _text("DESKTOP-1")))
_APPLE = ((57, "05dc"), (51, "0076a700"), (12, _text("Mac")))
_ANDROID = ((57, "05dc"), (60, _text("android-dhcp-14")), (12, _text("Pixel")), (80, ""))
_IPXE = (
    (57, "05c0"),
    (93, "0000"),
    (94, "010201"),
    (60, _text("PXEClient:Arch:00000:UNDI:002001")),
    (77, _text("iPXE")),
)

DEVICES = (
    Device("windows-11", (1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252), windows, True, _MICROSOFT),
    Device("windows-vista", (1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 43), windows, True, _MICROSOFT, BROADCAST),
    Device("windows-xp", (1, 15, 3, 6, 44, 46, 47, 31, 33, 249, 43), windows_xp, True, _MICROSOFT),
    Device("macos", (1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46), apple, True, _APPLE),
    Device("ios", (1, 121, 3, 6, 15, 119, 252), apple, True, _APPLE),
    Device("android", (1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108), router_only, False, _ANDROID),
    Device("esphome", (1, 3, 28, 6), router_only, False, ((57, "05dc"), (12, _text("esp")))),
    Device("no-parameter-list", (), router_only, False),
    Device("ipxe", (1, 3, 6, 7, 12, 15, 17, 43, 60, 66, 67, 119, 128, 175, 203), router_only, False, _IPXE),
)
