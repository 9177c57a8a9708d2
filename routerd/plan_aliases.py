"""Alias addresses: LAN addresses that stand for peers, and the pools that they come from. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from routerd.alias_part import AliasLan, AliasPart, Claimed, FixedAlias
from routerd.config.model import AddressRange, Alias, Config, Lan
from routerd.model import Facts, KernelRoute, LeasedAlias, Network, Problem, VpnFacts
from routerd.nat_part import NatAlias, NatPool, NatVpn, PoolPeer
from routerd.plan_links import Link
from routerd.plan_targets import PeerTarget, Targets
from routerd.plan_told import default_router

_NAMED = 3


def alias_part(
    config: Config, facts: Facts, links: Iterable[Link], targets: Targets, problems: list[Problem]
) -> AliasPart:
    """Every alias that can be, and every pool, of the LANs as they are now; a problem for what cannot be."""
    links = [link for link in links if link.lan.aliases or link.lan.alias_pool is not None]
    if not links:
        return AliasPart()
    up = {name: interface.up for name, interface in facts.interfaces.items()}
    lans = [
        AliasLan(link.lan.interface, link.interface.index, link.interface.mac, link.address, up[link.lan.interface])
        for link in links
    ]
    return AliasPart(
        lans=tuple(lans),
        aliases=tuple(_fixed(config, facts, links, targets, problems)),
        pools=tuple(_pools(config, facts, links, targets, problems)),
        own_macs=frozenset(interface.mac for interface in facts.interfaces.values() if any(interface.mac)),
        complete=all(vpn.interface is None or _is_read(vpn.name, facts) for vpn in config.vpns),
        keep=config.nat.keep,
    )


def claimed_aliases(part: AliasPart, facts: Facts) -> Iterator[NatAlias]:
    """Those of the part that nobody else has: only for these there may be rules."""
    for alias in part.aliases:
        if Claimed(alias.lan, alias.address) in facts.claimed:
            yield _translated(alias.lan, alias.address, alias.peer, facts)
    for pool in part.pools:
        peers = {(peer.vpn, peer.key): peer for peer in pool.peers}
        for lan, address, vpn, key in sorted(facts.claimed):
            if lan == pool.lan and (vpn, key) in peers and _lies_in(address, pool):
                yield _translated(lan, address, peers[vpn, key], facts)


def alias_routes(aliases: Iterable[NatAlias], vpns: Iterable[NatVpn], facts: Facts) -> Iterator[KernelRoute]:
    """The way to each alias: to the VPN, where nobody has this address. It is why the kernel answers for it."""
    interfaces = {vpn.name: vpn.interface for vpn in vpns}
    for alias in aliases:
        name = interfaces.get(alias.vpn)
        interface = facts.interfaces.get(name or "")
        if interface is not None and interface.up and isinstance(alias.address, IPv4Address):
            yield KernelRoute(IPv4Network(alias.address), interface=name)


def _fixed(
    config: Config, facts: Facts, links: Iterable[Link], targets: Targets, problems: list[Problem]
) -> Iterator[FixedAlias]:
    for link in links:
        held = _held(config, facts, link, links) if link.lan.aliases else {}
        for alias in link.lan.aliases:
            peer = targets.named(alias.peer)
            # A peer that is not configured never gets here.
            if peer is not None and (made := _alias(link, alias, peer, held, targets, facts, problems)) is not None:
                yield made


def _pools(
    config: Config, facts: Facts, links: Iterable[Link], targets: Targets, problems: list[Problem]
) -> Iterator[NatPool]:
    """Every pool with the peers that get an alias out of it: those with a single address and without one by name."""
    for link in links:
        pool, subject = link.lan.alias_pool, f"lan {link.lan.interface}"
        if pool is None:
            continue
        if pool.first not in link.network or pool.last not in link.network:
            _add(problems, "alias-pool-not-on-link", subject, pool=pool, network=link.network)
            continue
        named = {alias.peer for alias in link.lan.aliases}
        allowed = {name: _allowed(name, pool, facts) for name in targets.names_of(link.lan)}
        for name, (peer_key, network) in ((name, one) for name, one in allowed.items() if one is not None):
            _add(problems, "alias-pool-allowed", subject, pool=pool, vpn=name, peer=peer_key, network=network)
        peers = [
            PoolPeer(peer.vpn, peer.name, peer.address4, peer.key)
            for peer in targets.all()
            if peer.address4 is not None
            and peer.name not in named
            and allowed.get(peer.vpn) is None
            and _leads(link.lan, peer.vpn, peer.address4, targets)
        ]
        taken = {*_held(config, facts, link, links), *(alias.address for alias in link.lan.aliases)}
        barred = frozenset(address for address in taken if pool.first <= address <= pool.last)
        leased = [each for each in _leased(link, facts) if pool.first <= each.address <= pool.last]
        if leased:
            text = ", ".join(f"{each.address} ({_client(each)})" for each in leased[:_NAMED])
            more = f" and {len(leased) - _NAMED} more" if len(leased) > _NAMED else ""
            _add(problems, "alias-pool-leased", subject, pool=pool, addresses=text + more)
        free = int(pool.last) - int(pool.first) + 1 - len(barred)
        if len(peers) > free:
            _add(problems, "alias-pool-small", subject, pool=pool, free=free, peers=len(peers))
        yield NatPool(link.lan.interface, pool, tuple(peers), barred)


def _alias(
    link: Link,
    alias: Alias,
    peer: PeerTarget,
    held: Mapping[IPv4Address, str],
    targets: Targets,
    facts: Facts,
    problems: list[Problem],
) -> FixedAlias | None:
    subject, lan = f"alias {alias.address}", link.lan
    within = (f"lan {lan.interface}", f"vpn {peer.vpn}")
    owner = _allowed(peer.vpn, AddressRange(alias.address, alias.address), facts)
    if alias.address in held:
        _add(problems, "alias-in-use", subject, within, what=held[alias.address])
    elif alias.address not in link.network:
        _add(problems, "alias-not-on-link", subject, within, network=link.network)
    elif peer.address4 is None:
        _add(problems, "alias-no-address", subject, within, peer=alias.peer)
    elif not _leads(lan, peer.vpn, peer.address4, targets):
        _add(problems, "alias-not-behind", subject, within, peer=alias.peer, address=peer.address4)
    elif owner is not None:
        _add(problems, "alias-allowed", subject, within, peer=owner[0], network=owner[1])
    else:
        return FixedAlias(lan.interface, alias.address, PoolPeer(peer.vpn, peer.name, peer.address4, peer.key))
    return None


def _translated(lan: str, address: IPv4Address, peer: PoolPeer, facts: Facts) -> NatAlias:
    masquerade = (peer.vpn, peer.address) not in facts.kept
    return NatAlias(lan, peer.vpn, address, peer.address, masquerade)


def _allowed(vpn: str, addresses: AddressRange, facts: Facts) -> tuple[str, Network] | None:
    """A peer that packets to one of these addresses would go to if nothing translated them, and its AllowedIPs."""
    for key, networks in facts.vpns.get(vpn, VpnFacts(found=False)).peers:
        for network in networks:
            if not isinstance(network, IPv4Network):
                continue
            if network[0] <= addresses.last and network[-1] >= addresses.first:
                return key, network
    return None


def _is_read(vpn: str, facts: Facts) -> bool:
    return facts.vpns.get(vpn, VpnFacts(found=False)).found


def _lies_in(address: IPv4Address, pool: NatPool) -> bool:
    return pool.addresses.first <= address <= pool.addresses.last and address not in pool.barred


def _add(problems: list[Problem], code: str, subject: str, within: tuple[str, ...] = (), **values: object) -> None:
    problems.append(Problem(code, subject, tuple((name, str(value)) for name, value in values.items()), within))


def _leads(lan: Lan, vpn: str, address: IPv4Address, targets: Targets) -> bool:
    """Whether the address is behind this vpn, and its tunnel begins on this machine."""
    found = targets.behind(lan, address)
    return found is not None and found.name == vpn and found.interface is not None


def _held(config: Config, facts: Facts, link: Link, links: Iterable[Link]) -> dict[IPv4Address, str]:
    """The addresses of the LAN's network that are known to be taken, and by what."""
    held: dict[IPv4Address, str] = {}
    if link.network.prefixlen < 31:
        held |= dict.fromkeys((link.network[0], link.network[-1]), "the first or last address of the LAN's network")
    router = default_router(link, facts)
    if router is not None:
        held[router] = "the router's"
    held |= {default.address: "the default gateway's" for default in facts.default_gateways}
    held |= {gateway: "a gateway's" for vpn in config.vpns for gateway in vpn.gateways}
    held |= {own.ip: "this machine's own" for other in links for own in other.interface.addresses}
    return {each.address: f"leased to {_client(each)}" for each in _leased(link, facts)} | held


def _leased(link: Link, facts: Facts) -> list[LeasedAlias]:
    """A client that holds an address by DHCP has the better right to it, whether it is there now or not."""
    return [each for each in facts.leased if each.lan == link.lan.interface]


def _client(each: LeasedAlias) -> str:
    until = datetime.fromtimestamp(each.expires, UTC).replace(tzinfo=None).isoformat(" ", "seconds")
    return f"{each.mac} until {until} UTC"
