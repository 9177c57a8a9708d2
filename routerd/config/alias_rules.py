"""The rules of alias addresses: what they must not collide with, and which peers can have one."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from routerd.config.dhcp import overlap
from routerd.config.fault import Faults
from routerd.config.model import AddressRange, Alias, Config, Lan, PeerConfig, Vpn
from routerd.config.walk import (
    aliases_of,
    known_peers,
    lans_of,
    peers_are_clean,
    peers_of,
    pools_of,
    unique,
    vpns_of,
)

_MEND = "choose an address that nothing else uses"
_RULE = "needs WireGuard on this machine"
_FORWARD = "run routerd on the gateway, or reach single ports by lan.forward"


def check_aliases(config: Config, faults: Faults) -> None:
    """Add the faults of every alias and every pool of aliases."""
    aliases = list(aliases_of(config, faults))
    addresses = [(f"{path}.address", alias.address, str(alias.address)) for path, _, alias in aliases]
    unique(addresses, faults, "is an alias already at", _MEND)
    peers = [(f"{path}.peer", (lan.interface, alias.peer), alias.peer) for path, lan, alias in aliases if alias.peer]
    unique(peers, faults, "has an alias on this LAN already at", "keep one of the two")
    taken = dict(_taken(config, faults))
    pools = pools_of(config, faults)
    _check_peers(config, aliases, faults)
    for path, _, alias in aliases:
        span = AddressRange(alias.address, alias.address)
        if alias.address in taken:
            rule = f"must be free, and is {taken[alias.address]}"
            faults.add(f"{path}.address", str(alias.address), rule, _MEND)
        for _, pool_path, pool in pools:
            if overlap(pool, span):
                rule = f"must not lie in a pool, or it would be leased ({pool_path}, {pool})"
                mend = "take it out of the pool, or choose another address"
                faults.add(f"{path}.address", str(alias.address), rule, mend)
    _check_pools(config, taken, faults)


def _taken(config: Config, faults: Faults) -> Iterator[tuple[IPv4Address, str]]:
    """The single addresses that the file itself says are in use, and what uses each."""
    for path, vpn in vpns_of(config, faults):
        for index, gateway in enumerate(vpn.gateways):
            yield gateway, f"a gateway's ({faults.item(f'{path}.gateways', index)})"
    for path, lan in lans_of(config, faults):
        if lan.address is not None:
            yield lan.address, f"this machine's own ({path}.address)"
        if lan.dhcp is None:
            continue
        if isinstance(lan.dhcp.router, IPv4Address):
            yield lan.dhcp.router, f"the router's ({path}.dhcp.router)"
        for index, entry in enumerate(lan.dhcp.reservations):
            yield entry.address, f"reserved ({faults.item(f'{path}.dhcp.reservation', index)})"


def _check_peers(config: Config, aliases: Iterable[tuple[str, Lan, Alias]], faults: Faults) -> None:
    peers, clean = peers_of(config), peers_are_clean(config, faults)
    for path, lan, alias in aliases:
        vpn, peer = peers.get(alias.peer, (None, None))
        if vpn is not None and peer is not None:
            _check_peer(path, lan, vpn, peer, faults)
        elif alias.peer and clean:
            faults.add(f"{path}.peer", alias.peer, "is not the name of a peer", known_peers(peers))


def _check_peer(path: str, lan: Lan, vpn: Vpn, peer: PeerConfig, faults: Faults) -> None:
    where = f"{path}.peer"
    if vpn.gateways and vpn.interface is None:
        faults.add(where, peer.name, f"{_RULE}, and this peer's runs behind gateways", _FORWARD)
    elif not lan.takes_part(vpn.name) and vpn.name and faults.clean(f"{path.rpartition('.')[0]}.vpns"):
        rule = f'is a peer of the vpn "{vpn.name}", which this LAN does not take part in'
        faults.add(where, peer.name, rule, "add the vpn to `vpns` of this LAN")
    elif peer.address is not None and peer.address.version == 6:
        rule = f"has only the IPv6 address {peer.address}, and an alias is an IPv4 address"
        faults.add(where, peer.name, rule, "give the peer an IPv4 address, or reach it by its own")


def _check_pools(config: Config, taken: dict[IPv4Address, str], faults: Faults) -> None:
    seen: list[tuple[str, AddressRange]] = []
    for path, lan in lans_of(config, faults):
        pool, where = lan.alias_pool, f"{path}.alias_pool"
        if pool is None:
            continue
        vpns = [vpn for vpn in config.vpns if lan.takes_part(vpn.name)]
        if vpns and all(vpn.gateways and vpn.interface is None for vpn in vpns):
            faults.add(where, str(pool), f"{_RULE}, and here it runs behind gateways", _FORWARD)
        for other, span in [*((other, span) for _, other, span in pools_of(config, faults)), *seen]:
            if overlap(pool, span):
                faults.add(where, str(pool), f"must not overlap {other} ({span})", "shorten one of the two")
        held = next((address for address in taken if pool.first <= address <= pool.last), None)
        if held is not None:
            rule = f"must have only free addresses, and {held} is {taken[held]}"
            faults.add(where, str(pool), rule, "shorten it, or choose other addresses")
        seen.append((where, pool))
