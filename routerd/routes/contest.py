"""How often something may be put back that another program takes away again and again. Pure: `now` is seconds."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

QUIET = 300.0
_FIRST_DELAY, _LAST_DELAY = 1.0, 60.0


@dataclass(slots=True)
class Contest:
    """How often it was taken away since the last quiet time, when last, and by whom ("": not known)."""

    times: int = 0
    last: float = 0.0
    who: str = ""
    free_at: float = float("-inf")
    delay: float = _FIRST_DELAY


class Contests(Generic[K]):
    """The first loss is put back at once, later ones 1 s, 2 s, … 60 s after the last time; a quiet time ends it."""

    def __init__(self) -> None:
        self._contests: dict[K, Contest] = {}

    def lost(self, key: K, who: str, now: float) -> None:
        """It was taken away."""
        contest = self._contests.get(key)
        if contest is None or now - contest.last >= QUIET:
            contest = self._contests[key] = Contest()
        contest.times += 1
        contest.last, contest.who = now, who or contest.who

    def held(self, key: K, now: float) -> bool:
        """Must putting it back wait?"""
        contest = self._contests.get(key)
        return contest is not None and now < contest.free_at and now - contest.last < QUIET

    def put_back(self, key: K, now: float) -> None:
        """It is there again; the next time waits longer."""
        contest = self._contests.get(key)
        if contest is not None and contest.times:
            contest.free_at = now + contest.delay
            contest.delay = min(2 * contest.delay, _LAST_DELAY)

    def next_deadline(self, now: float) -> float | None:
        """When the next thing that is held may be put back."""
        return min((contest.free_at for contest in self._contests.values() if contest.free_at > now), default=None)

    def standing(self, now: float) -> Iterator[tuple[K, Contest]]:
        """What was lost and has not been quiet since."""
        self._contests = {key: one for key, one in self._contests.items() if now - one.last < QUIET}
        return iter(tuple(self._contests.items()))
