"""What is taken out of devices and interfaces."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_network

from routerd.model import DefaultGateway, Facts, Interface, VpnFacts, WireGuardDevice, WireGuardPeer
from routerd.observe.facts import assemble, vpn_facts


def peer(key, *networks, **more):
    return WireGuardPeer(key, tuple(ip_network(network) for network in networks), **more)


def test_the_order_of_the_answer_and_counters_decide_nothing():
    one = WireGuardDevice("wg0", None, 1, (peer("b", "fd00::/64", "10.0.0.1/32", rx_bytes=1), peer("a")))
    two = WireGuardDevice("wg0", None, 2, (peer("a", endpoint="x"), peer("b", "10.0.0.1/32", "fd00::/64", rx_bytes=9)))
    assert vpn_facts(one) == vpn_facts(two)
    assert vpn_facts(one).peers == (("a", ()), ("b", (ip_network("10.0.0.1/32"), ip_network("fd00::/64"))))
    assert vpn_facts(one).found


def test_other_networks_are_other_facts():
    one = WireGuardDevice("wg0", None, 1, (peer("a", "10.0.0.1/32"),))
    two = WireGuardDevice("wg0", None, 1, (peer("a", "10.0.0.2/32"),))
    assert vpn_facts(one) != vpn_facts(two)


def test_only_what_was_asked_for_and_what_exists():
    interfaces = {name: Interface(name, index, True, b"", 1500) for index, name in enumerate(("wg0", "lan", "veth1"))}
    gateways = (DefaultGateway(IPv4Address("192.0.2.1"), "wan"),)
    known = {"vpn": VpnFacts(True), "gone": VpnFacts(True)}
    facts = assemble(
        interfaces, gateways, frozenset({"wg0", "lan"}), {"vpn": "wg0", "gone": "wg1", "new": "lan"}, known
    )
    assert facts == Facts(
        {"lan": interfaces["lan"], "wg0": interfaces["wg0"]},
        gateways,
        {"vpn": VpnFacts(True), "gone": VpnFacts(False), "new": VpnFacts(False)},
    )
    assert facts.all_down == frozenset()


def test_an_endpoint_is_a_fact_where_it_is_at_the_site():
    site = [IPv4Network("192.168.200.0/24"), IPv4Network("192.168.201.0/24")]
    endpoints = {
        "a": "192.168.200.50:51820",
        "b": "203.0.113.1:51820",
        "c": "192.168.201.50:1",
        "d": None,
        "e": "[fd00::1]:51820",
        "f": "192.168.202.1:51820",
    }
    device = WireGuardDevice("wg0", None, 1, tuple(peer(key, endpoint=at) for key, at in endpoints.items()))
    assert vpn_facts(device, site).here == (
        (IPv4Address("192.168.200.50"), "a"),
        (IPv4Address("192.168.201.50"), "c"),
    )
    assert vpn_facts(device).here == ()
    roamed = replace(device, peers=(replace(device.peers[0], endpoint="192.168.200.50:9"), *device.peers[1:]))
    assert vpn_facts(roamed, site) == vpn_facts(device, site)
