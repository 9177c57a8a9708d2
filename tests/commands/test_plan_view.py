"""`routerd plan`: what of the plan is so already, as lines and as JSON."""

from ipaddress import IPv4Address, IPv4Network

from routerd.commands.plan_view import Outlook, as_json, as_text, kernel_routes, settings
from routerd.commands.table import Paper
from routerd.model import KernelPart, KernelRoute, Plan, ProbeTarget, Route, RouteState, Sysctl
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
