"""How often what others take away is put back."""

from ipaddress import IPv4Network

from routerd.health import ProblemTracker
from routerd.model import KernelRoute
from routerd.routes.contest import QUIET, Contests
from routerd.routes.problems import contested_route, contested_setting

ON_LINK = KernelRoute(IPv4Network("10.0.0.0/24"), None, "wg0")


def waits(contests, key, times, *, now=1000.0):
    """How long each of so many put-backs has to wait, where everything is taken away at once."""
    found = []
    for _ in range(times):
        contests.lost(key, "", now)
        at = contests.next_deadline(now) or now
        found.append(at - now)
        assert not contests.held(key, at)
        contests.put_back(key, at)
        now = at
    return found


def test_the_first_put_back_is_immediate_and_later_ones_wait_twice_as_long():
    assert waits(Contests(), "a", 9) == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_quiet_time_ends_it():
    contests = Contests()
    waits(contests, "a", 7)
    ((_, contest),) = contests.standing(1000.0)
    assert contest.times == 7
    assert list(contests.standing(contest.last + QUIET)) == []
    assert waits(contests, "a", 2, now=contest.last + QUIET) == [0.0, 1.0]


def test_one_does_not_hold_back_the_other():
    contests = Contests()
    waits(contests, "a", 5)
    assert not contests.held("b", 1000.0)
    contests.put_back("b", 1000.0)
    assert not contests.held("b", 1000.0)
    assert [key for key, _ in contests.standing(1000.0)] == ["a"]


def test_who_did_it_stays_known():
    contests = Contests()
    contests.lost("a", "ip (process 7)", 1.0)
    contests.lost("a", "", 2.0)
    assert [contest.who for _, contest in contests.standing(2.0)] == ["ip (process 7)"]


def shown(problem):
    """The problem as it is shown."""
    tracker = ProblemTracker()
    tracker.update([problem], 0.0)
    (report,) = tracker.report(10.0)
    assert "?" not in report.text + report.mend
    return report


def test_the_problem_says_how_to_mend_it():
    contests = Contests()
    for who, mend in (("", "ip monitor"), ("systemd-network (process 7)", "ManageForeignRoutes=no")):
        contests.lost("a", who, 1.0)
        ((_, contest),) = contests.standing(1.0)
        assert mend in shown(contested_route(ON_LINK, contest)).mend
    contests.lost("a", "NetworkManager (process 7)", 1.0)
    ((_, contest),) = contests.standing(1.0)
    report = shown(contested_route(ON_LINK, contest))
    assert "unmanaged-devices=interface-name:wg0" in report.mend
    assert "NetworkManager (process 7) has removed it (3 times lately)" in report.text
    assert "net.ipv4.conf.lan/7.forwarding" in shown(contested_setting("lan.7", "forwarding", 1, contest)).text
