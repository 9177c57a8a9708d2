"""The part of the plan that address translation is made from, and what holds for one host, as tables."""

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_address, ip_network
from typing import Any

import pytest

from routerd.alias_part import AliasLan, Claimed, FixedAlias
from routerd.config.load import parse
from routerd.health import ProblemTracker
from routerd.model import DefaultGateway, Facts, Interface, KernelRoute, Plan, RouteState, VpnFacts
from routerd.nat_part import (
    HostState,
    NatAlias,
    NatForward,
    NatLan,
    NatPart,
    NatPin,
    NatPool,
    NatVpn,
    PoolPeer,
    Strategy,
)
from routerd.plan import plan
from routerd.plan_kernel import UNREACHABLE_METRIC
from routerd.plan_nat import HostPolicy, decide_host, pin_of, policy_of
from routerd.reports import ReturnPath

KEY_A, KEY_B = "A" * 43 + "=", "B" * 43 + "="
NET = IPv4Network("10.0.0.0/24")
SHOWN = IPv4Network("10.9.9.0/24")
SITE = IPv4Network("192.168.200.0/24")
OWN = IPv4Address("192.168.200.2")
A = IPv4Address("10.0.0.1")
ALIAS = IPv4Address("192.168.200.201")

VPN = f'[[vpn]]\ninterface = "wg0"\n[[vpn.peer]]\nname = "endpoint-a"\npublic_key = "{KEY_A}"\n'
LAN = '[[lan]]\ninterface = "eth0"\n'
REMOTE = (
    '[[vpn]]\nname = "vpn"\ngateways = ["192.168.200.9", "192.168.201.9"]\nprefixes = ["10.0.0.0/24"]\n'
    '[[vpn.peer]]\nname = "endpoint-a"\naddress = "10.0.0.1"\n'
)


def forward(listen: str = "8080/tcp", to: str = "endpoint-a:80", *lines: str) -> str:
    return "\n".join(["[[lan.forward]]", f'listen = "{listen}"', f'to = "{to}"', *lines, ""])


def alias(address: str = "192.168.200.201", peer: str = "endpoint-a") -> str:
    return f'[[lan.alias]]\naddress = "{address}"\npeer = "{peer}"\n'


def held(name: str, *addresses: str, up: bool = True, mtu: int = 1500) -> Interface:
    four = tuple(IPv4Interface(a) for a in addresses if ":" not in a)
    six = tuple(IPv6Interface(a) for a in addresses if ":" in a)
    return Interface(name, 2, up, b"\2\0\0\0\0\2", mtu, four, six)


def peers(*allowed: str, key: str = KEY_A) -> tuple[str, tuple[Any, ...]]:
    return key, tuple(ip_network(each) for each in allowed)


def facts(*interfaces: Interface, wg: VpnFacts | None = None, **changes: Any) -> Facts:
    known = interfaces or (held("eth0", "192.168.200.2/24"), held("wg0", "10.0.0.2/24", mtu=1420))
    made = Facts(
        interfaces={interface.name: interface for interface in known},
        default_gateways=(DefaultGateway(IPv4Address("192.168.200.1"), "eth0"),),
        vpns={"wg0": wg or VpnFacts(True, (peers("10.0.0.1/32"),))},
        claimed=frozenset([Claimed("eth0", ALIAS)]),
    )
    return replace(made, **changes)


def made(text: str, known: Facts | None = None) -> Plan:
    return plan(parse(text), known or facts())


def nat(text: str, known: Facts | None = None) -> NatPart:
    return made(text, known).nat


def codes(text: str, known: Facts | None = None) -> list[tuple[str, str]]:
    return [(problem.code, problem.subject) for problem in made(text, known).problems]


# ---------------------------------------------------------------- vpns and lans


def test_places_1_and_3() -> None:
    assert nat(VPN + LAN) == NatPart(
        vpns=(NatVpn("wg0", (NET,), "wg0", (IPv4Address("10.0.0.2"),), mtu=1420),),
        lans=(NatLan("eth0", (SITE,), (OWN,), ("wg0",)),),
    )


def test_place_2() -> None:
    """Only the gateways of a LAN, each with its link-layer address where that is known."""
    gateway, mac = IPv4Address("192.168.200.9"), b"\2\0\0\0\0\x09"
    (vpn,) = nat(REMOTE + LAN).vpns
    assert vpn == NatVpn("vpn", (NET,), gateways=((gateway, None),), mtu=1420)
    assert nat(REMOTE + LAN, facts(link_layer=((gateway, mac),))).vpns[0].gateways == ((gateway, mac),)


def test_both_families() -> None:
    """IPv6 as the machine has it: default routes, link-local networks and what overlaps a LAN are left out."""
    known = facts(
        held("eth0", "192.168.200.2/24", "fd00:1::2/64"),
        held("wg0", "10.0.0.2/24", "fd00:2::2/64"),
        wg=VpnFacts(
            True, (peers("10.0.0.1/32", "fd00:2::1/128", "fd00:3::/48", "::/0", "fe80::1/128", "fd00:1::9/128"),)
        ),
    )
    part = nat(VPN + LAN, known)
    (vpn,) = part.vpns
    assert vpn.prefixes == (NET, ip_network("fd00:2::/64"), ip_network("fd00:3::/48"))
    assert vpn.addresses == (IPv4Address("10.0.0.2"), ip_address("fd00:2::2"))
    (lan,) = part.lans
    assert lan.networks == (SITE, ip_network("fd00:1::/64"))
    assert lan.addresses == (OWN, ip_address("fd00:1::2"))


def test_two_halves_of_everything_are_a_default_route() -> None:
    known = facts(wg=VpnFacts(True, (peers("10.0.0.1/32", "::/1", "8000::/1"),)))
    assert nat(VPN + LAN, known).vpns[0].prefixes == (NET,)


@pytest.mark.parametrize(("key", "device", "mtu"), [("", 1420, 1420), ("", 1280, 1280), ("mtu = 1380\n", 1420, 1380)])
def test_the_smaller_mtu_counts(key: str, device: int, mtu: int) -> None:
    known = facts(held("eth0", "192.168.200.2/24"), held("wg0", "10.0.0.2/24", mtu=device))
    assert nat(VPN.replace('"wg0"\n', f'"wg0"\n{key}') + LAN, known).vpns[0].mtu == mtu


def test_the_mtu_of_a_tunnel_elsewhere_is_on_the_route_to_it() -> None:
    routes = made(REMOTE.replace("[[vpn.peer]]", "mtu = 1380\n[[vpn.peer]]") + LAN).kernel.routes
    assert KernelRoute(NET, IPv4Address("192.168.200.9"), "eth0", mtu=1380) in routes
    small = facts(held("eth0", "192.168.200.2/24", mtu=1300))
    assert KernelRoute(NET, IPv4Address("192.168.200.9"), "eth0", mtu=1300) in made(REMOTE + LAN, small).kernel.routes
    assert all(route.mtu is None for route in made(VPN + LAN).kernel.routes)


def test_a_link_that_is_down_for_a_moment_removes_nothing() -> None:
    known = facts()
    down = {name: replace(each, up=False) for name, each in known.interfaces.items()}
    text = VPN + LAN + forward() + alias()
    vpns = {"wg0": replace(known.vpns["wg0"], last=(NET,))}
    assert nat(text, replace(known, interfaces=down, vpns=vpns)) == nat(text)


def test_a_missing_lan_takes_no_part() -> None:
    known = facts(held("wg0", "10.0.0.2/24"))
    assert nat(VPN + LAN + forward() + alias(), known) == replace(
        nat(VPN + LAN), lans=(), vpns=nat(VPN + LAN, known).vpns
    )


def test_a_missing_tunnel_keeps_its_rules() -> None:
    """What was behind it counts on, so that a source is not believed only because the interface went."""
    known = facts(held("eth0", "192.168.200.2/24"), wg=VpnFacts(False, (peers("10.0.0.1/32"),), (NET,)))
    (vpn,) = nat(VPN + LAN, known).vpns
    assert (vpn.prefixes, vpn.interface, vpn.addresses, vpn.mtu) == ((NET,), "wg0", (), 1420)


def test_lans_without_a_vpn_and_vpns_without_a_prefix_are_left_out() -> None:
    assert nat(VPN + LAN + "vpns = []\n").lans == ()
    bare = facts(held("eth0", "192.168.200.2/24"), held("wg0"), wg=VpnFacts(True))
    assert nat(VPN + LAN, bare) == NatPart()


def test_a_virtual_address_is_what_masqueraded_flows_come_from() -> None:
    known = facts(held("eth0", "192.168.200.2/24", "192.168.200.3/32"), held("wg0", "10.0.0.2/24"))
    (lan,) = nat(VPN + LAN + 'address = "192.168.200.3"\n', known).lans
    assert (lan.addresses, lan.networks) == ((IPv4Address("192.168.200.3"),), (SITE,))


def test_pins_come_the_nearest_first() -> None:
    text = VPN + LAN + 'strategy = "none"\n'
    for key, value, strategy in (
        ("prefix", "192.168.200.0/25", "masquerade"),
        ("mac", "02:00:00:00:00:41", "site-gateway"),
        ("prefix", "192.168.200.64/26", "auto"),
        ("address", "192.168.200.70", "masquerade"),
        ("prefix", "fd00::/64", "masquerade"),
    ):
        text += f'[[lan.host]]\n{key} = "{value}"\nstrategy = "{strategy}"\n'
    (lan,) = nat(text).lans
    assert lan.strategy is Strategy.NONE
    assert [(str(pin.network), pin.strategy.value) for pin in lan.pins] == [
        ("192.168.200.70/32", "masquerade"),
        ("192.168.200.64/26", "auto"),
        ("192.168.200.0/25", "masquerade"),
        ("fd00::/64", "masquerade"),
    ]
    assert lan.mac_pins == ((bytes.fromhex("020000000041"), Strategy.SITE_GATEWAY),)


def test_keep_and_log_flows() -> None:
    part = nat(VPN + LAN + "[nat]\nkeep = true\nlog_flows = true\n")
    assert (part.keep, part.log_flows) == (True, True)


# ---------------------------------------------------------------- forwards


def test_a_forward_to_a_peer_by_name() -> None:
    (only,) = nat(VPN + LAN + forward("8000-8999/udp", "endpoint-a:1000")).forwards
    assert only == NatForward("eth0", "wg0", "udp", 8000, 8999, (OWN,), A, 1000, masquerade=True, measured=True)


@pytest.mark.parametrize(
    ("peer", "allowed", "address"),
    [
        ('address = "10.0.0.7"', ("10.0.0.1/32",), "10.0.0.7"),
        ("", ("10.0.0.1/32", "10.0.0.64/26"), "10.0.0.1"),
        ("", ("10.0.0.1/32", "10.0.0.3/32"), None),
        ("", ("10.0.0.64/26",), None),
        ("", (), None),
    ],
)
def test_the_address_of_a_named_peer(peer: str, allowed: tuple[str, ...], address: str | None) -> None:
    text, known = VPN + peer + "\n" + LAN + forward(), facts(wg=VpnFacts(True, (peers(*allowed),)))
    assert [str(each.to) for each in nat(text, known).forwards] == ([] if address is None else [address])
    found = codes(text, known)
    assert found == ([("forward-no-address", "forward 8080/tcp to endpoint-a:80")] if address is None else [])


@pytest.mark.parametrize(
    ("source_nat", "kept", "expected"),
    [
        ("auto", False, (True, True)),
        ("auto", True, (False, True)),
        ("always", True, (True, False)),
        ("never", False, (False, False)),
    ],
)
def test_source_nat(source_nat: str, kept: bool, expected: tuple[bool, bool]) -> None:
    proven = frozenset([("wg0", A)]) if kept else frozenset([("wg0", IPv4Address("10.0.0.3")), ("wg1", A)])
    (only,) = nat(
        VPN + LAN + forward("80/tcp", "endpoint-a:80", f'source_nat = "{source_nat}"'), facts(kept=proven)
    ).forwards
    assert (only.masquerade, only.measured) == expected


@pytest.mark.parametrize("source_nat", ["auto", "always"])
def test_place_2_is_always_masqueraded(source_nat: str) -> None:
    text = REMOTE + LAN + forward("80/tcp", "10.0.0.77:81", f'source_nat = "{source_nat}"')
    (only,) = nat(text, facts(kept=frozenset([("vpn", IPv4Address("10.0.0.77"))]))).forwards
    assert (only.vpn, str(only.to), only.masquerade, only.measured) == ("vpn", "10.0.0.77", True, False)


TWO_LANS = (
    held("eth0", "192.168.200.2/24", "192.168.200.3/32", "fd00:1::2/64"),
    held("eth1", "192.168.201.2/24"),
    held("eth2", "192.168.202.2/24"),
    held("wg0", "10.0.0.2/24", "fd00:2::2/64"),
)


def test_a_forward_listens_at_every_address_on_the_lans_of_its_vpn() -> None:
    text = VPN + LAN + forward("80/tcp", "10.0.0.1:80") + forward("80/tcp", "[fd00:2::1]:80")
    text += '[[lan]]\ninterface = "eth1"\n[[lan]]\ninterface = "eth2"\nvpns = []\n'
    four, six = nat(text, facts(*TWO_LANS)).forwards
    assert [str(each) for each in four.addresses] == ["192.168.200.2", "192.168.200.3", "192.168.201.2"]
    assert [str(each) for each in six.addresses] == ["fd00:1::2"]
    assert (str(six.to), six.vpn, six.masquerade) == ("fd00:2::1", "wg0", True)


def test_no_ipv6_on_any_lan() -> None:
    text = VPN + LAN + forward("80/tcp", "[fd00:2::1]:80")
    known = facts(held("eth0", "192.168.200.2/24"), held("wg0", "10.0.0.2/24", "fd00:2::2/64"))
    assert nat(text, known).forwards == ()
    assert codes(text, known) == [("forward-nowhere", "forward 80/tcp to [fd00:2::1]:80")]


@pytest.mark.parametrize("to", ["10.7.7.7:80", "192.168.200.22:80", "[fd00:9::1]:80"])
def test_what_is_not_behind_the_vpn_is_no_target(to: str) -> None:
    text = VPN + LAN + forward(to=to) + forward("81/tcp")
    assert [each.first for each in nat(text).forwards] == [81]
    assert codes(text) == [("forward-not-behind", f"forward 8080/tcp to {to}")]


def test_an_address_behind_two_vpns_is_of_the_longer_prefix_among_those_of_the_lan() -> None:
    second = '[[vpn]]\ninterface = "wg1"\nprefixes = ["10.0.0.0/25"]\n'
    known = facts(*facts().interfaces.values(), held("wg1", "10.1.0.2/24"))
    to = forward("80/tcp", "10.0.0.1:80")
    assert [each.vpn for each in nat(VPN + second + LAN + to, known).forwards] == ["wg1"]
    assert [each.vpn for each in nat(VPN + second + LAN + 'vpns = ["wg0"]\n' + to, known).forwards] == ["wg0"]


@pytest.mark.parametrize(
    ("listen", "http", "refused"),
    [
        ("8121/tcp", "192.168.200.2:8121", True),
        ("8000-8999/tcp", "192.168.200.2:8121", True),
        ("8122/tcp", "192.168.200.2:8121", False),
        ("8121/udp", "192.168.200.2:8121", False),
        ("8121/tcp", "10.0.0.2:8121", False),
    ],
)
def test_the_port_that_http_is_served_at_is_not_taken(listen: str, http: str, refused: bool) -> None:
    text = VPN + LAN + forward(listen) + f'[http]\nlisten = ["{http}"]\n'
    assert len(nat(text).forwards) == (0 if refused else 1)
    assert codes(text) == ([("forward-own-port", f"forward {listen} to endpoint-a:80")] if refused else [])


def test_an_interface_that_is_missing_explains_what_does_not_work() -> None:
    tracker = ProblemTracker()
    known = facts(held("eth0", "192.168.200.2/24"), wg=VpnFacts(False))
    tracker.update(made(VPN + LAN + forward() + forward("81/tcp", "10.0.0.1:80") + alias(), known).problems, 0.0)
    first, *rest = tracker.report(100.0)
    assert first.code == "interface-missing"
    assert {row.code for row in rest} >= {"forward-no-address", "forward-not-behind", "alias-no-address"}
    assert all(row.caused_by for row in rest)
    assert all("?" not in row.text + row.mend for row in rest)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("10.0.0.77", "10.0.0.77 is in no peer's AllowedIPs"),
        ("10.0.0.2", "10.0.0.2 is this machine's own address inside the VPN"),
        ("10.0.0.255", "10.0.0.255 is the first or last address of 10.0.0.0/24, and no machine's"),
        ("10.0.0.1", None),
        ("10.5.0.255", None),
    ],
)
def test_a_forward_that_leads_nowhere_is_told(to: str, why: str | None) -> None:
    text, wg = VPN + LAN + forward(to=f"{to}:80"), VpnFacts(True, (peers("10.0.0.1/32", "10.5.0.0/16"),))
    done = made(text, facts(wg=wg))
    told = [problem for problem in done.problems if problem.code == "forward-leads-nowhere"]
    assert [dict(problem.values)["why"] for problem in told] == ([] if why is None else [why])
    # A peer may get the address at any time: the rule is there, and only this machine's view is told.
    assert len(done.nat.forwards) == 1


def test_a_device_that_was_not_read_yet_says_nothing_about_peers() -> None:
    known = facts(wg=VpnFacts(False, last=(NET,)))
    assert codes(VPN + LAN + forward(to="10.0.0.77:80"), known) == []


# ---------------------------------------------------------------- aliases


def test_an_alias() -> None:
    (only,) = nat(VPN + LAN + alias()).aliases
    assert only == NatAlias("eth0", "wg0", IPv4Address("192.168.200.201"), A, masquerade=True)
    (kept,) = nat(VPN + LAN + alias(), facts(kept=frozenset([("wg0", A)]))).aliases
    assert not kept.masquerade


def test_an_alias_has_rules_and_a_route_only_while_it_is_claimed() -> None:
    """What is to be claimed is known before; the route leads to the VPN, and goes when its interface is down."""
    wanted = FixedAlias("eth0", ALIAS, PoolPeer("wg0", "endpoint-a", A, KEY_A))
    way = KernelRoute(IPv4Network("192.168.200.201/32"), interface="wg0")
    free, taken = made(VPN + LAN + alias()), made(VPN + LAN + alias(), facts(claimed=frozenset()))
    for done in (free, taken):
        assert done.aliases.aliases == (wanted,)
        assert done.aliases.lans == (AliasLan("eth0", 2, b"\2\0\0\0\0\2", OWN, True),)
    assert (len(free.nat.aliases), way in free.kernel.routes) == (1, True)
    assert (len(taken.nat.aliases), way in taken.kernel.routes) == (0, False)
    wg = replace(held("wg0", "10.0.0.2/24"), up=False)
    down = facts(held("eth0", "192.168.200.2/24"), wg, wg=VpnFacts(True, (peers("10.0.0.1/32"),), (NET,)))
    done = made(VPN + LAN + alias(), down)
    assert (len(done.nat.aliases), way in done.kernel.routes) == (1, False)
    assert made(VPN + LAN).aliases.lans == ()


def test_routes_settings_and_aliases_stay_at_the_end_like_the_rules() -> None:
    done = made(VPN + LAN + alias() + "[nat]\nkeep = true\n")
    assert (done.kernel.keep, done.aliases.keep, done.nat.keep) == (True, True, True)
    assert not made(VPN + LAN + alias()).kernel.keep


@pytest.mark.parametrize("allowed", ["0.0.0.0/0", "192.168.0.0/16", "192.168.200.201/32"])
def test_an_alias_must_be_in_nobodys_allowed_ips(allowed: str) -> None:
    """With the rules gone its packets would go to that peer, and come back from it in a circle."""
    known = facts(wg=VpnFacts(True, (peers("10.0.0.1/32"), peers("10.0.0.3/32", allowed, key=KEY_B))))
    done = made(VPN + LAN + alias(), known)
    assert (done.nat.aliases, done.aliases.aliases) == ((), ())
    problem = next(problem for problem in done.problems if problem.code == "alias-allowed")
    assert dict(problem.values) == {"peer": KEY_B, "network": allowed}
    elsewhere = facts(wg=VpnFacts(True, (peers("10.0.0.1/32"), peers("192.168.200.202/32", key=KEY_B))))
    assert len(nat(VPN + LAN + alias(), elsewhere).aliases) == 1


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("192.168.201.201", "alias-not-on-link", "the LAN's network 192.168.200.0/24"),
        ("192.168.200.255", "alias-in-use", "the first or last address of the LAN's network"),
        ("192.168.200.2", "alias-in-use", "this machine's own"),
        ("192.168.200.3", "alias-in-use", "this machine's own"),
        ("192.168.200.1", "alias-in-use", "the default gateway's"),
    ],
)
def test_an_alias_that_cannot_be(address: str, code: str, words: str) -> None:
    known = facts(held("eth0", "192.168.200.2/24", "192.168.200.3/24"), held("wg0", "10.0.0.2/24"))
    done = made(VPN + LAN + alias(address), known)
    assert done.nat.aliases == ()
    (problem,) = done.problems
    assert (problem.code, problem.subject) == (code, f"alias {address}")
    tracker = ProblemTracker()
    tracker.update(done.problems, 0.0)
    assert words in tracker.report(100.0)[0].text


@pytest.mark.parametrize(
    ("allowed", "address", "code"),
    [
        (("10.0.0.1/32", "fd00:2::1/128"), "10.0.0.1", None),
        (("fd00:2::1/128",), None, "alias-no-address"),
        (("10.0.0.64/26",), None, "alias-no-address"),
    ],
)
def test_an_alias_needs_the_ipv4_address_of_its_peer(
    allowed: tuple[str, ...], address: str | None, code: str | None
) -> None:
    known = facts(wg=VpnFacts(True, (peers(*allowed),)))
    assert [str(each.peer) for each in nat(VPN + LAN + alias(), known).aliases] == ([address] if address else [])
    assert [found for found, _ in codes(VPN + LAN + alias(), known)] == ([code] if code else [])


def test_an_alias_of_a_peer_that_is_not_behind_the_vpn() -> None:
    text = VPN.replace('"wg0"\n', '"wg0"\nprefixes = ["10.5.0.0/24"]\n') + LAN + alias()
    assert nat(text).aliases == ()
    assert codes(text) == [("alias-not-behind", "alias 192.168.200.201")]


POOL = 'alias_pool = "192.168.200.200-192.168.200.209"\n'
MANY = VpnFacts(
    True,
    (
        peers("10.0.0.1/32"),
        peers("10.0.0.3/32", key=KEY_B),
        peers("10.0.0.64/26", key="C" * 43 + "="),
        peers("fd00:2::9/128", key="D" * 43 + "="),
        peers("10.0.0.5/32", "10.0.0.128/26", key="E" * 43 + "="),
    ),
)


def test_a_pool_is_for_every_peer_that_has_a_single_address() -> None:
    (pool,) = nat(VPN + LAN + POOL, facts(wg=MANY)).pools
    assert [(peer.name, str(peer.address)) for peer in pool.peers] == [
        ("endpoint-a", "10.0.0.1"),
        (KEY_B, "10.0.0.3"),
        ("E" * 43 + "=", "10.0.0.5"),
    ]
    assert (pool.lan, str(pool.addresses), pool.barred) == ("eth0", "192.168.200.200-192.168.200.209", frozenset())


def test_a_peer_with_an_alias_of_its_own_gets_none_out_of_the_pool() -> None:
    known = facts(
        held("eth0", "192.168.200.2/24", "192.168.200.205/24"),
        held("wg0", "10.0.0.2/24"),
        wg=MANY,
    )
    part = nat(VPN + LAN + POOL + alias("192.168.200.201"), known)
    assert part.pools == (
        NatPool(
            "eth0",
            parse(VPN + LAN + POOL).lans[0].alias_pool or pytest.fail("no pool"),
            (
                PoolPeer("wg0", KEY_B, IPv4Address("10.0.0.3"), KEY_B),
                PoolPeer("wg0", "E" * 43 + "=", IPv4Address("10.0.0.5"), "E" * 43 + "="),
            ),
            frozenset(map(IPv4Address, ("192.168.200.201", "192.168.200.205"))),
        ),
    )


def test_a_pool_is_for_peers_whose_tunnel_begins_here() -> None:
    (pool,) = nat(VPN + REMOTE.replace("10.0.0", "10.3.0").replace('"endpoint-a"', '"far"') + LAN + POOL).pools
    assert [peer.name for peer in pool.peers] == ["endpoint-a"]


def test_a_pool_that_cannot_be_or_is_too_small() -> None:
    assert codes(VPN + LAN + POOL.replace("200.200-", "199.200-")) == [("alias-pool-not-on-link", "lan eth0")]
    small = VPN + LAN + POOL.replace("209", "201")
    assert codes(small, facts(wg=MANY)) == [("alias-pool-small", "lan eth0")]
    assert len(nat(small, facts(wg=MANY)).pools[0].peers) == 3


def test_an_address_of_a_pool_stands_for_the_peer_that_it_was_chosen_for() -> None:
    """As long as there is this peer, and the address is in the pool and free."""
    chosen = [("192.168.200.204", KEY_B), ("192.168.200.203", KEY_A), ("192.168.200.99", KEY_B)]
    claimed = frozenset(Claimed("eth0", IPv4Address(at), "wg0", key) for at, key in (*chosen, ("192.168.200.205", "?")))
    part = nat(VPN + LAN + POOL, facts(wg=MANY, claimed=claimed))
    assert [(str(each.address), str(each.peer)) for each in part.aliases] == [
        ("192.168.200.203", "10.0.0.1"),
        ("192.168.200.204", "10.0.0.3"),
    ]
    barred = facts(held("eth0", "192.168.200.2/24", "192.168.200.204/24"), held("wg0", "10.0.0.2/24"), wg=MANY)
    assert [str(each.address) for each in nat(VPN + LAN + POOL, replace(barred, claimed=claimed)).aliases] == [
        "192.168.200.203"
    ]


def test_a_pool_gives_nothing_to_peers_of_a_vpn_that_its_packets_would_go_into() -> None:
    known = facts(wg=VpnFacts(True, (peers("10.0.0.1/32"), peers("0.0.0.0/0", key=KEY_B))))
    done = made(VPN + LAN + POOL, known)
    assert done.aliases.pools[0].peers == ()
    assert ("alias-pool-allowed", "lan eth0") in [(problem.code, problem.subject) for problem in done.problems]


@pytest.mark.parametrize(
    ("peer", "allowed", "key"),
    [
        (f'public_key = "{KEY_A}"', ("10.0.0.1/32",), KEY_A),
        ('address = "10.0.0.1"', ("10.0.0.1/32",), KEY_A),
        ('address = "10.0.0.1"', ("10.0.0.0/24",), "10.0.0.1"),
        ('address = "10.0.0.1"', (), "10.0.0.1"),
    ],
)
def test_what_a_peer_is_remembered_by(peer: str, allowed: tuple[str, ...], key: str) -> None:
    """Its public key, whatever it is called; not that of the peer which it is behind together with others."""
    text = f'[[vpn]]\ninterface = "wg0"\n[[vpn.peer]]\nname = "x"\n{peer}\n' + LAN + POOL
    assert made(text, facts(wg=VpnFacts(True, (peers(*allowed),)))).aliases.pools[0].peers[0].key == key


def test_not_all_peers_are_known_while_a_device_was_not_read() -> None:
    assert made(VPN + LAN + POOL).aliases.complete
    assert not made(VPN + LAN + POOL, facts(wg=VpnFacts(False))).aliases.complete


# ---------------------------------------------------------------- map_to

MAPPED = VPN.replace('"wg0"\n', '"wg0"\nmap_to = "10.9.9.0/24"\n')
SERVED = LAN + '[lan.dhcp]\npools = ["192.168.200.50-192.168.200.99"]\n'


def test_the_site_is_told_of_the_shown_prefix() -> None:
    """Handed out is what is shown; WireGuard's own routes stay real; nothing of either prefix goes round in circles."""
    done = made(MAPPED + SERVED)
    assert done.problems == ()
    assert [(route.prefix, route.state) for route in done.routes] == [(SHOWN, RouteState.OFFERED)]
    assert "10.0.0.0/24" in done.routes[0].reason
    assert done.dhcp[0].routes == ((SHOWN, OWN),)
    assert set(done.kernel.routes) == {
        KernelRoute(NET, interface="wg0"),
        KernelRoute(NET, metric=UNREACHABLE_METRIC),
        KernelRoute(SHOWN, metric=UNREACHABLE_METRIC),
    }
    (vpn,) = done.nat.vpns
    assert (vpn.prefixes, vpn.mapped) == ((NET,), (NET, SHOWN))


def test_forwards_and_aliases_lead_to_the_real_address() -> None:
    part = nat(MAPPED + LAN + forward() + alias())
    assert (part.forwards[0].to, part.aliases[0].peer) == (A, A)


def test_a_peer_at_the_site_is_not_told_of_what_leads_through_itself_under_another_prefix() -> None:
    here = VpnFacts(True, (peers("10.0.0.0/24"),), here=((IPv4Address("192.168.200.60"), KEY_A),))
    (dhcp,) = made(MAPPED + SERVED, facts(wg=here)).dhcp
    assert dhcp.own.through == ((IPv4Address("192.168.200.60"), (SHOWN,)),)


@pytest.mark.parametrize(
    ("shown", "own", "allowed", "code"),
    [
        ("10.9.9.0/24", "10.0.0.2/24", "10.7.0.0/24", "map-size"),
        ("10.9.9.0/24", "10.0.0.2/25", "10.0.0.1/32", "map-size"),
        ("192.168.200.0/24", "10.0.0.2/24", "10.0.0.1/32", "map-overlaps"),
        ("10.0.0.0/24", "10.0.0.2/24", "10.0.0.1/32", "map-overlaps"),
    ],
)
def test_a_map_that_cannot_be_hands_out_nothing(shown: str, own: str, allowed: str, code: str) -> None:
    known = facts(held("eth0", "192.168.200.2/24"), held("wg0", own), wg=VpnFacts(True, (peers(allowed),)))
    done = made(MAPPED.replace("10.9.9.0/24", shown) + LAN, known)
    assert [(problem.code, problem.subject) for problem in done.problems] == [(code, "vpn wg0")]
    assert {route.state for route in done.routes} == {RouteState.WITHDRAWN}
    if not shown.startswith("192.168"):
        assert made(MAPPED.replace("10.9.9.0/24", shown) + SERVED, known).dhcp[0].routes == ()
    assert done.nat.vpns[0].mapped is None


def test_maps_of_derived_prefixes_of_other_vpns() -> None:
    text = MAPPED + '[[vpn]]\ninterface = "wg1"\n' + LAN
    known = facts(*facts().interfaces.values(), held("wg1", "10.9.9.2/24"))
    assert ("map-overlaps", "vpn wg0") in codes(text, known)


def test_nothing_is_said_of_a_map_while_no_prefix_is_known() -> None:
    bare = facts(held("eth0", "192.168.200.2/24"), held("wg0"), wg=VpnFacts(True))
    assert codes(MAPPED + LAN, bare) == [("no-prefixes", "vpn wg0")]


# ---------------------------------------------------------------- one host

HOST = IPv4Address("192.168.200.22")
MAC = bytes.fromhex("020000000022")


def policy(
    strategy: Strategy, *pins: NatPin, macs: dict[bytes, Strategy] | None = None, here: bool = True
) -> HostPolicy:
    vpn = NatVpn("vpn", (NET,), interface="wg0" if here else None)
    lan = NatLan("eth0", (SITE,), (OWN,), ("vpn",), strategy, pins, tuple((macs or {}).items()))
    return policy_of(NatPart((vpn,), (lan,)), lan)


@pytest.mark.parametrize(
    ("return_path", "tcp_proof", "expected"),
    [
        (ReturnPath.UNKNOWN, False, Strategy.MASQUERADE),
        (ReturnPath.UNKNOWN, True, Strategy.MASQUERADE),
        (ReturnPath.DIRECT, False, Strategy.SITE_GATEWAY),
        (ReturnPath.DIRECT, True, Strategy.SITE_GATEWAY),
        (ReturnPath.VIA_ROUTER, False, Strategy.MASQUERADE),
        (ReturnPath.VIA_ROUTER, True, Strategy.SITE_GATEWAY),
        (ReturnPath.LAN_ONLY, False, Strategy.MASQUERADE),
        (ReturnPath.LAN_ONLY, True, Strategy.MASQUERADE),
    ],
)
def test_auto_masquerades_until_the_way_back_is_proven(
    return_path: ReturnPath, tcp_proof: bool, expected: Strategy
) -> None:
    host = HostState(HOST, MAC, return_path, tcp_proof)
    assert decide_host(policy(Strategy.AUTO), host) is expected
    for fixed in (Strategy.SITE_GATEWAY, Strategy.MASQUERADE, Strategy.NONE):
        assert decide_host(policy(fixed), host) is fixed
        assert decide_host(policy(fixed, NatPin(SITE, Strategy.AUTO)), host) is expected
        assert decide_host(policy(Strategy.AUTO, NatPin(SITE, fixed)), host) is fixed
    assert decide_host(policy(Strategy.AUTO, here=False), host) is Strategy.SITE_GATEWAY


def pin(network: str, strategy: Strategy) -> NatPin:
    return NatPin(ip_network(network), strategy)


ROUTED, HIDDEN, NOTHING = Strategy.SITE_GATEWAY, Strategy.MASQUERADE, Strategy.NONE


@pytest.mark.parametrize(
    ("pins", "macs", "expected"),
    [
        ((), {}, None),
        ((pin("192.168.200.22/32", HIDDEN), pin("192.168.200.0/24", ROUTED)), {MAC: NOTHING}, HIDDEN),
        ((pin("192.168.200.16/28", HIDDEN), pin("192.168.200.0/24", ROUTED)), {MAC: NOTHING}, NOTHING),
        ((pin("192.168.200.16/28", HIDDEN), pin("192.168.200.0/24", ROUTED)), {bytes(6): NOTHING}, HIDDEN),
        ((pin("192.168.200.0/24", ROUTED), pin("192.168.200.16/28", HIDDEN)), {}, HIDDEN),
        ((pin("192.168.200.32/28", HIDDEN), pin("192.168.200.0/24", ROUTED)), {}, ROUTED),
        ((pin("192.168.200.23/32", HIDDEN), pin("fd00::/64", ROUTED)), {}, None),
    ],
)
def test_the_nearest_pin_counts(
    pins: tuple[NatPin, ...], macs: dict[bytes, Strategy], expected: Strategy | None
) -> None:
    assert pin_of(policy(Strategy.AUTO, *pins, macs=macs), HostState(HOST, MAC)) is expected


def test_pins_of_ipv6_hosts_and_of_hosts_without_a_mac() -> None:
    wide = policy(Strategy.AUTO, pin("fd00::/64", ROUTED), pin("192.168.200.0/24", HIDDEN), macs={MAC: NOTHING})
    assert pin_of(wide, HostState(ip_address("fd00::7"))) is ROUTED
    assert pin_of(wide, HostState(ip_address("fd00::7"), MAC)) is NOTHING
    assert pin_of(wide, HostState(HOST)) is HIDDEN


# ---------------------------------------------------------------- size


def test_a_thousand_of_everything_takes_little_time() -> None:
    keys = [f"{i:043d}=" for i in range(1000)]
    allowed = [f"10.0.{i // 250}.{1 + i % 250}/32" for i in range(1000)]
    wg = VpnFacts(True, tuple(sorted(peers(net, key=key) for key, net in zip(keys, allowed, strict=True))))
    known = facts(held("eth0", "172.16.0.2/16"), held("wg0", "10.0.4.2/32"), wg=wg)
    text = '[[vpn]]\ninterface = "wg0"\n' + "".join(
        f'[[vpn.peer]]\nname = "p{i}"\naddress = "{net[:-3]}"\n' for i, net in enumerate(allowed)
    )
    text += LAN + 'alias_pool = "172.16.9.0-172.16.16.255"\n'
    text += "".join(forward(f"{10000 + i}/tcp", f"p{i}:80") for i in range(1000))
    config = parse(text)
    begin = time.process_time()
    part = plan(config, known).nat
    took = time.process_time() - begin
    assert len(part.forwards) == len(part.pools[0].peers) == 1000
    print(f"1,000 peers, forwards and aliases: {took * 1e3:.0f} ms")
    assert took < 0.5
    policy, states = policy_of(part, part.lans[0]), [HostState(IPv4Address(0xAC100000 + i)) for i in range(1000)]
    begin = time.process_time()
    assert {decide_host(policy, state) for state in states} == {Strategy.MASQUERADE}
    assert time.process_time() - begin < 0.1
