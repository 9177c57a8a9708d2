"""Facts and configuration become the plan: what is handed out, kept in the kernel, and what is wrong.

Pure and whole: the same input gives the same plan, and nothing of the machine is read here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, collapse_addresses

from routerd.config.model import Config, Dhcp, Lan, Vpn
from routerd.model import (
    DhcpPart,
    DhcpScope,
    Facts,
    Interface,
    KernelPart,
    KernelRoute,
    Plan,
    Problem,
    Route,
    RouteState,
    Sysctl,
    VpnFacts,
)
from routerd.plan_through import through

UNREACHABLE_METRIC = 0xFFFFFFFF
_LOOSE = 2


@dataclass(frozen=True, slots=True)
class _Link:
    """A LAN with what the machine says of it: its interface is up and `address` is on it."""

    lan: Lan
    interface: Interface
    address: IPv4Address
    network: IPv4Network


def plan(config: Config, facts: Facts) -> Plan:
    """The plan for this configuration on a machine with these facts."""
    problems: list[Problem] = []
    links = [link for lan in config.lans if (link := _link(lan, facts, problems)) is not None]
    routes: list[Route] = []
    kernel: list[KernelRoute] = []
    sysctls: dict[Sysctl, None] = dict.fromkeys(Sysctl(link.interface.name, "forwarding", 1) for link in links)
    lans = _lan_networks(config, facts)
    for vpn in config.vpns:
        prefixes = _prefixes(vpn, facts, lans, problems)
        withdrawn = _withdrawn(vpn, facts, links, tuple(f"lan {lan.interface}" for lan in config.lans), problems)
        for link in links:
            if link.lan.vpns is None or vpn.name in link.lan.vpns:
                routes += _lan_routes(vpn, prefixes, link, facts, withdrawn)
        kernel += _kernel_routes(vpn, prefixes, facts, links, withdrawn)
        sysctls |= dict.fromkeys(_vpn_sysctls(vpn, facts, links))
    dhcp = tuple(
        _dhcp_part(link, routes, facts, config, problems)
        for link in links
        if link.lan.dhcp is not None and link.lan.dhcp.mode == "serve"
    )
    return Plan(
        routes=tuple(routes),
        dhcp=dhcp,
        kernel=KernelPart(tuple(dict.fromkeys(kernel)), tuple(sysctls), _complete(config, facts)),
        problems=tuple(problems),
    )


# ---------------------------------------------------------------- LANs


def _link(lan: Lan, facts: Facts, problems: list[Problem]) -> _Link | None:
    subject = f"lan {lan.interface}"
    interface = _interface(subject, lan.interface, facts, problems)
    if interface is None:
        return None
    wanted = lan.address
    for own in interface.addresses:
        if wanted is None or own.ip == wanted:
            return _Link(lan, interface, own.ip, _network_of(own, interface))
    if wanted is None:
        problems.append(Problem("interface-no-address", subject))
    else:
        problems.append(Problem("address-not-local", subject, (("address", str(wanted)),)))
    return None


def _network_of(own: IPv4Interface, interface: Interface) -> IPv4Network:
    """The network of an address; that of a single address (keepalived adds its own so) is the one that it lies in."""
    around = (other.network for other in interface.addresses if own.ip in other.network)
    return own.network if own.network.prefixlen < 32 else min(around, key=lambda network: network.prefixlen)


def _interface(subject: str, name: str, facts: Facts, problems: list[Problem]) -> Interface | None:
    interface = facts.interfaces.get(name)
    if interface is None:
        problems.append(Problem("interface-missing", subject, (("interface", name),)))
    elif not interface.up:
        problems.append(Problem("interface-down", subject, (("interface", name),)))
    else:
        return interface
    return None


# ---------------------------------------------------------------- vpns


def _lan_networks(config: Config, facts: Facts) -> tuple[IPv4Network, ...]:
    """The networks of the LANs; of one that is not there now, at least the addresses that are configured for it."""
    networks: list[IPv4Network] = []
    for lan in config.lans:
        interface = facts.interfaces.get(lan.interface)
        known = [address.network for address in interface.addresses] if interface is not None else []
        pools = lan.dhcp.pools if lan.dhcp is not None else ()
        own = [IPv4Network(lan.address)] if lan.address is not None else []
        networks += known or [*own, *(IPv4Network(end) for pool in pools for end in (pool.first, pool.last))]
    return tuple(networks)


def _prefixes(vpn: Vpn, facts: Facts, lans: Iterable[IPv4Network], problems: list[Problem]) -> tuple[IPv4Network, ...]:
    """What is behind the VPN, collapsed, without default routes and without anything that overlaps a LAN."""
    subject = f"vpn {vpn.name}"
    if vpn.interface is not None:
        _interface(subject, vpn.interface, facts, problems)
    kept = []
    for prefix in collapse_addresses(_networks(vpn, facts)):
        if not prefix.prefixlen:
            continue  # Two halves of everything are a default route as well.
        clash = next((network for network in lans if prefix.overlaps(network)), None)
        if clash is None:
            kept.append(prefix)
        else:
            values = (("prefix", str(prefix)), ("network", str(clash)))
            problems.append(Problem("prefix-overlaps-lan", subject, values))
    if not kept:
        problems.append(Problem("no-prefixes", subject))
    return tuple(kept)


def _networks(vpn: Vpn, facts: Facts) -> list[IPv4Network]:
    """The configured prefixes, else the interface's own networks and its peers' AllowedIPs without default routes.

    While the interface is down or missing, what was behind it before still counts: its routes are withdrawn then, and
    what would go there finds no other way.
    """
    if vpn.prefixes is not None:
        return list(vpn.prefixes)
    interface = facts.interfaces.get(vpn.interface or "")
    own = [address.network for address in interface.addresses] if interface is not None else []
    found = facts.vpns.get(vpn.name, VpnFacts(found=False))
    allowed = [network for _, networks in found.peers for network in networks]
    last = found.last if interface is None or not interface.up else ()
    return [*own, *last, *(net for net in allowed if isinstance(net, IPv4Network) and net.prefixlen)]


def _withdrawn(
    vpn: Vpn, facts: Facts, links: Iterable[_Link], lans: tuple[str, ...], problems: list[Problem]
) -> str | None:
    """Why the routes of this vpn are withdrawn now; None if they are not. `lans` are the subjects of all LANs."""
    if vpn.interface is None and not any(gateway in link.network for gateway in vpn.gateways for link in links):
        problems.append(Problem("gateway-not-on-link", f"vpn {vpn.name}", within=lans))
        return "none of its gateways is on a LAN"
    if vpn.withdraw == "never":
        return None
    if vpn.interface is not None:
        interface = facts.interfaces.get(vpn.interface)
        if interface is None or not interface.up:
            return f"{vpn.interface} is {'down' if interface else 'missing'}"
    if vpn.withdraw == "all-peers-down" and vpn.name in facts.all_down:
        return "no peer is reachable"
    return None


def _complete(config: Config, facts: Facts) -> bool:
    """Is everything known that routes are made from? A device that did not answer yet may have prefixes."""
    unread = any(
        vpn.prefixes is None
        and vpn.interface in facts.interfaces
        and not facts.vpns.get(vpn.name, VpnFacts(found=False)).found
        for vpn in config.vpns
    )
    return facts.read and not unread


def _gateway(vpn: Vpn, link: _Link) -> IPv4Address:
    """The next hop for this LAN: a gateway on its link, else this machine's address there."""
    if vpn.interface is None:
        return next((gateway for gateway in vpn.gateways if gateway in link.network), link.address)
    return link.address


def _lan_routes(
    vpn: Vpn,
    prefixes: Iterable[IPv4Network],
    link: _Link,
    facts: Facts,
    withdrawn: str | None,
) -> list[Route]:
    gateway = _gateway(vpn, link)
    settings = link.lan.dhcp
    serves = settings is not None and settings.mode == "serve" and settings.routes != "never"
    channels = ("dhcp",) if serves else ("manual",)
    state, reason = RouteState.OFFERED, f"{vpn.name} is behind {gateway}"
    if withdrawn is not None:
        state, reason = RouteState.WITHDRAWN, withdrawn
    elif settings is not None and settings.routes == "auto" and gateway == link.address == _router(link, facts):
        state, reason = RouteState.NOT_NEEDED, f"{gateway} is the default router here"
    return [Route(prefix, gateway, link.lan.interface, channels, state, reason) for prefix in prefixes]


# ---------------------------------------------------------------- DHCP


def _router(link: _Link, facts: Facts) -> IPv4Address | None:
    settings = link.lan.dhcp
    if settings is None or settings.router == "none":
        return None
    if isinstance(settings.router, IPv4Address):
        return settings.router
    for default in facts.default_gateways:
        if default.interface == link.interface.name and default.address in link.network:
            return default.address
    return link.address


def _dhcp_part(link: _Link, routes: Iterable[Route], facts: Facts, config: Config, problems: list[Problem]) -> DhcpPart:
    settings = link.lan.dhcp
    assert settings is not None
    handed_out = [r for r in routes if r.state is RouteState.OFFERED and r.lan == link.lan.interface]
    own = [address.ip for address in link.interface.addresses]
    reserved = {each.address for part in (settings, *settings.subnets) for each in part.reservations}
    gateways = {gateway for vpn in config.vpns for gateway in vpn.gateways}
    barred = frozenset([*own, *(gateways - reserved)])
    scopes = [_scope(link, link.interface.name, link.network, settings, _router(link, facts), barred, problems)]
    for subnet in settings.subnets:
        assert subnet.subnet is not None
        key = f"{link.interface.name} {subnet.subnet}"
        router = subnet.router if isinstance(subnet.router, IPv4Address) else None
        scopes.append(_scope(link, key, subnet.subnet, subnet, router, barred, problems))
    told = [replace(scope, routes=_handed_out(scope, handed_out, problems)) for scope in scopes]
    vpns = [vpn for vpn in config.vpns if link.lan.vpns is None or vpn.name in link.lan.vpns]
    served = tuple(replace(scope, through=through(scope, vpns, facts)) for scope in told)
    return DhcpPart(link.interface.name, link.interface.index, link.interface.mac, served[0], served[1:])


def _scope(
    link: _Link,
    key: str,
    network: IPv4Network,
    settings: Dhcp,
    router: IPv4Address | None,
    barred: frozenset[IPv4Address],
    problems: list[Problem],
) -> DhcpScope:
    subject = f"lan {link.lan.interface}"
    if router is not None and router not in network:
        values = (("router", str(router)), ("network", str(network)))
        problems.append(Problem("router-not-on-link", subject, values))
        router = None
    pools = []
    for pool in settings.pools:
        if pool.first in network and pool.last in network:
            pools.append(pool)
        else:
            problems.append(Problem("pool-not-on-link", subject, (("pool", str(pool)), ("network", str(network)))))
    reservations = []
    for each in settings.reservations:
        if each.address in network:
            reservations.append(each)
        else:
            values = (("address", str(each.address)), ("network", str(network)))
            problems.append(Problem("reservation-not-on-link", subject, values))
    excluded = barred | {router} if router is not None else barred
    settings = replace(settings, pools=tuple(pools), reservations=tuple(reservations))
    return DhcpScope(key, link.address, link.interface.mtu, network, router, (), excluded, settings)


def _handed_out(
    scope: DhcpScope, routes: Iterable[Route], problems: list[Problem]
) -> tuple[tuple[IPv4Network, IPv4Address], ...]:
    """The routes with the next hop of this scope's clients: on their own link, else (behind a relay) their router."""
    if scope.settings.routes == "never":
        return ()
    by_gateway: dict[IPv4Address, list[IPv4Network]] = {}
    for route in routes:
        gateway = route.gateway if route.gateway in scope.network else scope.router
        if gateway is None:
            problems.append(Problem("no-next-hop", f"lan {route.lan}", (("network", str(scope.network)),)))
            break
        by_gateway.setdefault(gateway, []).append(route.prefix)
    return tuple((net, gateway) for gateway, nets in by_gateway.items() for net in collapse_addresses(nets))


# ---------------------------------------------------------------- kernel


def _kernel_routes(
    vpn: Vpn, prefixes: Iterable[IPv4Network], facts: Facts, links: Iterable[_Link], withdrawn: str | None
) -> list[KernelRoute]:
    """The way to each prefix, and behind it an unreachable route: what has no way must not go round in circles."""
    way: KernelRoute | None = None
    if vpn.interface is not None:
        interface = facts.interfaces.get(vpn.interface)
        if interface is not None and interface.up:
            way = KernelRoute(IPv4Network("0.0.0.0/0"), interface=vpn.interface)
    elif withdrawn is None:
        for gateway in vpn.gateways:
            link = next((link for link in links if gateway in link.network and gateway != link.address), None)
            if link is not None:
                way = KernelRoute(IPv4Network("0.0.0.0/0"), gateway=gateway, interface=link.interface.name)
                break
    routes = []
    for prefix in prefixes:
        if way is not None:
            routes.append(replace(way, prefix=prefix))
        routes.append(KernelRoute(prefix, metric=UNREACHABLE_METRIC))
    return routes


def _vpn_sysctls(vpn: Vpn, facts: Facts, links: Iterable[_Link]) -> list[Sysctl]:
    if vpn.interface is not None:
        interface = facts.interfaces.get(vpn.interface)
        return [Sysctl(vpn.interface, "forwarding", 1)] if interface is not None else []
    # Packets for the gateway leave by the link they came from. A redirect would send a host's next packets past this
    # machine's connection tracking, and a second gateway on another link makes the way back asymmetric.
    wanted = []
    for link in links:
        if any(gateway in link.network for gateway in vpn.gateways):
            wanted += [
                Sysctl("all", "send_redirects", 0),
                Sysctl(link.interface.name, "send_redirects", 0),
                Sysctl(link.interface.name, "rp_filter", _LOOSE),
            ]
    return wanted
