"""The sections of a configuration with their paths, as the rules between keys go through them."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import AddressRange, Alias, Config, Lan, PeerConfig, Vpn

_LISTED = 8


def unique(items: Iterable[tuple[str, Hashable, Any]], faults: Faults, rule: str, mend: str) -> None:
    """Add a fault for every (path, key, shown) whose key came before; keys that are empty do not count."""
    first: dict[Hashable, str] = {}
    for path, key, shown in items:
        if key and first.setdefault(key, path) != path:
            faults.add(path, shown, f"{rule} {first[key]}", mend)


def vpns_of(config: Config, faults: Faults) -> Iterator[tuple[str, Vpn]]:
    """Every vpn with its path."""
    for index, vpn in enumerate(config.vpns):
        yield faults.item("vpn", index), vpn


def lans_of(config: Config, faults: Faults) -> Iterator[tuple[str, Lan]]:
    """Every LAN with its path."""
    for index, lan in enumerate(config.lans):
        yield faults.item("lan", index), lan


def aliases_of(config: Config, faults: Faults) -> Iterator[tuple[str, Lan, Alias]]:
    """Every alias with its path and its LAN."""
    for path, lan in lans_of(config, faults):
        for index, alias in enumerate(lan.aliases):
            yield faults.item(f"{path}.alias", index), lan, alias


def peers_of(config: Config) -> dict[str, tuple[Vpn, PeerConfig]]:
    """Every named peer with its vpn; of two with one name the first."""
    found: dict[str, tuple[Vpn, PeerConfig]] = {}
    for vpn in config.vpns:
        for peer in vpn.peers:
            found.setdefault(peer.name, (vpn, peer))
    return found


def peers_are_clean(config: Config, faults: Faults) -> bool:
    """Whether every peer could be read: else one whose name is wrong may be the one that is meant elsewhere."""
    return all(faults.clean(f"{path}.peer") for path, _ in vpns_of(config, faults)) and (
        bool(config.vpns) or faults.clean("vpn")
    )


def known_peers(names: Iterable[str]) -> str:
    """What to do about a name that no peer has."""
    listed = [f'"{name}"' for name in names if name]
    more = ", …" if len(listed) > _LISTED else ""
    return f"use one of {', '.join(listed[:_LISTED])}{more}" if listed else "name the peer by a [[vpn.peer]] section"


def pools_of(config: Config, faults: Faults) -> list[tuple[str, str, AddressRange]]:
    """Every pool with the path of its LAN and its own."""
    pools = []
    for path, lan in lans_of(config, faults):
        for index, pool in enumerate(lan.dhcp.pools if lan.dhcp else ()):
            pools.append((path, faults.item(f"{path}.dhcp.pools", index), pool))
    return pools


def site_addresses(config: Config, faults: Faults) -> Iterator[tuple[str, str, AddressRange]]:
    """Everything that belongs to a LAN: its path, what it is, and its addresses."""
    for path, vpn in vpns_of(config, faults):
        for index, gateway in enumerate(vpn.gateways):
            yield faults.item(f"{path}.gateways", index), "a gateway", AddressRange(gateway, gateway)
    for path, _, alias in aliases_of(config, faults):
        yield f"{path}.address", "an alias", AddressRange(alias.address, alias.address)
    for path, lan in lans_of(config, faults):
        if lan.address is not None:
            yield f"{path}.address", "the address", AddressRange(lan.address, lan.address)
        if lan.alias_pool is not None:
            yield f"{path}.alias_pool", "a pool of aliases", lan.alias_pool
        if lan.dhcp is None:
            continue
        if lan.dhcp.router is not None and not isinstance(lan.dhcp.router, str):
            yield f"{path}.dhcp.router", "the router", AddressRange(lan.dhcp.router, lan.dhcp.router)
        for index, entry in enumerate(lan.dhcp.reservations):
            where = f"{faults.item(f'{path}.dhcp.reservation', index)}.address"
            yield where, "a reservation", AddressRange(entry.address, entry.address)
    for _, where, pool in pools_of(config, faults):
        yield where, "a pool", pool
