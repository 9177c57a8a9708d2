"""What is told of a plan: events of routes, and duties."""

from ipaddress import IPv4Address, IPv4Network

from routerd.model import Plan, Problem, Route, RouteState
from routerd.plan_shown import duties, route_events


def route(prefix: str, state: RouteState = RouteState.OFFERED) -> Route:
    return Route(IPv4Network(prefix), IPv4Address("192.168.200.2"), "lan0", ("dhcp",), state, "why")


def test_routes_that_come_change_and_go() -> None:
    before = Plan(routes=(route("10.0.0.0/24"), route("10.1.0.0/24"), route("10.2.0.0/24")))
    after = Plan(routes=(route("10.0.0.0/24"), route("10.1.0.0/24", RouteState.WITHDRAWN), route("10.3.0.0/24")))
    found = list(route_events(before, after, 7.0))
    assert [(event.subject, event.what) for event in found] == [
        ("10.1.0.0/24", "withdrawn"),
        ("10.3.0.0/24", "offered"),
        ("10.2.0.0/24", "gone"),
    ]
    assert found[0].data == {"lan": "lan0", "gateway": "192.168.200.2", "reason": "why"}
    assert {event.at for event in found} == {7.0}
    assert list(route_events(after, after, 8.0)) == []


def test_duties_that_cannot_be_done() -> None:
    found = (Problem("interface-missing", "lan eth0"), Problem("address-not-local", "lan eth1"))
    (check,) = duties(Plan(problems=found))
    assert (check.name, check.ok, check.text) == ("lan eth0", False, "interface missing")
