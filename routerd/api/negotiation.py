"""What a request says of the answer it wants: media types (Accept), and what it has already (If-None-Match). Pure."""

from collections.abc import Sequence
from hashlib import blake2b

JSON = ("application/json",)
TEXT = ("text/plain",)
BINARY = ("application/vnd.sqlite3",)
EVENTS = ("text/event-stream",)
HEALTH = ("application/health+json", *JSON)
TAG_BYTES = 12


def choose(accept: Sequence[str], offered: Sequence[str]) -> str | None:
    """The first of the `offered` media types that the Accept headers allow; None if they exclude them all.

    The most specific range that fits a type decides (RFC 9110 section 12.5.1). No header, or one without a single
    readable range, allows everything.
    """
    ranges = [found for part in ",".join(accept).split(",") if (found := _range(part)) is not None]
    if not ranges:
        return offered[0]
    return next((media for media in offered if _allows(ranges, media)), None)


def _range(part: str) -> tuple[str, str, bool] | None:
    """Type, subtype, and whether its quality is above zero; None for what is no media range."""
    media, *parameters = part.split(";")
    kind, slash, subtype = media.strip().lower().partition("/")
    if not (kind and slash and subtype):
        return None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return kind, subtype, value.strip().strip("0.") != ""
    return kind, subtype, True


def _allows(ranges: Sequence[tuple[str, str, bool]], media: str) -> bool:
    kind, _, subtype = media.partition("/")
    for wanted in ((kind, subtype), (kind, "*"), ("*", "*")):
        fitting = [good for *found, good in ranges if tuple(found) == wanted]
        if fitting:
            return any(fitting)
    return False


def etag(body: bytes) -> str:
    """A weak entity tag of an answer's content."""
    return etag_of(blake2b(body, digest_size=TAG_BYTES))


def etag_of(content: blake2b) -> str:
    """The same, of content that was taken in bit by bit with a digest of `TAG_BYTES`."""
    return f'W/"{content.hexdigest()}"'


def is_known(if_none_match: Sequence[str], tag: str) -> bool:
    """Do the If-None-Match headers name this tag (compared weakly), or everything by `*`?"""
    given = [part.strip() for part in ",".join(if_none_match).split(",")]
    return "*" in given or tag.removeprefix("W/") in (part.removeprefix("W/") for part in given)
