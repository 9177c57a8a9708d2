"""Every transition of a peer's state, and the stories that users see."""

import pytest

from routerd.peers.status import PROBED, UNPROBED, Event, Status, handshake_event, observed, probed
from routerd.reports import PeerState

STATES = tuple(PeerState)
UP, STALE, DOWN, IDLE, NEVER, UNKNOWN = (
    PeerState.UP,
    PeerState.STALE,
    PeerState.DOWN,
    PeerState.IDLE,
    PeerState.NEVER,
    PeerState.UNKNOWN,
)

# event: the next state from          up     stale  down   idle     never    unknown
TABLE = {
    Event.ANSWERED: (UP, UP, DOWN, UP, UP, UP),
    Event.RECOVERED: (UP, UP, UP, UP, UP, UP),
    Event.MISSED: (STALE, STALE, DOWN, IDLE, NEVER, UNKNOWN),
    Event.LOST: (DOWN, DOWN, DOWN, DOWN, DOWN, DOWN),
    Event.FRESH: (UP, STALE, DOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Event.AGED: (UP, STALE, DOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Event.NO_HANDSHAKE: (UP, STALE, DOWN, NEVER, NEVER, NEVER),
    Event.UNMEASURED: (UNKNOWN,) * 6,
}
CASES = [
    (before, event, after)
    for event, row in TABLE.items()
    for before, after in zip((UP, STALE, DOWN, IDLE, NEVER, UNKNOWN), row, strict=True)
]


def test_the_tables_are_whole() -> None:
    assert set(PROBED) == set(STATES)
    assert all(set(row) == set(Event) for row in PROBED.values())
    assert set(TABLE) == set(Event)
    assert set(UNPROBED) == {Event.FRESH, Event.AGED, Event.NO_HANDSHAKE, Event.UNMEASURED}


@pytest.mark.parametrize(("before", "event", "after"), CASES)
def test_a_probed_peer(before: PeerState, event: Event, after: PeerState) -> None:
    status = Status(before, 10.0)
    match event:
        case Event.ANSWERED:
            status = probed(status, True, 20.0, down_after=2, up_after=2)
        case Event.RECOVERED:
            status = probed(status, True, 20.0, down_after=2, up_after=1)
        case Event.MISSED:
            status = probed(status, False, 20.0, down_after=2, up_after=2)
        case Event.LOST:
            status = probed(status, False, 20.0, down_after=1, up_after=2)
        case _:
            status = observed(status, event, 20.0, is_probed=True)
    assert status.state is after
    assert status.since == (10.0 if before is after else 20.0)


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize(
    ("event", "after"),
    [(Event.FRESH, UP), (Event.AGED, IDLE), (Event.NO_HANDSHAKE, NEVER), (Event.UNMEASURED, UNKNOWN)],
)
def test_a_peer_that_is_not_probed(before: PeerState, event: Event, after: PeerState) -> None:
    status = observed(Status(before, 10.0, 5, 5), event, 20.0, is_probed=False)
    assert status == Status(after, 10.0 if before is after else 20.0)


def _story(script: str, down_after: int = 3, up_after: int = 2) -> list[str]:
    """Run `+` (answered), `-` (failed), `h` (handshake seen), `0` (none); the states passed through."""
    status, states = Status(), []
    for now, sign in enumerate(script):
        if sign in "+-":
            status = probed(status, sign == "+", now, down_after=down_after, up_after=up_after)
        else:
            event = Event.FRESH if sign == "h" else Event.NO_HANDSHAKE
            status = observed(status, event, now, is_probed=True)
        states.append(status.state.value)
    return states


@pytest.mark.parametrize(
    ("script", "states"),
    [
        ("+", "up"),
        ("+--", "up stale stale"),
        ("+---", "up stale stale down"),
        ("+--+--", "up stale stale up stale stale"),
        ("---+", "unknown unknown down down"),
        ("---++", "unknown unknown down down up"),
        ("---+-++", "unknown unknown down down down down up"),
        ("---+-+-+", "unknown unknown down down down down down down"),
        ("---hhh", "unknown unknown down down down down"),
        ("0---", "never never never down"),
        ("0h-+", "never unknown unknown up"),
        ("0+0", "never up up"),
    ],
)
def test_stories(script: str, states: str) -> None:
    assert _story(script) == states.split()


def test_since_is_kept_within_a_state_and_counters_are_of_probes_in_a_row() -> None:
    status = Status()
    for now, success in enumerate([True, True, False, False]):
        status = probed(status, success, now, down_after=3, up_after=2)
    assert status == Status(STALE, 2, failures=2, successes=0)
    assert observed(status, Event.FRESH, 9, is_probed=True) is status


def test_an_event_of_a_probe_is_no_handshake() -> None:
    with pytest.raises(KeyError):
        observed(Status(), Event.LOST, 0.0, is_probed=False)


@pytest.mark.parametrize(
    ("at", "event"),
    [(None, Event.NO_HANDSHAKE), (1000.0, Event.FRESH), (820.1, Event.FRESH), (820.0, Event.AGED), (0.0, Event.AGED)],
)
def test_the_age_of_a_handshake(at: float | None, event: Event) -> None:
    assert handshake_event(at, 1000.0) is event
