"""Which replies wait for which rows: one batch is being stored, what arrives meanwhile is the next one.

Pure: the service runs the commits and sends what comes back from here.
"""

from collections import deque
from typing import Generic, TypeVar

from routerd.dhcp.leases import BOUND, Row

T = TypeVar("T")


class Pipeline(Generic[T]):
    """Rows on their way to the disk, in order, each with the reply that may leave when it is there (or None)."""

    def __init__(self, largest: int = 1024, most_waiting: int = 10_000) -> None:
        self._largest, self._most_waiting = largest, most_waiting
        self._waiting: deque[tuple[str, tuple[Row, ...], T | None]] = deque()
        self._in_flight: list[tuple[str, tuple[Row, ...], T | None]] = []
        self._unsaved: dict[tuple[str, int], Row] = {}
        self._retried: dict[tuple[str, int], Row] = {}

    @property
    def busy(self) -> bool:
        """Is a batch being stored?"""
        return bool(self._in_flight)

    @property
    def unsaved(self) -> int:
        """How many rows a failed commit left behind."""
        return len(self._unsaved)

    def add(self, lan: str, rows: tuple[Row, ...], reply: T | None) -> bool:
        """Store `rows`, then let `reply` leave. False: too much waits, and the oldest reply was given up for it."""
        self._waiting.append((lan, rows, reply))
        if len(self._waiting) <= self._most_waiting:
            return True
        lan, rows, _ = self._waiting.popleft()
        self._unsaved.update({(lan, row.address): row for row in rows})
        return False

    def pending(self) -> set[tuple[str, int]]:
        """LAN and address of every new or changed binding that is not on disk yet."""
        waiting = [(lan, row) for lan, rows, _ in (*self._in_flight, *self._waiting) for row in rows]
        unsaved = [(lan, row) for rows in (self._unsaved, self._retried) for (lan, _), row in rows.items()]
        return {(lan, row.address) for lan, row in waiting + unsaved if row.state == BOUND and not row.renewal}

    def start(self) -> list[tuple[str, Row]]:
        """The next batch, rows that failed before first; [] if one is under way or nothing waits."""
        if self._in_flight or not (self._waiting or self._unsaved):
            return []
        batch = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
        self._in_flight = batch or [("", (), None)]
        self._retried, self._unsaved = self._unsaved, {}
        rows = [(lan, row) for (lan, _), row in self._retried.items()]
        rows += [(lan, row) for lan, some, _ in self._in_flight for row in some]
        return rows

    def done(self) -> list[tuple[str, tuple[Row, ...], T | None]]:
        """The batch is on disk: what was stored, and the replies that may leave now."""
        stored, self._in_flight = self._in_flight, []
        self._retried = {}
        return stored

    def failed(self) -> int:
        """The batch could not be stored: its replies are dropped (how many comes back), its rows come again."""
        dropped = sum(reply is not None for _, _, reply in self._in_flight)
        tried = {(lan, row.address): row for lan, rows, _ in self._in_flight for row in rows}
        self._unsaved = self._retried | tried | self._unsaved
        self._in_flight, self._retried = [], {}
        return dropped
