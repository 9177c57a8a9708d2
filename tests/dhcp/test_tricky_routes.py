"""Tricky cases of the routes that clients are handed out, message bytes in and message bytes out.

1. every width of option 121: test_options.py (vectors, every width, against scapy); host bits: here
2. the default route of option 121 and the router option: here, and test_responder.py
3. every parameter list: here, whole combinations; test_responder.py for single ones
4. next hops on the client's link only: here
5. more than 255 bytes of routes: here on the wire; test_responder.py for every size that a client can give
6. routes that change between ACK and renewal: here
"""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from itertools import combinations

import pytest

from routerd.config.load import ConfigError, parse
from routerd.model import DefaultGateway, DhcpPart, Facts, Interface, VpnFacts
from routerd.observe.facts import networks_behind
from routerd.plan import plan
from tests.dhcp.scene import SERVER, VPN, Scene, message, part, settings

DISCOVER, REQUEST = 1, 3
ROUTER = IPv4Address("192.168.200.1")
DEFAULT = "0.0.0.0/0:192.168.200.1"
ROUTES = ["10.0.0.0/24:192.168.200.2", DEFAULT]


def scapy_options(payload: bytes) -> dict[str, list[object]]:
    """The options as scapy reads them, each instance of a code apart."""
    from scapy.layers.dhcp import BOOTP, DHCP

    found: dict[str, list[object]] = {}
    for option in BOOTP(payload)[DHCP].options:
        if isinstance(option, tuple):
            found.setdefault(str(option[0]), []).append(option[1] if len(option) == 2 else list(option[1:]))
    return found


def offered(scene: Scene, *codes: int, size: int | None = None) -> dict[str, list[object]]:
    """What scapy reads in the OFFER to a client with this parameter list."""
    options = [(55, bytes(codes))] + ([] if size is None else [(57, size.to_bytes(2, "big"))])
    reply = scene.send(message(DISCOVER, *options))
    assert reply is not None
    return scapy_options(reply.payload)


def routes(options: dict[str, list[object]]) -> list[str]:
    """All routes of all instances of option 121. Scapy joins nothing: each instance must be readable by itself."""
    return [route for value in options.get("classless_static_routes", []) for route in value]  # type: ignore[attr-defined]


# ---------------------------------------------------------------- 1: host bits


@pytest.mark.parametrize(("written", "network"), [("10.229.0.128/16", "10.229.0.0/16"), ("10.0.0.3/8", "10.0.0.0/8")])
def test_case_01_host_bits_never_reach_the_wire(written: str, network: str) -> None:
    text = f'[[vpn]]\ninterface = "wg0"\nprefixes = ["{written}"]\n[[lan]]\ninterface = "lan0"\n'
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert f'write "{network}"' in str(caught.value)
    tunnel = Interface("wg0", 3, True, b"", 1420, (IPv4Interface(written),))
    (prefix,) = networks_behind(tunnel, VpnFacts(found=True))
    assert routes(offered(Scene(part(routes=((prefix, SERVER),))), 121)) == [f"{network}:{SERVER}", DEFAULT]


# ---------------------------------------------------------------- 2: the default route


def test_case_02_the_default_route_is_there_with_a_router_only_and_the_same() -> None:
    for router in (ROUTER, None, IPv4Address("192.168.200.9")):
        found = offered(Scene(part(router=router)), 3, 121)
        defaults = [route for route in routes(found) if route.startswith("0.0.0.0/0:")]
        assert defaults == ([] if router is None else [f"0.0.0.0/0:{router}"])
        assert found.get("router") == (None if router is None else [str(router)])


def test_case_02_no_route_of_the_vpn_leaves_the_router_alone() -> None:
    found = offered(Scene(part(routes=())), 3, 121)
    assert (found["router"], routes(found)) == (["192.168.200.1"], [])


def test_case_02_the_default_route_survives_reload_after_reload() -> None:
    scene = Scene()
    for _ in range(3):
        assert routes(offered(scene, 121)) == ROUTES
        scene.responder.configure(part(router=None))
        assert routes(offered(scene, 121)) == ROUTES[:1]
        scene.responder.configure(part())


# ---------------------------------------------------------------- 3: parameter lists


@pytest.mark.parametrize("codes", [c for n in range(5) for c in combinations((3, 121, 249, 6), n)], ids=str)
def test_case_03_a_client_gets_what_it_asks_for_and_no_more(codes: tuple[int, ...]) -> None:
    scene = Scene(part(settings(dns=(IPv4Address("192.168.200.7"),))))
    for asked in (codes, codes[::-1], codes * 2):
        options = scene.ask(message(DISCOVER, (55, bytes(asked)))).options
        assert {3, 6, 121, 249} & set(options) == set(codes)
        assert options.get(121, options.get(249)) == options.get(249, options.get(121))


def test_case_03_without_parameter_list_everything_but_classless_routes() -> None:
    options = Scene(part(settings(dns=(ROUTER,)))).ask(message(DISCOVER)).options
    assert {3, 6, 28} <= set(options)
    assert not {121, 249} & set(options)


# ---------------------------------------------------------------- 4: next hops

SITE = """
[[vpn]]
{vpn}
[[lan]]
interface = "lan0"
  [lan.dhcp]
  routes = "always"
  pools = ["192.168.200.50-192.168.200.59"]
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    router = "192.168.201.1"
    pools = ["192.168.201.50-192.168.201.59"]
    [[lan.dhcp.subnet]]
    subnet = "192.168.202.0/24"
    router = "none"
    pools = ["192.168.202.50-192.168.202.59"]
"""
HERE = 'interface = "wg0"'
ELSEWHERE = 'gateways = ["192.168.200.9"]\nprefixes = ["10.0.0.0/24"]'


def planned(vpn: str) -> tuple[DhcpPart, set[str]]:
    """The part for the LAN and the codes of all problems."""
    facts = Facts(
        interfaces={
            "lan0": Interface("lan0", 2, True, b"\2\0\0\0\0\2", 1500, (IPv4Interface("192.168.200.2/24"),)),
            "wg0": Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),)),
        },
        default_gateways=(DefaultGateway(ROUTER, "lan0"),),
        vpns={"wg0": VpnFacts(True, (("A" * 43 + "=", (ip_network("10.0.0.1/32"),)),))},
    )
    made = plan(parse(SITE.format(vpn=vpn)), facts)
    return made.dhcp[0], {problem.code for problem in made.problems}


@pytest.mark.parametrize(("vpn", "on_lan"), [(HERE, "192.168.200.2"), (ELSEWHERE, "192.168.200.9")])
def test_case_04_every_next_hop_is_on_the_clients_own_link(vpn: str, on_lan: str) -> None:
    served, problems = planned(vpn)
    scene = Scene(served)
    hops = []
    for giaddr in (0, int(IPv4Address("192.168.201.1")), int(IPv4Address("192.168.202.1"))):
        reply = scene.send(message(DISCOVER, (55, b"\x79"), giaddr=giaddr))
        assert reply is not None
        hops.append(routes(scapy_options(reply.payload)))
    assert hops[0] == [f"10.0.0.0/24:{on_lan}", DEFAULT]
    assert hops[1] == ["10.0.0.0/24:192.168.201.1", "0.0.0.0/0:192.168.201.1"]
    # Nobody on that link leads to the VPN: the route is left out, and said so.
    assert hops[2] == []
    assert "no-next-hop" in problems


# ---------------------------------------------------------------- 5: long lists


@pytest.mark.parametrize("size", [None, 0, 27, 576, 1500, 65535])
@pytest.mark.parametrize("count", [10, 27, 28, 60, 150])
def test_case_05_long_lists_are_split_between_routes_in_order(count: int, size: int | None) -> None:
    many = [IPv4Network(f"10.{n}.{n % 7}.{n % 256}/32") for n in range(count)]
    reply = Scene(part(routes=tuple((net, SERVER) for net in many))).send(
        message(DISCOVER, (55, bytes((3, 121))), *([] if size is None else [(57, size.to_bytes(2, "big"))]))
    )
    assert reply is not None
    largest = 1500 if size is None else min(1500, max(576, size))
    assert len(reply.payload) <= largest - 28
    found = routes(scapy_options(reply.payload))
    assert found[-1] == DEFAULT
    assert found[:-1] == [f"{net}:{SERVER}" for net in many][: len(found) - 1]
    if 241 + 60 + count * 9 + 20 < largest - 28:
        assert len(found) == count + 1


def test_case_05_a_large_frame_is_not_assumed_of_a_client_that_says_nothing() -> None:
    many = tuple((IPv4Network(f"10.{n // 250}.{n % 250}.0/24"), SERVER) for n in range(700))
    for options, whole in (((), False), (((57, (9000).to_bytes(2, "big")),), True)):
        reply = Scene(part(routes=many, mtu=9000)).send(message(DISCOVER, (55, b"\x79"), *options))
        assert reply is not None
        found = routes(scapy_options(reply.payload))
        assert (len(found) == len(many) + 1) is whole
        assert whole or 1400 < len(reply.payload) <= 1472


# ---------------------------------------------------------------- 6: changes


def test_case_06_a_renewal_has_the_new_routes_and_the_whole_lease_time() -> None:
    scene = Scene()
    asks = (55, bytes((3, 51, 121)))
    address = scene.lease(bytes.fromhex("020000000022"), asks)
    changes = ((), (VPN,), ((IPv4Network("10.9.0.0/16"), SERVER), VPN))
    for after, new in zip((1.0, 60.0, 1800.0), changes, strict=True):
        scene.now += after
        scene.responder.configure(part(routes=new))
        reply = scene.send(message(REQUEST, asks, ciaddr=address), unicast=True)
        assert reply is not None
        found = scapy_options(reply.payload)
        assert routes(found) == ([*(f"{net}:{gw}" for net, gw in new), DEFAULT] if new else [])
        assert found["lease_time"] == [3600]
        assert reply.rows[-1].expires == scene.now + 3600
