"""What DHCP serves on a LAN by configuration and facts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from routerd.config.model import Config, Dhcp, Reservation
from routerd.model import DhcpPart, DhcpScope, Facts, Problem, Route, RouteState
from routerd.plan_links import Link
from routerd.plan_through import through


def default_router(link: Link, facts: Facts) -> IPv4Address | None:
    """The default gateway that the LAN's clients are told; None: none."""
    settings = link.lan.dhcp
    if settings is None or settings.router == "none":
        return None
    if isinstance(settings.router, IPv4Address):
        return settings.router
    for default in facts.default_gateways:
        if default.interface == link.interface.name and default.address in link.network:
            return default.address
    return link.address


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
    handed_out = [r for r in routes if r.state is RouteState.OFFERED and r.lan == link.lan.interface]
    own = [address.ip for address in link.interface.addresses]
    reserved = {each.address for part in (settings, *settings.subnets) for each in part.reservations}
    gateways = {gateway for vpn in config.vpns for gateway in vpn.gateways}
    barred = frozenset([*own, *(gateways - reserved)])
    scopes = [_scope(link, link.interface.name, link.network, settings, default_router(link, facts), barred, problems)]
    lans = [(lan.interface, facts.interfaces.get(lan.interface)) for lan in config.lans]
    near = [(name, each.network) for name, known in lans if known is not None for each in known.addresses]
    for subnet in settings.subnets:
        assert subnet.subnet is not None
        beside = next(((name, net) for name, net in near if subnet.subnet.overlaps(net)), None)
        if beside is not None:
            # Its addresses would be leased twice.
            values = (("subnet", str(subnet.subnet)), ("lan", beside[0]), ("network", str(beside[1])))
            problems.append(Problem("subnet-overlaps-lan", f"lan {link.lan.interface}", values))
            continue
        key = f"{link.interface.name} {subnet.subnet}"
        router = subnet.router if isinstance(subnet.router, IPv4Address) else None
        scopes.append(_scope(link, key, subnet.subnet, subnet, router, barred, problems))
    told = [replace(scope, routes=_handed_out(scope, handed_out, problems)) for scope in scopes]
    vpns = [vpn for vpn in config.vpns if link.lan.vpns is None or vpn.name in link.lan.vpns]
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
    excluded = barred | ({router} if router is not None else frozenset()) | _own_routers(settings, network)
    reservations = tuple(_reserved(each, network, excluded, subject, problems) for each in settings.reservations)
    settings = replace(settings, pools=tuple(pools), reservations=tuple(each for each in reservations if each))
    return DhcpScope(key, link.address, link.interface.mtu, network, router, (), excluded, settings)


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
