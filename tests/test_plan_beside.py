"""What servers that stay are told: the same routes as where routerd serves, under the same conditions."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.model import RouteState
from routerd.plan import plan
from tests.test_plan import NET, codes, config, facts, interface

TEXT = """
[[vpn]]
interface = "wg0"
[[lan]]
interface = "eth0"
  [lan.dhcp]
  mode = "dnsmasq"
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    router = "192.168.201.1"
    tag = "far"
"""
KEA = TEXT.replace('"dnsmasq"', '"kea"').replace('    tag = "far"\n', "")


def test_each_network_has_its_own_next_hop_and_router() -> None:
    made = plan(config(TEXT), facts())
    assert (made.problems, made.dhcp) == ((), ())
    (part,) = made.beside
    assert (part.lan, part.mode, part.index, str(part.address)) == ("eth0", "dnsmasq", 2, "192.168.200.2")
    rows = [(str(each.network), each.tag, each.routes, str(each.router)) for each in part.networks]
    assert rows == [
        ("192.168.200.0/24", "eth0", ((NET, IPv4Address("192.168.200.2")),), "192.168.200.1"),
        ("192.168.201.0/24", "far", ((NET, IPv4Address("192.168.201.1")),), "192.168.201.1"),
    ]
    assert made.routes[0].channels == ("dhcp",)


def test_kea_is_told_the_same() -> None:
    (one,), (other,) = plan(config(TEXT), facts()).beside, plan(config(KEA), facts()).beside
    assert [replace(each, tag="") for each in one.networks] == [replace(each, tag="") for each in other.networks]
    assert other.mode == "kea"


def test_a_tag_of_its_own_counts() -> None:
    text = TEXT.replace("    [[lan.dhcp.subnet]]", '    [lan.dhcp.dnsmasq]\n    tag = "site"\n    [[lan.dhcp.subnet]]')
    assert plan(config(text), facts()).beside[0].networks[0].tag == "site"


@pytest.mark.parametrize(
    ("text", "changed", "state"),
    [
        (TEXT, {"interfaces": {"eth0": interface("eth0", "192.168.200.2/24")}}, RouteState.WITHDRAWN),
        (TEXT, {"gateway": None}, RouteState.NOT_NEEDED),
        (TEXT.replace('mode = "dnsmasq"', 'mode = "dnsmasq"\n  routes = "never"'), {}, RouteState.OFFERED),
    ],
    ids=["down", "not-needed", "never"],
)
def test_routes_that_are_not_offered_are_not_told(text: str, changed: dict[str, object], state: RouteState) -> None:
    vpn = text.replace('interface = "wg0"\n', 'interface = "wg0"\nprefixes = ["10.0.0.0/24"]\n', 1)
    made = plan(config(vpn), facts(**changed))
    assert {route.state for route in made.routes} == {state}
    assert [each.routes for each in made.beside[0].networks] == [(), ()]


def test_without_its_interface_nothing_is_known_of_a_lan() -> None:
    assert plan(config(TEXT), facts(interfaces={})).beside == ()


def test_a_router_elsewhere_and_a_network_without_next_hop_are_problems() -> None:
    made = plan(config(TEXT.replace('    router = "192.168.201.1"\n', "").replace("201", "205")), facts())
    assert codes(made) == [("no-next-hop", "lan eth0")]
    assert made.beside[0].networks[1].network == IPv4Network("192.168.205.0/24")
    made = plan(config(TEXT.replace('mode = "dnsmasq"', 'mode = "dnsmasq"\n  router = "192.168.9.1"')), facts())
    assert codes(made) == [("router-not-on-link", "lan eth0")]
    assert made.beside[0].networks[0].router is None
