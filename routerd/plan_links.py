"""The LANs as the machine has them now: their interfaces, this machine's address on each, their networks. Pure."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from routerd.config.model import Lan, Vpn
from routerd.model import Facts, Interface, Problem


@dataclass(frozen=True, slots=True)
class Link:
    """A LAN with what the machine says of it: its interface is up and `address` is on it."""

    lan: Lan
    interface: Interface
    address: IPv4Address
    network: IPv4Network


def link_of(lan: Lan, facts: Facts, problems: list[Problem]) -> Link | None:
    """The LAN as it is now; None, and a problem, where it cannot take part."""
    subject = f"lan {lan.interface}"
    interface = interface_of(subject, lan.interface, facts, problems)
    if interface is None:
        return None
    wanted = lan.address
    for own in interface.addresses:
        if wanted is None or own.ip == wanted:
            return Link(lan, interface, own.ip, _network_of(own, interface))
    if wanted is None:
        problems.append(Problem("interface-no-address", subject))
    else:
        problems.append(Problem("address-not-local", subject, (("address", str(wanted)),)))
    return None


def _network_of(own: IPv4Interface, interface: Interface) -> IPv4Network:
    """The network of an address; that of a single address (keepalived adds its own so) is the one that it lies in."""
    around = (other.network for other in interface.addresses if own.ip in other.network)
    return own.network if own.network.prefixlen < 32 else min(around, key=lambda network: network.prefixlen)


def gateway_of(vpn: Vpn, link: Link) -> IPv4Address:
    """The next hop for this LAN: a gateway on its link, else this machine's address there."""
    if vpn.interface is None:
        return next((gateway for gateway in vpn.gateways if gateway in link.network), link.address)
    return link.address


def interface_of(subject: str, name: str, facts: Facts, problems: list[Problem]) -> Interface | None:
    """The interface where it is up; else None, and a problem of `subject`."""
    interface = facts.interfaces.get(name)
    if interface is None:
        problems.append(Problem("interface-missing", subject, (("interface", name),)))
    elif not interface.up:
        problems.append(Problem("interface-down", subject, (("interface", name),)))
    else:
        return interface
    return None
