"""Faults of a configuration: one value each, with its path, the rule that it breaks and how to mend it."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routerd.config.model import Config
from typing import Any

_SHOWN = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_BOUNDARY = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One fault. `value` is the value as the file has it (TOML notation, bounded), None where a key is missing."""

    path: str
    value: str | None
    rule: str
    mend: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}:"
        return f"{self.path}:{shown} {self.rule}; {self.mend}"


class ConfigError(Exception):
    """A configuration with faults; `errors` holds all of them, in the order of the file's sections.

    `partial` is what could be read of it, for further checks only.
    """

    def __init__(self, errors: Sequence[ConfigFault], partial: "Config | None" = None) -> None:
        self.errors = tuple(errors)
        self.partial = partial
        super().__init__("\n".join(str(fault) for fault in self.errors))


def escape(text: str) -> str:
    """The text with quotes, control and other unprintable characters escaped as in TOML; never more than one line."""
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def show(value: Any) -> str:
    """The value in TOML notation on one line, about 60 characters at most; lists and tables show their first level."""
    if isinstance(value, list | tuple):
        return _bounded("[" + ", ".join(_show_scalar(item) for item in value[:_SHOWN]) + "]")
    return _show_scalar(value)


def _bounded(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _show_scalar(value: Any) -> str:
    if isinstance(value, str):
        return f'"{_bounded(escape(value[: _SHOWN + 1]))}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to print integers of thousands of digits.
        return str(value) if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float | datetime.date | datetime.time):
        return str(value)
    if isinstance(value, dict):
        return "a table"
    return "an array" if isinstance(value, list | tuple) else f"a value of type {type(value).__name__}"


def join(path: str, key: Any) -> str:
    """The path of a key inside the table at `path`; a key that TOML would quote is quoted."""
    name = key if isinstance(key, str) and _BARE_KEY.fullmatch(key) else show(key)
    return f"{path}.{name}" if path else name


class Faults:
    """Collects the faults of one file, and knows which paths have some, so that no fault is reported for another."""

    def __init__(self) -> None:
        self.found: list[ConfigFault] = []
        self._touched: set[str] = set()
        self._kept: dict[str, tuple[int, ...]] = {}

    def add(self, path: str, value: Any, rule: str, mend: str) -> None:
        """Report a fault; `value` is the value as it was given, None where there is none."""
        self.found.append(ConfigFault(path, None if value is None else show(value), rule, mend))
        self.touch(path)

    def touch(self, path: str) -> None:
        """Mark a path as not to be judged further, because a fault that was reported elsewhere explains it."""
        self._touched.add(path)
        self._touched.update(path[: match.start()] for match in _BOUNDARY.finditer(path))

    def clean(self, path: str) -> bool:
        """Whether no fault was found at this path or below it."""
        return path not in self._touched

    def keep(self, path: str, indexes: Sequence[int]) -> None:
        """Remember which items of the array at `path` were usable, by their indexes in the file."""
        self._kept[path] = tuple(indexes)

    def item(self, path: str, index: int) -> str:
        """The path of the usable item number `index` of the array at `path`, as the file counts it."""
        kept = self._kept.get(path)
        return f"{path}[{index if kept is None else kept[index]}]"
