"""Durations as the configuration writes them ("200ms", "1h30m"), in seconds."""

import re
from typing import Any

from routerd.config.schema import Bad, Kind, pattern
from routerd.config.values import text_of

LONGEST = float(1 << 31)
_DIGITS = "([0-9]{1,12})"
_DURATION = re.compile(f"(?:{_DIGITS}h)?(?:{_DIGITS}m(?!s))?(?:{_DIGITS}s)?(?:{_DIGITS}ms)?")
_MILLISECONDS = (3_600_000, 60_000, 1_000, 1)


def parse_duration(value: Any) -> float:
    """The seconds of a duration, more than 0 and at most 2^31; raises Bad."""
    seconds = parse_seconds(value)
    if not 0 < seconds <= LONGEST:
        raise Bad("must be more than 0 and at most 2^31 s", "choose a duration in this range")
    return seconds


def parse_seconds(value: Any) -> float:
    """The seconds of a duration of any length, for who has bounds of its own; raises Bad."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Bad("must be a duration with its unit, written as a string", 'for example "30s"')
    text = text_of(value, "a duration", "30s")
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Bad("must be a duration: whole numbers of h, m, s, ms in this order", 'for example "30s" or "1h30m"')
    return sum(int(digits or 0) * unit for digits, unit in zip(match.groups(), _MILLISECONDS, strict=True)) / 1000


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as these seconds, to the millisecond."""
    rest = round(seconds * 1000)
    text = ""
    for unit, size in zip(("h", "m", "s", "ms"), _MILLISECONDS, strict=True):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def duration(least: float, most: float, whole: bool = False) -> Kind:
    """The kind of a duration between two bounds in seconds, both included; `whole`: without a fraction of a second."""
    bounds = f"from {format_duration(least)} to {'2^31 s' if most == LONGEST else format_duration(most)}"

    def parse(value: Any) -> float:
        seconds = parse_duration(value)
        if not least <= seconds <= most:
            raise Bad(f"must be {bounds}", "choose a duration in this range")
        if whole and seconds % 1:
            raise Bad("must be whole seconds", f'write "{format_duration(seconds // 1)}"')
        return seconds

    return Kind(f"duration, {bounds}", parse, limits=pattern(f"(?=.){_DURATION.pattern}"))
