"""What RIP does on every LAN, in the words that FRR's and BIRD's configuration have in common. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from routerd.config.model import Address, Config, Lan, Network, Rip, RipKey
from routerd.model import Plan
from routerd.rip_part import RipLan

SECRET = "SECRET"
"""Stands for what is in a file: no secret is ever printed."""
TIMEOUT, GARBAGE = 6, 4
"""In update intervals."""

_EVERYTHING: dict[int, Network] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


class Unable(Exception):
    """The other program has no such thing; the text says which, and what then."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """One LAN. `prefixes` are announced, `vpn_interfaces` are those of WireGuard on this machine."""

    interface: str
    settings: Rip
    prefixes: tuple[Network, ...]
    vpn_interfaces: tuple[str, ...]

    def announced(self, version: int) -> list[Network]:
        """The prefixes of one IP version."""
        return [net for net in self.prefixes if net.version == version]

    def learned(self, version: int) -> list[tuple[Network, int]]:
        """The networks that may be learned with all that lies in them, from so long a prefix length on."""
        items = self._imports(version)
        listed = [item for item in items if isinstance(item, IPv4Network | IPv6Network)]
        if items and not listed:
            # From some routers everything, but not the default route.
            return [(_EVERYTHING[version], 1)]
        return [(network, network.prefixlen) for network in listed]

    def routers(self, version: int) -> list[Address]:
        """The routers that may be learned from; none: all."""
        return [item for item in self._imports(version) if isinstance(item, IPv4Address | IPv6Address)]

    def _imports(self, version: int) -> list[Network | Address]:
        return [item for item in self.settings.imports if item.version == version] if self.settings.learn else []

    def neighbors(self, version: int) -> list[Address]:
        """The routers that are sent updates one by one."""
        return [each for each in self.settings.neighbors if each.version == version]

    @property
    def gateway6(self) -> IPv6Address | None:
        """Another machine that the IPv6 prefixes lead to."""
        return self.settings.ng_gateway


def speaking(config: Config, plan: Plan) -> list[Speaking]:
    """Every LAN that has RIP, also while it is down."""
    parts = {lan.interface: lan for lan in plan.rip.lans}
    vpns = tuple(vpn.interface for vpn in config.vpns if vpn.interface is not None)
    return [_one(lan, lan.rip, plan, parts.get(lan.interface), vpns) for lan in config.lans if lan.rip is not None]


def _one(lan: Lan, settings: Rip, plan: Plan, part: RipLan | None, vpns: tuple[str, ...]) -> Speaking:
    found: dict[Network, None] = {}
    if settings.announce != "none":
        if "v2" in settings.versions:
            found |= dict.fromkeys(route.prefix for route in plan.routes if route.lan == lan.interface)
        if "ng" in settings.versions:
            routes = () if part is None else (*part.routes, *(each for peer in part.peers for each in peer.routes))
            six = (route.prefix for route in routes if isinstance(route.prefix, IPv6Network))
            found |= dict.fromkeys(settings.ng_prefixes if settings.ng_prefixes is not None else six)
    return Speaking(lan.interface, settings, tuple(found), vpns)


def notes(lan: Speaking) -> list[str]:
    """What the other program does otherwise, as sentences."""
    found = []
    if lan.settings.announce == "peers":
        found.append("announces the whole prefix, whether or not a peer is reachable: only routerd knows that")
    if lan.settings.keys:
        found.append(f"put the secrets of the key files in the place of {SECRET}")
    return [f"{lan.interface}: {note}" for note in found]


def algorithm(keys: Iterable[RipKey], known: Iterable[str]) -> str | None:
    """The algorithm of all keys; None without keys. Raises `Unable`."""
    found = sorted({key.algorithm for key in keys})
    if not found:
        return None
    unknown = [name for name in found if name not in known]
    if unknown:
        raise Unable(f"authentication by {unknown[0]} is not known to it, so it is not to speak there")
    if len(found) > 1 and "plain" in found:
        raise Unable("it cannot use plain and other keys on one interface, so it is not to speak there")
    return found[0]


def moment(unix: float, form: str) -> str:
    """A time on the clock of this machine, as both programs write it."""
    return datetime.fromtimestamp(unix).strftime(form)
