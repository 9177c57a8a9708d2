"""What decides, taken out of what was read. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from routerd.model import DefaultGateway, Facts, Interface, Network, VpnFacts, WireGuardDevice


def vpn_facts(device: WireGuardDevice, site: Iterable[IPv4Network] = ()) -> VpnFacts:
    """The peers' keys and networks in one fixed order: userspace devices list them in another one at every answer.

    Endpoints are facts only where they lie in the networks of the `site`: others change whenever a peer roams.
    """
    peers = {peer.public_key: tuple(sorted(peer.allowed_ips, key=_order)) for peer in device.peers}
    ranges = [(int(network.network_address), int(network.broadcast_address)) for network in site]
    here = [
        (IPv4Address(address), peer.public_key)
        for peer in device.peers
        if (address := _endpoint_address(peer.endpoint)) and any(first <= address <= last for first, last in ranges)
    ]
    return VpnFacts(found=True, peers=tuple(sorted(peers.items())), here=tuple(sorted(here)))


@lru_cache(maxsize=16384)
def _endpoint_address(endpoint: str | None) -> int:
    """The IPv4 address of an endpoint as a number; 0 where it has none."""
    try:
        return int(IPv4Address((endpoint or "").rpartition(":")[0]))
    except ValueError:
        return 0


def networks_behind(interface: Interface, known: VpnFacts) -> tuple[IPv4Network, ...]:
    """The interface's own networks and its peers' AllowedIPs, without default routes and IPv6."""
    allowed = (network for _, networks in known.peers for network in networks)
    behind = [network for network in allowed if isinstance(network, IPv4Network) and network.prefixlen]
    return tuple(dict.fromkeys([*(address.network for address in interface.addresses), *behind]))


def links_of(
    hops: Iterable[IPv4Address], interfaces: Mapping[str, Interface], tunnels: Iterable[str]
) -> dict[IPv4Address, int]:
    """The index of the interface that each of these machines is on the link of; without those that are on none."""
    lans = [interface for name, interface in interfaces.items() if interface.up and name not in set(tunnels)]
    found: dict[IPv4Address, int] = {}
    for hop in hops:
        for interface in lans:
            if any(hop in own.network and hop != own.ip for own in interface.addresses):
                found.setdefault(hop, interface.index)
    return found


def assemble(
    interfaces: Mapping[str, Interface],
    gateways: tuple[DefaultGateway, ...],
    wanted: frozenset[str],
    vpns: Mapping[str, str],
    known: Mapping[str, VpnFacts],
) -> Facts:
    """Facts of the wanted interfaces and of every vpn (name to interface).

    `known` is what each vpn's device said last; it counts on while the device cannot be read or is gone.
    """
    found = {}
    for name, interface in vpns.items():
        vpn = known.get(name, VpnFacts(found=False))
        found[name] = vpn if interface in interfaces else replace(vpn, found=False)
    return Facts(
        interfaces={name: interfaces[name] for name in sorted(interfaces) if name in wanted},
        default_gateways=gateways,
        vpns=found,
    )


def _order(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen
