"""Packets that wait to be sent, in order and in bursts that a receiver's buffer holds. Pure."""

from collections import deque
from collections.abc import Iterable

from routerd.rip.words import Packet

BURST = 64
PAUSE = 0.01
MOST_ANSWERS = 2000
"""So many packets may wait before questions stay unanswered."""


class Outbox:
    """A queue of packets."""

    def __init__(self) -> None:
        self._waiting: deque[Packet] = deque()
        self._ready_at = 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether nothing may be added that can be left out."""
        return len(self._waiting) >= MOST_ANSWERS

    def add(self, packets: Iterable[Packet]) -> None:
        """To be sent after those that wait."""
        self._waiting.extend(packets)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()

    def next_deadline(self) -> float | None:
        """When the next burst may leave; None: nothing waits."""
        return self._ready_at if self._waiting else None

    def take(self, now: float) -> tuple[Packet, ...]:
        """What leaves now."""
        if now < self._ready_at or not self._waiting:
            return ()
        burst = tuple(self._waiting.popleft() for _ in range(min(BURST, len(self._waiting))))
        self._ready_at = now + PAUSE if len(burst) == BURST else now
        return burst
