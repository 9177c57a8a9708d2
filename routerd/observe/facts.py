"""What decides, taken out of what was read. Pure."""

from collections.abc import Mapping

from routerd.model import DefaultGateway, Facts, Interface, Network, VpnFacts, WireGuardDevice


def vpn_facts(device: WireGuardDevice) -> VpnFacts:
    """The peers' keys and networks in one fixed order: userspace devices list them in another one at every answer."""
    peers = {peer.public_key: tuple(sorted(peer.allowed_ips, key=_order)) for peer in device.peers}
    return VpnFacts(found=True, peers=tuple(sorted(peers.items())))


def assemble(
    interfaces: Mapping[str, Interface],
    gateways: tuple[DefaultGateway, ...],
    wanted: frozenset[str],
    vpns: Mapping[str, str],
    known: Mapping[str, VpnFacts],
) -> Facts:
    """Facts of the wanted interfaces and of every vpn (name to interface).

    `known` is what each vpn's device said last; it counts as long as the interface exists, so that a device that
    cannot be read for a while changes nothing.
    """
    return Facts(
        interfaces={name: interfaces[name] for name in sorted(interfaces) if name in wanted},
        default_gateways=gateways,
        vpns={
            name: known.get(name, VpnFacts(found=False)) if interface in interfaces else VpnFacts(found=False)
            for name, interface in vpns.items()
        },
    )


def _order(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen
