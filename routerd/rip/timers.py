"""When updates are due: full ones by the interval, triggered ones at once but not one after the other. Pure."""

from random import Random

_USUAL = 30.0
_JITTER = 1 / 6
_DAMPING = (1.0, 5.0)
TIMEOUT, GARBAGE = 6, 4
"""In update intervals: 180 and 120 s of 30 s (RFC 2453 section 3.8)."""


class Timers:
    """The two timers of one speaker. Jitter and damping of intervals below 30 s are shorter in proportion."""

    def __init__(self, interval: float, rng: Random, now: float) -> None:
        self._rng = rng
        self._interval = interval
        self.full_at: float | None = None
        self.triggered_at = now
        """The earliest time of the next triggered update."""
        self.repeat_at = now
        """The same for one that only repeats; never earlier. Those do not make changes wait."""

    def configure(self, interval: float, now: float) -> None:
        """Another interval; the next full update is not later than it says."""
        if interval != self._interval:
            self._interval = interval
            if self.full_at is not None:
                self.full_at = min(self.full_at, now + self._next())

    def soon(self, now: float) -> None:
        """A full update is due."""
        self.full_at = now

    def full_sent(self, now: float) -> None:
        """The next one is an interval later, give or take 5 s of 30, so that routers do not fall into step."""
        self.full_at = now + self._next()

    def triggered_sent(self, now: float) -> None:
        """The next one waits for 1 to 5 s (RFC 2453 section 3.10.1)."""
        self.triggered_at = self.repeat_at = now + self._damping()

    def repeated(self, now: float) -> None:
        """The same for one that told nothing new: only the next one of its kind waits."""
        self.repeat_at = now + self._damping()

    def _damping(self) -> float:
        return self._rng.uniform(*_DAMPING) * min(1.0, self._interval / _USUAL)

    def _next(self) -> float:
        return self._interval * (1 + self._rng.uniform(-_JITTER, _JITTER))
