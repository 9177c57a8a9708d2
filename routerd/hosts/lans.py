"""What of the plan's part for address translation says how the hosts of a LAN are measured. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.nat_part import NatLan, NatPart, NatVpn, Strategy


class Source(NamedTuple):
    """An address to ask from, and the prefixes of the same VPN as the hosts see them.

    `local`: this machine has the address itself. A VPN that appears under another prefix is shown under an address
    that nobody has.
    """

    address: IPv4Address
    prefixes: tuple[IPv4Network, ...]
    local: bool


class MeasuredLan(NamedTuple):
    """A LAN with hosts to measure. `own` is this machine's address there."""

    interface: str
    own: IPv4Address
    networks: tuple[IPv4Network, ...]
    sources: tuple[Source, ...]
    excluded: frozenset[IPv4Address]
    pinned: tuple[IPv4Address, ...]


def measured_lans(part: NatPart) -> dict[str, MeasuredLan]:
    """The LANs by interface that have a VPN whose WireGuard runs on this machine, and is up, and where it matters who
    has a way back.
    """
    vpns = {vpn.name: source for vpn in part.vpns if (source := _source(vpn)) is not None}
    taken = {alias.address for alias in part.aliases}
    found = {}
    for lan in part.lans:
        own = [address for address in lan.addresses if isinstance(address, IPv4Address)]
        networks = tuple(net for net in lan.networks if isinstance(net, IPv4Network))
        sources = tuple(vpns[name] for name in lan.vpns if name in vpns)
        if own and networks and sources and _matters(lan):
            singles = [pin.network for pin in lan.pins if pin.network.num_addresses == 1 and pin.network.version == 4]
            found[lan.interface] = MeasuredLan(
                lan.interface,
                own[0],
                networks,
                sources,
                frozenset(address for address in (*own, *taken) if isinstance(address, IPv4Address)),
                tuple(IPv4Address(int(net.network_address)) for net in singles),
            )
    return found


def watched_networks(part: NatPart) -> tuple[list[IPv4Network], list[tuple[IPv4Network, IPv4Network]]]:
    """The prefixes whose flows are watched, and of those that are mapped (real, shown)."""
    networks, mapped = [], []
    for vpn in part.vpns:
        if vpn.interface is not None:
            networks += [net for net in vpn.prefixes if isinstance(net, IPv4Network)]
            mapped += list(_pair(vpn))
    return [*networks, *(shown for _, shown in mapped)], mapped


def lan_at(lans: dict[str, MeasuredLan], address: IPv4Address) -> str | None:
    """The LAN whose own network has this address, if a host may have it there."""
    for name, lan in lans.items():
        for network in lan.networks:
            if address in network:
                edge = network.prefixlen < 31 and address in (network.network_address, network.broadcast_address)
                return None if edge or address in lan.excluded else name
    return None


def _matters(lan: NatLan) -> bool:
    """Is any host routed, or might be; or must it be found out which one has a MAC that is pinned?"""
    strategies = {lan.strategy, *(pin.strategy for pin in lan.pins)}
    return bool(lan.mac_pins) or not strategies <= {Strategy.MASQUERADE, Strategy.NONE}


def _source(vpn: NatVpn) -> Source | None:
    if vpn.interface is None:
        return None
    own = next((address for address in vpn.addresses if isinstance(address, IPv4Address)), None)
    if own is None:
        return None
    for real, shown in _pair(vpn):
        if own in real:
            return Source(shown[int(own) - int(real.network_address)], (shown,), False)
        return Source(shown[1 if shown.prefixlen < 31 else 0], (shown,), False)
    return Source(own, tuple(net for net in vpn.prefixes if isinstance(net, IPv4Network)), True)


def _pair(vpn: NatVpn) -> Iterator[tuple[IPv4Network, IPv4Network]]:
    if vpn.mapped is not None:
        real, shown = vpn.mapped
        if isinstance(real, IPv4Network) and isinstance(shown, IPv4Network):
            yield real, shown
