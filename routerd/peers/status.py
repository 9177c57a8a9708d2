"""The state of one peer: every rule is a row of the two tables below.

A peer that is probed is judged by its probes alone, by `PROBED`; a peer that is not probed is judged by the age of
its last handshake alone, by `UNPROBED`. The order of a probed peer that never answers is unknown, then never (its
device has seen no handshake), then down (down_after probes failed). Pure: `now` is seconds of a monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from routerd.reports import REACHABLE, PeerState

HANDSHAKE_LIFETIME = 180.0
"""Seconds after which WireGuard itself gives up a session (REJECT_AFTER_TIME)."""


class Event(StrEnum):
    """What can happen to a peer; the counting of probes is already done (see `probed`)."""

    ANSWERED = "answered"
    """A probe was answered, and up_after in a row are not reached."""
    RECOVERED = "recovered"
    """A probe was answered, and with it up_after or more in a row."""
    MISSED = "missed"
    """A probe failed, and down_after in a row are not reached."""
    LOST = "lost"
    """A probe failed, and with it down_after or more in a row."""
    FRESH = "fresh"
    """The last handshake is younger than `HANDSHAKE_LIFETIME`."""
    AGED = "aged"
    """The last handshake is as old as `HANDSHAKE_LIFETIME`, or older."""
    NO_HANDSHAKE = "no-handshake"
    """The device knows the peer and has never seen a handshake of it."""
    UNMEASURED = "unmeasured"
    """Nothing measures the peer now: probes cannot be sent, or no device that can be read has it."""


_UP, _STALE, _DOWN = PeerState.UP, PeerState.STALE, PeerState.DOWN
_IDLE, _NEVER, _UNKNOWN = PeerState.IDLE, PeerState.NEVER, PeerState.UNKNOWN

# One answer proves that a peer is reachable, so it is up at once where nothing is known against it: a start of this
# program must not keep a healthy peer out of service for up_after intervals. up_after damps only the way out of down.
PROBED: Mapping[PeerState, Mapping[Event, PeerState]] = {
    _UNKNOWN: {
        Event.ANSWERED: _UP,
        Event.RECOVERED: _UP,
        Event.MISSED: _UNKNOWN,
        Event.LOST: _DOWN,
        Event.FRESH: _UNKNOWN,
        Event.AGED: _UNKNOWN,
        Event.NO_HANDSHAKE: _NEVER,
        Event.UNMEASURED: _UNKNOWN,
    },
    _NEVER: {
        Event.ANSWERED: _UP,
        Event.RECOVERED: _UP,
        Event.MISSED: _NEVER,
        Event.LOST: _DOWN,
        Event.FRESH: _UNKNOWN,
        Event.AGED: _UNKNOWN,
        Event.NO_HANDSHAKE: _NEVER,
        Event.UNMEASURED: _UNKNOWN,
    },
    _UP: {
        Event.ANSWERED: _UP,
        Event.RECOVERED: _UP,
        Event.MISSED: _STALE,
        Event.LOST: _DOWN,
        Event.FRESH: _UP,
        Event.AGED: _UP,
        Event.NO_HANDSHAKE: _UP,
        Event.UNMEASURED: _UNKNOWN,
    },
    _STALE: {
        Event.ANSWERED: _UP,
        Event.RECOVERED: _UP,
        Event.MISSED: _STALE,
        Event.LOST: _DOWN,
        Event.FRESH: _STALE,
        Event.AGED: _STALE,
        Event.NO_HANDSHAKE: _STALE,
        Event.UNMEASURED: _UNKNOWN,
    },
    _DOWN: {
        Event.ANSWERED: _DOWN,
        Event.RECOVERED: _UP,
        Event.MISSED: _DOWN,
        Event.LOST: _DOWN,
        Event.FRESH: _DOWN,
        Event.AGED: _DOWN,
        Event.NO_HANDSHAKE: _DOWN,
        Event.UNMEASURED: _UNKNOWN,
    },
    _IDLE: {  # only left over from before the peer was probed
        Event.ANSWERED: _UP,
        Event.RECOVERED: _UP,
        Event.MISSED: _IDLE,
        Event.LOST: _DOWN,
        Event.FRESH: _UNKNOWN,
        Event.AGED: _UNKNOWN,
        Event.NO_HANDSHAKE: _NEVER,
        Event.UNMEASURED: _UNKNOWN,
    },
}

UNPROBED: Mapping[Event, PeerState] = {
    Event.FRESH: _UP,
    Event.AGED: _IDLE,
    Event.NO_HANDSHAKE: _NEVER,
    Event.UNMEASURED: _UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a peer, since when (monotonic seconds), and its probes in a row that failed or succeeded."""

    state: PeerState = PeerState.UNKNOWN
    since: float = 0.0
    failures: int = 0
    successes: int = 0

    @property
    def reachable(self) -> bool | None:
        """True in up and stale, False in down, None where nobody knows."""
        return REACHABLE[self.state]


def probed(status: Status, success: bool, now: float, *, down_after: int, up_after: int) -> Status:
    """The status after one probe ended; `down_after` and `up_after` count probes in a row."""
    if success:
        # Counted no further than it matters, so that a peer that stays up costs nothing.
        successes = min(status.successes + 1, up_after)
        event = Event.RECOVERED if successes >= up_after else Event.ANSWERED
        return _move(status, PROBED[status.state][event], now, successes=successes)
    failures = status.failures + 1
    event = Event.LOST if failures >= down_after else Event.MISSED
    return _move(status, PROBED[status.state][event], now, failures=failures)


def observed(status: Status, event: Event, now: float, *, is_probed: bool) -> Status:
    """The status after a handshake event, or after measuring ended. Raises KeyError for an event of a probe."""
    if event is Event.UNMEASURED:
        return _move(status, PeerState.UNKNOWN, now)
    if is_probed:
        state = PROBED[status.state][event]
        return _move(status, state, now, failures=status.failures, successes=status.successes)
    return _move(status, UNPROBED[event], now)


def handshake_event(at: float | None, now: float) -> Event:
    """What a handshake at monotonic second `at` means at `now`; None: the device has never seen one."""
    if at is None:
        return Event.NO_HANDSHAKE
    return Event.FRESH if now - at < HANDSHAKE_LIFETIME else Event.AGED


def _move(status: Status, state: PeerState, now: float, *, failures: int = 0, successes: int = 0) -> Status:
    if state is not status.state:
        return Status(state, now, failures, successes)
    if (failures, successes) == (status.failures, status.successes):
        return status
    return Status(state, status.since, failures, successes)
