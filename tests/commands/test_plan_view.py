"""`routerd plan`: what of the plan is so already, as lines and as JSON."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

from routerd.alias_part import AliasPart, FixedAlias
from routerd.commands.plan import unmade
from routerd.commands.plan_view import Outlook, as_json, as_text, kernel_routes, settings
from routerd.commands.table import Paper
from routerd.config.load import parse
from routerd.config.model import AddressRange
from routerd.model import KernelPart, KernelRoute, Plan, ProbeTarget, Route, RouteState, Sysctl
from routerd.nat_part import NatAlias, NatForward, NatLan, NatPart, NatPin, NatPool, NatVpn, PoolPeer, Strategy
from routerd.reports import ProblemReport

VPN = IPv4Network("10.0.0.0/24")
OLD = IPv4Network("10.9.0.0/24")
ON_LINK = KernelRoute(VPN, interface="wg0")
LAST = KernelRoute(VPN, metric=0xFFFFFFFF)
STALE = KernelRoute(OLD, interface="wg0")


def outlook(part: KernelPart, **values: object) -> Outlook:
    route = Route(VPN, IPv4Address("192.168.200.2"), "lan0", ("dhcp",), RouteState.OFFERED, "vpn is behind it")
    targets = (ProbeTarget("endpoint-a", "vpn", None, IPv4Address("10.0.0.1"), "icmp", 10.0),)
    problem = ProblemReport("peer-down", "peer a", "warning", "peer a: does not answer", "Look at it.", 0.0)
    return Outlook(Plan((route,), (), part), targets, (problem,), **values)  # type: ignore[arg-type]


PART = KernelPart((ON_LINK, LAST), (Sysctl("lan0", "forwarding", 1), Sysctl("wg0", "forwarding", 1)))


def test_what_becomes_of_routes() -> None:
    def actions(part: KernelPart = PART, **values: object) -> list[tuple[KernelRoute, str]]:
        return list(kernel_routes(outlook(part, **values)))

    assert actions() == [(ON_LINK, "add"), (LAST, "add")]
    assert actions(foreign={VPN}) == [(ON_LINK, "foreign"), (LAST, "add")]
    assert actions(present={ON_LINK, LAST}) == [(ON_LINK, "present"), (LAST, "present")]
    assert actions(present={ON_LINK, LAST}, foreign={VPN}) == [
        *((ON_LINK, "foreign"), (LAST, "present"), (ON_LINK, "remove"))
    ]
    assert actions(present={STALE}) == [(ON_LINK, "add"), (LAST, "add"), (STALE, "remove")]
    assert actions(KernelPart((), (), complete=False), present={STALE}) == []


def test_a_route_by_a_gateway_is_wanted_beside_those_of_others() -> None:
    route = KernelRoute(VPN, IPv4Address("192.168.200.2"), "lan0")
    made = outlook(KernelPart((route,)), foreign={VPN}, present={route})
    assert list(kernel_routes(made)) == [(route, "present")]


def test_what_becomes_of_settings() -> None:
    made = outlook(PART, settings={("lan0", "forwarding"): 0})
    assert [(now, change) for _, now, change in settings(made)] == [(0, True), (None, False)]


def test_lines() -> None:
    made = outlook(PART, foreign={VPN}, settings={("lan0", "forwarding"): 0, ("wg0", "forwarding"): 1})
    assert "\n".join(as_text(made, Paper())) == (
        """\
Routes:
  PREFIX       VIA            LAN   CHANNELS  STATE    REASON
  10.0.0.0/24  192.168.200.2  lan0  dhcp      offered  vpn is behind it

DHCP: not served

Kernel routes:
  ROUTE                                      ACTION
  10.0.0.0/24 dev wg0 metric 121             there already, made by another program
  unreachable 10.0.0.0/24 metric 4294967295  to be added

Kernel settings:
  NAME                           VALUE  ACTION
  net.ipv4.conf.lan0.forwarding      1  to be set, now 0
  net.ipv4.conf.wg0.forwarding       1  so already

Peers:
  NAME        VPN  PROBE  ADDRESS
  endpoint-a  vpn  icmp   10.0.0.1

warning: peer a: does not answer
  Look at it."""
    )


def test_json() -> None:
    said = as_json(outlook(PART, foreign={VPN}, settings={("lan0", "forwarding"): 0, ("wg0", "forwarding"): 1}))
    assert said["kernel"] == {
        "routes": [
            {"route": "10.0.0.0/24 dev wg0 metric 121", "action": "foreign"},
            {"route": "unreachable 10.0.0.0/24 metric 4294967295", "action": "add"},
        ],
        "sysctls": [
            {"name": "net.ipv4.conf.lan0.forwarding", "value": 1, "now": 0, "change": True},
            {"name": "net.ipv4.conf.wg0.forwarding", "value": 1, "now": 1, "change": False},
        ],
    }


NAT = NatPart(
    vpns=(NatVpn("vpn", (VPN,), "wg0", (IPv4Address("10.0.0.2"),), mtu=1420, mapped=(VPN, OLD)),),
    lans=(
        NatLan(
            "lan0",
            (IPv4Network("192.168.200.0/24"),),
            (IPv4Address("192.168.200.2"),),
            ("vpn",),
            pins=(
                NatPin(IPv4Network("192.168.200.40/32"), Strategy.MASQUERADE),
                NatPin(IPv4Network("192.168.200.128/25"), Strategy.NONE),
            ),
            mac_pins=((bytes.fromhex("020000000041"), Strategy.SITE_GATEWAY),),
        ),
    ),
    forwards=(
        NatForward(
            *("lan0", "vpn", "tcp", 8000, 8999, (IPv4Address("192.168.200.2"),), IPv4Address("10.0.0.1"), 80),
            measured=True,
        ),
        NatForward(*("lan0", "vpn", "udp", 53, 53, (IPv6Address("fd00::2"),), IPv6Address("fd00:2::1"), 53), False),
    ),
    aliases=(
        NatAlias("lan0", "vpn", IPv4Address("192.168.200.201"), IPv4Address("10.0.0.1")),
        NatAlias("lan0", "vpn", IPv4Address("192.168.200.212"), IPv4Address("10.0.0.3")),
    ),
)
ALIASES = AliasPart(
    aliases=(
        FixedAlias(
            "lan0", IPv4Address("192.168.200.201"), PoolPeer("vpn", "endpoint-a", IPv4Address("10.0.0.1"), "A" * 44)
        ),
    ),
    pools=(
        NatPool(
            "lan0",
            AddressRange(IPv4Address("192.168.200.210"), IPv4Address("192.168.200.230")),
            (PoolPeer("vpn", "endpoint-c", IPv4Address("10.0.0.3")),),
        ),
    ),
)


def test_address_translation_in_lines() -> None:
    lines = as_text(Outlook(Plan(nat=NAT, aliases=ALIASES)), Paper())
    assert "\n".join(lines[lines.index("Strategies:") : lines.index("Peers: none")]) == (
        """\
Strategies:
  LAN   HOSTS               STRATEGY      VPNS
  lan0  192.168.200.40      masquerade    vpn
  lan0  02:00:00:00:00:41   site-gateway  vpn
  lan0  192.168.200.128/25  none          vpn
  lan0  all others          auto          vpn

Mapped prefixes:
  VPN  BEHIND IT    THE SITE SEES
  vpn  10.0.0.0/24  10.9.0.0/24

Port forwards:
  LISTEN         AT             TO              VPN  THE PEER SEES
  8000-8999/tcp  192.168.200.2  10.0.0.1:80     vpn  10.0.0.2, unless it answers to the site
  53/udp         fd00::2        [fd00:2::1]:53  vpn  the host

Alias addresses:
  ADDRESS          PEER        ITS ADDRESS  LAN   VPN
  192.168.200.201  endpoint-a  10.0.0.1     lan0  vpn
  192.168.200.212  endpoint-c  10.0.0.3     lan0  vpn

Pools of aliases:
  ADDRESSES                        PEERS  LAN
  192.168.200.210-192.168.200.230      1  lan0
"""
    )


def test_address_translation_as_json() -> None:
    said = as_json(Outlook(Plan(nat=NAT, aliases=ALIASES)))["nat"]
    assert isinstance(said, dict)
    assert said["vpns"][0]["map_to"] == "10.9.0.0/24"
    assert said["lans"][0]["pins"] == [
        {"host": "192.168.200.40", "strategy": "masquerade"},
        {"host": "02:00:00:00:00:41", "strategy": "site-gateway"},
        {"host": "192.168.200.128/25", "strategy": "none"},
    ]
    assert said["forwards"][0] == {
        "lan": "lan0",
        "vpn": "vpn",
        "listen": "8000-8999/tcp",
        "addresses": ["192.168.200.2"],
        "to": "10.0.0.1:80",
        "masquerade": True,
        "measured": True,
    }
    assert said["forwards"][1]["to"] == "[fd00:2::1]:53"
    assert said["aliases"] == [
        {"lan": "lan0", "vpn": "vpn", "address": "192.168.200.201", "peer": "10.0.0.1", "name": "endpoint-a"}
        | {"pool": False},
        {"lan": "lan0", "vpn": "vpn", "address": "192.168.200.212", "peer": "10.0.0.3", "name": "endpoint-c"}
        | {"pool": True},
    ]
    assert said["alias_pools"][0]["peers"] == [{"name": "endpoint-c", "vpn": "vpn", "address": "10.0.0.3"}]
    assert (said["keep"], said["log_flows"]) == (False, False)


def test_forwards_that_are_not_made_are_listed_with_the_reason() -> None:
    config = parse(
        '[[vpn]]\nname = "vpn"\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n'
        '[[lan.forward]]\nlisten = "80/tcp"\nto = "10.0.0.1:80"\n'
        '[[lan.forward]]\nlisten = "81/tcp"\nto = "10.9.0.1:80"\n'
        '[[lan.forward]]\nlisten = "82/udp"\nto = "10.0.0.1:82"\n'
    )
    part = NatPart(forwards=(NatForward(*("lan0", "vpn", "tcp", 80, 80), (), IPv4Address("10.0.0.1"), 80),))
    subject = "forward 81/tcp to 10.9.0.1:80"
    why = "10.9.0.1 is behind no vpn of the LAN"
    said = f"{subject}: nothing is forwarded, because {why}"
    problem = ProblemReport("forward-not-behind", subject, "warning", said, "Mend.", 0.0)
    made = Outlook(Plan(nat=part), problems=(problem,), unmade=unmade(config, part))
    lines = as_text(made, Paper())
    begin = lines.index("Port forwards that are not made:")
    assert lines[begin : begin + 4] == [
        "Port forwards that are not made:",
        "  LISTEN  TO           LAN   WHY",
        f"  81/tcp  10.9.0.1:80  lan0  {why}",
        "  82/udp  10.0.0.1:82  lan0  its LAN or its vpn is not there now",
    ]
    assert as_json(made)["forwards_not_made"] == [
        {"lan": "lan0", "listen": "81/tcp", "to": "10.9.0.1:80", "why": why},
        {"lan": "lan0", "listen": "82/udp", "to": "10.0.0.1:82", "why": "its LAN or its vpn is not there now"},
    ]
    assert "Port forwards that are not made:" not in as_text(Outlook(Plan(nat=part)), Paper())
