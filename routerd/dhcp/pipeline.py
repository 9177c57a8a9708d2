"""Which replies wait for which rows: one batch is being stored, what arrives meanwhile is the next one.

Pure: the service runs the commits and sends what comes back from here.
"""

from typing import Generic, TypeVar

from routerd.dhcp.leases import Row

T = TypeVar("T")


class Pipeline(Generic[T]):
    """Rows on their way to the disk, in order, each with the reply that may leave when it is there (or None)."""

    def __init__(self, largest: int = 1024) -> None:
        self._largest = largest
        self._waiting: list[tuple[str, tuple[Row, ...], T | None]] = []
        self._in_flight: list[tuple[str, tuple[Row, ...], T | None]] = []
        self._unsaved: dict[tuple[str, int], Row] = {}

    @property
    def busy(self) -> bool:
        """Is a batch being stored?"""
        return bool(self._in_flight)

    @property
    def unsaved(self) -> int:
        """How many rows a failed commit left behind."""
        return len(self._unsaved)

    def add(self, lan: str, rows: tuple[Row, ...], reply: T | None) -> None:
        """Store `rows`, then let `reply` leave."""
        self._waiting.append((lan, rows, reply))

    def start(self) -> list[tuple[str, Row]]:
        """The next batch, rows that failed before first; [] if one is under way or nothing waits."""
        if self._in_flight or not (self._waiting or self._unsaved):
            return []
        self._in_flight = self._waiting[: self._largest] or [("", (), None)]
        del self._waiting[: self._largest]
        rows = [(lan, row) for (lan, _), row in self._unsaved.items()]
        rows += [(lan, row) for lan, some, _ in self._in_flight for row in some]
        return rows

    def done(self) -> list[tuple[str, tuple[Row, ...], T | None]]:
        """The batch is on disk: what was stored, and the replies that may leave now."""
        stored, self._in_flight = self._in_flight, []
        self._unsaved.clear()
        return stored

    def failed(self) -> int:
        """The batch could not be stored: its replies are dropped (how many comes back), its rows come again."""
        dropped = sum(reply is not None for _, _, reply in self._in_flight)
        for lan, rows, _ in self._in_flight:
            for row in rows:
                self._unsaved[lan, row.address] = row
        self._in_flight = []
        return dropped
