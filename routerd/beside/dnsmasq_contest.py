"""Does another program change the file of options again and again? Pure."""

_CALM = 600.0
_MANY = 3


class Contest:
    """How often the file was put back lately. Times are in seconds of one clock."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def note(self, now: float, *, written: bool, is_new: bool) -> bool:
        """It was looked at: `written` if it differed, `is_new` if something new was wanted. True while it is contested.

        Somebody else changes it where it differs although nothing new is wanted.
        """
        self._times = [at for at in self._times if now - at < _CALM]
        if written and not is_new:
            self._times.append(now)
        return len(self._times) >= _MANY

    def slower(self, pause: float) -> float:
        """The pause between two looks: what is refused to be left alone is put back ever less often."""
        return pause * 2.0 ** min(30, max(0, len(self._times) - _MANY + 1))
