"""What routerd would translate, as JSON and as lines for people. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from routerd.alias_part import AliasPart
from routerd.commands.table import Paper, columns, table
from routerd.config.model import Ports, Target
from routerd.model import Address
from routerd.nat_part import NatForward, NatLan, NatPart, NatVpn, PoolPeer


def nat_json(part: NatPart, wanted: AliasPart) -> dict[str, object]:
    """The parts of the plan for machines."""
    return {
        "vpns": [
            {
                "vpn": vpn.name,
                "interface": vpn.interface,
                "gateways": [str(address) for address, _ in vpn.gateways],
                "prefixes": [str(prefix) for prefix in vpn.prefixes],
                "mtu": vpn.mtu,
                "map_to": None if vpn.mapped is None else str(vpn.mapped[1]),
            }
            for vpn in part.vpns
        ],
        "lans": [
            {
                "lan": lan.interface,
                "vpns": list(lan.vpns),
                "strategy": lan.strategy.value,
                "pins": [{"host": host, "strategy": strategy} for host, strategy in _pins(lan)],
            }
            for lan in part.lans
        ],
        "forwards": [
            {
                "lan": forward.lan,
                "vpn": forward.vpn,
                "listen": str(_listen(forward)),
                "addresses": [str(address) for address in forward.addresses],
                "to": str(Target(forward.to, forward.to_first)),
                "masquerade": forward.masquerade,
                "measured": forward.measured,
            }
            for forward in part.forwards
        ],
        "aliases": [
            {
                "lan": lan,
                "vpn": peer.vpn,
                "address": str(address),
                "peer": str(peer.address),
                "name": peer.name,
                "pool": pooled,
            }
            for lan, address, peer, pooled in _aliases(part, wanted)
        ],
        "alias_pools": [
            {
                "lan": pool.lan,
                "addresses": str(pool.addresses),
                "peers": [{"name": peer.name, "vpn": peer.vpn, "address": str(peer.address)} for peer in pool.peers],
            }
            for pool in wanted.pools
        ],
        "keep": part.keep,
        "log_flows": part.log_flows,
    }


def nat_text(part: NatPart, wanted: AliasPart, paper: Paper) -> list[str]:
    """The parts of the plan for people; nothing where there is nothing to say."""
    strategies = [row for lan in part.lans for row in _strategies(lan)]
    maps = [(vpn.name, *vpn.mapped) for vpn in part.vpns if vpn.mapped is not None]
    vpns = {vpn.name: vpn for vpn in part.vpns}
    forwards = [
        (_listen(each), ", ".join(map(str, each.addresses)), Target(each.to, each.to_first), each.vpn,
         _seen(each, vpns.get(each.vpn)))
        for each in part.forwards
    ]  # fmt: skip
    aliases = [(at, peer.name, peer.address, lan, peer.vpn) for lan, at, peer, _ in _aliases(part, wanted)]
    pools = [(pool.addresses, len(pool.peers), pool.lan) for pool in wanted.pools]
    return [
        *_table("Strategies", ("LAN", "~HOSTS", "STRATEGY", "~VPNS"), strategies, paper),
        *_table("Mapped prefixes", ("VPN", "~BEHIND IT", "~THE SITE SEES"), maps, paper),
        *_table("Port forwards", ("LISTEN", "~AT", "~TO", "VPN", "~THE PEER SEES"), forwards, paper),
        *_table("Alias addresses", ("ADDRESS", "~PEER", "ITS ADDRESS", "LAN", "VPN"), aliases, paper),
        *_table("Pools of aliases", ("~ADDRESSES", ">PEERS", "LAN"), pools, paper),
    ]


def _aliases(part: NatPart, wanted: AliasPart) -> Iterator[tuple[str, Address, PoolPeer, bool]]:
    """LAN, address and peer of the aliases that are set, and of those that would be taken out of pools."""
    yield from ((*one, False) for one in wanted.aliases)
    for pool in wanted.pools:
        peers = {(peer.vpn, peer.address): peer for peer in pool.peers}
        for one in part.aliases:
            at = one.address
            peer = peers.get((one.vpn, one.peer)) if isinstance(one.peer, IPv4Address) and one.lan == pool.lan else None
            if peer is not None and isinstance(at, IPv4Address) and pool.addresses.first <= at <= pool.addresses.last:
                yield pool.lan, at, peer, True


def _table(name: str, head: tuple[str, ...], rows: Sequence[Sequence[object]], paper: Paper) -> list[str]:
    return table(name, columns(*head), rows, "none", paper) if rows else []


def _strategies(lan: NatLan) -> Iterator[tuple[object, ...]]:
    names = ", ".join(lan.vpns)
    for host, strategy in _pins(lan):
        yield lan.interface, host, strategy, names
    yield lan.interface, "all others" if lan.pins or lan.mac_pins else "all", lan.strategy.value, names


def _pins(lan: NatLan) -> Iterator[tuple[str, str]]:
    """The hosts that have a strategy of their own, the nearest first."""
    single = [pin for pin in lan.pins if pin.network.prefixlen == pin.network.max_prefixlen]
    yield from ((str(pin.network.network_address), pin.strategy.value) for pin in single)
    yield from ((mac.hex(":"), strategy.value) for mac, strategy in lan.mac_pins)
    yield from ((str(pin.network), pin.strategy.value) for pin in lan.pins if pin not in single)


def _listen(forward: NatForward) -> Ports:
    return Ports(forward.protocol, forward.first, forward.last)


def _seen(forward: NatForward, vpn: NatVpn | None) -> str:
    """Which source address the peer sees."""
    if not forward.masquerade:
        return "the host"
    own = vpn.addresses if vpn is not None and vpn.interface is not None else ()
    address = next((str(each) for each in own if each.version == forward.to.version), "this machine")
    return f"{address}, unless it answers to the site" if forward.measured else address
