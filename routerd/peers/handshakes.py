"""When each peer's last handshake gets too old, so that nobody has to look at all peers to find out. Pure."""

import heapq
from dataclasses import dataclass

from routerd.model import PeerKey
from routerd.peers.status import HANDSHAKE_LIFETIME


@dataclass(slots=True, eq=False)
class _Seen:
    key: PeerKey
    unix: float
    at: float
    queued: bool = False


class Handshakes:
    """The last handshake of each peer, in monotonic seconds, and the order in which they age.

    A handshake's Unix time is converted once, when it is first seen, so that a later step of the clock changes no age;
    one that was not there at the last look is no older than that look, whatever the clocks say.
    """

    def __init__(self) -> None:
        self._seen: dict[PeerKey, _Seen] = {}
        self._looked: dict[PeerKey, float] = {}
        self._heap: list[tuple[float, int, _Seen]] = []
        self._pushed = 0

    def update(self, key: PeerKey, unix: float, now: float, unix_now: float) -> float | None:
        """Take over what the device says (Unix seconds, 0: never); the handshake as monotonic seconds, or None."""
        looked, self._looked[key] = self._looked.get(key), now
        if unix <= 0:
            self._seen.pop(key, None)
            return None
        seen = self._seen.get(key)
        if seen is not None and seen.unix == unix:
            return seen.at
        at = now - max(0.0, unix_now - unix)
        if looked is not None:
            at = max(at, looked)
        if seen is None:
            seen = self._seen[key] = _Seen(key, unix, at)
        seen.unix, seen.at = unix, at
        if not seen.queued and now < at + HANDSHAKE_LIFETIME:
            self._push(seen)
        return at

    def get(self, key: PeerKey) -> float | None:
        """The last handshake of a peer as monotonic seconds; None if there was none."""
        seen = self._seen.get(key)
        return None if seen is None else seen.at

    def forget(self, key: PeerKey) -> None:
        """The peer is gone."""
        self._seen.pop(key, None)
        self._looked.pop(key, None)

    def next_deadline(self) -> float | None:
        """When `on_deadline` is to be called next; None while no handshake is young."""
        return self._heap[0][0] if self._heap else None

    def on_deadline(self, now: float) -> list[PeerKey]:
        """The peers whose last handshake has just become too old."""
        aged = []
        while self._heap and self._heap[0][0] <= now:
            seen = heapq.heappop(self._heap)[2]
            seen.queued = False
            if self._seen.get(seen.key) is not seen:
                continue
            if seen.at + HANDSHAKE_LIFETIME <= now:
                aged.append(seen.key)
            else:
                self._push(seen)
        return aged

    def _push(self, seen: _Seen) -> None:
        self._pushed += 1
        seen.queued = True
        heapq.heappush(self._heap, (seen.at + HANDSHAKE_LIFETIME, self._pushed, seen))
