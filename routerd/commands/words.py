"""Times and amounts in words. Pure."""

from datetime import datetime

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def age(seconds: float) -> str:
    """A length of time in its largest whole unit: 45 s, 3 min, 5 h, 2 d."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 2 * 86400 else f"{whole // 86400} d"


def unix(text: object) -> float | None:
    """Unix seconds of a time as the HTTP interface writes it; None for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
    except ValueError:
        return None


def since(text: object, now: float) -> str | None:
    """How long ago that is; None where it is not known."""
    at = unix(text)
    return None if at is None else age(now - at)


def ago(text: object, now: float) -> str | None:
    """The same for a sentence: 3 min ago."""
    words = since(text, now)
    return None if words is None else f"{words} ago"


def until(text: object, now: float) -> str | None:
    """When something that is to come comes, or came: in 58 min, 3 min ago."""
    at = unix(text)
    if at is None:
        return None
    return f"in {age(at - now)}" if at >= now else f"{age(now - at)} ago"


def amount(count: object) -> str | None:
    """A number of bytes: 812 B, 1.2 KiB, 34 MiB; None where it is not known."""
    if not isinstance(count, int):
        return None
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 999.5 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def count(number: int, what: str, many: str | None = None) -> str:
    """A number of things: 1 peer, 2 peers; `many` where the plural is another word."""
    return f"{number} {what if number == 1 else many or f'{what}s'}"
