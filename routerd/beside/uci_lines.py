"""What /etc/init.d/routerd is to put into `list dhcp_option` of dnsmasq's pools on OpenWrt, as a file. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from routerd.beside.dnsmasq_file import LONGEST_OPTION, MARK
from routerd.beside.options import CODES, fitting
from routerd.beside.static_routes import Route
from routerd.beside_part import BesideNetwork, BesidePart
from routerd.classless import decode_classless_routes

HEADER = f"{MARK} for /etc/init.d/routerd, which puts it into list dhcp_option of /etc/config/dhcp.\n"
_LONGEST_TEXT = 900
"""dnsmasq reads 1024 bytes of a line."""
_ENTRY = 9
_FREE, _FIRST_REST, _LONGEST_REST = 3, 30.0, 900.0


def uci_text(parts: Iterable[BesidePart], statics: Mapping[str, tuple[Route, ...]] = MappingProxyType({})) -> str:
    """The whole file: for each LAN the device and the option, as dnsmasq's own configuration has it.

    `statics`: the routes of the administrator's option 33 by LAN.
    """
    lines = []
    for part in parts:
        routes = _routes(part.networks[0], statics.get(part.lan, ()))
        lines += [f"{part.lan} {code},{routes}\n" for code in CODES if routes]
    return HEADER + "".join(lines)


def _routes(network: BesideNetwork, kept: tuple[Route, ...]) -> str:
    for room in range(LONGEST_OPTION, 0, -_ENTRY):
        value, _ = fitting(network, room, kept)
        text = ",".join(f"{prefix},{gateway}" for prefix, gateway in decode_classless_routes(value)) if value else ""
        if len(text) <= _LONGEST_TEXT and len(value) <= LONGEST_OPTION:
            return text
    return ""


def without_new(wanted: str, written: str) -> str:
    """Of what is wanted, what is written already."""
    known = set(written.splitlines(keepends=True))
    return "".join(line for line in wanted.splitlines(keepends=True) if line in known or line == HEADER)


def rest(changes: int) -> float:
    """How long nothing is added after so many changes within an hour, in seconds: each of them is written to flash."""
    return 0.0 if changes < _FREE else min(_LONGEST_REST, _FIRST_REST * 2 ** (changes - _FREE))
