"""The plan as a table: configuration and facts in, routes, DHCP, kernel, peers and problems out."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from typing import Any

import pytest

from routerd.config.load import parse
from routerd.config.model import Config
from routerd.health import ProblemTracker
from routerd.model import (
    DefaultGateway,
    Facts,
    Interface,
    KernelRoute,
    Plan,
    RouteState,
    Sysctl,
    VpnFacts,
)
from routerd.plan import plan
from routerd.plan_kernel import UNREACHABLE_METRIC
from routerd.plan_peers import changes, peers_part

KEY_A = "A" * 43 + "="
KEY_C = "C" * 43 + "="
NET = IPv4Network("10.0.0.0/24")

PLACE_1 = f"""
[[vpn]]
interface = "wg0"
  [[vpn.peer]]
  name = "endpoint-a"
  public_key = "{KEY_A}"
[[lan]]
interface = "eth0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.199"]
"""
PLACE_2 = """
[[vpn]]
name = "vpn"
gateways = ["192.168.200.2"]
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "eth0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.199"]
"""


def config(text: str) -> Config:
    return parse(text)


def interface(name: str, *addresses: str, up: bool = True, index: int = 2) -> Interface:
    return Interface(name, index, up, b"\2\0\0\0\0\2", 1500, tuple(IPv4Interface(a) for a in addresses))


def facts(eth0: str = "192.168.200.2/24", gateway: str | None = "192.168.200.1", **changes: Any) -> Facts:
    made = Facts(
        interfaces={"eth0": interface("eth0", eth0), "wg0": interface("wg0", "10.0.0.2/24", index=3)},
        default_gateways=() if gateway is None else (DefaultGateway(IPv4Address(gateway), "eth0"),),
        vpns={"wg0": VpnFacts(True, ((KEY_A, (ip_network("10.0.0.1/32"),)),))},
    )
    return replace(made, **changes)


def codes(made: Plan) -> list[tuple[str, str]]:
    return [(problem.code, problem.subject) for problem in made.problems]


# ---------------------------------------------------------------- place 1: beside the router


def test_place_1() -> None:
    made = plan(config(PLACE_1), facts())
    assert made.problems == ()
    (route,) = made.routes
    assert (route.prefix, str(route.gateway), route.lan, route.channels) == (NET, "192.168.200.2", "eth0", ("dhcp",))
    assert route.state is RouteState.OFFERED
    (dhcp,) = made.dhcp
    assert dhcp.routes == ((NET, IPv4Address("192.168.200.2")),)
    assert dhcp.router == IPv4Address("192.168.200.1")
    assert {IPv4Address("192.168.200.1"), IPv4Address("192.168.200.2")} <= dhcp.own.excluded
    assert set(made.kernel.routes) == {
        KernelRoute(NET, interface="wg0"),
        KernelRoute(NET, metric=UNREACHABLE_METRIC),
    }
    assert set(made.kernel.sysctls) == {Sysctl("eth0", "forwarding", 1), Sysctl("wg0", "forwarding", 1)}


def test_peers_configured_and_not() -> None:
    vpns = {
        "wg0": VpnFacts(
            True,
            (
                (KEY_A, (ip_network("10.0.0.1/32"),)),
                (KEY_C, (ip_network("10.0.0.3/32"), ip_network("10.7.0.0/16"), ip_network("fd00::3/128"))),
                ("D" * 43 + "=", (ip_network("10.0.0.4/31"),)),
            ),
        )
    }
    made = plan(config(PLACE_1), facts(vpns=vpns))
    targets = peers_part(config(PLACE_1), facts(vpns=vpns)).targets
    rows = [(t.name, t.kind, str(t.address), str(t.source), t.interface) for t in targets]
    assert rows == [
        ("endpoint-a", "icmp", "10.0.0.1", "10.0.0.2", "wg0"),
        (KEY_C, "icmp", "10.0.0.3", "10.0.0.2", "wg0"),
        ("D" * 43 + "=", "handshake", "None", "None", "wg0"),
    ]
    assert [route.prefix for route in made.routes] == [NET, IPv4Network("10.7.0.0/16")]


def test_a_peer_by_address_finds_its_key() -> None:
    text = PLACE_1.replace(f'public_key = "{KEY_A}"', 'address = "10.0.0.1"')
    (target,) = peers_part(config(text), facts()).targets
    assert (target.name, target.public_key) == ("endpoint-a", KEY_A)


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"interfaces": {}}, [("interface-missing", "lan eth0"), ("interface-missing", "vpn wg0")]),
        (
            {"interfaces": {"eth0": interface("eth0", up=False)}},
            [("interface-down", "lan eth0"), ("interface-missing", "vpn wg0")],
        ),
        (
            {"interfaces": {"eth0": interface("eth0"), "wg0": interface("wg0", "10.0.0.2/24")}},
            [("interface-no-address", "lan eth0")],
        ),
    ],
)
def test_interfaces_that_are_not_ready(changed: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    made = plan(config(PLACE_1), facts(**changed))
    assert codes(made) == problems
    assert made.dhcp == ()


def test_tunnel_down_withdraws_the_route_and_keeps_the_catch_all() -> None:
    made = plan(
        config(PLACE_1),
        facts(
            interfaces={"eth0": interface("eth0", "192.168.200.2/24"), "wg0": interface("wg0", "10.0.0.2/24", up=False)}
        ),
    )
    assert codes(made) == [("interface-down", "vpn wg0")]
    assert [(route.state, route.reason) for route in made.routes] == [(RouteState.WITHDRAWN, "wg0 is down")]
    assert made.dhcp[0].routes == ()
    assert made.kernel.routes == (KernelRoute(NET, metric=UNREACHABLE_METRIC),)


@pytest.mark.parametrize(
    ("withdraw", "all_down", "state"),
    [
        ("all-peers-down", {"wg0"}, RouteState.WITHDRAWN),
        ("all-peers-down", {"other"}, RouteState.OFFERED),
        ("all-peers-down", set(), RouteState.OFFERED),
        ("gateway-down", {"wg0"}, RouteState.OFFERED),
        ("never", {"wg0"}, RouteState.OFFERED),
    ],
)
def test_withdraw_by_peers(withdraw: str, all_down: set[str], state: RouteState) -> None:
    text = PLACE_1.replace('interface = "wg0"', f'interface = "wg0"\nwithdraw = "{withdraw}"')
    made = plan(config(text), facts(all_down=frozenset(all_down)))
    assert [route.state for route in made.routes] == [state]


def test_withdraw_never_holds_without_the_interface() -> None:
    text = PLACE_1.replace('interface = "wg0"', 'interface = "wg0"\nwithdraw = "never"\nprefixes = ["10.0.0.0/24"]')
    made = plan(config(text), facts(interfaces={"eth0": interface("eth0", "192.168.200.2/24")}))
    assert [route.state for route in made.routes] == [RouteState.OFFERED]


def test_address_of_its_own_choice() -> None:
    text = PLACE_1.replace('[[lan]]\ninterface = "eth0"', '[[lan]]\ninterface = "eth0"\naddress = "192.168.200.9"')
    assert codes(plan(config(text), facts())) == [("address-not-local", "lan eth0")]
    both = {
        "eth0": interface("eth0", "192.168.200.2/24", "192.168.200.9/24"),
        "wg0": interface("wg0", "10.0.0.2/24"),
    }
    made = plan(config(text), facts(interfaces=both))
    assert made.dhcp[0].address == IPv4Address("192.168.200.9")
    assert made.dhcp[0].routes[0][1] == IPv4Address("192.168.200.9")


def test_a_shared_address_without_its_network() -> None:
    # keepalived adds an address without a prefix length as a network of its own.
    text = PLACE_1.replace('[[lan]]\ninterface = "eth0"', '[[lan]]\ninterface = "eth0"\naddress = "192.168.200.9"')
    held = {
        "eth0": interface("eth0", "192.168.200.2/24", "192.168.200.9/32"),
        "wg0": interface("wg0", "10.0.0.2/24"),
    }
    made = plan(config(text), facts(interfaces=held))
    assert made.problems == ()
    assert made.dhcp[0].network == IPv4Network("192.168.200.0/24")
    assert made.dhcp[0].routes[0][1] == IPv4Address("192.168.200.9")


# ---------------------------------------------------------------- place 2: on the router, the gateway is another box


def test_place_2() -> None:
    made = plan(config(PLACE_2), facts(eth0="192.168.200.1/24", gateway=None))
    assert made.problems == ()
    (route,) = made.routes
    assert (str(route.gateway), route.state) == ("192.168.200.2", RouteState.OFFERED)
    (dhcp,) = made.dhcp
    assert (dhcp.router, dhcp.routes) == (IPv4Address("192.168.200.1"), ((NET, IPv4Address("192.168.200.2")),))
    assert set(made.kernel.routes) == {
        KernelRoute(NET, gateway=IPv4Address("192.168.200.2"), interface="eth0", mtu=1420),
        KernelRoute(NET, metric=UNREACHABLE_METRIC),
    }
    assert set(made.kernel.sysctls) == {
        Sysctl("eth0", "forwarding", 1),
        Sysctl("all", "send_redirects", 0),
        Sysctl("eth0", "send_redirects", 0),
        Sysctl("eth0", "rp_filter", 2),
    }


def test_hosts_of_another_lan_go_through_this_machine() -> None:
    text = PLACE_2 + '[[lan]]\ninterface = "eth1"\n  [lan.dhcp]\n  pools = ["192.168.201.50-192.168.201.60"]\n'
    made = plan(
        config(text),
        facts(
            gateway=None,
            interfaces={
                "eth0": interface("eth0", "192.168.200.1/24"),
                "eth1": interface("eth1", "192.168.201.1/24", index=4),
            },
        ),
    )
    assert [(str(r.gateway), r.lan, r.state) for r in made.routes] == [
        ("192.168.200.2", "eth0", RouteState.OFFERED),
        ("192.168.201.1", "eth1", RouteState.NOT_NEEDED),
    ]


def test_a_gateway_on_no_lan() -> None:
    made = plan(config(PLACE_2), facts(eth0="192.168.7.1/24", gateway=None))
    assert codes(made)[0] == ("gateway-not-on-link", "vpn vpn")
    assert [route.state for route in made.routes] == [RouteState.WITHDRAWN]


# ---------------------------------------------------------------- place 3: the router is the WireGuard host


def test_place_3_needs_no_option_121() -> None:
    made = plan(config(PLACE_1), facts(eth0="192.168.200.1/24", gateway=None))
    assert [route.state for route in made.routes] == [RouteState.NOT_NEEDED]
    assert made.dhcp[0].routes == ()


@pytest.mark.parametrize(
    ("routes", "state", "handed_out", "channels"),
    [
        ("always", RouteState.OFFERED, ((NET, IPv4Address("192.168.200.1")),), ("dhcp",)),
        ("never", RouteState.OFFERED, (), ("manual",)),
        ("auto", RouteState.NOT_NEEDED, (), ("dhcp",)),
    ],
)
def test_routes_always_or_never(
    routes: str, state: RouteState, handed_out: tuple[Any, ...], channels: tuple[str, ...]
) -> None:
    text = PLACE_1.replace("[lan.dhcp]", f'[lan.dhcp]\n  routes = "{routes}"')
    made = plan(config(text), facts(eth0="192.168.200.1/24", gateway=None))
    assert [(route.state, route.channels) for route in made.routes] == [(state, channels)]
    assert made.dhcp[0].routes == handed_out


# ---------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        ("192.168.200.0/24", [NET]),
        ("192.168.0.0/16", [NET]),
        ("192.168.200.22/32", [NET]),
        ("0.0.0.0/0", [NET]),
        ("10.0.1.0/24", [IPv4Network("10.0.0.0/23")]),
    ],
)
def test_prefixes_never_overlap_a_lan(allowed: str, kept: list[IPv4Network]) -> None:
    vpns = {"wg0": VpnFacts(True, ((KEY_A, (ip_network(allowed),)),))}
    made = plan(config(PLACE_1), facts(vpns=vpns))
    assert [route.prefix for route in made.routes] == kept
    clash = [("prefix-overlaps-lan", "vpn wg0")] if allowed.startswith("192.168") else []
    assert codes(made) == clash


def test_router_and_pool_of_another_network() -> None:
    text = PLACE_1.replace("[lan.dhcp]", '[lan.dhcp]\n  router = "192.168.200.1"')
    made = plan(config(text), facts(eth0="192.168.7.2/24"))
    assert codes(made) == [("router-not-on-link", "lan eth0"), ("pool-not-on-link", "lan eth0")]
    assert made.dhcp[0].router is None
    assert made.dhcp[0].settings.pools == ()


def test_no_prefixes() -> None:
    interfaces = {"eth0": interface("eth0", "192.168.200.2/24"), "wg0": interface("wg0")}
    assert codes(plan(config(PLACE_1), facts(interfaces=interfaces, vpns={}))) == [("no-prefixes", "vpn wg0")]


def test_the_same_facts_give_the_same_plan() -> None:
    assert plan(config(PLACE_1), facts()) == plan(config(PLACE_1), facts())


def test_no_lan_without_vpns_and_no_dhcp() -> None:
    text = PLACE_1.split("  [lan.dhcp]")[0] + "vpns = []\n"
    made = plan(config(text), facts())
    assert (made.routes, made.dhcp) == ((), ())


def test_changes_between_two_parts() -> None:
    before = peers_part(config(PLACE_1), facts())
    more = {"wg0": VpnFacts(True, ((KEY_A, (ip_network("10.0.0.9/32"),)), (KEY_C, (ip_network("10.0.0.3/32"),))))}
    after = peers_part(config(PLACE_1), facts(vpns=more))
    assert changes(before, before) == []
    assert [(change.key, str(change.target and change.target.address)) for change in changes(before, after)] == [
        (("wg0", "endpoint-a"), "10.0.0.9"),
        (("wg0", KEY_C), "10.0.0.3"),
    ]
    assert changes(after, before)[0].target is None


def test_halves_of_everything_are_no_prefix() -> None:
    vpns = {"wg0": VpnFacts(True, ((KEY_A, (ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1"))),))}
    made = plan(config(PLACE_1), facts(vpns=vpns))
    assert made.routes == ()
    assert made.kernel.routes == ()


@pytest.mark.parametrize("interfaces", [{}, {"eth0": interface("eth0", "192.168.200.2/24", up=False)}])
def test_a_lan_that_is_away_is_no_prefix_either(interfaces: dict[str, Interface]) -> None:
    vpns = {"wg0": VpnFacts(True, ((KEY_A, (ip_network("192.168.200.0/24"),)),))}
    made = plan(config(PLACE_1), facts(vpns=vpns, interfaces=interfaces | {"wg0": interface("wg0", "10.0.0.2/24")}))
    assert {route.prefix for route in made.kernel.routes} == {NET}


def test_a_gateway_that_is_away_is_explained_by_its_lan() -> None:
    made = plan(config(PLACE_2), facts(interfaces={}))
    tracker = ProblemTracker()
    tracker.update(made.problems, 0.0)
    causes = {row.code: row.caused_by for row in tracker.report(100.0)}
    assert causes == {"interface-missing": None, "gateway-not-on-link": "interface-missing (lan eth0)"}


@pytest.mark.parametrize(
    ("changed", "complete"),
    [({}, True), ({"vpns": {}}, False), ({"vpns": {"wg0": VpnFacts(False)}}, False), ({"read": False}, False)],
)
def test_what_is_not_known_yet_keeps_what_is_there(changed: dict[str, Any], complete: bool) -> None:
    assert plan(config(PLACE_1), facts(**changed)).kernel.complete is complete


RELAYED = """
[[vpn]]
interface = "wg0"
[[lan]]
interface = "eth0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.199"]
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    pools = ["192.168.201.50-192.168.201.199"]
    router = "192.168.201.1"
    [[lan.dhcp.subnet]]
    subnet = "192.168.202.0/24"
    pools = ["192.168.202.50-192.168.202.199"]
"""


def test_hosts_behind_a_relay_agent_go_through_their_router() -> None:
    made = plan(config(RELAYED), facts())
    (dhcp,) = made.dhcp
    assert [(scope.key, scope.routes) for scope in dhcp.scopes] == [
        ("eth0", ((NET, IPv4Address("192.168.200.2")),)),
        ("eth0 192.168.201.0/24", ((NET, IPv4Address("192.168.201.1")),)),
        ("eth0 192.168.202.0/24", ()),
    ]
    assert codes(made) == [("no-next-hop", "lan eth0")]
