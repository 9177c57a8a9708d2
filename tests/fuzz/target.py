"""What the fuzzer plays against: a fresh server, messages to begin with, how they are changed, and what must hold."""

from collections.abc import Sequence
from pathlib import Path as File
from random import Random
from typing import Any, NamedTuple, Protocol

MOST_SECONDS = 0.5
"""Of processor time for one message: far beyond any, far below what a flood would need to stop the server."""


class Step(NamedTuple):
    """One message: how long after the last one, and whether it is sent to the server's own address."""

    wait: float
    to_us: bool
    data: bytes


class Broken(AssertionError):
    """What holds after every message does not hold."""


class Target(Protocol):
    """One protocol. `name` is the word for `python -m tests.fuzz`, `directory` where its cases are."""

    name: str
    directory: File
    waits: tuple[float, ...]

    def start(self) -> Any:
        """A new server."""

    def play(self, server: Any, step: Step) -> object:
        """Let one step happen; what came of it, in a form that can be compared. Raises whatever is wrong."""

    def check(self, server: Any) -> None:
        """It still does its work, and its tables are in order. Raises `Broken`."""

    def corpus(self) -> list[bytes]:
        """Messages to begin with."""

    def mutated(self, data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """A message made from `data` by a few changes, or by none."""
