"""Routes that lead through a host of the site itself: a peer of the VPN that is at home."""

from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Any

import pytest

from routerd.allowed import Owners
from routerd.model import DhcpScope, VpnFacts
from routerd.plan import plan
from routerd.plan_through import relayed_networks
from tests.test_plan import KEY_A, KEY_C, PLACE_1, config, facts

HOME = IPv4Address("192.168.200.50")
RELAYED = """
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    pools = ["192.168.201.50-192.168.201.59"]
    router = "192.168.201.1"
"""


def scopes(
    allowed: dict[str, list[str]], here: list[tuple[str, str]], text: str = PLACE_1, **changes: Any
) -> tuple[DhcpScope, ...]:
    """The networks that are served where peers have these AllowedIPs, and some have their endpoint at the site."""
    peers = tuple(sorted((key, tuple(map(ip_network, networks))) for key, networks in allowed.items()))
    found = VpnFacts(True, peers, here=tuple((IPv4Address(address), key) for address, key in here))
    (part,) = plan(config(text), facts(vpns={"wg0": found}, **changes)).dhcp
    return part.scopes


def barred(scope: DhcpScope) -> dict[str, list[str]]:
    return {str(address): [str(prefix) for prefix in prefixes] for address, prefixes in scope.through}


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        (["10.0.0.3/32"], [], []),  # The VPN's own network leads to the other peers.
        (["10.0.0.3/32", "10.5.0.0/16"], [], ["10.5.0.0/16"]),
        (["10.5.0.0/17", "10.5.128.0/17"], [], ["10.5.0.0/16"]),
        (["10.5.0.0/16", "10.6.0.0/16"], ["10.7.0.0/16"], ["10.5.0.0/16"]),  # 10.6.0.0/15 leads to both.
        (["10.5.0.0/16"], ["10.5.9.0/24"], []),  # A part of it leads to the other peer.
        (["10.5.9.0/24"], ["10.5.0.0/16"], []),
        (["0.0.0.0/0"], ["10.5.0.0/16"], []),
        (["2001:db8::/64", "10.5.0.0/16"], [], ["10.5.0.0/16"]),
    ],
)
def test_a_peer_at_the_site_is_not_sent_what_leads_through_it(
    mine: list[str], others: list[str], expected: list[str]
) -> None:
    (scope,) = scopes({KEY_C: mine, KEY_A: [*others, "10.0.0.1/32"]}, [(str(HOME), KEY_C)])
    assert barred(scope) == ({str(HOME): expected} if expected else {})
    assert all(IPv4Network(prefix) in dict(scope.routes) for prefix in expected)


def test_nor_is_one_that_has_routes_for_its_own_router_only() -> None:
    text = (
        PLACE_1 + '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:50"\naddress = "192.168.200.50"\nrouter = "none"\n'
    )
    allowed = {KEY_C: ["10.5.0.0/16"], KEY_A: ["10.0.0.1/32"]}
    (scope,) = scopes(allowed, [(str(HOME), KEY_C)], text, default_gateways=())
    assert (scope.routes, [router for router, _ in scope.own_routes]) == ((), [None])
    assert barred(scope) == {str(HOME): ["10.5.0.0/16"]}


def test_nobody_is_at_the_site() -> None:
    allowed = {KEY_A: ["10.0.0.1/32"], KEY_C: ["10.5.0.0/16"]}
    assert [barred(scope) for scope in scopes(allowed, [])] == [{}]
    assert [barred(scope) for scope in scopes(allowed, [("192.168.9.9", KEY_C)])] == [{}]


def test_two_peers_behind_one_address_and_a_peer_behind_a_relay_agent() -> None:
    allowed = {KEY_A: ["10.5.0.0/16"], KEY_C: ["10.9.0.0/16"]}
    here = [(str(HOME), KEY_A), (str(HOME), KEY_C), ("192.168.201.50", KEY_C)]
    own, relayed = scopes(allowed, here, PLACE_1 + RELAYED)
    assert barred(own) == {str(HOME): ["10.5.0.0/16", "10.9.0.0/16"]}
    assert barred(relayed) == {"192.168.201.50": ["10.9.0.0/16"]}
    assert relayed_networks(config(PLACE_1 + RELAYED)) == [IPv4Network("192.168.201.0/24")]


def test_a_lan_that_takes_no_part_in_the_vpn_bars_nothing() -> None:
    text = PLACE_1.replace('interface = "eth0"', 'interface = "eth0"\nvpns = []')
    assert [barred(scope) for scope in scopes({KEY_C: ["10.5.0.0/16"]}, [(str(HOME), KEY_C)], text)] == [{}]


@pytest.mark.parametrize(
    ("prefix", "owner"),
    [
        ("10.5.0.0/16", None),
        ("10.5.0.0/25", "a"),
        ("10.5.1.0/24", "b"),
        ("10.5.1.7/32", "b"),
        ("10.5.2.0/23", "a"),
        ("10.5.0.0/23", None),
        ("10.4.0.0/15", None),
        ("10.6.0.0/24", None),
        ("fd00::/64", "c"),
        ("fd00::/63", None),
    ],
)
def test_who_every_packet_to_a_network_goes_to(prefix: str, owner: str | None) -> None:
    networks = {"a": ["10.5.0.0/16"], "b": ["10.5.1.0/24"], "c": ["fd00::/64"]}
    owners = Owners((key, tuple(map(ip_network, each))) for key, each in networks.items())
    assert owners.whole(ip_network(prefix)) == owner
