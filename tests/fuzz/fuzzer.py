"""Plays mutated messages, remembers those that lead to something new, and keeps what breaks a server as a case."""

import time
import traceback
from pathlib import Path as File
from random import Random

from tests.fuzz.cases import fails, shortened, write
from tests.fuzz.target import Step, Target

_ROUND = 100
_MOST_REMEMBERED = 5000


def _place(error: BaseException) -> str:
    """Where an error comes from, so that one fault becomes one case."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"


class Fuzzer:
    """One run from one seed: the same seed plays the same messages. Cases go to `directory`, else to the target's."""

    def __init__(self, target: Target, seed: int, directory: File | None = None) -> None:
        self._target = target
        self._rng = Random(seed)
        self._directory = directory or target.directory
        self._corpus = target.corpus()
        self._seen: set[object] = set()
        self._places: set[str] = set()
        self.played = 0
        self.found: list[File] = []

    @property
    def learned(self) -> int:
        """How many different things messages have led to."""
        return len(self._seen)

    def run(self, seconds: float, rounds: int = 1 << 30) -> None:
        """Play for so long, or so many rounds of a new server each."""
        end = time.monotonic() + seconds
        while rounds > 0 and time.monotonic() < end:
            self._round()
            rounds -= 1

    def _round(self) -> None:
        rng, target, steps = self._rng, self._target, []
        server = target.start()
        try:
            for _ in range(_ROUND):
                data = target.mutated(rng.choice(self._corpus), rng, self._corpus)
                step = Step(rng.choice(target.waits), rng.random() < 0.3, data)
                steps.append(step)
                self.played += 1
                self._remember(target.play(server, step), data)
            target.check(server)
        except Exception as error:
            self._keep(steps, error)

    def _remember(self, outcome: object, data: bytes) -> None:
        if outcome not in self._seen:
            self._seen.add(outcome)
            if len(self._corpus) < _MOST_REMEMBERED:
                self._corpus.append(data)

    def _keep(self, steps: list[Step], error: Exception) -> None:
        place = _place(error)
        if place in self._places:
            return
        self._places.add(place)
        again = fails(steps, self._target)
        if again is not None:
            steps = shortened(steps, self._target)
            error = fails(steps, self._target) or error  # type: ignore[assignment]
        self.found.append(write(steps, error, self._directory))
