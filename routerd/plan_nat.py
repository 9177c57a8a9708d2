"""What address translation is made from, and how one host and the VPN talk. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from routerd.alias_part import AliasPart
from routerd.config.model import Config, HostPin, Lan, Vpn
from routerd.model import Address, Facts, Interface, Network, Problem, VpnFacts
from routerd.nat_part import HostState, NatLan, NatPart, NatPin, NatVpn, Strategy
from routerd.plan_aliases import alias_part, claimed_aliases
from routerd.plan_forwards import forwards_of
from routerd.plan_links import Link, link_of
from routerd.plan_map import Pair
from routerd.plan_targets import Targets
from routerd.reports import ReturnPath

_LINK_LOCAL = IPv6Network("fe80::/10")


def nat_part(
    config: Config,
    facts: Facts,
    behind: Mapping[str, tuple[IPv4Network, ...]],
    mapped: Mapping[str, Pair],
    problems: list[Problem],
) -> tuple[NatPart, AliasPart]:
    """The part of the plan that rules are made from, and the aliases that are to be claimed before there are any.

    `behind` are the real IPv4 prefixes of every vpn by name, `mapped` those that have map_to.

    A LAN takes part as long as this machine has its address there, also while the link is down: a forward that was
    removed for a second would cut what it carries.
    """
    links = _standing(config, facts)
    own = _own_networks(links)
    vpns = [_vpn(vpn, facts, links, behind[vpn.name], mapped.get(vpn.name), own) for vpn in config.vpns]
    vpns = [vpn for vpn in vpns if vpn.prefixes]
    names = [vpn.name for vpn in vpns]
    lans = [_lan(link, [name for name in names if link.lan.takes_part(name)]) for link in links]
    targets = Targets(config, facts, vpns)
    forwards = tuple(forwards_of(config, facts, links, targets, problems))
    wanted = alias_part(config, facts, links, targets, problems)
    part = NatPart(
        vpns=tuple(vpns),
        lans=tuple(lan for lan in lans if lan.vpns),
        forwards=forwards,
        aliases=tuple(claimed_aliases(wanted, facts)),
        pools=wanted.pools,
        keep=config.nat.keep,
        log_flows=config.nat.log_flows,
    )
    return part, wanted


def _standing(config: Config, facts: Facts) -> list[Link]:
    held = {name: replace(interface, up=True) for name, interface in facts.interfaces.items()}
    standing = replace(facts, interfaces=held)
    return [link for lan in config.lans if (link := link_of(lan, standing, [])) is not None]


# ---------------------------------------------------------------- vpns


def _vpn(
    vpn: Vpn,
    facts: Facts,
    links: Iterable[Link],
    behind: tuple[IPv4Network, ...],
    mapped: Pair | None,
    own: list[Network],
) -> NatVpn:
    if vpn.interface is None:
        hardware = dict(facts.link_layer)
        on_link = [gateway for gateway in vpn.gateways if any(gateway in link.network for link in links)]
        gateways = tuple((gateway, hardware.get(gateway)) for gateway in on_link)
        return NatVpn(vpn.name, behind, gateways=gateways, mtu=vpn.mtu)
    interface = facts.interfaces.get(vpn.interface)
    prefixes: tuple[Network, ...] = (*behind, *_behind6(vpn, interface, facts, own))
    mtu = min(vpn.mtu, interface.mtu) if interface is not None and interface.mtu else vpn.mtu
    addresses = () if interface is None else _one_of_each(interface)
    return NatVpn(vpn.name, prefixes, vpn.interface, addresses, mtu=mtu, mapped=mapped)


def _behind6(vpn: Vpn, interface: Interface | None, facts: Facts, own: list[Network]) -> Iterable[IPv6Network]:
    """The interface's own IPv6 networks and its peers' AllowedIPs, less LANs and default routes."""
    known = facts.vpns.get(vpn.name, VpnFacts(found=False))
    found = [] if interface is None else [address.network for address in interface.addresses6]
    found += [net for _, networks in known.peers for net in networks if isinstance(net, IPv6Network)]
    kept = [net for net in found if net.prefixlen and not net.subnet_of(_LINK_LOCAL)]
    lans = [net for net in own if isinstance(net, IPv6Network)]
    # Two halves of everything are a default route as well.
    return [net for net in collapse_addresses(kept) if net.prefixlen and not any(net.overlaps(lan) for lan in lans)]


def _one_of_each(interface: Interface) -> tuple[Address, ...]:
    return (*(own.ip for own in interface.addresses[:1]), *(own.ip for own in interface.addresses6[:1]))


# ---------------------------------------------------------------- lans


def _networks(interface: Interface) -> tuple[Network, ...]:
    """The networks of both families; a virtual address (held as a single one) lies in one of them."""
    four = collapse_addresses(own.network for own in interface.addresses)
    six = collapse_addresses(own.network for own in interface.addresses6)
    return (*four, *six)


def _own_networks(links: Iterable[Link]) -> list[Network]:
    return [network for link in links for network in _networks(link.interface)]


def _lan(link: Link, vpns: Iterable[str]) -> NatLan:
    lan = link.lan
    addresses: tuple[Address, ...] = (link.address, *(own.ip for own in link.interface.addresses6[:1]))
    return NatLan(
        interface=lan.interface,
        networks=_networks(link.interface),
        addresses=addresses,
        vpns=tuple(vpns),
        strategy=Strategy(lan.strategy),
        pins=_pins(lan),
        mac_pins=tuple((host.mac, Strategy(host.strategy)) for host in lan.hosts if host.mac is not None),
    )


def _pins(lan: Lan) -> tuple[NatPin, ...]:
    """The nearest first: an address before a prefix that is as long."""
    hosts = sorted(lan.hosts, key=lambda host: host.address is None)
    pins = [NatPin(net, Strategy(host.strategy)) for host in hosts if (net := _pinned(host)) is not None]
    return tuple(sorted(pins, key=lambda pin: pin.network.prefixlen - pin.network.max_prefixlen, reverse=True))


def _pinned(host: HostPin) -> Network | None:
    if host.address is None:
        return host.prefix
    return IPv4Network(host.address) if host.address.version == 4 else IPv6Network(host.address)


# ---------------------------------------------------------------- one host


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """How the strategy of a LAN's hosts is decided. `here`: WireGuard runs on this machine for one of its vpns.

    `pinned` are strategies by network, of all networks of one family and prefix length together, the longest first.
    """

    strategy: Strategy
    here: bool
    macs: Mapping[bytes, Strategy]
    pinned: tuple[tuple[int, int, Mapping[int, Strategy]], ...] = ()


def policy_of(part: NatPart, lan: NatLan) -> HostPolicy:
    """The policy of one LAN of the part."""
    here = any(vpn.interface is not None for vpn in part.vpns if vpn.name in lan.vpns)
    rows: dict[tuple[int, int], dict[int, Strategy]] = {}
    for network, strategy in lan.pins:
        row = rows.setdefault((network.version, network.prefixlen), {})
        row.setdefault(int(network.network_address), strategy)
    ordered = sorted(rows.items(), key=lambda item: -item[0][1])
    return HostPolicy(lan.strategy, here, dict(lan.mac_pins), tuple((v, length, row) for (v, length), row in ordered))


def decider(part: NatPart, lan: NatLan) -> Callable[[HostState], tuple[Strategy, bool]]:
    """What decides about the hosts of this LAN: the strategy of one, and whether the configuration sets it for it."""
    policy = policy_of(part, lan)
    return lambda host: (decide_host(policy, host), pin_of(policy, host) is not None)


def decide_host(policy: HostPolicy, host: HostState) -> Strategy:
    """How this host and the VPN talk: site-gateway, masquerade or none, never auto.

    With auto it is masquerade until the way back is proven, at once where the host itself answered, else by TCP. Where
    WireGuard runs on other machines only, nothing can be masqueraded on this one.
    """
    wanted = pin_of(policy, host)
    if wanted is None:
        wanted = policy.strategy
    if wanted is not Strategy.AUTO:
        return wanted
    proven = host.return_path is ReturnPath.DIRECT or (host.return_path is ReturnPath.VIA_ROUTER and host.tcp_proof)
    return Strategy.SITE_GATEWAY if proven or not policy.here else Strategy.MASQUERADE


def pin_of(policy: HostPolicy, host: HostState) -> Strategy | None:
    """The strategy that is set for this host by its address, its MAC or the longest prefix around it; None: none is."""
    by_mac = None if host.mac is None else policy.macs.get(host.mac)
    for version, length, row in policy.pinned:
        if version != host.address.version:
            continue
        shift = host.address.max_prefixlen - length
        if by_mac is not None and shift:
            break
        found = row.get(int(host.address) >> shift << shift)
        if found is not None:
            return found
    return by_mac
