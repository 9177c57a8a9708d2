"""Waiting for something to become true, with a deadline and never longer than needed."""

import time
from collections.abc import Callable
from typing import TypeVar

from routerd.lab.errors import LabError

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], *, limit: float, step: float = 0.05) -> T:
    """The first value of `probe` that is true. Raises `LabError` naming `what` after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not so after {limit:g} s")
        time.sleep(step)
