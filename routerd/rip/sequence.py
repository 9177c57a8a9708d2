"""Sequence numbers of authenticated packets (RFC 4822 section 3.1), which never step back. Pure.

A number that was used must not be used again after a restart, also where the clock begins in the past. Writing each to
disk would wear out flash memory, so a number ahead is stored, and those up to it may be used.
"""

LAST = 0xFFFFFFFF
AHEAD = 3600


class Sequence:
    """The numbers of one machine, over all its speakers. `stored` is what was stored last; 0: nothing ever was."""

    def __init__(self, stored: int = 0) -> None:
        self._last = self._stored = max(0, min(stored, LAST))
        self._asked: int | None = None

    @property
    def last(self) -> int:
        """The number that was used last, or a larger one."""
        return self._last

    @property
    def unstored(self) -> int | None:
        """What must be on disk before the packets that were made last are sent; None: nothing has to."""
        return self._asked

    def next(self, unix_now: float) -> int:
        """A number for the packets of one update: the last one + 1 or the time, what is larger."""
        self._last = min(max(self._last + 1, int(unix_now)), LAST)
        if self._last > self._stored:
            self._asked = min(self._last + AHEAD, LAST)
        return self._last

    def stored(self, number: int) -> None:
        """This number is on disk."""
        self._stored = max(self._stored, number)
        if self._asked is not None and self._asked <= self._stored:
            self._asked = None
