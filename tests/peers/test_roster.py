"""What is known of all peers, from configuration, devices, probes and time."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from routerd.health import ProblemTracker
from routerd.model import PeersPart, ProbeTarget, WireGuardDevice, WireGuardPeer
from routerd.peers.entries import report
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome
from routerd.problems import REGISTRY
from routerd.reports import Evidence, PeerReport, PeerState

A = ProbeTarget("endpoint-a", "vpn", "KEY-A", ip_address("10.0.0.1"), "icmp", 10.0, "wg0")
PASSIVE = ProbeTarget("laptop", "vpn", None, ip_address("10.0.0.7"), "handshake", 10.0, "wg0")
PEER_A = WireGuardPeer("KEY-A", (ip_network("10.0.0.1/32"), ip_network("192.0.2.0/24")), "203.0.113.1:1", 990.0, 5, 6)
PEER_L = WireGuardPeer("KEY-L", (ip_network("10.0.0.7/32"),))


def device(*peers: WireGuardPeer) -> dict[str, WireGuardDevice]:
    return {"vpn": WireGuardDevice("wg0", None, 51821, peers)}


def roster(*targets: ProbeTarget) -> Roster:
    made = Roster()
    made.apply(PeersPart(targets), 100.0, 1000.0)
    return made


def states(made: Roster) -> dict[str, str]:
    return {entry.target.name: entry.status.state.value for entry in made.entries()}


def answered(made: Roster, target: ProbeTarget, now: float) -> bool:
    return made.outcome(Outcome((target.vpn, target.name), 0.05), now)


def lost(made: Roster, target: ProbeTarget, now: float) -> list[bool]:
    return [made.outcome(Outcome((target.vpn, target.name), None), now) for _ in range(3)]


def test_a_report_of_everything() -> None:
    made = roster(A)
    made.observed(device(PEER_A), 101.0, 1001.0)
    assert answered(made, A, 102.0)
    assert [report(entry, 900.0) for entry in made.entries()] == [
        PeerReport(
            name="endpoint-a",
            public_key="KEY-A",
            vpn="vpn",
            addresses=("10.0.0.1", "192.0.2.0/24"),
            endpoint="203.0.113.1:1",
            state=PeerState.UP,
            since=1002.0,
            last_handshake=990.0,
            rx_bytes=5,
            tx_bytes=6,
            probe_kind="icmp",
            rtt=0.05,
            last_success=1002.0,
            failures=0,
            evidence=(Evidence("probe", 1002.0), Evidence("handshake", 990.0), Evidence("traffic", None)),
        )
    ]


def test_a_report_of_what_nobody_has_seen() -> None:
    (entry,) = roster(PASSIVE).entries()
    assert report(entry, 900.0) == PeerReport(
        "laptop",
        None,
        "vpn",
        ("10.0.0.7",),
        None,
        PeerState.UNKNOWN,
        1000.0,
        None,
        None,
        None,
        "handshake",
        None,
        None,
        0,
        (Evidence("probe", None), Evidence("handshake", None), Evidence("traffic", None)),
    )


def test_changes_are_told_once() -> None:
    made = roster(A)
    assert answered(made, A, 101.0)
    assert not answered(made, A, 102.0)
    assert lost(made, A, 103.0) == [False, False, True]
    assert not answered(made, A, 104.0)
    assert answered(made, A, 105.0)
    assert made.unmeasured(("vpn", "endpoint-a"), 106.0)
    assert not made.unmeasured(("vpn", "nobody"), 106.0)
    assert not made.outcome(Outcome(("vpn", "nobody"), 0.1), 106.0)


def test_a_failing_probe_outranks_a_handshake() -> None:
    made = roster(A)
    lost(made, A, 101.0)
    made.observed(device(replace(PEER_A, last_handshake=1002.0)), 102.0, 1002.0)
    assert states(made) == {"endpoint-a": "down"}


def test_a_peer_that_is_not_probed_follows_its_handshakes() -> None:
    made = roster(PASSIVE)
    assert states(made) == {"laptop": "unknown"}
    assert not made.observed(device(PEER_L), 101.0, 1001.0)
    assert states(made) == {"laptop": "never"}
    assert made.observed(device(replace(PEER_L, last_handshake=1005.0)), 106.0, 1006.0)
    assert states(made) == {"laptop": "up"}
    assert made.next_deadline() == 285.0
    assert made.on_deadline(285.0)
    assert states(made) == {"laptop": "idle"}
    assert made.observed(device(replace(PEER_L, last_handshake=1300.0)), 400.0, 1300.0)
    assert made.observed({}, 401.0, 1301.0)
    assert states(made) == {"laptop": "unknown"}


def test_peers_that_no_target_names_come_last_under_their_keys() -> None:
    made = roster(A)
    changed = made.observed(device(replace(PEER_L, last_handshake=1000.0), PEER_A), 101.0, 1001.0)
    assert changed
    assert states(made) == {"endpoint-a": "unknown", "KEY-L": "up"}
    assert list(states(made)) == ["endpoint-a", "KEY-L"]
    assert made.reachable() == {"endpoint-a": None, "KEY-L": True}
    found = made.find("KEY-L")
    assert found is not None
    assert report(found, 0.0).probe_kind == "handshake"
    assert made.observed(device(PEER_A), 102.0, 1002.0)
    assert states(made) == {"endpoint-a": "unknown"}
    assert made.next_deadline() is None or made.on_deadline(9999.0) is False


def test_find() -> None:
    made = roster(A, PASSIVE)
    made.observed(device(PEER_A, PEER_L), 101.0, 1001.0)
    found = [made.find(name) for name in ("endpoint-a", "KEY-A", "laptop", "KEY-L", "nobody")]
    assert [entry and entry.target.name for entry in found] == ["endpoint-a"] * 2 + ["laptop"] * 2 + [None]


def test_apply_keeps_the_state_of_what_stays() -> None:
    made = roster(A, PASSIVE)
    made.observed(device(PEER_A, PEER_L), 101.0, 1001.0)
    answered(made, A, 102.0)
    assert not made.apply(PeersPart((replace(A, interval=1.0),)), 200.0, 1100.0)
    assert states(made) == {"endpoint-a": "up", "KEY-L": "never"}
    assert made.entries()[0].status.since == 102.0


def test_apply_keeps_the_state_of_a_renamed_peer() -> None:
    made = roster(A)
    made.observed(device(PEER_A), 101.0, 1001.0)
    answered(made, A, 102.0)
    made.apply(PeersPart((replace(A, name="new"),)), 103.0, 1003.0)
    assert states(made) == {"new": "up"}
    assert made.entries()[0].status.since == 102.0


def test_a_name_for_a_peer_that_only_its_handshakes_speak_for_keeps_its_state() -> None:
    made = roster()
    made.observed(device(replace(PEER_A, last_handshake=1000.0)), 101.0, 1001.0)
    assert states(made) == {"KEY-A": "up"}
    made.apply(PeersPart((replace(A, kind="handshake"),)), 102.0, 1002.0)
    assert states(made) == {"endpoint-a": "up"}
    assert made.entries()[0].status.since == 101.0
    made.apply(PeersPart((A,)), 103.0, 1003.0)
    assert states(made) == {"endpoint-a": "unknown"}


def test_names_that_swap_their_peers_swap_their_states() -> None:
    b = replace(A, name="b", public_key="KEY-B", address=ip_address("10.0.0.9"))
    made = roster(A, b)
    answered(made, A, 101.0)
    lost(made, b, 102.0)
    made.apply(PeersPart((replace(A, name="b"), replace(b, name="endpoint-a"))), 103.0, 1003.0)
    assert states(made) == {"b": "up", "endpoint-a": "down"}


def test_a_new_name_behind_a_key_that_has_one_already_is_measured_on_its_own() -> None:
    beside = replace(A, name="behind", address=ip_address("192.0.2.9"))
    made = roster(A)
    made.observed(device(PEER_A), 101.0, 1001.0)
    answered(made, A, 102.0)
    made.apply(PeersPart((A, beside)), 103.0, 1003.0)
    assert states(made) == {"endpoint-a": "up", "behind": "unknown"}
    assert (made.entries()[1].rtt, made.entries()[1].last_success) == (None, None)
    made.apply(PeersPart((A, beside, replace(A, name="second"))), 103.5, 1003.5)
    assert states(made) == {"endpoint-a": "up", "behind": "unknown", "second": "unknown"}
    # One that gets the same address, while the first stays; and the first one goes, but was another probe.
    made.apply(PeersPart((A, replace(beside, address=A.address))), 104.0, 1004.0)
    assert states(made) == {"endpoint-a": "up", "behind": "unknown"}
    made.apply(PeersPart((replace(beside, name="third"),)), 105.0, 1005.0)
    assert states(made) == {"third": "unknown"}


@pytest.mark.parametrize("changed", [{"kind": "tcp:22"}, {"address": ip_address("192.0.2.9")}])
def test_another_probe_of_the_same_peer_has_found_nothing_yet(changed: dict[str, Any]) -> None:
    made = roster(A)
    made.observed(device(PEER_A), 101.0, 1001.0)
    answered(made, A, 102.0)
    made.outcome(Outcome(("vpn", "endpoint-a"), None, "why"), 103.0)
    made.moves()
    assert made.apply(PeersPart((replace(A, **changed),)), 104.0, 1004.0)
    (entry,) = made.entries()
    assert (entry.status.state, entry.status.since, entry.status.failures) == ("unknown", 104.0, 0)
    assert (entry.rtt, entry.last_success, entry.failure) == (None, None, None)
    assert [move.state for move in made.moves()] == ["unknown"]


def test_apply_of_another_key_under_the_same_name_is_another_peer() -> None:
    made = roster(A)
    answered(made, A, 101.0)
    assert made.apply(PeersPart((replace(A, public_key="KEY-Z"),)), 102.0, 1002.0)
    assert states(made) == {"endpoint-a": "unknown"}


def test_apply_of_nothing_removes_everything_configured() -> None:
    made = roster(A, PASSIVE)
    answered(made, A, 101.0)
    assert made.apply(PeersPart(), 102.0, 1002.0)
    assert states(made) == {}
    assert list(made.problems()) == []


def test_problems() -> None:
    made = roster(A, PASSIVE)
    assert list(made.problems()) == []
    lost(made, A, 101.0)
    made.observed(device(PEER_A), 101.0, 1001.0)
    problems = list(made.problems())
    assert [(problem.code, problem.subject, problem.within) for problem in problems] == [
        ("peer-down", "peer endpoint-a", ("vpn vpn",)),
        ("peer-unmatched", "peer laptop", ("vpn vpn",)),
    ]
    assert all(problem.code in REGISTRY for problem in problems)
    tracker = ProblemTracker()
    tracker.update(problems, 0.0)
    shown = [(row.text, row.mend) for row in tracker.report(100.0)]
    assert ("peer endpoint-a: does not answer ICMP echo to 10.0.0.1") in [text for text, _ in shown]
    assert "peer laptop: no such peer on vpn" in [text for text, _ in shown]
    assert not any("?" in text or "?" in mend for text, mend in shown)


def test_one_key_in_two_vpns() -> None:
    made = roster()
    devices = {**device(PEER_A), "vpn2": WireGuardDevice("wg1", None, 1, (replace(PEER_A, last_handshake=0.0),))}
    made.observed(devices, 101.0, 1001.0)
    assert [(entry.target.vpn, entry.status.state.value) for entry in made.entries()] == [
        ("vpn", "up"),
        ("vpn2", "never"),
    ]
