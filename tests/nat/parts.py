"""Parts for tests of the rules: the example network in place 1, and what can be added to it."""

from ipaddress import ip_address, ip_network

from routerd.nat_part import NatAlias, NatForward, NatLan, NatPart, NatPin, NatVpn, Strategy

A, N = ip_address, ip_network

VPN = NatVpn("vpn", (N("10.0.0.0/24"),), "wg0", (A("10.0.0.2"),), mtu=1420)
LAN = NatLan("lan0", (N("192.168.200.0/24"),), (A("192.168.200.2"),), ("vpn",))
HERE, PEER, HOST = A("192.168.200.2"), A("10.0.0.1"), A("192.168.200.22")
ALIAS = NatAlias("lan0", "vpn", A("192.168.200.201"), PEER)
PLAIN = NatPart((VPN,), (LAN,))


def forward(first: int, to_first: int, *, last: int = 0, protocol: str = "tcp", masquerade: bool = True) -> NatForward:
    """A forward at Host β's LAN address to Endpoint A."""
    return NatForward("lan0", "vpn", protocol, first, last or first, (HERE,), PEER, to_first, masquerade)


PLACE_2 = NatPart(
    (NatVpn("vpn", (N("10.0.0.0/24"),), gateways=((A("192.168.200.2"), bytes.fromhex("020000000002")),), mtu=1420),),
    (NatLan("lan0", (N("192.168.200.0/24"),), (A("192.168.200.1"),), ("vpn",)),),
)

WHOLE = NatPart(
    vpns=(
        NatVpn(
            "vpn",
            (N("10.0.0.0/24"), N("10.0.0.1/32"), N("fd00:9::/64")),
            "wg0",
            (A("10.0.0.2"), A("fd00:9::2")),
            mapped=(N("10.0.0.0/24"), N("10.9.9.0/24")),
        ),
        NatVpn(
            "far",
            (N("10.7.0.0/24"),),
            gateways=((A("192.168.200.3"), b"\2\0\0\0\0\3"), (A("192.168.7.4"), None)),
            mtu=1380,
        ),
    ),
    lans=(
        NatLan(
            "eth0",
            (N("192.168.200.0/24"), N("fd00:1::/64")),
            (HERE, A("fd00:1::2")),
            ("vpn", "far"),
            Strategy.AUTO,
            (
                NatPin(N("192.168.200.40/32"), Strategy.MASQUERADE),
                NatPin(N("192.168.200.64/27"), Strategy.NONE),
                NatPin(N("192.168.200.0/25"), Strategy.SITE_GATEWAY),
                NatPin(N("fd00:1::8/125"), Strategy.MASQUERADE),
            ),
        ),
        NatLan(
            "lan.7",
            (N("192.168.7.0/24"),),
            (),
            ("vpn", "far"),
            Strategy.SITE_GATEWAY,
            mac_pins=((b"\2\0\0\0\0\5", Strategy.MASQUERADE),),
        ),
        NatLan("eth2", (N("192.168.8.0/24"),), (), (), Strategy.NONE),
    ),
    forwards=(
        NatForward("eth0", "vpn", "tcp", 8080, 8080, (HERE, A("192.168.7.2")), PEER, 80),
        NatForward("eth0", "vpn", "udp", 9000, 9010, (HERE,), PEER, 9000, False),
        NatForward("eth0", "vpn", "udp", 9020, 9029, (HERE,), PEER, 9020, False, True),
        NatForward("eth0", "vpn", "tcp", 9100, 9103, (HERE,), PEER, 100),
        NatForward("eth0", "far", "tcp", 9200, 9200, (HERE,), A("10.7.0.1"), 22, False),
        NatForward("eth0", "vpn", "tcp", 8081, 8081, (A("fd00:1::2"),), A("fd00:9::1"), 81),
    ),
    aliases=(
        NatAlias("eth0", "vpn", A("192.168.200.201"), PEER),
        NatAlias("eth0", "far", A("192.168.200.202"), A("10.7.0.1")),
        NatAlias("eth0", "vpn", A("fd00:1::201"), A("fd00:9::1"), True),
    ),
)
