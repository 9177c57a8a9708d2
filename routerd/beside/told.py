"""What a server of this machine answered, against what it should hand out, and when to ask it again. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from routerd.beside.options import CLASSLESS_ROUTES
from routerd.beside.static_routes import STATIC_ROUTES, Route, decode_static_routes
from routerd.beside_part import Told
from routerd.classless import decode_classless_routes
from routerd.wire import WireError

ROUTER = 3
MASK = 1
ASKED = (MASK, 28, 2, ROUTER, 15, 6, 119, 12, 44, 47, 26, CLASSLESS_ROUTES, 42, STATIC_ROUTES)
"""What dhclient asks for: among fewer, option 121 would have room that it has not for clients. And option 33."""
PATIENCE = 1.5
_SOON, _AGAIN = 0.5, 3.0
_EVERY_WRONG, _EVERY_RIGHT = 60.0, 300.0
_SHOWN = 4


class Verdict(StrEnum):
    """What an answer says of the server."""

    RIGHT = "right"
    SILENT = "silent"
    WITHOUT = "without"
    OLD = "old"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one LAN's server. `value` is its option 121; `router` its option 3, None where it sent none.

    `statics`: the routes of its option 33.

    `serves`: has it a range for this LAN, so that its option 3 is what clients get?
    """

    verdict: Verdict
    value: bytes = b""
    router: IPv4Address | None = None
    server: IPv4Address | None = None
    serves: bool = False
    statics: tuple[Route, ...] = ()


def judge(wanted: bytes, before: Iterable[bytes], answers: Iterable[Told], also: Collection[bytes] = ()) -> Finding:
    """Does this machine's server hand out `wanted`, or one of `also`? `before` are values that it was given earlier.

    Where nothing is wanted, whatever the administrator hands out is right.
    """
    local = next((answer for answer in answers if answer.local), None)
    if local is None:
        return Finding(Verdict.SILENT)
    value = local.options.get(CLASSLESS_ROUTES, b"")
    raw = local.options.get(ROUTER, b"")
    router = IPv4Address(raw[:4]) if len(raw) >= 4 else None
    if value == wanted or (value and value in also):
        verdict = Verdict.RIGHT
    elif value and value in before:
        verdict = Verdict.OLD
    elif not wanted:
        verdict = Verdict.RIGHT
    else:
        verdict = Verdict.OTHER if value else Verdict.WITHOUT
    statics = decode_static_routes(local.options.get(STATIC_ROUTES, b""))
    return Finding(verdict, value, router, local.server, MASK in local.options, statics)


def value_text(value: bytes) -> str:
    """The routes of an option 121 in words."""
    try:
        routes = decode_classless_routes(value)
    except WireError:
        return value.hex(":")[:64]
    shown = ", ".join(f"{prefix} via {gateway}" for prefix, gateway in routes[:_SHOWN])
    return shown + (f" and {len(routes) - _SHOWN} more" if len(routes) > _SHOWN else "")


class Questions:
    """When to ask: soon after a change, once more if the answer is wrong, and then every few minutes.

    Two questions follow a change at most, so that nothing fills dnsmasq's log.
    """

    def __init__(self) -> None:
        self.due = float("inf")
        self._tries = 0

    def changed(self, now: float) -> None:
        """The server was given something new, or is a new one."""
        self.due, self._tries = now + _SOON, 0

    def answered(self, now: float, *, right: bool) -> None:
        """A question was answered, or stayed unanswered."""
        self._tries += 1
        if right:
            self.due = now + _EVERY_RIGHT
        else:
            self.due = now + (_AGAIN if self._tries == 1 else _EVERY_WRONG)

    @property
    def may_repeat(self) -> bool:
        """Was only one answer wrong so far, so that the server is worth a second SIGHUP?"""
        return self._tries == 1
