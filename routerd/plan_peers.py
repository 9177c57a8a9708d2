"""Which peers there are and how each is measured, from configuration and facts. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from routerd.allowed import Owners
from routerd.config.model import Config, PeerConfig, Vpn
from routerd.config.probes import UNSENT, probing
from routerd.model import Address, Facts, Interface, Network, PeerChange, PeersPart, ProbeTarget, VpnFacts
from routerd.plan_lacks import lacks

Sources = tuple[tuple[IPv4Address, IPv4Network], ...]


def peers_part(config: Config, facts: Facts) -> PeersPart:
    """Every peer of every vpn, the rules of probing, and what the peers lack."""
    probe = config.probe
    by_vpn = [(vpn, targets_of(vpn, facts, probe.interval)) for vpn in config.vpns]
    targets = [target for _, found in by_vpn for target in found]
    problems = [problem for vpn, found in by_vpn for problem in lacks(config, vpn, found, facts)]
    return PeersPart(tuple(targets), probe.timeout, probe.down_after, probe.up_after, tuple(problems))


def changes(before: PeersPart, after: PeersPart) -> list[PeerChange]:
    """The items that turn one part into the other; the rules of probing are not items."""
    old = {(target.vpn, target.name): target for target in before.targets}
    new = {(target.vpn, target.name): target for target in after.targets}
    gone = [PeerChange(key, None) for key in old if key not in new]
    return gone + [PeerChange(key, target) for key, target in new.items() if old.get(key) != target]


def targets_of(vpn: Vpn, facts: Facts, interval: float) -> list[ProbeTarget]:
    """The peers of one vpn: configured ones first, then those that only WireGuard knows, under their public key."""
    found = dict(facts.vpns.get(vpn.name, VpnFacts(found=False)).peers)
    owners = Owners(found.items())
    sources = sources_of(facts.interfaces.get(vpn.interface) if vpn.interface is not None else None)
    rest, targets = dict(found), []
    for peer in vpn.peers:
        key = peer.public_key or (owners.find(peer.address) if peer.address is not None else None)
        targets.append(decide_peer(vpn, peer, key, found.get(key or "", ()), sources, interval))
        rest.pop(key or "", None)
    for key, allowed in rest.items():
        targets.append(decide_peer(vpn, PeerConfig(name=key, public_key=key), key, allowed, sources, interval))
    return targets


def decide_peer(
    vpn: Vpn, peer: PeerConfig, key: str | None, allowed: tuple[Network, ...], sources: Sources, interval: float
) -> ProbeTarget:
    """How one peer is measured: by ICMP where it has a single address, else by its handshakes."""
    own = peer.address or single_address(allowed)
    kind = peer.probe or ("icmp" if own is not None else "handshake")
    address = None if kind in UNSENT else probing(kind).host or own
    return ProbeTarget(
        name=peer.name,
        vpn=vpn.name,
        public_key=key,
        address=address,
        kind=kind,
        interval=peer.interval or interval,
        interface=vpn.interface,
        source=_source(sources, address),
        allowed_ips=allowed,
        own=peer.address,
    )


def sources_of(interface: Interface | None) -> Sources:
    """The addresses of the vpn's interface with their networks."""
    return () if interface is None else tuple((own.ip, own.network) for own in interface.addresses)


def _source(sources: Sources, address: Address | None) -> Address | None:
    """The address that probes come from: the one on the network of what is probed, else the first.

    None for IPv6: that address is read when the socket is opened.
    """
    if not sources or address is None or address.version == 6:
        return None
    return next((ip for ip, network in sources if address in network), sources[0][0])


def single_address(allowed: Iterable[Network]) -> Address | None:
    """The one host address among AllowedIPs; None if there is none or more than one of a family."""
    hosts = [network for network in allowed if network.prefixlen == network.max_prefixlen]
    chosen = [n for n in hosts if n.version == 4] or hosts
    return chosen[0].network_address if len(chosen) == 1 else None
