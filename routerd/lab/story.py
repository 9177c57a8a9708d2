"""Tells what happens step by step, in aligned lines, with the time that each step took."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from routerd.lab.errors import LabError

_TITLE, _TEXT = 11, 74
_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Told:
    """What a step found: one line, and more lines below it."""

    text: str
    details: tuple[str, ...] = ()


class Story:
    """Prints numbered steps. No colour unless `out` is a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = self._out.isatty()
        self._steps = 0
        self._begun = time.monotonic()

    def step(self, title: str, action: Callable[[], Told]) -> None:
        """Does `action` and tells it. Lets a `LabError` through, after the line says that the step failed."""
        self._steps += 1
        self._write(f"{self._steps:>3}  {title:<{_TITLE}} ")
        begun = time.monotonic()
        try:
            told = action()
        except LabError:
            self._write(f"{self._paint('FAILED', _RED)} after {time.monotonic() - begun:.1f} s\n")
            raise
        except BaseException:
            self._write("\n")
            raise
        took = f"{time.monotonic() - begun:6.2f} s"
        self._write(f"{told.text:<{_TEXT}} {self._paint('ok', _GREEN)} {took}\n")
        self.lines(told.details)

    def lines(self, lines: Iterable[str]) -> None:
        """Prints lines below the text of the step."""
        for line in lines:
            self._write(" " * (_TITLE + 6) + line.rstrip() + "\n")

    def say(self, text: str = "") -> None:
        """Prints a line of its own."""
        self._write(text + "\n")

    @property
    def steps(self) -> int:
        """How many steps were begun."""
        return self._steps

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._begun

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
