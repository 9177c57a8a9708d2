"""Parts of long lists: `?limit=N&after=KEY` gives the N rows that follow KEY, in the order of their keys. Pure."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Generic, TypeVar

from routerd.model import LeaseReport, PeerReport

MOST_ROWS = 1000

T = TypeVar("T")
K = TypeVar("K", str, IPv4Address)


@dataclass(frozen=True, slots=True)
class Order(Generic[T, K]):
    """The order of a list: the key of a row, and how a key is read from `after` (may raise ValueError)."""

    key: Callable[[T], K]
    parse: Callable[[str], K]


@dataclass(frozen=True, slots=True)
class Page(Generic[T, K]):
    """The part that is asked for: at most `limit` rows, those after the key `after`, or the first ones."""

    order: Order[T, K]
    limit: int
    after: K | None

    def merge(self, best: list[T], piece: Iterable[T]) -> list[T]:
        """The rows of this part out of `best`, an earlier result, and of `piece`."""
        key, after = self.order.key, self.after
        rows = [row for row in piece if after is None or key(row) > after]
        return heapq.nsmallest(self.limit, best + rows, key=key) if rows else best


LEASES: Order[LeaseReport, IPv4Address] = Order(lambda report: report.address, IPv4Address)
PEERS: Order[PeerReport, str] = Order(lambda report: report.name, str)


def parse_page(order: Order[T, K], query: Mapping[str, str]) -> Page[T, K] | None:
    """The part that a query asks for; None for the whole list. Raises ValueError with the rule."""
    limit, after = query.get("limit"), query.get("after")
    if limit is None and after is None:
        return None
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_ROWS):
        raise ValueError(f"limit is a number from 1 to {MOST_ROWS}")
    return Page(order, MOST_ROWS if limit is None else int(limit), None if after is None else order.parse(after))
