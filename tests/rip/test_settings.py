"""A speaker's settings from the plan's part."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from routerd.config.model import Rip
from routerd.rip.settings import settings_of
from routerd.rip.words import GROUP, GROUP_NG, Import, To, Version
from routerd.rip_part import RipLan
from tests.rip.scene import LAN, LAN6, OWN, OWN6, VPN, VPN6, key

HERE6 = IPv6Address("fd00:200::2")
MIXED = Rip(
    versions=("v2", "ng"),
    neighbors=(IPv4Address("192.168.200.1"), IPv6Address("fe80::1")),
    update_interval=5.0,
    auth_length=20,
    answer_unauthenticated=True,
)
PART = RipLan(
    "eth0", 2, 1400, OWN, frozenset({OWN, HERE6}), (LAN, LAN6), LAN.broadcast_address, MIXED, barred=(VPN, VPN6)
)


def test_each_version_has_what_is_of_its_family() -> None:
    v2, ng = settings_of(PART, Version.V2, [key()], OWN6), settings_of(PART, Version.NG, [key()], OWN6)
    assert (v2.own, ng.own) == ({OWN}, {HERE6, OWN6})
    assert (v2.networks, ng.networks) == ((LAN,), (LAN6,))
    assert (v2.barred, ng.barred) == ((VPN,), (VPN6,))
    assert (v2.neighbours, ng.neighbours) == (MIXED.neighbors[:1], MIXED.neighbors[1:])
    assert (v2.keys, ng.keys) == ((key(),), ())
    assert (v2.group, ng.group) == ((To.MULTICAST, GROUP), (To.MULTICAST, GROUP_NG))
    for each in (v2, ng):
        assert (each.lan, each.mtu, each.update_interval, each.auth_length) == ("eth0", 1400, 5.0, 20)
        assert each.answer_unauthenticated
        assert each.learn is None


@pytest.mark.parametrize(
    ("mode", "v2", "ng"),
    [
        ("unicast", None, None),
        ("broadcast", (To.BROADCAST, LAN.broadcast_address), (To.MULTICAST, GROUP_NG)),
    ],
)
def test_modes(mode: str, v2: object, ng: object) -> None:
    part = replace(PART, settings=replace(MIXED, mode=mode))
    assert settings_of(part, Version.V2, []).group == v2
    assert settings_of(part, Version.NG, []).group == ng


@pytest.mark.parametrize(
    ("imports", "v2", "ng"),
    [
        (["172.16.0.0/12"], Import((ip_network("172.16.0.0/12"),)), None),
        (["fe80::1"], None, Import((), frozenset({IPv6Address("fe80::1")}))),
        (
            ["172.16.0.0/12", "192.168.200.1", "fd00::/16"],
            Import((ip_network("172.16.0.0/12"),), frozenset({IPv4Address("192.168.200.1")})),
            Import((ip_network("fd00::/16"),)),
        ),
    ],
)
def test_what_is_learned_is_listed_by_family(imports: list[str], v2: Import | None, ng: Import | None) -> None:
    parsed = tuple(ip_network(each) if "/" in each else ip_address(each) for each in imports)
    part = replace(PART, settings=replace(MIXED, learn=True, imports=parsed))
    assert settings_of(part, Version.V2, []).learn == v2
    assert settings_of(part, Version.NG, []).learn == ng
