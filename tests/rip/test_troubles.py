"""Neighbours whose packets are not taken, as problems that come and go."""

from ipaddress import ip_address

from routerd.rip.troubles import QUIET, Troubles
from routerd.rip_part import RipNeighbour, RipReport


def report(*neighbours: RipNeighbour, expired: bool = False) -> RipReport:
    return RipReport("lan0", "v2", 1, 0, 0, {}, neighbours, key_id=3, key_expired=expired)


def neighbour(last: int, *, bad: int = 0, failures: int = 0, routes: int = 0, error: str | None = None) -> RipNeighbour:
    return RipNeighbour(ip_address(f"192.168.200.{last}"), 2, None, bad, routes, failures, 0, error)


def said(troubles: Troubles, now: float, *neighbours: RipNeighbour) -> dict[str, dict[str, str]]:
    one = report(*neighbours)
    troubles.look(one, now)
    return {problem.code: dict(problem.values) for problem in troubles.problems(one, now)}


def test_who_is_well_is_no_problem() -> None:
    assert said(Troubles(), 0.0, neighbour(1), neighbour(2)) == {}


def test_failures_are_shown_until_they_were_quiet_for_a_while() -> None:
    troubles = Troubles()
    failing = neighbour(6, bad=2, failures=2, error="its digest by key 1 is wrong")
    values = said(troubles, 100.0, neighbour(1), failing)["rip-authentication"]
    assert (values["neighbours"], values["reason"]) == ("192.168.200.6", "its digest by key 1 is wrong")
    assert "rip-authentication" in said(troubles, 100.0 + QUIET - 1, failing)
    assert said(troubles, 100.0 + QUIET, failing) == {}
    again = neighbour(6, bad=3, failures=3, error="its digest by key 1 is wrong")
    assert "rip-authentication" in said(troubles, 101.0 + QUIET, again)


def test_packets_and_routes_that_break_rules_are_another_problem() -> None:
    assert list(said(Troubles(), 0.0, neighbour(6, bad=1, error="offset 1: version 1"))) == ["rip-bad-packets"]
    assert list(said(Troubles(), 0.0, neighbour(6, routes=4, error="entry 2: metric 0"))) == ["rip-bad-packets"]


def test_of_many_some_are_named() -> None:
    values = said(Troubles(), 0.0, *(neighbour(last, bad=1, error="?") for last in range(1, 9)))["rip-bad-packets"]
    assert values["neighbours"] == "192.168.200.1, 192.168.200.2, 192.168.200.3 and 5 more"


def test_a_key_that_is_over_is_said() -> None:
    troubles, one = Troubles(), report(expired=True)
    troubles.look(one, 0.0)
    (problem,) = troubles.problems(one, 0.0)
    assert (problem.code, dict(problem.values)) == ("rip-key-expired", {"key": "3"})
