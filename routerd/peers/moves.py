"""A peer's change of state, as an event and in words. Pure."""

from typing import NamedTuple

from routerd.model import Event, PeerKey
from routerd.peers.failures import is_answer
from routerd.reports import REACHABLE, PeerState

GONE = "gone"


class Move(NamedTuple):
    """What became of a peer. `state` is None where it is neither configured nor on a device any more.

    `probed` is the address that its probes go to, None where its handshakes decide; `rtt` is in seconds. `flapping`
    True: from now on only summaries tell of it; False: no longer; None: it does not flap. `changes` of its states were
    not told one by one before this.
    """

    key: PeerKey
    state: PeerState | None
    listed: bool
    probed: str | None
    failures: int
    rtt: float | None
    flapping: bool | None = None
    changes: int = 0
    failure: str | None = None


def event_of(move: Move, at: float) -> Event:
    """The move as an event; `at` is Unix seconds."""
    vpn, name = move.key
    if move.state is None:
        return Event("peer", name, GONE, at, {"vpn": vpn, "reachable": None})
    data: dict[str, object] = {"vpn": vpn, "reachable": REACHABLE[move.state]}
    if move.flapping is not None:
        data |= {"flapping": move.flapping, "changes": move.changes}
    return Event("peer", name, move.state.value, at, data)


def text_of(move: Move) -> str:
    """The new state and its cause in words."""
    if move.state is None or not (move.flapping is not None):
        return _plain_text(move)
    since = f", {move.changes} more changes since this was said last" if move.changes else ""
    return f"{'flapping' if move.flapping else 'no longer flapping'}{since}; now {_plain_text(move)}"


def _plain_text(move: Move) -> str:
    match move.state:
        case None:
            return "gone: no longer configured, or on a WireGuard interface, under this name"
        case PeerState.UP if move.probed is None:
            return "up: its last handshake is recent"
        case PeerState.UP:
            return f"up: {move.probed} answered" + ("" if move.rtt is None else f" in {move.rtt * 1000:.1f} ms")
        case PeerState.STALE:
            return f"stale: {_failing(move)}{_because(move)}; probed on"
        case PeerState.DOWN:
            return f"down: {_failing(move)} {move.failures} times in a row{_because(move)}; probed on"
        case PeerState.IDLE:
            return "idle: no handshake for 180 s"
        case PeerState.NEVER:
            return "never: no handshake yet"
        case PeerState.UNKNOWN:
            return "unknown: nothing measures it now"


def _failing(move: Move) -> str:
    return f"{move.probed} failed its probe" if is_answer(move.failure) else f"{move.probed} did not answer"


def _because(move: Move) -> str:
    return f" ({move.failure})" if move.failure else ""


def is_notable(move: Move) -> bool:
    """Whether people want to read of it: peers that only their handshakes speak for come and go all the time."""
    if move.state is None:
        return move.listed
    if move.flapping is not None:
        return True
    return move.probed is not None and move.state in (PeerState.UP, PeerState.DOWN)
