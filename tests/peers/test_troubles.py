"""What is wrong with peers, in words."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from routerd.health import ProblemTracker
from routerd.model import PeersPart, ProbeTarget, Problem, WireGuardDevice, WireGuardPeer
from routerd.peers.moves import text_of
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome
from routerd.peers.troubles import named
from routerd.problems import REGISTRY

A = ProbeTarget("a", "vpn", "KEY-A", ip_address("10.0.0.1"), "icmp", 10.0, "wg0")
PEER = WireGuardPeer("KEY-A", (ip_network("10.0.0.1/32"),), "192.0.2.1:1")


def texts(target: ProbeTarget, peer: WireGuardPeer, *reasons: str) -> list[str]:
    roster = Roster()
    roster.apply(PeersPart((target,)), 0.0, 0.0)
    roster.observed({"vpn": WireGuardDevice("wg0", None, 1, (peer,))}, 1.0, 1.0)
    for reason in reasons:
        roster.outcome(Outcome(("vpn", "a"), None, reason), 2.0)
    tracker = ProblemTracker()
    tracker.update(roster.problems(), 0.0)
    return [f"{row.text}; {row.mend}" for row in tracker.report(100.0)]


REFUSED = "connection refused: the machine is there, but nothing listens"
DOWN = [
    (
        "icmp",
        "",
        "does not answer ICMP echo to 10.0.0.1; Look at the peer's own network and its WireGuard: wg show wg0",
    ),
    ("tcp:22", "", "does not answer a TCP connection to 10.0.0.1 port 22 (no answer); Look at the peer's own network"),
    ("tcp:22", "No route to host", "does not answer a TCP connection to 10.0.0.1 port 22 (No route to host); Look at"),
    ("tcp:22", REFUSED, "refuses a TCP connection to 10.0.0.1 port 22: the machine is there, but nothing listens at"),
    (
        "http://10.0.0.1/x",
        REFUSED,
        "refuses GET http://10.0.0.1/x: the machine is there, but nothing listens at port 80",
    ),
    ("http://10.0.0.1/x", REFUSED, "; Start the service there, let it listen at 10.0.0.1 port 80, or correct `probe`."),
    ("http://10.0.0.1/x", "status 500", "answers GET http://10.0.0.1/x with status 500; Look at that service"),
    ("http://10.0.0.1/x", "status 500", "the probe wants a status from 200 to 399."),
    (
        "http://10.0.0.1/x",
        "the answer is not HTTP",
        "answers GET http://10.0.0.1/x with something that is not HTTP; Look",
    ),
    (
        "http://10.0.0.1/x",
        "closed before it answered",
        "closes the connection without an answer to GET http://10.0.0.1",
    ),
    (
        "https://10.0.0.1/",
        "the certificate is not trusted: self-signed certificate",
        "with a certificate that is not trusted: self-signed certificate; Give the service a certificate for 10.0.0.1",
    ),
    ("https://10.0.0.1/", "TLS failed: wrong version number", "but TLS fails: wrong version number; Let the service"),
]


@pytest.mark.parametrize(("kind", "reason", "text"), DOWN)
def test_a_peer_that_is_down(kind: str, reason: str, text: str) -> None:
    (shown,) = texts(replace(A, kind=kind), PEER, reason, reason, reason)
    assert text in shown
    assert "?" not in shown


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("no answer", "down: 10.0.0.1 did not answer 3 times in a row (no answer); probed on"),
        ("status 500", "down: 10.0.0.1 failed its probe 3 times in a row (status 500); probed on"),
        (REFUSED, f"down: 10.0.0.1 failed its probe 3 times in a row ({REFUSED}); probed on"),
    ],
)
def test_the_log_does_not_say_of_a_bad_answer_that_there_was_none(reason: str, text: str) -> None:
    roster = Roster()
    roster.apply(PeersPart((replace(A, kind="http://10.0.0.1/"),)), 0.0, 0.0)
    for _ in range(3):
        roster.outcome(Outcome(("vpn", "a"), None, reason), 2.0)
    assert text_of(roster.moves()[-1]) == text


def test_a_peer_that_no_device_has_is_not_down_for_a_reason_of_its_own() -> None:
    roster = Roster()
    roster.apply(PeersPart((A,)), 0.0, 0.0)
    roster.observed({"vpn": WireGuardDevice("wg0", None, 1, ())}, 1.0, 1.0)
    for _ in range(3):
        roster.outcome(Outcome(("vpn", "a"), None), 2.0)
    tracker = ProblemTracker()
    tracker.update(roster.problems(), 0.0)
    causes = {row.code: row.caused_by for row in tracker.report(100.0)}
    assert causes == {"peer-unmatched": None, "peer-down": "peer-unmatched (peer a)"}


def test_a_peer_that_must_begin() -> None:
    (shown,) = texts(A, replace(PEER, endpoint=None))
    assert "the peer must begin" in shown
    assert "routerd export wg-quick a" in shown
    assert texts(A, PEER) == []
    assert texts(A, replace(PEER, endpoint=None, last_handshake=5.0)) == []


@pytest.mark.parametrize(
    ("code", "patience", "severity"), [("peer-no-endpoint", 30.0, "info"), ("peer-down", 0.0, "warning")]
)
def test_the_rest_is_counted_no_sooner_than_the_first_ones_are_named(code: str, patience: float, severity: str) -> None:
    tracker = ProblemTracker()
    tracker.update(named(Problem(code, f"peer {number}", (), ("vpn vpn",)) for number in range(1098)), 0.0)
    if patience:
        assert tracker.report(patience - 1) == ()
        assert tracker.next_change(patience - 1) == patience
    rows = tracker.report(patience)
    assert (len(rows), {row.severity for row in rows}) == (101, {severity})
    assert [row.text for row in rows if row.code == "peers-more"] == [
        f"vpn vpn, {code}: 998 more peers than are named here"
    ]


def test_many_are_counted() -> None:
    down = [Problem("peer-down", f"peer {number}", (), ("vpn vpn",)) for number in range(10)]
    other = Problem("peer-unmatched", "peer x", (), ("vpn vpn",))
    shown = list(named([*down, other], most=3))
    assert shown[:4] == [*down[:3], other]
    assert shown[4] == Problem(
        "peers-more", "vpn vpn, peer-down", (("code", "peer-down"), ("count", "7")), ("vpn vpn",)
    )
    assert all(problem.code in REGISTRY for problem in shown)
    assert list(named(down, most=10)) == down
