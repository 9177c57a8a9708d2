"""What is wrong with peers, in words."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from routerd.health import REGISTRY, ProblemTracker
from routerd.model import PeersPart, ProbeTarget, Problem, WireGuardDevice, WireGuardPeer
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome
from routerd.peers.troubles import named

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


@pytest.mark.parametrize(
    ("kind", "reason", "text"),
    [
        ("icmp", "", "does not answer ICMP echo to 10.0.0.1; "),
        ("tcp:22", "", "does not answer a TCP connection to 10.0.0.1 port 22 (no answer); "),
        ("tcp:22", "connection refused", "a TCP connection to 10.0.0.1 port 22 (connection refused); "),
        ("http://10.0.0.1/x", "status 503", "does not answer GET http://10.0.0.1/x (status 503); "),
    ],
)
def test_a_peer_that_is_down(kind: str, reason: str, text: str) -> None:
    (shown,) = texts(replace(A, kind=kind), PEER, reason, reason, reason)
    assert text in shown


def test_a_peer_that_must_begin() -> None:
    (shown,) = texts(A, replace(PEER, endpoint=None))
    assert "the peer must begin" in shown
    assert "routerd export wg-quick a" in shown
    assert texts(A, PEER) == []
    assert texts(A, replace(PEER, endpoint=None, last_handshake=5.0)) == []


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
