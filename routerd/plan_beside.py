"""What another DHCP server of this machine is to hand out on a LAN, by configuration and facts. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from routerd.beside_part import BesideNetwork, BesidePart
from routerd.config.model import Config, Dhcp
from routerd.model import Facts, Problem, Route, RouteState
from routerd.plan_links import Link
from routerd.plan_told import default_router, relayed, told_routes, usable_router


def beside_part(
    link: Link, routes: Iterable[Route], facts: Facts, config: Config, problems: list[Problem]
) -> BesidePart:
    """What the server that stays on one LAN is told, for its own network and those behind relay agents.

    Only routes that are offered now are in it, as where routerd serves by itself.
    """
    settings = link.lan.dhcp
    assert settings is not None
    offered = [r for r in routes if r.state is RouteState.OFFERED and r.lan == link.lan.interface]
    subject = f"lan {link.lan.interface}"

    def network(net: IPv4Network, tag: str, own: Dhcp, router: IPv4Address | None) -> BesideNetwork:
        usable = usable_router(router, net, subject, problems)
        return BesideNetwork(net, tag, told_routes(net, usable, own, offered, problems), usable)

    tag = settings.dnsmasq.tag or link.interface.name
    networks = [network(link.network, tag, settings, default_router(link, facts))]
    for each in relayed(link, config, facts, problems):
        networks.append(network(each.network, each.settings.tag or "", each.settings, each.router))
    near = link.interface
    return BesidePart(link.lan.interface, settings.mode, settings, tuple(networks), near.index, near.mac, link.address)
