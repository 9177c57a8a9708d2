"""Parts for a dnsmasq, as the plan makes them."""

from ipaddress import IPv4Address, IPv4Network

from routerd.beside_part import BesideNetwork, BesidePart
from routerd.config.model import Dhcp, Dnsmasq

GATEWAY, ROUTER = IPv4Address("192.168.200.2"), IPv4Address("192.168.200.1")
VALUE = bytes.fromhex("180a0000c0a8c80200c0a8c801")


def network(*prefixes: str, tag: str = "lan0", own: str = "192.168.200.0/24") -> BesideNetwork:
    return BesideNetwork(IPv4Network(own), tag, tuple((IPv4Network(one), GATEWAY) for one in prefixes), ROUTER)


def part(*networks: BesideNetwork, tag: str | None = None, lan: str = "lan0") -> BesidePart:
    settings = Dhcp(mode="dnsmasq", dnsmasq=Dnsmasq(tag=tag))
    return BesidePart(lan, "dnsmasq", settings, networks or (network("10.0.0.0/24"),))
