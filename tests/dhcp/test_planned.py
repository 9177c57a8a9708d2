"""From configuration text and facts, by the plan, to messages: what only shows where both are there."""

from ipaddress import IPv4Interface

import pytest

from routerd.config.load import parse
from routerd.model import Facts, Interface, Plan
from routerd.plan import plan
from tests.dhcp.scene import MAC_B, Scene, ip, message

DISCOVER, REQUEST, ACK = 1, 3, 5
OTHER_MAC = bytes.fromhex("020000000099")

TEXT = """
[[vpn]]
gateways = ["192.168.200.60"]
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.60-192.168.200.69"]
  router = "192.168.200.1"
"""
RESERVED = """
    [[lan.dhcp.reservation]]
    mac = "02:00:00:00:00:22"
    address = "{address}"
"""


def planned(text: str) -> Plan:
    lan = Interface("lan0", 2, True, b"\2\0\0\0\0\2", 1500, (IPv4Interface("192.168.200.2/24"),))
    return plan(parse(text), Facts(interfaces={"lan0": lan}))


def scene(text: str) -> Scene:
    return Scene(planned(text).dhcp[0])


def test_a_gateway_of_the_vpn_gets_the_address_that_is_reserved_for_it_and_nobody_else_does() -> None:
    s = scene(TEXT + RESERVED.format(address="192.168.200.60"))
    offer = s.ask(message(DISCOVER, (55, b"\x79")))
    assert offer.yiaddr == ip("192.168.200.60")
    assert 121 not in offer.options
    assert s.lease(MAC_B) == ip("192.168.200.60")
    assert s.lease(OTHER_MAC) == ip("192.168.200.61")


@pytest.mark.parametrize("address", ["192.168.200.2", "192.168.200.1"])
def test_our_own_address_and_the_routers_are_nobodys_even_if_they_are_reserved(address: str) -> None:
    s = scene(TEXT.replace('["192.168.200.60"]', '["192.168.200.9"]') + RESERVED.format(address=address))
    assert s.lease(MAC_B) == ip("192.168.200.60")


def test_a_reservation_of_another_network_is_shown_and_its_client_served_from_the_pools() -> None:
    text = TEXT.replace('["192.168.200.60"]', '["192.168.200.9"]') + RESERVED.format(address="192.168.7.7")
    found = [problem for problem in planned(text).problems if problem.code == "reservation-not-on-link"]
    assert [(problem.subject, dict(problem.values)["address"]) for problem in found] == [("lan lan0", "192.168.7.7")]
    assert scene(text).lease(MAC_B) == ip("192.168.200.60")
