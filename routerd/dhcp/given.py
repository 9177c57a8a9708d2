"""What a client was given by its last ACK: does it take routes at all, and which ones was it sent. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

NO_ROUTES = 0


class Given(NamedTuple):
    """What the last ACK of a lease says of routes.

    `accepts_routes`: the parameter list of the message that was acknowledged had option 121 or 249 (True), or had
    neither (False); None where there was no list, or nobody knows. `routes` is the digest of the routes that went
    out, NO_ROUTES if none did, None where nobody knows (the lease is older than this record).
    """

    accepts_routes: bool | None = None
    routes: int | None = None


UNKNOWN = Given()


@lru_cache(maxsize=1024)
def given(accepts_routes: bool | None, routes: int | None) -> Given:
    """The value, one object for all leases that were given the same."""
    return Given(accepts_routes, routes)


def digest(entries: Iterable[bytes]) -> int:
    """A number that stands for these entries of option 121 in any order: the same after every restart, under 2**63."""
    whole = b"".join(sorted(entries))
    return (int.from_bytes(blake2b(whole, digest_size=8).digest(), "big") >> 1 or 1) if whole else NO_ROUTES


class Tally:
    """How many leases were given what, kept up to date change by change, so that asking costs nothing."""

    def __init__(self) -> None:
        self._counts: dict[Given, int] = {}

    def change(self, old: Given | None, new: Given | None) -> None:
        """A lease was given `new` instead of `old`; None: it is not counted before, or no more."""
        if old is new:
            return
        counts = self._counts
        if old is not None:
            left = counts[old] - 1
            if left:
                counts[old] = left
            else:
                del counts[old]
        if new is not None:
            counts[new] = counts.get(new, 0) + 1

    def __len__(self) -> int:
        return sum(self._counts.values())

    def with_routes(self, routes: int) -> int:
        """How many were sent the routes with this digest."""
        return sum(count for each, count in self._counts.items() if each.routes == routes)

    def accepting(self, accepts_routes: bool | None) -> int:
        """How many do ask for routes (True), do not (False), or nobody knows (None)."""
        return sum(count for each, count in self._counts.items() if each.accepts_routes is accepts_routes)
