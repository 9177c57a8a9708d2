"""Peers whose state changes again and again: what is told of them is thinned out, their state never is. Pure."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from routerd.model import PeerKey

MOST_CHANGES = 4
WITHIN = 300.0
SUMMARY_EVERY = 60.0


class Summary(NamedTuple):
    """What became of a flapping peer: how many changes were not told one by one, and whether it goes on."""

    key: PeerKey
    changes: int
    flapping: bool


@dataclass(slots=True, eq=False)
class _History:
    times: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_CHANGES + 1))
    flapping: bool = False
    held: int = 0

    def is_restless(self, now: float) -> bool:
        return len(self.times) > MOST_CHANGES and now - self.times[0] < WITHIN


class Flaps:
    """The latest changes of every peer that had any. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._histories: dict[PeerKey, _History] = {}
        self._due: list[tuple[float, int, PeerKey, _History]] = []
        self._pushed = 0

    def note(self, key: PeerKey, now: float) -> bool:
        """A peer's state has changed: whether to tell of it at once, else a summary will."""
        history = self._histories.setdefault(key, _History())
        history.times.append(now)
        if history.flapping:
            history.held += 1
            return False
        if history.is_restless(now):
            history.flapping = True
            self._push(key, history, now)
        return True

    def is_flapping(self, key: PeerKey) -> bool:
        """More than 4 changes in 5 minutes; the end of it is noticed within a minute."""
        history = self._histories.get(key)
        return history is not None and history.flapping

    def keys(self) -> frozenset[PeerKey]:
        """All that flap."""
        return frozenset(key for key, history in self._histories.items() if history.flapping)

    def forget(self, key: PeerKey) -> None:
        """The peer is gone."""
        self._histories.pop(key, None)

    def next_deadline(self) -> float | None:
        """When `on_deadline` is to be called next; None while nothing flaps."""
        return self._due[0][0] if self._due else None

    def on_deadline(self, now: float) -> list[Summary]:
        """What is to be told now: once a minute for a peer that goes on changing, and once when it has come to rest."""
        summaries = []
        while self._due and self._due[0][0] <= now:
            _, _, key, history = heapq.heappop(self._due)
            if self._histories.get(key) is not history:
                continue
            history.flapping = history.is_restless(now)
            if history.flapping:
                self._push(key, history, now)
            if history.held or not history.flapping:
                summaries.append(Summary(key, history.held, history.flapping))
            history.held = 0
        return summaries

    def _push(self, key: PeerKey, history: _History, now: float) -> None:
        self._pushed += 1
        heapq.heappush(self._due, (now + SUMMARY_EVERY, self._pushed, key, history))
