"""What the rules do to packets: the address that the far side sees, in both directions."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from routerd.lab.lab import Lab
from routerd.nat.listing import by_strategy, parse
from routerd.nat_part import NatAlias, NatPart, NatPin, Strategy
from tests.nat.parts import ALIAS, LAN, PEER, PLAIN, VPN, WHOLE, A, N, forward
from tests.net.nat_scene import Scene

pytestmark = pytest.mark.net

SIX = NatPart(
    (replace(VPN, prefixes=(*VPN.prefixes, N("fd00:9::/64")), addresses=(*VPN.addresses, A("fd00:9::2"))),),
    (replace(LAN, networks=(*LAN.networks, N("fd00:1::/64")), addresses=(*LAN.addresses, A("fd00:1::2"))),),
)

RECIPE = """
table ip field {
    chain post {
        type nat hook postrouting priority srcnat
        masquerade
    }
}
"""
STRICT = """
table ip strict {
    chain forward {
        type filter hook forward priority 0
        ct state invalid drop
    }
}
"""
LOOK = """
table ip look {
    set seen {
        typeof ip saddr . tcp option maxseg size
        flags dynamic
        size 99
    }
    chain post {
        type filter hook postrouting priority 0
        tcp flags & syn == syn add @seen { ip saddr . tcp option maxseg size }
    }
}
"""


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Lab() as lab:
        yield Scene(lab)


def flows(scene: Scene) -> dict[str, int]:
    """What was counted, without zeros."""
    text = scene.beta.run(["nft", "list", "table", "inet", "routerd"]).stdout
    return {word: row.packets for word, row in by_strategy(parse(text).counted).items() if row.packets}


def test_sources_are_kept_for_the_proven_and_hidden_for_others(scene: Scene) -> None:
    for host in (scene.b, scene.c):
        scene.serve(host, [80])
    both = [("tcp", "192.168.200.22", 80), ("udp", "192.168.200.22", 80)]
    other = [("tcp", "192.168.200.23", 80), ("udp", "192.168.200.23", 80)]
    scene.load(SIX, "192.168.200.22")
    assert scene.ask(scene.a, *both, *other) == ["10.0.0.1 80"] * 2 + ["192.168.200.2 80"] * 2
    assert flows(scene) == {"site-gateway": 2, "masquerade": 2}
    # IPv6 takes the same way.
    scene.load(SIX, "fd00:1::22")
    six = [("tcp", "fd00:1::22", 80), ("udp", "fd00:1::23", 80)]
    assert scene.ask(scene.a, *six) == ["fd00:9::1 80", "fd00:1::2 80"]
    # The field's usual recipe, left in place by somebody, comes too late to hide a host that has the way back.
    scene.beta.nft(RECIPE)
    scene.load(SIX, "192.168.200.22")
    assert scene.ask(scene.a, *both, *other) == ["10.0.0.1 80"] * 2 + ["192.168.200.2 80"] * 2


def test_strategies_and_pins_decide_before_what_was_measured(scene: Scene) -> None:
    scene.serve(scene.b, [80])
    asked = ("tcp", "192.168.200.22", 80)
    pin = NatPin(ip_network("192.168.200.22/32"), Strategy.MASQUERADE)
    wide = NatPin(ip_network("192.168.200.16/28"), Strategy.SITE_GATEWAY)
    for lan, proven, seen in (
        (replace(LAN, strategy=Strategy.SITE_GATEWAY), "", "10.0.0.1 80"),
        (replace(LAN, strategy=Strategy.NONE), "", "10.0.0.1 80"),
        (replace(LAN, strategy=Strategy.MASQUERADE), "", "192.168.200.2 80"),
        (replace(LAN, pins=(pin, wide)), "192.168.200.22", "192.168.200.2 80"),
        (replace(LAN, pins=(wide,)), "", "10.0.0.1 80"),
        (replace(LAN, addresses=()), "", "192.168.200.2 80"),
    ):
        scene.load(NatPart((VPN,), (lan,)), *filter(None, [proven]))
        assert scene.ask(scene.a, asked) == [seen], lan


def test_forwards_single_range_and_shifted_also_from_this_machine(scene: Scene) -> None:
    scene.serve(scene.a, [80, 9000, 9010, 100, 103])
    part = replace(
        PLAIN,
        forwards=(
            *(forward(8080, 80, protocol=protocol) for protocol in ("tcp", "udp")),
            forward(9000, 9000, last=9010, protocol="udp", masquerade=False),
            forward(9100, 100, last=9103),
        ),
    )
    scene.load(part)
    here = "192.168.200.2"
    asked = [("tcp", here, 8080), ("udp", here, 8080), ("udp", here, 9010), ("tcp", here, 9103), ("tcp", here, 9100)]
    hidden = ["10.0.0.2 80", "10.0.0.2 80"]
    # c has no route to the VPN: it needs none. The peer sees who asks only where the forward keeps the source.
    assert scene.ask(scene.c, *asked) == [*hidden, "192.168.200.23 9010", "10.0.0.2 103", "10.0.0.2 100"]
    assert scene.ask(scene.beta, *asked) == [*hidden, "192.168.200.2 9010", "10.0.0.2 103", "10.0.0.2 100"]
    assert flows(scene) == {"forward": 10}
    # What no forward made keeps its source.
    assert scene.ask(scene.b, ("tcp", "10.0.0.1", 80)) == ["192.168.200.22 80"]
    # Ports beside them are this machine's own, and peers do not come in by forwards.
    scene.serve(scene.beta, [9104])
    assert scene.ask(scene.c, ("tcp", here, 9104)) == ["192.168.200.23 9104"]
    assert scene.ask(scene.a, ("tcp", here, 8080)) == ["ConnectionRefusedError"]


def test_who_comes_from_beyond_the_lans_is_hidden_where_only_those_were_measured(scene: Scene) -> None:
    scene.serve(scene.a, [80, 81])
    scene.b.ip("address add 172.16.0.9/32 dev lan0")
    scene.beta.ip("route add 172.16.0.9/32 via 192.168.200.22")
    scene.a.ip("route add 172.16.0.9/32 via 10.0.0.2")
    kept = [replace(forward(port, 80, protocol=kind), masquerade=False, measured=True)
            for port, kind in ((8080, "tcp"), (8080, "udp"))]  # fmt: skip
    told = replace(forward(8081, 81), masquerade=False)
    scene.load(replace(PLAIN, forwards=(*kept, told), aliases=(ALIAS,)))
    scene.beta.ip("route add 192.168.200.201/32 dev wg0", "neighbour add proxy 192.168.200.201 dev lan0")
    scene.beta.sysctl(conf__lan0__proxy_arp=1)
    here, alias = "192.168.200.2", "192.168.200.201"
    asked = [("tcp", here, 8080), ("udp", here, 8080), ("tcp", alias, 80), ("tcp", here, 8081)]
    assert scene.ask(scene.b, *asked) == ["192.168.200.22 80"] * 3 + ["192.168.200.22 81"]
    # What was set by hand (source_nat = "never") is so for everybody.
    assert scene.ask(scene.b, *asked, source="172.16.0.9") == ["10.0.0.2 80"] * 3 + ["172.16.0.9 81"]


_EVERY_PORT = """
import socket
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(20000, 21000):
    made.sendto(b"x", ("192.168.200.2", port))
"""
_TARGETS = """
import asyncio
from ipaddress import ip_network
from routerd.system.conntrack import Conntrack
for flow in asyncio.run(Conntrack().flows([ip_network("192.168.200.2/32")])):
    print(flow.destination_port, flow.reply_source, flow.reply_source_port)
"""


@pytest.mark.parametrize("first", [30001, 1024, 12345])
def test_every_port_of_a_shifted_range_keeps_its_distance(scene: Scene, first: int) -> None:
    scene.load(replace(PLAIN, forwards=(forward(20000, first, last=20999, protocol="udp"),)))
    scene.c.run([sys.executable, "-c", _EVERY_PORT])
    found = scene.beta.run([sys.executable, "-c", _TARGETS]).stdout.splitlines()
    assert set(found) == {f"{20000 + n} 10.0.0.1 {first + n}" for n in range(1000)}


def test_an_alias_stands_for_a_peer_in_both_directions(scene: Scene) -> None:
    for machine in (scene.a, scene.c):
        scene.serve(machine, [80])
    scene.load(replace(PLAIN, aliases=(ALIAS,)))
    scene.beta.ip("route add 192.168.200.201/32 dev wg0", "neighbour add proxy 192.168.200.201 dev lan0")
    scene.beta.sysctl(conf__lan0__proxy_arp=1)
    alias = "192.168.200.201"
    assert scene.ask(scene.c, ("tcp", alias, 80), ("udp", alias, 80)) == ["192.168.200.23 80"] * 2
    assert scene.c.run(["ping", "-c1", "-W2", alias]).returncode == 0
    assert scene.ask(scene.beta, ("tcp", alias, 80)) == ["10.0.0.2 80"]
    assert scene.ask(scene.a, ("tcp", "192.168.200.23", 80)) == [f"{alias} 80"]
    assert flows(scene) == {"alias": 5}
    scene.load(replace(PLAIN, aliases=(replace(ALIAS, masquerade=True),)))
    assert scene.ask(scene.c, ("tcp", alias, 80)) == ["10.0.0.2 80"]


def test_a_mapped_vpn_appears_under_its_other_prefix(scene: Scene) -> None:
    for machine in (scene.a, scene.b, scene.c):
        scene.serve(machine, [80])
    scene.b.ip("route add 10.9.9.0/24 via 192.168.200.2")
    scene.load(NatPart((replace(VPN, mapped=(N("10.0.0.0/24"), N("10.9.9.0/24"))),), (LAN,)), "192.168.200.22")
    assert scene.ask(scene.b, ("tcp", "10.9.9.1", 80), ("udp", "10.9.9.1", 80)) == ["192.168.200.22 80"] * 2
    assert scene.ask(scene.a, ("tcp", "192.168.200.22", 80)) == ["10.9.9.1 80"]
    assert scene.ask(scene.a, ("tcp", "192.168.200.23", 80)) == ["192.168.200.2 80"]
    assert flows(scene) == {"map": 2, "site-gateway": 1, "masquerade": 1}


def test_a_forged_source_is_dropped(scene: Scene) -> None:
    scene.serve(scene.beta, [80])
    scene.b.ip("address add 10.0.0.77/32 dev lan0")
    asked = ("udp", "192.168.200.2", 80)
    scene.beta.ip("route add 10.0.0.77/32 via 192.168.200.22")
    assert scene.ask(scene.b, asked, source="10.0.0.77") == ["10.0.0.77 80"]
    scene.load(PLAIN)
    assert scene.ask(scene.b, asked, source="10.0.0.77", timeout=0.3) == ["TimeoutError"]
    assert flows(scene) == {"spoofed": 1}
    assert scene.ask(scene.a, ("tcp", "192.168.200.2", 80)) == ["10.0.0.1 80"]
    assert scene.ask(scene.beta, ("tcp", "192.168.200.2", 80), source="10.0.0.2") == ["10.0.0.2 80"]
    # Place 2: from the gateway's link-layer address it is what it says.
    for mac, said in (("020000000016", ["10.0.0.77 80"]), ("020000000099", ["TimeoutError"])):
        gateways = ((A("192.168.200.22"), bytes.fromhex(mac)),)
        scene.load(NatPart((replace(VPN, interface=None, addresses=(), gateways=gateways),), (LAN,)))
        assert scene.ask(scene.b, asked, source="10.0.0.77", timeout=0.3) == said


def test_place_2_hides_hosts_from_what_answers_past_this_machine(scene: Scene) -> None:
    """Host c is the router that runs routerd, beta is the gateway; b sends all to c."""
    scene.serve(scene.a, [80])
    scene.c.run(["sh", "-ec", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    scene.c.ip("route add 10.0.0.0/24 via 192.168.200.2")
    scene.b.ip(
        "route del 10.0.0.0/24", "route add 10.0.0.0/24 via 192.168.200.23", "route add 10.9.9.0/24 via 192.168.200.23"
    )
    router = replace(LAN, addresses=(A("192.168.200.23"),))
    far = replace(VPN, interface=None, addresses=(), gateways=((A("192.168.200.2"), bytes.fromhex("020000000002")),))
    listen = replace(forward(8080, 80, masquerade=False), addresses=router.addresses)
    part = NatPart((replace(far, mapped=(N("10.0.0.0/24"), N("10.9.9.0/24"))),), (router,), (listen,))
    held = scene.beta
    scene.beta = scene.c
    scene.load(part)
    scene.c.nft(STRICT)
    asked = [("tcp", "192.168.200.23", 8080), ("tcp", "10.9.9.1", 80), ("tcp", "10.0.0.1", 80)]
    # The last is not translated: half of it passes the router, untracked, so nothing calls it invalid.
    assert scene.ask(scene.b, *asked) == ["192.168.200.23 80", "192.168.200.23 80", "192.168.200.22 80"]
    scene.beta = held


def test_segments_fit_into_the_tunnel_whoever_opens(scene: Scene) -> None:
    for machine in (scene.a, scene.b):
        scene.serve(machine, [80])
    scene.beta.nft(LOOK)
    for mtu, most in ((1420, 1380), (1300, 1260), (None, 1360)):
        if mtu is None:
            scene.beta.ip("link set wg0 mtu 1400")
        scene.beta.nft("flush set ip look seen")
        scene.load(NatPart((replace(VPN, mtu=mtu),), (LAN,)), "192.168.200.22")
        scene.ask(scene.a, ("tcp", "192.168.200.22", 80))
        scene.ask(scene.b, ("tcp", "10.0.0.1", 80))
        seen = scene.beta.run(["nft", "list", "set", "ip", "look", "seen"]).stdout
        for source in ("10.0.0.1", "192.168.200.22"):
            assert f"{source} . {most}" in seen, seen
        assert ". 1460" not in seen


def test_new_flows_never_meet_half_of_the_rules(scene: Scene) -> None:
    """While the table is made anew again and again, no flow gets by without its translation."""
    scene.serve(scene.c, [80])
    scene.load(PLAIN)
    loop = "for i in $(seq 60); do nft -f -; done"
    text = scene.lab.directory / "rules.nft"
    text.write_text(scene.beta.run(["nft", "list", "ruleset"]).stdout)
    body = "table inet routerd { }\ndelete table inet routerd\n" + text.read_text()
    text.write_text(body)
    process = scene.beta.popen(["sh", "-ec", loop.replace("nft -f -", f"nft -f {text}")], name="again")
    seen: list[str] = []
    while process.poll() is None:
        seen += scene.ask(scene.a, *[("udp", "192.168.200.23", 80)] * 200)
    assert process.returncode == 0
    assert len(seen) >= 400
    assert set(seen) == {"192.168.200.2 80"}


def test_nft_takes_every_text(scene: Scene) -> None:
    place_2 = replace(WHOLE, vpns=WHOLE.vpns[1:])
    odd = NatPart((replace(VPN, interface="wg.0-a@b"),), (replace(LAN, interface="br+lan:1#2=3"),))
    many = tuple(NatAlias("lan0", "vpn", A(f"192.168.201.{n}"), A(f"10.0.0.{n}")) for n in range(1, 250))
    for part in (PLAIN, SIX, WHOLE, place_2, odd, replace(PLAIN, lans=()), replace(PLAIN, aliases=many)):
        scene.load(part, "192.168.200.22", "fd00:1::22")
        scene.load(part)
    assert PEER in VPN.prefixes[0]
