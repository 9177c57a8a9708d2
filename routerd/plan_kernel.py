"""The kernel routes and settings that a vpn needs on this machine. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network

from routerd.config.model import Vpn
from routerd.model import Facts, KernelRoute, Sysctl
from routerd.plan_links import Link

UNREACHABLE_METRIC = 0xFFFFFFFF
_LOOSE = 2


def kernel_routes(
    vpn: Vpn, prefixes: Iterable[IPv4Network], facts: Facts, links: Iterable[Link], withdrawn: str | None
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
                # The tunnel is another machine's: nothing on this one knows what it carries.
                mtu = min(vpn.mtu, link.interface.mtu or vpn.mtu)
                way = KernelRoute(IPv4Network("0.0.0.0/0"), gateway, link.interface.name, mtu=mtu)
                break
    routes = []
    for prefix in prefixes:
        if way is not None:
            routes.append(replace(way, prefix=prefix))
        routes += unreachable([prefix])
    return routes


def unreachable(prefixes: Iterable[IPv4Network]) -> list[KernelRoute]:
    """What catches packets to these prefixes that find no other way."""
    return [KernelRoute(prefix, metric=UNREACHABLE_METRIC) for prefix in prefixes]


def vpn_sysctls(vpn: Vpn, facts: Facts, links: Iterable[Link]) -> list[Sysctl]:
    """The settings that a vpn needs: forwarding where WireGuard runs, no redirects towards another gateway."""
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
