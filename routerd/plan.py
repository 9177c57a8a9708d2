"""Facts and configuration become the plan: what is handed out, kept in the kernel, and what is wrong.

Pure and whole: the same input gives the same plan, and nothing of the machine is read here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from routerd.config.model import BESIDE_MODES, Config, Vpn
from routerd.model import (
    Facts,
    KernelPart,
    KernelRoute,
    Plan,
    Problem,
    Route,
    RouteState,
    Sysctl,
    VpnFacts,
)
from routerd.plan_aliases import alias_routes
from routerd.plan_beside import beside_part
from routerd.plan_dhcp import dhcp_part
from routerd.plan_ipv6 import ipv6_sysctls
from routerd.plan_kernel import kernel_routes, unreachable, vpn_sysctls
from routerd.plan_links import Link, gateway_of, interface_of, link_of
from routerd.plan_map import Shown, shown_of
from routerd.plan_nat import nat_part
from routerd.plan_rip import rip_part
from routerd.plan_told import default_router


def plan(config: Config, facts: Facts) -> Plan:
    """The plan for this configuration on a machine with these facts."""
    problems: list[Problem] = []
    links = [link for lan in config.lans if (link := link_of(lan, facts, problems)) is not None]
    routes: list[Route] = []
    kernel: list[KernelRoute] = []
    sysctls: dict[Sysctl, None] = dict.fromkeys(Sysctl(link.interface.name, "forwarding", 1) for link in links)
    lans = _lan_networks(config, facts)
    behind = {vpn.name: _prefixes(vpn, facts, lans, problems) for vpn in config.vpns}
    shown = {vpn.name: shown_of(vpn, behind, lans, problems) for vpn in config.vpns}
    reasons: dict[str, str | None] = {}
    for vpn in config.vpns:
        withdrawn = _withdrawn(vpn, facts, links, tuple(f"lan {lan.interface}" for lan in config.lans), problems)
        reasons[vpn.name] = withdrawn
        for link in links:
            if link.lan.takes_part(vpn.name):
                routes += _lan_routes(vpn, shown[vpn.name], link, facts, withdrawn)
        kernel += kernel_routes(vpn, behind[vpn.name], facts, links, withdrawn)
        kernel += unreachable(shown[vpn.name].prefixes)
        sysctls |= dict.fromkeys(vpn_sysctls(vpn, facts, links))
    mapped = {name: pair for name, seen in shown.items() if (pair := seen.mapped) is not None}
    real = {pair[1]: pair[0] for pair in mapped.values()}
    dhcp = tuple(
        dhcp_part(link, routes, facts, config, real, problems)
        for link in links
        if link.lan.dhcp is not None and link.lan.dhcp.mode == "serve"
    )
    beside = tuple(
        beside_part(link, routes, facts, config, problems)
        for link in links
        if link.lan.dhcp is not None and link.lan.dhcp.mode in BESIDE_MODES
    )
    nat, aliases = nat_part(config, facts, behind, mapped, problems)
    kernel += alias_routes(nat.aliases, nat.vpns, facts)
    sysctls |= dict.fromkeys(ipv6_sysctls(nat, facts, links, problems))
    behind6 = {vpn.name: [net for net in vpn.prefixes if isinstance(net, IPv6Network)] for vpn in nat.vpns}
    rip = rip_part(config, facts, links, shown, behind6, reasons)
    return Plan(
        routes=tuple(routes),
        dhcp=dhcp,
        kernel=KernelPart(tuple(dict.fromkeys(kernel)), tuple(sysctls), _complete(config, facts), keep=config.nat.keep),
        problems=tuple(problems),
        nat=nat,
        aliases=aliases,
        rip=rip,
        beside=beside,
    )


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
        interface_of(subject, vpn.interface, facts, problems)
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
    vpn: Vpn, facts: Facts, links: Iterable[Link], lans: tuple[str, ...], problems: list[Problem]
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


def _lan_routes(
    vpn: Vpn,
    shown: Shown,
    link: Link,
    facts: Facts,
    withdrawn: str | None,
) -> list[Route]:
    gateway = gateway_of(vpn, link)
    settings = link.lan.dhcp
    serves = settings is not None and settings.mode != "off" and settings.routes != "never"
    rip = link.lan.rip
    announced = rip is not None and "v2" in rip.versions and rip.announce != "none"
    channels = (*(("dhcp",) if serves else ()), *(("rip",) if announced else ())) or ("manual",)
    state, reason = RouteState.OFFERED, f"{vpn.name} is behind {gateway}"
    if shown.mapped is not None:
        reason += f", where it is {shown.mapped[0]}"
    if withdrawn is not None or shown.withheld is not None:
        state, reason = RouteState.WITHDRAWN, withdrawn or shown.withheld or ""
    elif settings is not None and settings.routes == "auto" and gateway == link.address == default_router(link, facts):
        state, reason = RouteState.NOT_NEEDED, f"{gateway} is the default router here"
    return [Route(prefix, gateway, link.lan.interface, channels, state, reason) for prefix in shown.prefixes]
