"""The settings of one speaker, from the plan's part for its LAN. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from routerd.model import Address
from routerd.rip.auth import Key
from routerd.rip.words import GROUP, GROUP_NG, Import, Settings, To, Version
from routerd.rip_part import RipLan, RipRoute


def settings_of(lan: RipLan, version: Version, keys: Sequence[Key], link_local: IPv6Address | None = None) -> Settings:
    """The speaker of this version. `keys` have their secrets; RIPng has none. `link_local` is RIPng's own address."""
    is_ng = version is Version.NG
    family = 6 if is_ng else 4
    own = {address for address in lan.addresses if address.version == family}
    if is_ng and link_local is not None:
        own.add(link_local)
    return Settings(
        lan=lan.interface,
        version=version,
        own=frozenset(own),
        networks=tuple(network for network in lan.networks if network.version == family),
        group=_group(lan, is_ng),
        neighbours=tuple(address for address in lan.settings.neighbors if address.version == family),
        update_interval=lan.settings.update_interval,
        keys=() if is_ng else tuple(keys),
        auth_length=lan.settings.auth_length,
        answer_unauthenticated=lan.settings.answer_unauthenticated,
        learn=_import(lan, family) if lan.settings.learn else None,
        barred=tuple(network for network in lan.barred if network.version == family),
        mtu=lan.mtu,
    )


def routes_of(routes: Iterable[RipRoute], version: Version) -> list[RipRoute]:
    """Those that a speaker of this version announces."""
    family = 6 if version is Version.NG else 4
    return [route for route in routes if route.prefix.version == family]


def _group(lan: RipLan, is_ng: bool) -> tuple[To, Address] | None:
    if lan.settings.mode == "unicast":
        return None
    if is_ng:
        return To.MULTICAST, GROUP_NG
    return (To.BROADCAST, lan.broadcast) if lan.settings.mode == "broadcast" else (To.MULTICAST, GROUP)


def _import(lan: RipLan, family: int) -> Import | None:
    """What is listed for this family; None where nothing is, so that nothing is learned."""
    listed = [item for item in lan.settings.imports if item.version == family]
    prefixes = tuple(item for item in listed if isinstance(item, IPv4Network | IPv6Network))
    neighbours = frozenset(item for item in listed if isinstance(item, IPv4Address | IPv6Address))
    return Import(prefixes, neighbours) if listed else None
