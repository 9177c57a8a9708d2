"""IPv6 between the VPN and the site: forwarded by routerd's own interfaces, or said to lead nowhere."""

from routerd.model import FORWARDING6, Facts, Forwarding6, Sysctl, VpnFacts
from tests.test_plan_nat import LAN, VPN, codes, facts, forward, held, made, nat, peers

TO = "[fd00:10::1]:80"
FORWARD = VPN + LAN + forward("8086/tcp", TO)
NG = '[lan.rip]\nversions = ["v2", "ng"]\n'
ON, BY_INTERFACE, OFF = Forwarding6


def known(forwarding: Forwarding6, *, lan: str = "fd00:1::2/64", vpn: str = "fd00:10::2/64") -> Facts:
    lans = held("eth0", "192.168.200.2/24", *([lan] if lan else []))
    wg = VpnFacts(True, (peers("10.0.0.1/32", *(["fd00:10::1/128"] if vpn else [])),))
    return facts(lans, held("wg0", "10.0.0.2/24", *([vpn] if vpn else [])), wg=wg, forwarding6=forwarding)


def settings(text: str, now: Facts) -> list[Sysctl]:
    return [wish for wish in made(text, now).kernel.sysctls if wish.name == FORWARDING6]


def test_only_routerds_own_interfaces_forward_ipv6() -> None:
    own = [Sysctl("wg0", FORWARDING6, 1), Sysctl("eth0", FORWARDING6, 1)]
    assert settings(FORWARD, known(BY_INTERFACE)) == own
    assert settings(VPN + LAN, known(BY_INTERFACE)) == own
    assert codes(FORWARD, known(BY_INTERFACE)) == []
    # With link-local addresses alone it is for routers that are told of it.
    assert settings(VPN + LAN, known(BY_INTERFACE, lan="")) == []
    assert settings(VPN + LAN + NG, known(BY_INTERFACE, lan="")) == own
    for without in (known(BY_INTERFACE, vpn=""), known(ON)):
        assert settings(VPN + LAN, without) == []


def test_what_leads_nowhere_is_told_where_it_is_all_interfaces_or_none() -> None:
    vpn = ("ipv6-not-forwarded", "vpn wg0")
    assert codes(FORWARD, known(OFF)) == [("ipv6-forwarding-off", f"forward 8086/tcp to {TO}"), vpn]
    assert codes(VPN + LAN + NG, known(OFF)) == [("ipv6-forwarding-off", "lan eth0"), vpn]
    assert settings(FORWARD, known(OFF)) == []
    assert codes(VPN + LAN, known(OFF, vpn="")) == codes(FORWARD, known(ON)) == []


def test_a_peer_always_sees_this_machine_by_ipv6() -> None:
    (made,) = nat(FORWARD, known(ON)).forwards
    assert (made.masquerade, made.measured) == (True, False)
