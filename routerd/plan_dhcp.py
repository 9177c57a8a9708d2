"""What DHCP serves on a LAN by configuration and facts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from routerd.config.model import Config, Dhcp, Reservation
from routerd.model import DhcpPart, DhcpScope, Facts, Problem, Route, RouteState
from routerd.plan_links import Link
from routerd.plan_through import through
from routerd.plan_told import Told, default_router, relayed, told_routes, usable_router


def dhcp_part(
    link: Link,
    routes: Iterable[Route],
    facts: Facts,
    config: Config,
    real: Mapping[IPv4Network, IPv4Network],
    problems: list[Problem],
) -> DhcpPart:
    """What is served on one LAN, its own network and those behind relay agents.

    `real` are the prefixes behind those that the site sees in their stead.
    """
    settings = link.lan.dhcp
    assert settings is not None
    known = [r for r in routes if r.state is not RouteState.WITHDRAWN and r.lan == link.lan.interface]
    handed_out = [r for r in known if r.state is RouteState.OFFERED]
    own = [address.ip for address in link.interface.addresses]
    reserved = {each.address for part in (settings, *settings.subnets) for each in part.reservations}
    gateways = {gateway for vpn in config.vpns for gateway in vpn.gateways}
    barred = frozenset([*own, *(gateways - reserved)])
    scopes = [_scope(link, link.interface.name, link.network, settings, default_router(link, facts), barred, problems)]
    for subnet in relayed(link, config, facts, problems):
        key = f"{link.interface.name} {subnet.network}"
        scopes.append(_scope(link, key, subnet.network, subnet.settings, subnet.router, barred, problems))
    told = [
        replace(scope, routes=told_routes(scope.network, scope.router, scope.settings, handed_out, problems))
        for scope in scopes
    ]
    vpns = [vpn for vpn in config.vpns if link.lan.vpns is None or vpn.name in link.lan.vpns]
    told = [replace(scope, own_routes=_own_routes(scope, known)) for scope in told]
    served = tuple(replace(scope, through=through(scope, vpns, facts, real)) for scope in told)
    return DhcpPart(link.interface.name, link.interface.index, link.interface.mac, served[0], served[1:])


def _scope(
    link: Link,
    key: str,
    network: IPv4Network,
    settings: Dhcp,
    router: IPv4Address | None,
    barred: frozenset[IPv4Address],
    problems: list[Problem],
) -> DhcpScope:
    subject = f"lan {link.lan.interface}"
    router = usable_router(router, network, subject, problems)
    pools = []
    for pool in settings.pools:
        if pool.first in network and pool.last in network:
            pools.append(pool)
        else:
            problems.append(Problem("pool-not-on-link", subject, (("pool", str(pool)), ("network", str(network)))))
    excluded = barred | ({router} if router is not None else frozenset()) | _own_routers(settings, network)
    reservations = tuple(_reserved(each, network, excluded, subject, problems) for each in settings.reservations)
    settings = replace(settings, pools=tuple(pools), reservations=tuple(each for each in reservations if each))
    return DhcpScope(key, link.address, link.interface.mtu, network, router, (), excluded, settings)


def _own_routes(scope: DhcpScope, known: Iterable[Route]) -> tuple[tuple[IPv4Address | None, Told], ...]:
    """What clients with a router of their own are told, where that is something else than what all others are.

    "auto" leaves out what this machine has for hosts that it is the default router of: which hosts these are, differs.
    """
    found: dict[IPv4Address | None, Told] = {}
    for own in scope.settings.reservations:
        router = own.router_on(scope.network, scope.router)
        if router == scope.router or router in found:
            continue
        here = router == scope.address and scope.settings.routes == "auto"
        wanted = [route for route in known if not (here and route.gateway == scope.address)]
        found[router] = told_routes(scope.network, scope.router, scope.settings, wanted, [])
    return tuple((router, told) for router, told in found.items() if told != scope.routes)


def _own_routers(settings: Dhcp, network: IPv4Network) -> frozenset[IPv4Address]:
    """The routers that single clients are told: nobody is leased their addresses unless they are reserved for it."""
    reserved = {each.address for each in settings.reservations}
    routers = (each.router for each in settings.reservations if each.router not in reserved)
    return frozenset(router for router in routers if isinstance(router, IPv4Address) and router in network)


def _reserved(
    own: Reservation,
    network: IPv4Network,
    excluded: frozenset[IPv4Address],
    subject: str,
    problems: list[Problem],
) -> Reservation | None:
    """The reservation as far as it can be kept on this network, with a problem for what cannot."""
    values = (("address", str(own.address)), ("network", str(network)))
    if own.address not in network:
        problems.append(Problem("reservation-not-on-link", subject, values))
        return None
    edges = (network.network_address, network.broadcast_address) if network.prefixlen < 31 else ()
    if own.address in excluded or own.address in edges:
        problems.append(Problem("reservation-never-leased", subject, values))
    if isinstance(own.router, IPv4Address) and own.router not in network:
        problems.append(Problem("reservation-router-not-on-link", subject, (("router", str(own.router)), *values)))
    return own
