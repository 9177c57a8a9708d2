"""The part of the plan that RIP announces and learns by, as tables."""

from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network

import pytest

from routerd.config.load import parse
from routerd.model import DefaultGateway, Facts, Interface, RouteState, VpnFacts
from routerd.plan import plan
from routerd.rip_part import RipLan, RipRoute

KEY_A, KEY_B = "A" * 43 + "=", "B" * 43 + "="
HERE = f'[[vpn]]\ninterface = "wg0"\n[[vpn.peer]]\nname = "endpoint-a"\npublic_key = "{KEY_A}"\n'
AWAY = (
    '[[vpn]]\nname = "vpn"\ngateways = ["192.168.200.9"]\nprefixes = ["10.0.0.0/24"]\n'
    '[[vpn.peer]]\nname = "endpoint-a"\naddress = "10.0.0.1"\n'
)
LAN = '[[lan]]\ninterface = "eth0"\n'
RIP = LAN + "[lan.rip]\n"


def held(name: str, *addresses: str, up: bool = True, mtu: int = 1500) -> Interface:
    four = tuple(IPv4Interface(a) for a in addresses if ":" not in a)
    six = tuple(IPv6Interface(a) for a in addresses if ":" in a)
    return Interface(name, 2, up, b"\2\0\0\0\0\2", mtu, four, six)


def facts(*interfaces: Interface, peers: tuple[tuple[str, str], ...] = (), **changes: object) -> Facts:
    known = tuple((key, tuple(ip_network(net) for net in nets.split())) for key, nets in peers)
    names = {"eth0": held("eth0", "192.168.200.2/24"), "wg0": held("wg0", "10.0.0.2/24")}
    names |= {each.name: each for each in interfaces}
    return Facts(
        interfaces=names,
        default_gateways=(DefaultGateway(ip_address("192.168.200.1"), "eth0"),),  # type: ignore[arg-type]
        vpns={"wg0": VpnFacts(True, known)},
        **changes,  # type: ignore[arg-type]
    )


PEERS = ((KEY_A, "10.0.0.1/32"), (KEY_B, "10.0.0.5/32 10.5.0.0/16 fd00:10::5/128"))
SIX = (held("wg0", "10.0.0.2/24", "fd00:10::2/64"), held("eth0", "192.168.200.2/24", "fd00:200::2/64"))


def lan(text: str, known: Facts | None = None) -> RipLan:
    (found,) = plan(parse(text), known or facts()).rip.lans
    return found


def told(routes: tuple[RipRoute, ...]) -> list[str]:
    return [f"{each.prefix}{f' via {each.next_hop}' if each.next_hop else ''}" for each in routes]


# ---------------------------------------------------------------- prefixes


def test_the_vpns_prefixes_are_announced_from_here() -> None:
    found = lan(HERE + RIP, facts(peers=PEERS))
    assert told(found.routes) == ["10.0.0.0/24", "10.5.0.0/16"]
    assert found.peers == ()
    assert (found.interface, found.index, found.mtu, str(found.address)) == ("eth0", 2, 1500, "192.168.200.2")
    assert (found.networks, str(found.broadcast)) == ((ip_network("192.168.200.0/24"),), "192.168.200.255")
    assert {(each.metric, each.tag) for each in found.routes} == {(1, 0)}


def test_another_gateway_of_the_lan_is_the_next_hop() -> None:
    assert told(lan(AWAY + RIP).routes) == ["10.0.0.0/24 via 192.168.200.9"]


def test_a_gateway_of_another_lan_is_reached_through_this_machine() -> None:
    second = '[[lan]]\ninterface = "eth1"\n'
    found = lan(AWAY.replace("200.9", "201.9") + RIP + second, facts(held("eth1", "192.168.201.2/24")))
    assert told(found.routes) == ["10.0.0.0/24"]


def test_metric_and_tag() -> None:
    (one,) = lan(HERE + RIP + "metric = 3\ntag = 777\n").routes
    assert (one.metric, one.tag) == (3, 777)


def test_the_shown_prefix_is_announced_and_neither_is_learned() -> None:
    found = lan(HERE.replace('"wg0"\n', '"wg0"\nmap_to = "10.9.9.0/24"\n') + RIP)
    assert told(found.routes) == ["10.9.9.0/24"]
    assert {"10.0.0.0/24", "10.9.9.0/24", "192.168.200.0/24"} == {str(net) for net in found.barred}


def test_a_prefix_that_cannot_be_shown_is_not_announced() -> None:
    text = HERE.replace('"wg0"\n', '"wg0"\nmap_to = "10.9.0.0/16"\n')
    assert lan(text + RIP).routes == ()


def test_a_lan_that_takes_no_part_is_told_nothing() -> None:
    found = lan(HERE + LAN + "vpns = []\n[lan.rip]\n")
    assert found.routes == ()
    assert ip_network("10.0.0.0/24") in found.barred


def test_a_lan_without_the_section_has_no_rip() -> None:
    assert plan(parse(HERE + LAN), facts()).rip.lans == ()


def test_dhcp_may_not_need_the_route_and_rip_does() -> None:
    """Where this machine is the hosts' router, routers of the site still have to be told."""
    text = HERE + LAN + '[lan.dhcp]\npools = ["192.168.200.50-192.168.200.60"]\n[lan.rip]\n'
    known = facts()
    made = plan(parse(text.replace("[lan.rip]", 'router = "192.168.200.2"\n[lan.rip]')), known)
    assert made.routes[0].state is RouteState.NOT_NEEDED
    assert told(made.rip.lans[0].routes) == ["10.0.0.0/24"]


# ---------------------------------------------------------------- withdrawn


@pytest.mark.parametrize(
    "known",
    [
        facts(held("wg0", "10.0.0.2/24", up=False)),
        Facts(interfaces={"eth0": held("eth0", "192.168.200.2/24")}),
    ],
    ids=["down", "missing"],
)
def test_without_the_tunnel_nothing_is_announced(known: Facts) -> None:
    prefixes = HERE.replace('"wg0"\n', '"wg0"\nprefixes = ["10.0.0.0/24"]\n')
    for announce in ("prefixes", "peers"):
        found = lan(prefixes + RIP + f'announce = "{announce}"\n', known)
        assert (found.routes, found.peers) == ((), ())
        assert ip_network("10.0.0.0/24") in found.barred


def test_withdraw_never_and_all_peers_down() -> None:
    down = facts(held("wg0", "10.0.0.2/24", up=False))
    never = HERE.replace('"wg0"\n', '"wg0"\nwithdraw = "never"\n')
    assert told(lan(never + RIP, down).routes) == ["10.0.0.0/24"]
    every = HERE.replace('"wg0"\n', '"wg0"\nwithdraw = "all-peers-down"\n')
    assert told(lan(every + RIP).routes) == ["10.0.0.0/24"]
    assert lan(every + RIP, facts(all_down=frozenset({"wg0"}))).routes == ()


def test_a_lan_that_is_down_has_no_part() -> None:
    assert plan(parse(HERE + RIP), facts(held("eth0", "192.168.200.2/24", up=False))).rip.lans == ()


# ---------------------------------------------------------------- peers


def test_peers_are_announced_by_their_addresses_and_what_is_behind_them() -> None:
    found = lan(HERE + RIP + 'announce = "peers"\n', facts(peers=PEERS))
    assert told(found.routes) == ["10.0.0.2/32"]
    assert [(peer.vpn, peer.name, told(peer.routes)) for peer in found.peers] == [
        ("wg0", "endpoint-a", ["10.0.0.1/32"]),
        ("wg0", KEY_B, ["10.0.0.5/32", "10.5.0.0/16"]),
    ]


def test_peers_of_a_mapped_vpn_are_announced_as_the_site_sees_them() -> None:
    text = HERE.replace('"wg0"\n', '"wg0"\nmap_to = "10.9.9.0/24"\n')
    found = lan(text + RIP + 'announce = "peers"\n', facts(peers=PEERS[:1]))
    assert told(found.routes) == ["10.9.9.2/32"]
    assert told(found.peers[0].routes) == ["10.9.9.1/32"]


def test_of_a_peer_only_what_lies_in_the_prefixes() -> None:
    text = HERE.replace('"wg0"\n', '"wg0"\nprefixes = ["10.0.0.0/24", "10.7.0.0/16"]\n')
    known = facts(peers=((KEY_A, "10.0.0.0/8"), (KEY_B, "10.5.0.0/16 192.168.200.0/24")))
    found = lan(text + RIP + 'announce = "peers"\n', known)
    assert [(peer.name, told(peer.routes)) for peer in found.peers] == [("endpoint-a", ["10.0.0.0/24", "10.7.0.0/16"])]


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "0.0.0.0/1 128.0.0.0/1"])
def test_of_a_peer_that_is_an_exit_only_its_address(everything: str) -> None:
    known = facts(peers=((KEY_A, f"{everything} 10.0.0.1/32 ::/0"),))
    text = HERE.replace('"wg0"\n', '"wg0"\nprefixes = ["10.0.0.0/24"]\n')
    found = lan(text + RIP + 'announce = "peers"\n', known)
    assert [told(peer.routes) for peer in found.peers] == [["10.0.0.1/32"]]


def test_peers_behind_another_gateway_are_known_by_their_addresses() -> None:
    found = lan(AWAY + RIP + 'announce = "peers"\n')
    assert found.routes == (), "the gateway's own address in the VPN is not known here"
    assert [(peer.vpn, peer.name, told(peer.routes)) for peer in found.peers] == [
        ("vpn", "endpoint-a", ["10.0.0.1/32 via 192.168.200.9"])
    ]


def test_listening_only() -> None:
    found = lan(HERE + RIP + 'announce = "none"\nlearn = true\nimport = ["172.16.0.0/12"]\n', facts(peers=PEERS))
    assert (found.routes, found.peers) == ((), ())


# ---------------------------------------------------------------- IPv6


def test_ng_announces_what_is_found_behind_the_tunnel() -> None:
    found = lan(HERE + RIP + 'versions = ["v2", "ng"]\n', facts(*SIX, peers=PEERS))
    assert told(found.routes) == ["10.0.0.0/24", "10.5.0.0/16", "fd00:10::/64"]
    assert ip_address("fd00:200::2") in found.addresses
    assert ip_network("fd00:200::/64") in found.networks
    assert {ip_network("fd00:10::/64"), ip_network("fd00:200::/64")} <= set(found.barred)
    only = lan(HERE + RIP + 'versions = ["ng"]\n', facts(*SIX, peers=PEERS))
    assert told(only.routes) == ["fd00:10::/64"]


def test_peers_of_ng() -> None:
    found = lan(HERE + RIP + 'versions = ["ng"]\nannounce = "peers"\n', facts(*SIX, peers=PEERS))
    assert told(found.routes) == ["fd00:10::2/128"]
    assert [told(peer.routes) for peer in found.peers] == [["fd00:10::5/128"]]


def test_ng_prefixes_lead_to_the_gateway_that_is_named() -> None:
    lines = 'versions = ["v2", "ng"]\nng_prefixes = ["fd00:10::/64"]\nng_gateway = "fe80::9"\nmetric = 2\n'
    found = lan(AWAY + RIP + lines)
    assert told(found.routes) == ["10.0.0.0/24 via 192.168.200.9", "fd00:10::/64 via fe80::9"]
    assert {each.metric for each in found.routes} == {2}
    assert ip_network("fd00:10::/64") in found.barred


def test_ng_prefixes_stand_in_for_what_is_found() -> None:
    found = lan(HERE + RIP + 'versions = ["ng"]\nng_prefixes = ["fd00:10::/48"]\n', facts(*SIX, peers=PEERS))
    assert told(found.routes) == ["fd00:10::/48"]


# ---------------------------------------------------------------- links


def test_a_virtual_address_is_announced_from_in_its_network() -> None:
    text = HERE + LAN + 'address = "192.168.200.3"\n[lan.rip]\n'
    found = lan(text, facts(held("eth0", "192.168.200.2/24", "192.168.200.3/32")))
    assert str(found.address) == "192.168.200.3"
    assert found.networks == (ip_network("192.168.200.0/24"),)
    assert {str(each) for each in found.addresses} == {"192.168.200.2", "192.168.200.3"}


def test_a_link_without_a_broadcast_address() -> None:
    assert str(lan(HERE + RIP, facts(held("eth0", "192.168.200.2/31"))).broadcast) == "255.255.255.255"


def test_the_plan_is_whole_and_values_only() -> None:
    text = HERE + RIP + 'announce = "peers"\n'
    assert plan(parse(text), facts(peers=PEERS)) == plan(parse(text), facts(peers=PEERS))
