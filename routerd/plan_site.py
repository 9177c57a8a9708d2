"""The hosts of a LAN as a firewall knows them: by networks, and by the strategy that holds for them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from routerd.config.model import Lan
from routerd.model import Network
from routerd.nat_part import NatLan, NatPart, Strategy

_MANY = 1024

Behind = Mapping[str, Sequence[IPv4Network]]
"""The networks that the kernel has routes to, by the interface that they lead to."""


def site_networks(lan: Lan, link: NatLan, behind: Behind, part: NatPart) -> tuple[Network, ...]:
    """The LAN's own networks and those of the site behind it: of relay agents, of routes, and of RIP's imports."""
    dhcp, rip = lan.dhcp, lan.rip
    relayed = [each.subnet for each in dhcp.subnets if each.subnet is not None] if dhcp is not None else []
    learned = [net for net in rip.imports if isinstance(net, IPv4Network)] if rip is not None and rip.learn else []
    prefixes = [prefix for vpn in part.vpns for prefix in (*vpn.prefixes, *(vpn.mapped or ()))]
    far = [
        net
        for net in (*relayed, *learned, *behind.get(lan.interface, ()))
        if net.prefixlen and not any(isinstance(prefix, IPv4Network) and net.overlaps(prefix) for prefix in prefixes)
    ]
    return _collapsed((*link.networks, *far))


def _collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    networks = list(networks)
    four = collapse_addresses(net for net in networks if isinstance(net, IPv4Network))
    six = collapse_addresses(net for net in networks if isinstance(net, IPv6Network))
    return (*four, *six)


def hosts_with(
    lan: Lan, link: NatLan, networks: tuple[Network, ...], strategies: frozenset[Strategy]
) -> tuple[Network, ...]:
    """The hosts that may have one of these strategies, the nearest pin decides. One by MAC is known by its reservation.

    With very many pins those that take hosts out are left out: rules of thousands of networks would slow each packet.
    """
    found: Iterable[Network] = networks if link.strategy in strategies else ()
    pins = [*_reserved(lan, link), *((pin.network, pin.strategy) for pin in link.pins)]
    for network, strategy in sorted(pins, key=lambda pin: pin[0].prefixlen - pin[0].max_prefixlen):
        if strategy in strategies:
            found = (*found, *_common(networks, network))
        elif len(less := _without(found, network)) <= _MANY:
            found = less
    return _collapsed(found)


def _reserved(lan: Lan, link: NatLan) -> list[tuple[Network, Strategy]]:
    macs, dhcp = dict(link.mac_pins), lan.dhcp
    served = [] if dhcp is None else [*dhcp.reservations, *(each for net in dhcp.subnets for each in net.reservations)]
    return [
        (IPv4Network(each.address), macs[each.mac])
        for each in served
        if each.mac is not None and each.mac in macs and each.address is not None
    ]


def _common(networks: Iterable[Network], other: Network) -> Iterator[Network]:
    for net in networks:
        if _holds(net, other):
            yield other
        elif _holds(other, net):
            yield net


def _without(networks: Iterable[Network], taken: Network) -> tuple[Network, ...]:
    found: list[Network] = []
    for net in networks:
        if _holds(net, taken):
            found += _excluded(net, taken)
        elif not _holds(taken, net):
            found.append(net)
    return tuple(found)


def _holds(net: Network, other: Network) -> bool:
    if net.version != other.version or net.prefixlen > other.prefixlen:
        return False
    return (
        int(other.network_address) >> (shift := net.max_prefixlen - net.prefixlen) == int(net.network_address) >> shift
    )


def _excluded(net: Network, taken: Network) -> Iterable[Network]:
    if isinstance(net, IPv4Network) and isinstance(taken, IPv4Network):
        return net.address_exclude(taken)
    if isinstance(net, IPv6Network) and isinstance(taken, IPv6Network):
        return net.address_exclude(taken)
    return (net,)
