"""A peer that comes and goes: its state is always told, its events are summed up."""

from ipaddress import ip_address

from routerd.health import ProblemTracker
from routerd.model import PeersPart, ProbeTarget
from routerd.peers.flapping import Flaps, Summary
from routerd.peers.moves import event_of, text_of
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome

KEY = ("vpn", "a")
A = ProbeTarget("a", "vpn", "KEY-A", ip_address("10.0.0.1"), "icmp", 1.0, "wg0")


def test_the_fifth_change_within_five_minutes_is_flapping() -> None:
    flaps = Flaps()
    assert [flaps.note(KEY, at) for at in (0.0, 10.0, 20.0, 30.0)] == [True] * 4
    assert not flaps.is_flapping(KEY)
    assert flaps.note(KEY, 299.9)
    assert flaps.is_flapping(KEY)
    assert flaps.keys() == {KEY}
    assert not flaps.note(KEY, 300.0)


def test_slow_changes_are_not() -> None:
    flaps = Flaps()
    assert all(flaps.note(KEY, 80.0 * number) for number in range(50))
    assert flaps.next_deadline() is None


def test_one_summary_a_minute_and_one_at_the_end() -> None:
    flaps = Flaps()
    told = [flaps.note(KEY, float(at)) for at in range(100)]
    assert told == [True] * 5 + [False] * 95
    assert flaps.next_deadline() == 64.0
    assert flaps.on_deadline(64.0) == [Summary(KEY, 95, True)]
    assert flaps.on_deadline(124.0) == []
    for at in (184.0, 244.0, 304.0, 364.0):
        assert flaps.on_deadline(at) == []
    assert flaps.on_deadline(424.0) == [Summary(KEY, 0, False)]
    assert not flaps.is_flapping(KEY)
    assert flaps.next_deadline() is None


def test_a_peer_that_is_gone() -> None:
    flaps = Flaps()
    for at in range(9):
        flaps.note(KEY, float(at))
    flaps.forget(KEY)
    assert flaps.on_deadline(1000.0) == []
    assert flaps.keys() == frozenset()


def flapping_roster() -> Roster:
    roster = Roster()
    roster.apply(PeersPart((A,), down_after=1, up_after=1), 0.0, 0.0)
    for at in range(20):
        roster.outcome(Outcome(KEY, None if at % 2 else 0.01), float(at))
    return roster


def test_events_are_thinned_out_and_the_state_is_not() -> None:
    roster = flapping_roster()
    (entry,) = roster.entries()
    assert entry.status.state == "down"
    assert roster.report(entry, 0.0).flapping
    moves = roster.moves()
    assert [move.state for move in moves] == ["up", "down", "up", "down", "up", "down"]
    assert [move.flapping for move in moves] == [None] * 5 + [True]
    assert roster.next_deadline() == 65.0
    roster.on_deadline(65.0)
    (summary,) = roster.moves()
    assert event_of(summary, 5.0).what == "down"
    assert event_of(summary, 5.0).data == {"vpn": "vpn", "reachable": False, "flapping": True, "changes": 14}
    assert text_of(summary).startswith("flapping, 14 more changes since this was said last; now down: ")


def test_it_is_one_problem_that_stays() -> None:
    tracker = ProblemTracker()
    tracker.update(flapping_roster().problems(), 0.0)
    (row,) = tracker.report(100.0)
    assert row.code == "peer-flapping"
    assert "?" not in row.text + row.mend


def test_its_end_is_told() -> None:
    roster = flapping_roster()
    roster.moves()
    for at in (65.0, 125.0, 185.0, 245.0, 305.0, 365.0):
        roster.on_deadline(at)
    first, last = roster.moves()
    assert (first.flapping, last.flapping, last.state) == (True, False, "down")
    assert not roster.report(roster.entries()[0], 0.0).flapping
    assert [problem.code for problem in roster.problems()] == ["peer-down"]


def test_a_move_that_ends_without_changes_says_so() -> None:
    roster = flapping_roster()
    for at in (65.0, 125.0, 185.0, 245.0, 305.0, 365.0):
        roster.on_deadline(at)
    assert text_of(roster.moves()[-1]).startswith("no longer flapping; now down")
