"""What is taken out of devices and interfaces."""

from ipaddress import IPv4Address, ip_network

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
