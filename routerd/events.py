"""The bounded queue of events: the newest ones are kept, and every reader has a place of its own in it. Pure."""

from collections import deque
from itertools import islice
from typing import NamedTuple

from routerd.model import Event

KEPT = 1000


class Numbered(NamedTuple):
    """An event and its number; numbers rise by one."""

    number: int
    event: Event


class EventLog:
    """The newest events. Readers ask for what came after the number that they saw last, so none of them costs memory.

    `run` tells this daemon's numbers from those of one before it.
    """

    def __init__(self, run: str, kept: int = KEPT) -> None:
        self.run = run
        self._events: deque[Numbered] = deque(maxlen=kept)
        self.last = 0
        """The number of the newest event; 0 before the first one."""

    def add(self, event: Event) -> None:
        """Take over an event; the oldest one goes where there are too many."""
        self.last += 1
        self._events.append(Numbered(self.last, event))

    def after(self, number: int, limit: int = 100) -> list[Numbered]:
        """At most `limit` events after `number`, oldest first. Where the first one's number is more than one higher,
        those between are lost.
        """
        first = self._events[0].number if self._events else self.last + 1
        return list(islice(self._events, max(0, number + 1 - first), max(0, number + 1 - first) + limit))

    def text_id(self, number: int) -> str:
        """The id of an event as readers get it."""
        return f"{self.run}-{number}"

    def resume(self, text: str) -> int:
        """The number to read on after, from the id that a reader saw last: 0 (all that is kept) for a foreign id."""
        run, _, number = text.rpartition("-")
        if run != self.run or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return 0
        return min(int(number), self.last)
