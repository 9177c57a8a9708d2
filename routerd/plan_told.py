"""What the clients of one network are told of the VPN, whoever serves them: the rules of the next hop. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from routerd.config.model import Config, Dhcp
from routerd.model import Facts, Problem, Route
from routerd.plan_links import Link

Told = tuple[tuple[IPv4Network, IPv4Address], ...]


@dataclass(frozen=True, slots=True)
class Relayed:
    """A network behind a relay agent that can be served. `router` is as configured."""

    network: IPv4Network
    settings: Dhcp
    router: IPv4Address | None


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


def usable_router(
    router: IPv4Address | None, network: IPv4Network, subject: str, problems: list[Problem]
) -> IPv4Address | None:
    """The router if clients of the network reach it; else None, and a problem."""
    if router is not None and router not in network:
        values = (("router", str(router)), ("network", str(network)))
        problems.append(Problem("router-not-on-link", subject, values))
        return None
    return router


def relayed(link: Link, config: Config, facts: Facts, problems: list[Problem]) -> list[Relayed]:
    """The networks behind relay agents of a LAN that are not switched off.

    Those that overlap a LAN are left out: they would be leased twice.
    """
    lans = [(lan.interface, facts.interfaces.get(lan.interface)) for lan in config.lans]
    near = [(name, each.network) for name, known in lans if known is not None for each in known.addresses]
    found = []
    for subnet in link.lan.dhcp.subnets if link.lan.dhcp is not None else ():
        assert subnet.subnet is not None
        if subnet.mode == "off":
            continue
        beside = next(((name, net) for name, net in near if subnet.subnet.overlaps(net)), None)
        if beside is not None:
            values = (("subnet", str(subnet.subnet)), ("lan", beside[0]), ("network", str(beside[1])))
            problems.append(Problem("subnet-overlaps-lan", f"lan {link.lan.interface}", values))
            continue
        router = subnet.router if isinstance(subnet.router, IPv4Address) else None
        found.append(Relayed(subnet.subnet, subnet, router))
    return found


def told_routes(
    network: IPv4Network,
    router: IPv4Address | None,
    settings: Dhcp,
    routes: Iterable[Route],
    problems: list[Problem],
) -> Told:
    """The routes with the next hop of this network's clients: on their own link, else (behind a relay) their router."""
    if settings.routes == "never":
        return ()
    by_gateway: dict[IPv4Address, list[IPv4Network]] = {}
    for route in routes:
        gateway = route.gateway if route.gateway in network else router
        if gateway is None:
            problems.append(Problem("no-next-hop", f"lan {route.lan}", (("network", str(network)),)))
            break
        by_gateway.setdefault(gateway, []).append(route.prefix)
    return tuple((net, gateway) for gateway, nets in by_gateway.items() for net in collapse_addresses(nets))
