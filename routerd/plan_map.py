"""Under which prefixes the site sees a vpn: its own, or those of map_to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from routerd.config.model import Vpn
from routerd.model import Problem

Pair = tuple[IPv4Network, IPv4Network]
"""A real prefix and the one that is shown for it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the site is told of a vpn. `withheld` says why it is told nothing: it must not see the real prefix then."""

    prefixes: tuple[IPv4Network, ...]
    mapped: Pair | None = None
    withheld: str | None = None


def shown_of(
    vpn: Vpn, behind: Mapping[str, tuple[IPv4Network, ...]], lans: Iterable[IPv4Network], problems: list[Problem]
) -> Shown:
    """How the site sees a vpn. `behind` are the real prefixes of all vpns by name, `lans` the networks of the LANs."""
    real = behind[vpn.name]
    if vpn.map_to is None or not real:
        return Shown(real)
    subject, values = f"vpn {vpn.name}", (("shown", str(vpn.map_to)),)
    if len(real) != 1 or real[0].prefixlen != vpn.map_to.prefixlen:
        known = (("real", ", ".join(map(str, real))),)
        problems.append(Problem("map-size", subject, (*values, *known)))
        return Shown(real, withheld=f"{vpn.map_to} is not of its size")
    for what, networks in (("the LAN", lans), *((f"the vpn {name}", nets) for name, nets in behind.items())):
        clash = next((network for network in networks if network.overlaps(vpn.map_to)), None)
        if clash is not None:
            problems.append(Problem("map-overlaps", subject, (*values, ("what", what), ("network", str(clash)))))
            return Shown(real, withheld=f"{vpn.map_to} overlaps {what} {clash}")
    return Shown((vpn.map_to,), (real[0], vpn.map_to))
