"""What a firewall beside routerd must let through, no more than the configuration has a use for. Pure.

Rules of a firewall see a packet after routerd has translated its destination and before it translates the source. So
networks and peers are the real ones here, whatever they are shown as.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, collapse_addresses, ip_network

from routerd.config.model import Config, Lan
from routerd.model import Facts, Network, Plan
from routerd.nat_part import NatForward, NatLan, NatVpn, Strategy
from routerd.plan_site import Behind, hosts_with, site_networks

_ROUTED = frozenset({Strategy.AUTO, Strategy.SITE_GATEWAY})
_REACHED = _ROUTED | {Strategy.MASQUERADE}


@dataclass(frozen=True, slots=True)
class Opening:
    """What is let through, in the words of a rule of fw4. `src` and `dest` are interfaces of LANs here, "*" for any,
    "" for this machine; where `device` is set it is the interface that packets come in or go out by (`direction`).
    """

    name: str
    src: str
    dest: str = ""
    device: str = ""
    direction: str = ""
    family: str = ""
    proto: str = "all"
    src_ip: tuple[Network, ...] = ()
    dest_ip: tuple[Network, ...] = ()
    dest_port: str = ""


def openings(config: Config, facts: Facts, plan: Plan, behind: Behind) -> Iterator[Opening]:
    """Everything that must be let through; nothing for what is not there now, which is to be asked for anew then.

    `behind`: the networks that the kernel has routes to by an interface, of LANs and others.
    """
    for lan in config.lans:
        yield from _to_this_machine(lan)
    lans = {lan.interface: lan for lan in config.lans}
    for link in plan.nat.lans:
        networks = site_networks(lans[link.interface], link, behind, plan.nat)
        for vpn in plan.nat.vpns:
            if vpn.name in link.vpns:
                yield from _between(_Pair(lans[link.interface], link, vpn, networks), config, facts, plan)


def _to_this_machine(lan: Lan) -> Iterator[Opening]:
    made = Opening("DHCP", lan.interface, device=lan.interface, direction="in", proto="udp", dest_port="67")
    if lan.dhcp is not None and lan.dhcp.mode == "serve":
        yield replace(made, family="ipv4")
    if lan.rip is not None:
        yield replace(made, name="RIP", dest_port="520-521")


# ---------------------------------------------------------------- a LAN and a vpn


@dataclass(frozen=True, slots=True)
class _Pair:
    lan: Lan
    link: NatLan
    vpn: NatVpn
    networks: tuple[Network, ...]

    def hosts(self, strategies: frozenset[Strategy]) -> tuple[Network, ...]:
        return hosts_with(self.lan, self.link, self.networks, strategies)


def _between(pair: _Pair, config: Config, facts: Facts, plan: Plan) -> Iterator[Opening]:
    vpn = pair.vpn
    ways = [_Way("*", vpn.interface)] if vpn.interface is not None else _gateways(vpn, config, facts)
    routed, reached = pair.hosts(_ROUTED), pair.hosts(_REACHED)
    aliases = _peers_with_alias(pair, plan)
    for way in ways:
        name = pair.lan.interface
        yield from way.to_vpn(name, routed, vpn.prefixes)
        # A gateway of the same LAN sends to its hosts without this machine.
        if way.lan != name:
            yield from way.from_vpn(name, vpn.prefixes, reached)
        if aliases and routed != pair.networks:
            yield from way.to_vpn(name, pair.networks, aliases)
        if aliases and reached != pair.networks and way.lan != name:
            yield from way.from_vpn(name, aliases, pair.networks)
        for forward in plan.nat.forwards:
            if forward.vpn == vpn.name and routed != pair.networks:
                yield from _forwarded(way, name, pair.networks, forward)


@dataclass(frozen=True, slots=True)
class _Way:
    """To a vpn: by the interface `device`, whatever zone it is in, or by a gateway of the LAN `lan`."""

    lan: str
    device: str | None = None

    def to_vpn(self, lan: str, hosts: Iterable[Network], prefixes: Iterable[Network]) -> Iterator[Opening]:
        name = "to the VPN" if self.device else "to the VPN by the LAN"
        made = Opening(name, lan, self.lan, self.device or "", "out" if self.device else "")
        return _by_family(made, hosts, prefixes)

    def from_vpn(self, lan: str, prefixes: Iterable[Network], hosts: Iterable[Network]) -> Iterator[Opening]:
        name = "from the VPN" if self.device else "from the VPN by the LAN"
        made = Opening(name, self.lan, lan, self.device or "", "in" if self.device else "")
        return _by_family(made, prefixes, hosts)


def _by_family(made: Opening, sources: Iterable[Network], destinations: Iterable[Network]) -> Iterator[Opening]:
    sources, destinations = tuple(sources), tuple(destinations)
    for version in (4, 6):
        src = tuple(net for net in sources if net.version == version)
        dest = tuple(net for net in destinations if net.version == version)
        if src and dest:
            yield replace(made, family=f"ipv{version}", src_ip=src, dest_ip=dest)


def _gateways(vpn: NatVpn, config: Config, facts: Facts) -> list[_Way]:
    found = [
        lan.interface
        for lan in config.lans
        if (interface := facts.interfaces.get(lan.interface)) is not None
        and any(gateway in own.network for gateway, _ in vpn.gateways for own in interface.addresses)
    ]
    return [_Way(lan) for lan in dict.fromkeys(found)]


def _forwarded(way: _Way, lan: str, hosts: Iterable[Network], forward: NatForward) -> Iterator[Opening]:
    last = forward.to_first + forward.last - forward.first
    ports = str(forward.to_first) if last == forward.to_first else f"{forward.to_first}-{last}"
    for made in way.to_vpn(lan, hosts, [ip_network(forward.to)]):
        yield replace(made, name="forwards to the VPN", proto=forward.protocol, dest_port=ports)


def _peers_with_alias(pair: _Pair, plan: Plan) -> tuple[Network, ...]:
    fixed = [alias.peer for alias in plan.aliases.aliases if alias.lan == pair.link.interface]
    pooled = [peer for pool in plan.aliases.pools if pool.lan == pair.link.interface for peer in pool.peers]
    peers = {peer.address for peer in (*fixed, *pooled) if peer.vpn == pair.vpn.name}
    return tuple(collapse_addresses(IPv4Network(address) for address in peers))
