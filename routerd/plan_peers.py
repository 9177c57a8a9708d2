"""Which peers there are and how each is measured, from configuration and facts. Pure."""

from collections.abc import Iterable

from routerd.config.model import Config, PeerConfig, Vpn
from routerd.model import Address, Facts, Network, PeerChange, PeersPart, ProbeTarget, VpnFacts


def peers_part(config: Config, facts: Facts) -> PeersPart:
    """Every peer of every vpn, and the rules of probing."""
    probe = config.probe
    targets = [target for vpn in config.vpns for target in targets_of(vpn, facts, probe.interval)]
    return PeersPart(tuple(targets), probe.timeout, probe.down_after, probe.up_after)


def changes(before: PeersPart, after: PeersPart) -> list[PeerChange]:
    """The items that turn one part into the other; the rules of probing are not items."""
    old = {(target.vpn, target.name): target for target in before.targets}
    new = {(target.vpn, target.name): target for target in after.targets}
    gone = [PeerChange(key, None) for key in old if key not in new]
    return gone + [PeerChange(key, target) for key, target in new.items() if old.get(key) != target]


def targets_of(vpn: Vpn, facts: Facts, interval: float) -> list[ProbeTarget]:
    """The peers of one vpn: configured ones first, then those that only WireGuard knows, under their public key."""
    found = dict(facts.vpns.get(vpn.name, VpnFacts(found=False)).peers)
    targets = []
    for peer in vpn.peers:
        key = peer.public_key or _key_of(peer.address, found)
        targets.append(decide_peer(vpn, peer, key, found.get(key or "", ()), facts, interval))
        found.pop(key or "", None)
    for key, allowed in found.items():
        targets.append(decide_peer(vpn, PeerConfig(name=key, public_key=key), key, allowed, facts, interval))
    return targets


def _key_of(address: Address | None, peers: dict[str, tuple[Network, ...]]) -> str | None:
    """The peer whose AllowedIPs cover the address most narrowly, as WireGuard itself chooses."""
    covering = [
        (network.prefixlen, key)
        for key, networks in peers.items()
        for network in networks
        if address is not None and network.version == address.version and address in network
    ]
    return max(covering)[1] if covering else None


def decide_peer(
    vpn: Vpn, peer: PeerConfig, key: str | None, allowed: tuple[Network, ...], facts: Facts, interval: float
) -> ProbeTarget:
    """How one peer is measured: by ICMP where it has a single address, else by its handshakes."""
    address = peer.address or single_address(allowed)
    kind = peer.probe or ("icmp" if address is not None else "handshake")
    interface = facts.interfaces.get(vpn.interface) if vpn.interface is not None else None
    source = interface.addresses[0].ip if interface is not None and interface.addresses else None
    return ProbeTarget(
        name=peer.name,
        vpn=vpn.name,
        public_key=key,
        address=address if kind == "icmp" else None,
        kind=kind,
        interval=peer.interval or interval,
        interface=vpn.interface,
        source=source if address is not None and address.version == 4 else None,
        allowed_ips=allowed,
    )


def single_address(allowed: Iterable[Network]) -> Address | None:
    """The one host address among AllowedIPs; None if there is none or more than one of a family."""
    hosts = [network for network in allowed if network.prefixlen == network.max_prefixlen]
    chosen = [n for n in hosts if n.version == 4] or hosts
    return chosen[0].network_address if len(chosen) == 1 else None
