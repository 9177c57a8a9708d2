"""How much may happen in a time, so that a flood costs no more than it may. Pure."""


class Bucket:
    """A token bucket: `burst` at once, and `rate` a second in the long run."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._left = burst
        self._at = now

    def take(self, now: float, count: float = 1.0) -> bool:
        """Whether there is any left now; then so many are taken, if need be on credit."""
        if now > self._at:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
        if self._left <= 0:
            return False
        self._left -= count
        return True
