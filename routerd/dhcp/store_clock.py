"""What the lease file knows of clocks: rows have Unix seconds, and all are rewritten when that clock is stepped.

Calls raise sqlite3.Error.
"""

import math
import sqlite3
from collections.abc import Callable

CLOCK_STEP = 2.0
_NEWEST_EVERY = 60.0


class StoredClock:
    """How the wall clock stood to the caller's clock when the rows of the open file were written.

    `newest` is the time, in Unix seconds, up to which all is stored, as the file says; None where it says nothing.
    """

    def __init__(self, wall: Callable[[], float], boot: str) -> None:
        self.newest: float | None = None
        self._wall, self._boot = wall, boot
        self._offset: float | None = None
        self._noted = 0.0

    def read(self, database: sqlite3.Connection, offset: float) -> float:
        """With which offset the rows in the file were written; `offset` is what it would be now."""
        row = database.execute("SELECT boot, offset, newest FROM clock").fetchone()
        if row is None or not all(isinstance(value, float) and math.isfinite(value) for value in row[1:]):
            self._offset = offset
            return offset
        boot, written, newest = row
        self.newest = newest
        # Where the caller's clock began anew and the wall clock is behind the last commit (no battery, and no time
        # server has answered yet), that says nothing: no time has passed then, as far as anyone knows.
        self._offset = float(written) if boot == self._boot else offset + max(0.0, float(newest) - self._wall())
        return self._offset

    def settle(self, database: sqlite3.Connection, offset: float) -> float:
        """The wall clock less the caller's clock as all rows have it, after they were rewritten if that was stepped."""
        known = self.read(database, offset) if self._offset is None else self._offset
        if abs(offset - known) > CLOCK_STEP:
            self._step(database, offset - known, offset)
            self._offset = known = offset
        return known

    def _step(self, database: sqlite3.Connection, step: float, offset: float) -> None:
        newest = (self._wall() - step if self.newest is None else self.newest) + step
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE lease SET starts = starts + ?, expires = expires + ?", (step, step))
        database.execute("REPLACE INTO clock VALUES (1, ?, ?, ?)", (self._boot, offset, newest))
        database.execute("COMMIT")
        self.newest, self._noted = newest, 0.0

    def is_due(self, newest: float) -> bool:
        """Should the file be told that all is stored up to this time? That is so once a minute."""
        return not 0.0 <= newest - self._noted < _NEWEST_EVERY

    def note(self, database: sqlite3.Connection, base: float, newest: float) -> None:
        """Tell the file so; `noted` says when that has lasted."""
        database.execute("REPLACE INTO clock VALUES (1, ?, ?, ?)", (self._boot, base, newest))

    def noted(self, newest: float) -> None:
        """What `note` wrote is in the file."""
        self.newest = self._noted = newest
