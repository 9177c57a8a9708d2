"""The rules of a valid configuration against the addresses of this machine's interfaces."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from routerd.config.check_ports import Listener, check_ports
from routerd.config.fault import ConfigFault, Faults
from routerd.config.model import Config, Lan
from routerd.config.strategy_rules import MEND, pinned_behind

Networks = Mapping[str, tuple[IPv4Interface, ...]]


def check_networks(config: Config, networks: Networks, listening: Sequence[Listener] = ()) -> tuple[ConfigFault, ...]:
    """All faults of `config` on a machine with these addresses per interface name, and these sockets.

    A LAN whose interface is missing or has no address is not judged, nor what could depend on it.
    """
    faults = Faults()
    links = {index: link for index, lan in enumerate(config.lans) if (link := _link(index, lan, networks, faults))}
    for index, network in links.items():
        own = [address.ip for address in networks[config.lans[index].interface]]
        _check_lan(f"lan[{index}]", config.lans[index], network, own, faults)
        _check_aliases(f"lan[{index}]", config.lans[index], network, own, faults)
        _check_rip(f"lan[{index}].rip", config.lans[index], network, own, faults)
    _check_subnets(config, links, faults)
    _check_gateways(config, links, networks, faults)
    _check_prefixes(config, networks, faults)
    _check_maps(config, networks, faults)
    _check_pins(config, networks, faults)
    check_ports(config, networks, listening, faults)
    return tuple(faults.found)


def _link(index: int, lan: Lan, networks: Networks, faults: Faults) -> IPv4Network | None:
    """The network that a LAN serves; None where it is not known."""
    addresses = networks.get(lan.interface, ())
    if lan.address is None or not addresses:
        return addresses[0].network if addresses else None
    own = [address.network for address in addresses if lan.address in address.network]
    # A virtual address is often held as a /32 beside the network that it belongs to.
    if own:
        return min(own, key=lambda network: network.prefixlen)
    known = ", ".join(str(address.network) for address in addresses)
    rule = f"must lie in a network of {lan.interface} ({known})"
    faults.add(f"lan[{index}].address", str(lan.address), rule, "correct it, or leave it out to use the first address")
    return None


def _check_lan(path: str, lan: Lan, network: IPv4Network, own: list[IPv4Address], faults: Faults) -> None:
    if lan.dhcp is None:
        return
    rule = f"must lie in the network of {lan.interface} ({network})"
    mend = "correct it, or the address of the interface"
    for index, pool in enumerate(lan.dhcp.pools):
        if pool.first not in network or pool.last not in network:
            faults.add(f"{path}.dhcp.pools[{index}]", str(pool), rule, mend)
    router = lan.dhcp.router
    if isinstance(router, IPv4Address) and not _is_host(router, network):
        faults.add(f"{path}.dhcp.router", str(router), _host_rule(router, network, rule), f'{mend}, or write "none"')
    for index, entry in enumerate(lan.dhcp.reservations):
        if not _is_host(entry.address, network):
            where = f"{path}.dhcp.reservation[{index}].address"
            faults.add(where, str(entry.address), _host_rule(entry.address, network, rule), mend)
        elif entry.address in own:
            where = f"{path}.dhcp.reservation[{index}].address"
            faults.add(where, str(entry.address), "must not be this machine's own address", "reserve another address")
        if isinstance(entry.router, IPv4Address) and not _is_host(entry.router, network):
            where = f"{path}.dhcp.reservation[{index}].router"
            faults.add(where, str(entry.router), _host_rule(entry.router, network, rule), f'{mend}, or write "none"')


def _check_subnets(config: Config, links: Mapping[int, IPv4Network], faults: Faults) -> None:
    """An address of a LAN's own network is not behind a relay agent as well: it would be leased twice."""
    for number, lan in enumerate(config.lans):
        for index, subnet in enumerate(lan.dhcp.subnets if lan.dhcp is not None else ()):
            for other, network in links.items():
                if subnet.subnet is not None and subnet.subnet.overlaps(network):
                    rule = f"must not overlap the network of {config.lans[other].interface} ({network})"
                    mend = "name a network behind a relay agent, or serve this one by lan.dhcp itself"
                    faults.add(f"lan[{number}].dhcp.subnet[{index}].subnet", str(subnet.subnet), rule, mend)
                    break


def _check_aliases(path: str, lan: Lan, network: IPv4Network, own: list[IPv4Address], faults: Faults) -> None:
    outside, mend = f"must lie in the network of {lan.interface} ({network})", "choose a free address of this LAN"
    for index, alias in enumerate(lan.aliases):
        where = f"{path}.alias[{index}].address"
        if not _is_host(alias.address, network):
            faults.add(where, str(alias.address), _host_rule(alias.address, network, outside), mend)
        elif alias.address in own:
            faults.add(where, str(alias.address), "must be free, and is this machine's own", mend)
    pool = lan.alias_pool
    if pool is not None and not (pool.first in network and pool.last in network):
        faults.add(f"{path}.alias_pool", str(pool), outside, "choose free addresses of this LAN")


def _check_rip(path: str, lan: Lan, network: IPv4Network, own: list[IPv4Address], faults: Faults) -> None:
    """Routers that updates go to, and that are learned from, are neighbours: others are never heard."""
    if lan.rip is None:
        return
    outside, mend = f"must lie in the network of {lan.interface} ({network})", "give the router's address on this LAN"
    for key, items in (("neighbors", lan.rip.neighbors), ("import", lan.rip.imports)):
        for index, item in enumerate(items):
            where = f"{path}.{key}[{index}]"
            if isinstance(item, IPv4Address) and not _is_host(item, network):
                faults.add(where, str(item), _host_rule(item, network, outside), mend)
            elif item in own:
                faults.add(where, str(item), "must be another machine, and is this machine's own", mend)


def _is_host(address: IPv4Address, network: IPv4Network) -> bool:
    """Whether a machine of the network can have the address."""
    edges = {network.network_address, network.broadcast_address} if network.prefixlen < 31 else set()
    return address in network and address not in edges


def _host_rule(address: IPv4Address, network: IPv4Network, outside: str) -> str:
    return f"must not be the first or last address of {network}" if address in network else outside


def _check_gateways(config: Config, links: Mapping[int, IPv4Network], networks: Networks, faults: Faults) -> None:
    own = {address.ip: name for name, addresses in networks.items() for address in addresses}
    known = ", ".join(str(network) for network in links.values())
    for number, vpn in enumerate(config.vpns):
        for index, gateway in enumerate(vpn.gateways):
            where = f"vpn[{number}].gateways[{index}]"
            on_link = [network for network in links.values() if gateway in network]
            if gateway in own:
                rule = f"must be another machine; this is an address of {own[gateway]} here"
                faults.add(where, str(gateway), rule, "set interface instead of gateways if WireGuard runs here")
            elif on_link and not any(_is_host(gateway, network) for network in on_link):
                rule = f"must not be the first or last address of {on_link[0]}"
                faults.add(where, str(gateway), rule, "give the gateway's own address")
            elif not on_link and len(links) == len(config.lans):
                rule = f"must lie on a LAN ({known})"
                faults.add(where, str(gateway), rule, "give the gateway's address on a LAN, or add that LAN")


def _lan_networks(config: Config, networks: Networks) -> Iterator[tuple[str, IPv4Network]]:
    for lan in config.lans:
        for network in dict.fromkeys(address.network for address in networks.get(lan.interface, ())):
            yield lan.interface, network


def _check_prefixes(config: Config, networks: Networks, faults: Faults) -> None:
    for number, vpn in enumerate(config.vpns):
        for index, prefix in enumerate(vpn.prefixes or ()):
            for interface, network in _lan_networks(config, networks):
                if not prefix.overlaps(network):
                    continue
                where = f"vpn[{number}].prefixes[{index}]"
                if prefix.prefixlen <= network.prefixlen:
                    rule = f"must not contain a LAN ({interface}: {network})"
                else:
                    rule = f"must not lie inside a LAN ({interface}: {network})"
                mend = "name only networks behind the VPN; if it is right, renumber one of the two"
                faults.add(where, str(prefix), rule, mend)


def _check_maps(config: Config, networks: Networks, faults: Faults) -> None:
    for number, vpn in enumerate(config.vpns):
        for interface, network in _lan_networks(config, networks):
            if vpn.map_to is not None and vpn.map_to.overlaps(network):
                rule = f"must not overlap a LAN ({interface}: {network})"
                faults.add(f"vpn[{number}].map_to", str(vpn.map_to), rule, "choose a prefix that nothing else uses")
                break
        if vpn.map_to is None or vpn.prefixes is not None:
            continue
        for address in networks.get(vpn.interface or "", ()):
            # AllowedIPs may add to the network of the interface, never take from it.
            if address.network.prefixlen < vpn.map_to.prefixlen:
                rule = f"must be of the same size as what is behind {vpn.interface} ({address.network} at least)"
                faults.add(f"vpn[{number}].map_to", str(vpn.map_to), rule, f"choose a /{address.network.prefixlen}")
                break


def _check_pins(config: Config, networks: Networks, faults: Faults) -> None:
    """Where prefixes are left out, the network of the vpn's own interface is behind it as well."""
    behind = [
        (vpn.name, address.network)
        for vpn in config.vpns
        if vpn.prefixes is None
        for address in networks.get(vpn.interface or "", ())
    ]
    for number, lan in enumerate(config.lans):
        for index, host in enumerate(lan.hosts):
            found = pinned_behind(host, behind)
            if found is not None:
                faults.add(f"lan[{number}].host[{index}].{found.key}", found.value, found.rule, MEND)
