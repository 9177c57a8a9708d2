"""The registry and the tracker: since when, patience, first cause first."""

import string

import pytest

from routerd.health import ProblemTracker
from routerd.model import Problem
from routerd.problems import REGISTRY

MISSING = Problem("interface-missing", "lan eth0", (("interface", "eth0"),))
SOCKET = Problem("dhcp-socket", "lan eth0", (("reason", "no such device"), ("hint", "wait")))
PEER = Problem("peer-down", "peer a", (("probe", "icmp"), ("interface", "wg0")), within=("vpn vpn",))
VPN_DOWN = Problem("interface-down", "vpn vpn", (("interface", "wg0"),))


@pytest.mark.parametrize("code", REGISTRY)
def test_every_declaration_is_whole(code: str) -> None:
    declared = REGISTRY[code]
    assert declared.severity in ("error", "warning", "info")
    assert set(declared.depends_on) <= set(REGISTRY)
    assert code not in declared.depends_on
    assert declared.text.startswith("{subject}: ")
    if declared.counts:
        assert "{count}" in declared.text
    for text in (declared.text, declared.mend):
        assert text
        assert all(field is None or field for _, field, _, _ in string.Formatter().parse(text))


def test_patience_hides_what_passes() -> None:
    tracker = ProblemTracker()
    tracker.update([MISSING], 100.0)
    assert tracker.report(100.5) == ()
    assert tracker.next_change(100.5) == 101.0
    (row,) = tracker.report(101.0)
    assert (row.code, row.subject, row.since, row.caused_by) == ("interface-missing", "lan eth0", 100.0, None)
    assert row.text == "lan eth0: the interface does not exist"


def test_since_is_kept_until_it_is_gone() -> None:
    tracker = ProblemTracker()
    tracker.update([MISSING], 100.0)
    tracker.update([MISSING], 200.0)
    assert tracker.report(200.0)[0].since == 100.0
    tracker.update([], 201.0)
    tracker.update([MISSING], 202.0)
    assert tracker.report(210.0)[0].since == 202.0


def test_what_has_not_changed_costs_nothing() -> None:
    tracker = ProblemTracker()
    tracker.update([SOCKET, PEER, MISSING], 100.0)
    assert [row.code for row in tracker.report(100.5)] == ["peer-down"]
    tracker.update([SOCKET, PEER, MISSING], 100.6)
    assert tracker.report(100.6) is tracker.report(100.9)
    # Patience ends at its time, also where nothing else has changed.
    rows = tracker.report(101.0)
    assert {row.since for row in rows} == {100.0}
    assert len(rows) == 3
    assert tracker.next_change(101.0) is None
    # The same problem with other words.
    tracker.update([SOCKET, Problem(PEER.code, PEER.subject, (("what", "x"),), PEER.within)], 102.0)
    assert [(row.text, row.since) for row in tracker.report(102.0)][1:] == [("peer a: x", 100.0)]


def test_the_first_cause_comes_first() -> None:
    tracker = ProblemTracker()
    tracker.update([PEER, SOCKET, MISSING, VPN_DOWN], 100.0)
    rows = tracker.report(200.0)
    assert [row.code for row in rows] == ["interface-down", "interface-missing", "dhcp-socket", "peer-down"]
    assert [row.caused_by for row in rows[2:]] == ["interface-missing (lan eth0)", "interface-down (vpn vpn)"]


def test_another_subject_explains_nothing() -> None:
    tracker = ProblemTracker()
    tracker.update([SOCKET, Problem("interface-missing", "lan eth1", (("interface", "eth1"),))], 100.0)
    assert all(row.caused_by is None for row in tracker.report(200.0))


def test_a_clock_that_steps_back_hides_nothing() -> None:
    tracker = ProblemTracker()
    tracker.update([MISSING], 1e9)
    assert tracker.report(10.0) == ()
    assert len(tracker.report(11.0)) == 1


def test_missing_values_never_raise() -> None:
    tracker = ProblemTracker()
    tracker.update([Problem("dhcp-socket", "lan eth0")], 0.0)
    assert tracker.report(5.0)[0].text == "lan eth0: DHCP cannot be served: ?"


def test_undeclared_codes_are_bugs() -> None:
    with pytest.raises(KeyError):
        ProblemTracker().update([Problem("no-such-code", "x")], 0.0)
