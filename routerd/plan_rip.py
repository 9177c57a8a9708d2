"""What RIP announces on each LAN, and what it must not learn there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses
from typing import TypeVar

from routerd.config.model import Config, Rip, Vpn
from routerd.model import Address, Facts, Network, ProbeTarget
from routerd.plan_links import Link, gateway_of
from routerd.plan_map import Shown
from routerd.plan_peers import targets_of
from routerd.rip_part import RipLan, RipPart, RipPeer, RipRoute

_Net = TypeVar("_Net", IPv4Network, IPv6Network)
_EVERYBODY = IPv4Address("255.255.255.255")
_USUAL_MTU = 1500


def rip_part(
    config: Config,
    facts: Facts,
    links: Iterable[Link],
    shown: Mapping[str, Shown],
    behind6: Mapping[str, Sequence[IPv6Network]],
    withdrawn: Mapping[str, str | None],
) -> RipPart:
    """The part of the plan, for every LAN that has RIP and is up.

    By the vpns' names: what the site sees of each, its IPv6 prefixes, and why its routes are withdrawn, if they are.
    A vpn that is withdrawn, or must not be seen as it is, has no routes here.
    """
    links = list(links)
    barred = _barred(links, shown, behind6)
    told = [vpn for vpn in config.vpns if withdrawn[vpn.name] is None and shown[vpn.name].withheld is None]
    targets: dict[str, list[ProbeTarget]] = {}
    lans = []
    for link in links:
        settings = link.lan.rip
        if settings is None:
            continue
        vpns = [vpn for vpn in told if link.lan.takes_part(vpn.name)]
        routes: dict[RipRoute, None] = {}
        peers: list[RipPeer] = []
        for vpn in vpns if settings.announce != "none" else ():
            made = _Vpn(vpn, link, settings, facts, shown[vpn.name], behind6.get(vpn.name, ()))
            if settings.announce == "prefixes":
                routes |= dict.fromkeys(made.prefixes())
                continue
            if vpn.name not in targets:
                targets[vpn.name] = targets_of(vpn, facts, config.probe.interval)
            routes |= dict.fromkeys(made.own())
            peers += made.peers(targets[vpn.name])
        if vpns and settings.announce != "none":
            routes |= dict.fromkeys(_listed6(settings))
        lans.append(_lan(link, settings, tuple(routes), tuple(peers), barred))
    return RipPart(tuple(lans))


def _lan(
    link: Link, settings: Rip, routes: tuple[RipRoute, ...], peers: tuple[RipPeer, ...], barred: tuple[Network, ...]
) -> RipLan:
    interface = link.interface
    own: list[Address] = [each.ip for each in interface.addresses]
    own += [each.ip for each in interface.addresses6]
    return RipLan(
        interface=interface.name,
        index=interface.index,
        mtu=interface.mtu or _USUAL_MTU,
        address=link.address,
        addresses=frozenset(own),
        networks=_networks(link),
        broadcast=link.network.broadcast_address if link.network.prefixlen < 31 else _EVERYBODY,
        settings=settings,
        routes=routes,
        peers=peers,
        barred=barred,
    )


def _networks(link: Link) -> tuple[Network, ...]:
    four = collapse_addresses(own.network for own in link.interface.addresses)
    six = collapse_addresses(own.network for own in link.interface.addresses6)
    return (*four, *six)


def _barred(
    links: Iterable[Link], shown: Mapping[str, Shown], behind6: Mapping[str, Sequence[IPv6Network]]
) -> tuple[Network, ...]:
    """The VPN's prefixes as they are and as they are seen, announced or not, and the LANs' own networks."""
    found: dict[Network, None] = {}
    for link in links:
        listed6 = link.lan.rip.ng_prefixes if link.lan.rip is not None else None
        found |= dict.fromkeys((*_networks(link), *(listed6 or ())))
    for seen in shown.values():
        found |= dict.fromkeys((*seen.prefixes, *(seen.mapped or ())))
    for networks in behind6.values():
        found |= dict.fromkeys(networks)
    return tuple(found)


def _listed6(settings: Rip) -> Iterable[RipRoute]:
    """The IPv6 prefixes that are listed by hand, where WireGuard runs on another machine."""
    if "ng" not in settings.versions:
        return ()
    return [RipRoute(net, settings.ng_gateway, settings.metric, settings.tag) for net in settings.ng_prefixes or ()]


class _Vpn:
    """One vpn as one LAN is told of it."""

    def __init__(
        self, vpn: Vpn, link: Link, settings: Rip, facts: Facts, shown: Shown, behind6: Sequence[IPv6Network]
    ) -> None:
        gateway = gateway_of(vpn, link)
        self._vpn, self._settings = vpn, settings
        self._interface = facts.interfaces.get(vpn.interface or "")
        self._next_hop = None if gateway == link.address else gateway
        self._seen = shown.prefixes if "v2" in settings.versions else ()
        self._mapped = shown.mapped
        derived = "ng" in settings.versions and settings.ng_prefixes is None
        self._seen6 = tuple(behind6) if derived else ()

    def prefixes(self) -> list[RipRoute]:
        """All of it."""
        return [*map(self._route, self._seen), *map(self._route, self._seen6)]

    def own(self) -> list[RipRoute]:
        """The address of this machine inside the VPN; that of another gateway is not known."""
        if self._interface is None:
            return []
        own: list[Network] = [IPv4Network(each.ip) for each in self._interface.addresses]
        own += [IPv6Network(each.ip) for each in self._interface.addresses6]
        return [self._route(net) for each in own for net in self._see(each)]

    def peers(self, targets: Iterable[ProbeTarget]) -> list[RipPeer]:
        """Every peer with what is behind it: its address, and its AllowedIPs as far as the site is told of them."""
        made = []
        for target in targets:
            networks = [*target.allowed_ips, *([_single(target.own)] if target.own is not None else [])]
            # A default route, or its halves, is for what is behind no other peer: not for this VPN.
            seen = [net for network in networks if network.prefixlen > 1 for net in self._see(network)]
            routes = tuple(self._route(net) for net in _collapsed(seen))
            if routes:
                made.append(RipPeer(self._vpn.name, target.name, routes))
        return made

    def _see(self, network: Network) -> Iterable[Network]:
        """What the site sees of a network: as far as it lies in what is behind this vpn."""
        if isinstance(network, IPv6Network):
            return _common(network, self._seen6)
        if self._mapped is None or not self._seen:
            return _common(network, self._seen)
        real, seen = self._mapped
        shift = int(seen.network_address) - int(real.network_address)
        return [IPv4Network((int(net.network_address) + shift, net.prefixlen)) for net in _common(network, (real,))]

    def _route(self, prefix: Network) -> RipRoute:
        next_hop = self._next_hop if prefix.version == 4 else None
        return RipRoute(prefix, next_hop, self._settings.metric, self._settings.tag)


def _collapsed(networks: Iterable[Network]) -> list[Network]:
    known = list(networks)
    four = collapse_addresses(net for net in known if isinstance(net, IPv4Network))
    six = collapse_addresses(net for net in known if isinstance(net, IPv6Network))
    return [*four, *six]


def _single(address: Address) -> Network:
    return IPv4Network(address) if isinstance(address, IPv4Address) else IPv6Network(address)


def _common(network: _Net, others: Iterable[_Net]) -> list[_Net]:
    """What a network has in common with each of others; of two that overlap one lies in the other."""
    return [max(network, other, key=lambda net: net.prefixlen) for other in others if network.overlaps(other)]
