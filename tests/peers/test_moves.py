"""Every change of a peer's state is told once, as an event and in words."""

import asyncio
import logging
from ipaddress import ip_address, ip_network

import pytest

from routerd.model import Event, PeerChange, PeersPart, ProbeTarget, WireGuardDevice, WireGuardPeer
from routerd.peers.moves import Move, event_of, is_notable, text_of
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome
from routerd.peers.service import PeersService
from routerd.reports import PeerState

A = ProbeTarget("endpoint-a", "vpn", "KEY-A", ip_address("10.0.0.1"), "icmp", 10.0, "wg0")
PEER_A = WireGuardPeer("KEY-A", (ip_network("10.0.0.1/32"),), None, 990.0)
PEER_L = WireGuardPeer("KEY-L", (ip_network("10.0.0.7/32"),), None, 995.0)


def device(*peers: WireGuardPeer) -> dict[str, WireGuardDevice]:
    return {"vpn": WireGuardDevice("wg0", None, 51821, peers)}


def moves(roster: Roster) -> list[tuple[str, PeerState | None]]:
    return [(move.key[1], move.state) for move in roster.moves()]


def made() -> Roster:
    roster = Roster()
    roster.apply(PeersPart((A,)), 100.0, 1000.0)
    return roster


def test_probes() -> None:
    roster = made()
    assert moves(roster) == []
    for rtt in (0.01, 0.02, None, None, None, None, 0.01, 0.01):
        roster.outcome(Outcome(("vpn", "endpoint-a"), rtt), 101.0)
    states = (PeerState.UP, PeerState.STALE, PeerState.DOWN, PeerState.UP)
    assert moves(roster) == [("endpoint-a", state) for state in states]
    assert moves(roster) == []


def test_unlisted_peers_come_age_and_go() -> None:
    roster = made()
    roster.observed(device(PEER_L), 101.0, 1001.0)
    assert moves(roster) == [("KEY-L", PeerState.UP)]
    roster.observed(device(PEER_L), 102.0, 1002.0)
    assert moves(roster) == []
    roster.on_deadline(400.0)
    assert moves(roster) == [("KEY-L", PeerState.IDLE)]
    roster.observed(device(), 401.0, 1301.0)
    assert moves(roster) == [("KEY-L", None)]


def test_a_name_for_a_known_key_and_the_end_of_it() -> None:
    roster = Roster()
    roster.observed(device(PEER_L), 101.0, 1001.0)
    roster.moves()
    named = ProbeTarget("laptop", "vpn", "KEY-L", None, "handshake", 10.0, "wg0")
    roster.update([PeerChange(("vpn", "laptop"), named)], 102.0, 1002.0)
    assert moves(roster) == [("laptop", PeerState.UP), ("KEY-L", None)]
    roster.update([PeerChange(("vpn", "laptop"), None)], 103.0, 1003.0)
    assert moves(roster) == [("laptop", None), ("KEY-L", PeerState.UP)]


def test_another_peer_under_the_same_name() -> None:
    roster = made()
    roster.outcome(Outcome(("vpn", "endpoint-a"), 0.01), 101.0)
    roster.moves()
    other = ProbeTarget("endpoint-a", "vpn", "KEY-B", ip_address("10.0.0.1"), "icmp", 10.0, "wg0")
    roster.observed(device(PEER_A), 101.0, 1001.0)
    assert moves(roster) == []
    roster.update([PeerChange(("vpn", "endpoint-a"), other)], 102.0, 1002.0)
    assert moves(roster)[0] == ("endpoint-a", PeerState.UNKNOWN)


def test_a_reload_that_changes_nothing() -> None:
    roster = made()
    roster.observed(device(PEER_A, PEER_L), 101.0, 1001.0)
    roster.outcome(Outcome(("vpn", "endpoint-a"), 0.01), 101.0)
    roster.moves()
    roster.apply(PeersPart((A,)), 102.0, 1002.0)
    assert moves(roster) == []


@pytest.mark.parametrize(
    ("state", "probed", "text"),
    [
        (PeerState.UP, "10.0.0.1", "up: 10.0.0.1 answered in 12.3 ms"),
        (PeerState.UP, None, "up: its last handshake is recent"),
        (PeerState.STALE, "10.0.0.1", "stale: 10.0.0.1 did not answer; probed on"),
        (PeerState.DOWN, "10.0.0.1", "down: 10.0.0.1 did not answer 3 times in a row; probed on"),
        (PeerState.IDLE, None, "idle: no handshake for 180 s"),
        (PeerState.NEVER, None, "never: no handshake yet"),
        (PeerState.UNKNOWN, None, "unknown: nothing measures it now"),
        (None, None, "gone: no longer configured, or on a WireGuard interface, under this name"),
    ],
)
def test_in_words_and_as_an_event(state: PeerState | None, probed: str | None, text: str) -> None:
    move = Move(("vpn", "endpoint-a"), state, True, probed, 3, 0.0123)
    assert text_of(move) == text
    event = event_of(move, 5.0)
    what = "gone" if state is None else state.value
    reachable = {PeerState.UP: True, PeerState.STALE: True, PeerState.DOWN: False}.get(state) if state else None
    assert event == Event("peer", "endpoint-a", what, 5.0, {"vpn": "vpn", "reachable": reachable})


def test_what_people_want_to_read_of() -> None:
    notable = {
        (state, listed, probed): is_notable(Move(("v", "p"), state, listed, probed, 0, None))
        for state in (*PeerState, None)
        for listed in (True, False)
        for probed in ("10.0.0.1", None)
    }
    assert {key for key, value in notable.items() if value} == {
        *((state, listed, "10.0.0.1") for state in (PeerState.UP, PeerState.DOWN) for listed in (True, False)),
        (None, True, "10.0.0.1"),
        (None, True, None),
    }


def test_the_service_emits_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "routerd.peers")
    events: list[Event] = []

    async def main() -> None:
        service = PeersService(lambda: None, events.append)
        await service.apply(PeersPart((ProbeTarget("laptop", "vpn", "KEY-L", None, "handshake", 10.0),)))
        service.observed(device(WireGuardPeer("KEY-L"), WireGuardPeer("KEY-X")))
        await service.apply(PeersPart())
        assert service.status() == {
            "configured": 0,
            "probe_sockets": [],
            "ignored_replies": {"late": 0, "forged": 0, "foreign": 0, "garbled": 0},
            "spared_probes": 0,
        }

    asyncio.run(main())
    assert [(event.subject, event.what) for event in events] == [
        ("laptop", "never"),
        ("KEY-X", "never"),
        ("laptop", "gone"),
        ("KEY-L", "never"),
    ]
    gone = "peer laptop: gone: no longer configured, or on a WireGuard interface, under this name"
    assert [record.getMessage() for record in caplog.records] == [gone]
