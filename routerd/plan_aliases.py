"""Alias addresses: LAN addresses that stand for peers, and the pools that they come from. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from routerd.config.model import Alias, Config, Lan
from routerd.model import Address, Facts, Problem
from routerd.nat_part import NatAlias, NatPool, PoolPeer
from routerd.plan_dhcp import default_router
from routerd.plan_links import Link
from routerd.plan_targets import Targets


def aliases_of(
    config: Config, facts: Facts, links: Iterable[Link], targets: Targets, problems: list[Problem]
) -> Iterator[NatAlias]:
    """Every configured alias that can work now; a problem for each other one."""
    for link in links:
        held = _held(config, facts, link, links) if link.lan.aliases else {}
        for alias in link.lan.aliases:
            made = _alias(link, alias, held, targets, facts.kept, problems)
            if made is not None:
                yield made


def pools_of(
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
        peers = [
            PoolPeer(peer.vpn, peer.name, peer.address4)
            for peer in targets.all()
            if peer.address4 is not None
            and peer.name not in named
            and _leads(link.lan, peer.vpn, peer.address4, targets)
        ]
        taken = {*_held(config, facts, link, links), *(alias.address for alias in link.lan.aliases)}
        barred = frozenset(address for address in taken if pool.first <= address <= pool.last)
        free = int(pool.last) - int(pool.first) + 1 - len(barred)
        if len(peers) > free:
            _add(problems, "alias-pool-small", subject, pool=pool, free=free, peers=len(peers))
        yield NatPool(link.lan.interface, pool, tuple(peers), barred)


def _alias(
    link: Link,
    alias: Alias,
    held: Mapping[IPv4Address, str],
    targets: Targets,
    kept: Collection[tuple[str, Address]],
    problems: list[Problem],
) -> NatAlias | None:
    subject, lan = f"alias {alias.address}", link.lan
    peer = targets.named(alias.peer)
    if peer is None:
        return None  # The configuration has no such peer; it never gets here.
    within = (f"lan {lan.interface}", f"vpn {peer.vpn}")
    if alias.address in held:
        _add(problems, "alias-in-use", subject, within, what=held[alias.address])
    elif alias.address not in link.network:
        _add(problems, "alias-not-on-link", subject, within, network=link.network)
    elif peer.address4 is None:
        _add(problems, "alias-no-address", subject, within, peer=alias.peer)
    elif not _leads(lan, peer.vpn, peer.address4, targets):
        _add(problems, "alias-not-behind", subject, within, peer=alias.peer, address=peer.address4)
    else:
        masquerade = (peer.vpn, peer.address4) not in kept
        return NatAlias(lan.interface, peer.vpn, alias.address, peer.address4, masquerade)
    return None


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
    return held
