"""The networks that are reached by an interface: its own, and those behind the routers of the site."""

import sys
from ipaddress import IPv4Network
from pathlib import Path

_ROUTES = Path("/proc/net/route")
_UP, _REJECT = 0x1, 0x200


def networks_by_interface(file: Path = _ROUTES) -> dict[str, list[IPv4Network]]:
    """The IPv4 routes of the main table by interface, without default routes; nothing where they cannot be read."""
    try:
        lines = file.read_text().splitlines()[1:]
    except OSError:
        return {}
    found: dict[str, list[IPv4Network]] = {}
    for line in lines:
        name, destination, _, flags, _, _, _, mask, *_ = line.split()
        network = IPv4Network((_address(destination), _address(mask).bit_count()))
        if network.prefixlen and int(flags, 16) & _UP and not int(flags, 16) & _REJECT:
            found.setdefault(name, []).append(network)
    return found


def _address(text: str) -> int:
    # As the kernel prints the bytes of the wire, read as a number of this machine.
    return int.from_bytes(int(text, 16).to_bytes(4, sys.byteorder), "big")
