"""What is told of a plan: the events of routes that have changed, and the duties that it keeps routerd from. Pure."""

from collections.abc import Iterator

from routerd.model import Event, Plan, Route
from routerd.reports import Check

_UNREADY = frozenset(
    (
        "interface-missing",
        "interface-down",
        "interface-no-address",
        "no-prefixes",
        "pool-not-on-link",
        "reservation-not-on-link",
        "router-not-on-link",
    )
)
"""Problems of the plan that keep routerd from a duty. A shared address that another machine holds does not."""


def duties(plan: Plan) -> Iterator[Check]:
    """A failed check for every duty that routerd cannot do now, for want of an interface, say; no peer's state."""
    waiting = (problem for problem in plan.problems if problem.code in _UNREADY)
    return (Check(problem.subject, False, problem.code.replace("-", " ")) for problem in waiting)


def route_events(before: Plan, after: Plan, at: float) -> Iterator[Event]:
    """An event for every route that is new, has another state, or has gone; `at` is Unix seconds."""
    known = {_key(route): route.state for route in before.routes}
    for route in after.routes:
        if known.pop(_key(route), None) is not route.state:
            data = {"lan": route.lan, "gateway": str(route.gateway), "reason": route.reason}
            yield Event("route", str(route.prefix), route.state.value, at, data)
    for prefix, lan, _ in known:
        yield Event("route", prefix, "gone", at, {"lan": lan})


def _key(route: Route) -> tuple[str, str, str]:
    return (str(route.prefix), route.lan, str(route.gateway))
