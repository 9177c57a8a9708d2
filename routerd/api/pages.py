"""Parts of long lists: `?limit=N&after=KEY` gives the N rows that follow KEY, in the order of their keys. Pure."""

import heapq
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from routerd.model import Route
from routerd.reports import HostReport, LeaseReport, PeerReport, ProblemReport

MOST_ROWS = 1000
SHORT_ROWS = 1000
"""Whole lists of more rows are sent piece by piece …"""
MOST_TAGGED_ROWS = 10_000
"""… and of more than these have no ETag."""

_LAST = "\U0010ffff"
_TAB = "\t"
_LINK = "comes from the Link header of the part before"
_OR_LINK = f"or {_LINK}"

T = TypeVar("T")
Key = tuple[Any, ...]


class Query(Protocol):
    """The parameters of a request, each given any number of times."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """All values of one."""


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """The order of a list: the key of a row, the key as text, and how a text is read (may raise ValueError)."""

    key: Callable[[T], Key]
    text: Callable[[T], str]
    parse: Callable[[str], Key]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The part that is asked for: at most `limit` rows, those after the key `after`, or the first ones."""

    order: Order[T]
    limit: int
    after: Key | None

    def merge(self, best: list[T], piece: Iterable[T]) -> list[T]:
        """The rows of this part, and the one that follows it, out of `best`, an earlier result, and of `piece`."""
        key, after = self.order.key, self.after
        rows = [row for row in piece if after is None or key(row) > after]
        return heapq.nsmallest(self.limit + 1, best + rows, key=key) if rows else best

    def split(self, best: list[T], path: str) -> tuple[list[T], str | None]:
        """The rows of this part out of the result of `merge`, and the target of the next one if there is one."""
        rows = best[: self.limit]
        if len(best) <= self.limit:
            return rows, None
        return rows, f"{path}?limit={self.limit}&after={quote(self.order.text(rows[-1]), safe='')}"


def parse_page(order: Order[T], query: Query) -> Page[T] | None:
    """The part that a query asks for; None for the whole list. Raises ValueError with the rule."""
    limit, after = _single(query, "limit"), _single(query, "after")
    if limit is None and after is None:
        return None
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_ROWS):
        raise ValueError(f"limit is a number from 1 to {MOST_ROWS}")
    return Page(order, MOST_ROWS if limit is None else int(limit), None if after is None else order.parse(after))


def _single(query: Query, name: str) -> str | None:
    values = query.getall(name, [])
    if len(values) > 1:
        raise ValueError(f"{name} is given once at most")
    return values[0] if values else None


def _parse_peer(text: str) -> Key:
    # Two vpns may have a peer of the same public key: the vpn follows the name, and a name alone means all of them.
    name, tab, vpn = text.partition(_TAB)
    return (name, vpn if tab else _LAST)


def _parse_address(text: str) -> Key:
    address, tab, lan = text.partition(_TAB)
    try:
        return (IPv4Address(address), lan if tab else _LAST)
    except ValueError:
        raise ValueError(f"after is an IPv4 address, for example 192.168.200.50, {_OR_LINK}") from None


def _route_key(route: Route) -> Key:
    return (route.prefix, route.lan, "" if route.gateway is None else str(route.gateway))


def _parse_route(text: str) -> Key:
    prefix, tab, rest = text.partition(_TAB)
    lan, second, gateway = rest.partition(_TAB)
    try:
        return (IPv4Network(prefix), lan if tab else _LAST, gateway if second else _LAST)
    except ValueError:
        raise ValueError(f"after is a prefix without host bits, for example 10.0.0.0/24, {_OR_LINK}") from None


_RANK = {"error": 0, "warning": 1, "info": 2}
_PROBLEM = re.compile(r"([01])\t([0-3])\t([0-9]{1,12}(?:\.[0-9]{1,20})?)\t([a-z0-9-]+)\t(.*)", re.DOTALL | re.ASCII)
"""As `_problem_key` is written; what breaks this was not written here."""


def _problem_key(report: ProblemReport) -> Key:
    """First causes first, then by severity and age, as the whole list is sorted."""
    rank = _RANK.get(report.severity, len(_RANK))
    return (int(report.caused_by is not None), rank, report.since, report.code, report.subject)


def _parse_problem(text: str) -> Key:
    match = _PROBLEM.fullmatch(text)
    if match is None:
        raise ValueError(f"after of problems {_LINK}")
    caused, rank, since, code, subject = match.groups()
    return (int(caused), int(rank), float(since), code, subject)


LEASES: Order[LeaseReport] = Order(
    lambda report: (report.address, report.lan), lambda report: f"{report.address}\t{report.lan}", _parse_address
)
HOSTS: Order[HostReport] = Order(
    lambda report: (report.address, report.lan), lambda report: f"{report.address}\t{report.lan}", _parse_address
)
PEERS: Order[PeerReport] = Order(
    lambda report: (report.name, report.vpn), lambda report: f"{report.name}\t{report.vpn}", _parse_peer
)
ROUTES: Order[Route] = Order(_route_key, lambda route: _TAB.join(map(str, _route_key(route))), _parse_route)
PROBLEMS: Order[ProblemReport] = Order(
    _problem_key, lambda report: _TAB.join(map(str, _problem_key(report))), _parse_problem
)
