"""From configuration text and facts, by the plan, to messages: what only shows where both are there."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from routerd.config.load import parse
from routerd.dhcp.options import decode_classless_routes
from routerd.model import DefaultGateway, Facts, Interface, Plan
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


FREE = TEXT.replace('["192.168.200.60"]', '["192.168.200.9"]')
SUBNET = """
    [[lan.dhcp.subnet]]
    subnet = "{net}"
    pools = ["192.168.200.50-192.168.200.59"]
"""
LAN0 = {"lan0": Interface("lan0", 2, True, b"\2\0\0\0\0\2", 1500, (IPv4Interface("192.168.200.2/24"),))}


def planned(text: str) -> Plan:
    return plan(parse(text), Facts(interfaces=LAN0))


def codes(text: str) -> list[str]:
    """The problems of the plan that concern reservations and subnets."""
    return [problem.code for problem in planned(text).problems if problem.code.startswith(("reservation", "subnet"))]


def scene(text: str) -> Scene:
    return Scene(planned(text).dhcp[0])


def test_a_gateway_of_the_vpn_gets_the_address_that_is_reserved_for_it_and_nobody_else_does() -> None:
    s = scene(TEXT + RESERVED.format(address="192.168.200.60"))
    offer = s.ask(message(DISCOVER, (55, b"\x79")))
    assert offer.yiaddr == ip("192.168.200.60")
    assert 121 not in offer.options
    assert s.lease(MAC_B) == ip("192.168.200.60")
    assert s.lease(OTHER_MAC) == ip("192.168.200.61")


@pytest.mark.parametrize("address", ["192.168.200.2", "192.168.200.0", "192.168.200.255"])
def test_our_own_address_and_the_networks_edges_are_nobodys_even_if_they_are_reserved(address: str) -> None:
    text = FREE + RESERVED.format(address=address)
    assert codes(text) == ["reservation-never-leased"]
    assert scene(text).lease(MAC_B) == ip("192.168.200.60")


def test_the_router_that_was_found_is_nobodys_even_if_it_is_reserved() -> None:
    text = FREE.replace('  router = "192.168.200.1"\n', "") + RESERVED.format(address="192.168.200.77")
    facts = Facts(interfaces=LAN0, default_gateways=(DefaultGateway(IPv4Address("192.168.200.77"), "lan0"),))
    made = plan(parse(text), facts)
    assert [problem.code for problem in made.problems if "reserv" in problem.code] == ["reservation-never-leased"]
    assert Scene(made.dhcp[0]).lease(MAC_B) == ip("192.168.200.60")


def test_the_router_of_a_reservation_is_nobodys() -> None:
    s = scene(FREE + RESERVED.format(address="192.168.200.22") + 'router = "192.168.200.60"\n')
    assert s.lease(OTHER_MAC) == ip("192.168.200.61")


def test_the_router_of_a_reservation_may_have_a_reservation_itself() -> None:
    router = RESERVED.format(address="192.168.200.61").replace("00:22", "00:99")
    text = FREE + router + RESERVED.format(address="192.168.200.22") + 'router = "192.168.200.61"\n'
    assert codes(text) == []
    assert scene(text).lease(OTHER_MAC) == ip("192.168.200.61")


def test_a_reservations_router_that_is_not_on_the_network_is_shown() -> None:
    text = FREE + RESERVED.format(address="192.168.200.22") + 'router = "192.168.7.1"\n'
    assert codes(text) == ["reservation-router-not-on-link"]


@pytest.mark.parametrize("net", ["192.168.200.0/24", "192.168.200.0/25", "192.168.200.0/23"])
def test_a_network_of_the_lan_is_not_served_behind_a_relay_agent_as_well(net: str) -> None:
    text = FREE + SUBNET.format(net=net)
    assert codes(text) == ["subnet-overlaps-lan"]
    assert planned(text).dhcp[0].subnets == ()
    assert len(planned(FREE + SUBNET.format(net="192.168.202.0/24").replace("200.5", "202.5")).dhcp[0].subnets) == 1


def test_a_reservation_of_another_network_is_shown_and_its_client_served_from_the_pools() -> None:
    text = FREE + RESERVED.format(address="192.168.7.7")
    found = [problem for problem in planned(text).problems if problem.code == "reservation-not-on-link"]
    assert [(problem.subject, dict(problem.values)["address"]) for problem in found] == [("lan lan0", "192.168.7.7")]
    assert scene(text).lease(MAC_B) == ip("192.168.200.60")


def test_a_network_behind_a_relay_agent_gives_way_to_a_lan_that_gets_it_later() -> None:
    text = FREE + SUBNET.format(net="192.168.202.0/24").replace("200.5", "202.5") + '[[lan]]\ninterface = "lan1"\n'
    lan1 = replace(LAN0["lan0"], name="lan1", index=3, addresses=())
    made = plan(parse(text), Facts(interfaces=LAN0 | {"lan1": lan1}))
    assert [str(scope.network) for scope in made.dhcp[0].subnets] == ["192.168.202.0/24"]
    lan1 = replace(lan1, addresses=(IPv4Interface("192.168.202.1/25"),))
    made = plan(parse(text), Facts(interfaces=LAN0 | {"lan1": lan1}))
    assert made.dhcp[0].subnets == ()
    (found,) = [problem for problem in made.problems if problem.code == "subnet-overlaps-lan"]
    assert (found.subject, dict(found.values)["lan"]) == ("lan lan0", "lan1")


def test_a_network_that_is_off_is_not_served() -> None:
    text = FREE + SUBNET.format(net="192.168.202.0/24").replace("200.5", "202.5")
    assert len(planned(text).dhcp[0].subnets) == 1
    assert planned(text + 'mode = "off"\n').dhcp[0].subnets == ()


# ---------------------------------------------------------------- routers of single clients

OURS = """
[[vpn]]
interface = "wg0"
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.60-192.168.200.69"]
{keys}
    [[lan.dhcp.reservation]]
    mac = "02:00:00:00:00:22"
    address = "192.168.200.22"
    router = "{own}"
"""
US, OTHER = "192.168.200.2", "192.168.200.9"
WG0 = Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),))
VIA_US = [("10.0.0.0/24", US)]


def routes_of(text: str, mac: bytes = MAC_B) -> tuple[list[tuple[str, str]], bool]:
    """The routes that a client is sent, and whether it is said to have the current ones then."""
    made = plan(parse(text), Facts(interfaces=LAN0 | {"wg0": WG0}))
    s = Scene(made.dhcp[0])
    address = s.lease(mac, (55, b"\x03\x79"))
    data = s.ask(message(REQUEST, (55, b"\x03\x79"), mac=mac, ciaddr=address), unicast=True).options.get(121, b"")
    (scope,), row = s.responder.scopes, s.table.row(address)
    assert row is not None
    assert scope.current() == scope.is_current(row)
    return [(str(net), str(gateway)) for net, gateway in decode_classless_routes(data)], scope.is_current(row)


@pytest.mark.parametrize(
    ("keys", "own", "its", "all_others"),
    [
        ("", OTHER, [*VIA_US, ("0.0.0.0/0", OTHER)], []),
        ("", "none", VIA_US, []),
        ("", US, [], []),
        (f'  router = "{OTHER}"', US, [], [*VIA_US, ("0.0.0.0/0", OTHER)]),
        (f'  router = "{OTHER}"', "none", VIA_US, [*VIA_US, ("0.0.0.0/0", OTHER)]),
        (f'  router = "{OTHER}"\n  routes = "always"', US, [*VIA_US, ("0.0.0.0/0", US)], None),
        ('  routes = "never"', OTHER, [], []),
    ],
)
def test_who_has_a_router_of_its_own_is_sent_the_routes_unless_that_is_this_machine(
    keys: str, own: str, its: list[tuple[str, str]], all_others: list[tuple[str, str]] | None
) -> None:
    text = OURS.format(keys=keys, own=own)
    assert routes_of(text) == (its, True)
    if all_others is not None:
        assert routes_of(text, OTHER_MAC) == (all_others, True)


def test_behind_a_relay_agent_they_lead_through_the_router_of_the_network() -> None:
    behind = SUBNET.format(net="192.168.202.0/24").replace("200.5", "202.5") + 'router = "192.168.202.1"\n'
    own = (
        RESERVED.format(address="192.168.202.22").replace("dhcp.res", "dhcp.subnet.res") + 'router = "192.168.202.7"\n'
    )
    facts = Facts(interfaces=LAN0 | {"wg0": WG0})
    (scope,) = plan(parse(OURS.format(keys="", own=US) + behind + own), facts).dhcp[0].subnets
    router = IPv4Address("192.168.202.1")
    told = ((IPv4Network("10.0.0.0/24"), router),)
    assert (scope.router, scope.own_routes) == (router, ((IPv4Address("192.168.202.7"), told),))


def test_withdrawn_routes_are_sent_to_nobody() -> None:
    made = plan(parse(OURS.format(keys="", own=OTHER)), Facts(interfaces=LAN0 | {"wg0": replace(WG0, up=False)}))
    assert (made.dhcp[0].own.routes, made.dhcp[0].own.own_routes) == ((), ())
