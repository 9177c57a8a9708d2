"""What a firewall beside routerd must let through: as tables of from, to and what else a rule says."""

from collections.abc import Iterable
from ipaddress import IPv4Network

import pytest

from routerd.config.load import parse
from routerd.model import Facts, VpnFacts
from routerd.plan import plan
from routerd.plan_openings import openings
from tests.test_plan_nat import LAN, REMOTE, VPN, alias, facts, forward, held, peers

NET, SITE = "10.0.0.0/24", "192.168.200.0/24"
MAC = "02:00:00:00:00:22"


def said(text: str, known: Facts | None = None, **behind: Iterable[str]) -> list[str]:
    """Each opening as a line: name, from, to, networks from and to, and protocol with port if it is not all."""
    config, known = parse(text), known or facts()
    routes = {name: [IPv4Network(net) for net in nets] for name, nets in behind.items()}
    lines = []
    for each in openings(config, known, plan(config, known), routes):
        nets = [",".join(map(str, side)) or "any" for side in (each.src_ip, each.dest_ip)]
        by = f" {each.device}/{each.direction}" if each.device else ""
        proto = "" if each.proto == "all" else f" {each.proto}:{each.dest_port}"
        assert (each.family == "ipv6") is (":" in nets[0])
        lines.append(f"{each.name}: {each.src}>{each.dest or 'me'}{by} {nets[0]}>{nets[1]}{proto}")
    return lines


def lan(strategy: str = "auto", *lines: str) -> str:
    return "\n".join([LAN.strip(), f'strategy = "{strategy}"', *lines, ""])


def to_vpn(hosts: str, prefixes: str = NET) -> str:
    return f"to the VPN: eth0>* wg0/out {hosts}>{prefixes}"


def from_vpn(hosts: str, prefixes: str = NET) -> str:
    return f"from the VPN: *>eth0 wg0/in {prefixes}>{hosts}"


BOTH = [to_vpn(SITE), from_vpn(SITE)]
HOST = "[[lan.host]]\n"
HALF = "192.168.200.128/25"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lan("auto"), BOTH),
        (lan("site-gateway"), BOTH),
        (lan("masquerade"), [from_vpn(SITE)]),
        (lan("none"), []),
        (lan("auto", "vpns = []"), []),
        (lan("none", HOST, 'address = "192.168.200.40"\nstrategy = "masquerade"'), [from_vpn("192.168.200.40/32")]),
        (
            lan("auto", HOST, f'prefix = "{HALF}"\nstrategy = "none"'),
            [to_vpn("192.168.200.0/25"), from_vpn("192.168.200.0/25")],
        ),
        # The nearest pin decides, and a pin is no way to what is not of this LAN.
        (
            lan(
                "none",
                f'{HOST}prefix = "192.168.200.0/24"\nstrategy = "auto"',
                f'{HOST}prefix = "192.168.200.0/25"\nstrategy = "none"',
                f'{HOST}address = "192.168.200.5"\nstrategy = "masquerade"',
            ),
            [to_vpn(HALF), from_vpn(f"192.168.200.5/32,{HALF}")],
        ),
        (lan("none", HOST, 'prefix = "192.168.0.0/16"\nstrategy = "auto"'), BOTH),
        (
            lan("none", HOST, f'mac = "{MAC}"\nstrategy = "auto"')
            + f'[lan.dhcp]\nmode = "off"\n[[lan.dhcp.reservation]]\nmac = "{MAC}"\naddress = "192.168.200.22"\n',
            [to_vpn("192.168.200.22/32"), from_vpn("192.168.200.22/32")],
        ),
    ],
)
def test_only_hosts_that_take_part(text: str, expected: list[str]) -> None:
    assert said(VPN + text) == expected


def test_only_the_vpns_that_a_lan_is_for() -> None:
    known = facts(
        held("eth0", "192.168.200.2/24"),
        held("eth1", "192.168.201.2/24"),
        held("wg0", "10.0.0.2/24"),
        held("wg1", "10.5.0.2/24"),
    )
    text = (
        VPN
        + '[[vpn]]\ninterface = "wg1"\n'
        + lan("auto", 'vpns = ["wg1"]')
        + '[[lan]]\ninterface = "eth1"\nvpns = []\n'
    )
    assert said(text, known) == [
        f"to the VPN: eth0>* wg1/out {SITE}>10.5.0.0/24",
        f"from the VPN: *>eth0 wg1/in 10.5.0.0/24>{SITE}",
    ]


def test_forwards_and_aliases_of_hosts_that_are_masqueraded() -> None:
    ranges = forward("20000-20009/udp", "endpoint-a:5000")
    assert said(VPN + lan("masquerade") + forward() + ranges) == [
        from_vpn(SITE),
        f"forwards to the VPN: eth0>* wg0/out {SITE}>10.0.0.1/32 tcp:80",
        f"forwards to the VPN: eth0>* wg0/out {SITE}>10.0.0.1/32 udp:5000-5009",
    ]
    assert said(VPN + lan("masquerade") + alias()) == [from_vpn(SITE), to_vpn(SITE, "10.0.0.1/32")]
    # What is open anyway is not opened twice.
    assert said(VPN + lan("auto") + forward() + alias()) == BOTH
    pool = lan("none", 'alias_pool = "192.168.200.210-192.168.200.230"')
    assert said(VPN + pool) == [to_vpn(SITE, "10.0.0.1/32"), from_vpn(SITE, "10.0.0.1/32")]


def test_the_real_prefix_of_what_is_shown_as_another() -> None:
    shown = VPN.replace('interface = "wg0"', f'interface = "wg0"\nprefixes = ["{NET}"]\nmap_to = "10.9.9.0/24"')
    assert said(shown + lan()) == BOTH


def test_a_default_route_of_a_peer_opens_nothing() -> None:
    known = facts(wg=VpnFacts(True, (peers("0.0.0.0/0", "10.7.0.0/16"),)))
    assert said(VPN + lan(), known)[0] == to_vpn(SITE, "10.0.0.0/24,10.7.0.0/16")


def test_both_families() -> None:
    known = facts(held("eth0", "192.168.200.2/24", "2001:db8:1::2/64"), held("wg0", "10.0.0.2/24", "2001:db8:9::2/64"))
    assert said(VPN + lan("masquerade"), known) == [from_vpn(SITE), from_vpn("2001:db8:1::/64", "2001:db8:9::/64")]


def test_a_gateway_of_the_lan() -> None:
    known = facts(held("eth0", "192.168.200.2/24"), held("eth1", "192.168.220.2/24"))
    text = REMOTE + lan() + '[[lan]]\ninterface = "eth1"\n'
    assert said(text, known) == [
        f"to the VPN by the LAN: eth0>eth0 {SITE}>{NET}",
        f"to the VPN by the LAN: eth1>eth0 192.168.220.0/24>{NET}",
        f"from the VPN by the LAN: eth0>eth1 {NET}>192.168.220.0/24",
    ]


def test_networks_behind_routers_of_the_site() -> None:
    text = VPN + lan("masquerade")
    # The VPN's own route may lead to a gateway of the LAN.
    found = said(text, eth0=[SITE, "192.168.210.0/24", "10.0.0.0/16"], eth1=["172.16.0.0/12"])
    assert found == [from_vpn(f"{SITE},192.168.210.0/24")]
    subnet = '[lan.dhcp]\nmode = "off"\n[[lan.dhcp.subnet]]\nsubnet = "192.168.240.0/24"\nmode = "off"\n'
    assert said(text + subnet) == [from_vpn(f"{SITE},192.168.240.0/24")]


def test_what_comes_to_this_machine() -> None:
    text = VPN + lan("none") + '[lan.dhcp]\npools = ["192.168.200.50-192.168.200.60"]\n[lan.rip]\nversions = ["v2"]\n'
    assert said(text) == ["DHCP: eth0>me eth0/in any>any udp:67", "RIP: eth0>me eth0/in any>any udp:520-521"]


def test_what_is_not_there_is_not_opened() -> None:
    assert said(VPN + lan(), facts(held("wg0", "10.0.0.2/24"))) == []
