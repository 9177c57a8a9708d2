"""Waiting for something to become true, with a deadline and never longer than needed."""

import time
from collections.abc import Callable
from typing import TypeVar

from routerd.lab.errors import LabError

T = TypeVar("T")
_FIRST_PAUSE = 0.01


def wait_for(what: str, probe: Callable[[], T | None], *, limit: float, step: float = 0.02) -> T:
    """The first value of `probe` that is true. Raises `LabError` naming `what` after `limit` seconds.

    The pauses grow to `step`: most of what is waited for is true within a few milliseconds.
    """
    deadline = time.monotonic() + limit
    pause = min(_FIRST_PAUSE, step)
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not so after {limit:g} s")
        time.sleep(pause)
        pause = min(2 * pause, step)
