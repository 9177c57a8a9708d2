"""Which LANs have hosts to measure: none is where nothing depends on it."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from routerd.hosts.arp import ethernet
from routerd.hosts.lans import measured_lans
from routerd.nat_part import NatLan, NatPart, NatPin, NatVpn, Strategy

VPN = NatVpn("vpn", (ip_network("10.0.0.0/24"),), "wg0", (ip_address("10.0.0.2"),))
LAN = NatLan("lan0", (ip_network("192.168.200.0/24"),), (ip_address("192.168.200.2"),), ("vpn",))
ONE = ip_network("192.168.200.40/32")
MAC = bytes((2, 0, 0, 0, 0, 0x22))


def names(lan: NatLan, *vpns: NatVpn) -> list[str]:
    return list(measured_lans(NatPart(vpns or (VPN,), (lan,))))


@pytest.mark.parametrize("strategy", [Strategy.AUTO, Strategy.SITE_GATEWAY])
def test_where_hosts_are_routed_or_may_be(strategy: Strategy) -> None:
    assert names(replace(LAN, strategy=strategy)) == ["lan0"]
    assert names(replace(LAN, strategy=Strategy.MASQUERADE, pins=(NatPin(ONE, strategy),))) == ["lan0"]


@pytest.mark.parametrize("strategy", [Strategy.MASQUERADE, Strategy.NONE])
def test_not_where_all_is_fixed(strategy: Strategy) -> None:
    assert names(replace(LAN, strategy=strategy)) == []
    assert names(replace(LAN, strategy=strategy, pins=(NatPin(ONE, Strategy.NONE),))) == []


def test_who_has_a_pinned_mac_must_be_found_out() -> None:
    assert names(replace(LAN, strategy=Strategy.MASQUERADE, mac_pins=((MAC, Strategy.NONE),))) == ["lan0"]


def test_not_where_wireguard_runs_elsewhere_or_is_down() -> None:
    assert names(LAN, NatVpn("vpn", VPN.prefixes, gateways=((ip_address("192.168.200.9"), None),))) == []
    assert names(LAN, replace(VPN, addresses=())) == []


def test_what_is_no_host() -> None:
    (lan,) = measured_lans(NatPart((VPN,), (LAN,))).values()
    assert IPv4Address("192.168.200.2") in lan.excluded


@pytest.mark.parametrize("text", ["", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "02:00:00:00:22", "01:00:5e:00:00:01"])
def test_what_is_no_ethernet_address(text: str) -> None:
    assert ethernet(text) is None
    assert ethernet("02:00:00:00:00:22") == MAC
