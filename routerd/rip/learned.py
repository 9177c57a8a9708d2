"""The routes of the site that neighbours announced (RFC 2453 section 3.9.2), as far as they may be learned. Pure."""

from collections.abc import Callable, Iterable, Iterator

from routerd.model import Network
from routerd.rip.links import Links
from routerd.rip.message import INFINITY, Rte
from routerd.rip.table import Prefix, prefix_of
from routerd.rip.words import Import

MOST = 20_000
"""Of learned routes on one link."""
COST = 1
"""What the way over the link adds to a metric."""


class Learned:
    """One prefix. `until` is when it is no longer believed, and of one that is `gone` when it is forgotten."""

    __slots__ = ("gateway", "gone", "metric", "neighbour", "tag", "until")

    def __init__(self) -> None:
        self.neighbour = self.gateway = self.tag = 0
        self.metric = INFINITY
        self.gone = True
        self.until = 0.0

    def holds(self, neighbour: int, gateway: int, metric: int, tag: int, until: float) -> bool:
        """Make it this; whether it was another one before."""
        now = (neighbour, gateway, metric, tag)
        changed = self.gone or now != (self.neighbour, self.gateway, self.metric, self.tag)
        self.neighbour, self.gateway, self.metric, self.tag = now
        self.gone, self.until = False, until
        return changed

    def end(self, until: float) -> None:
        """It is unreachable; remembered until then."""
        self.gone, self.metric, self.until = True, INFINITY, until


class _Span:
    """Networks, to ask of many prefixes whether they are equal to one or inside it."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._rows = [(*prefix_of(network), network.max_prefixlen) for network in networks]

    def __bool__(self) -> bool:
        return bool(self._rows)

    def holds(self, address: int, length: int) -> bool:
        return any(length >= least and (address ^ net) >> (size - least) == 0 for net, least, size in self._rows)


class LearnedTable:
    """All that one speaker learned. `timeout` and `garbage` are in seconds; `changes` counts what ever changed."""

    def __init__(self) -> None:
        self.changes = 0
        self.generation = 0
        self._routes: dict[Prefix, Learned] = {}
        self._touched: dict[Prefix, None] = {}
        self._look_at: float | None = None
        self._rule: Import | None = None
        self._prefixes = self._barred = _Span(())
        self._neighbours: frozenset[int] = frozenset()
        self._timeout, self._garbage = 180.0, 120.0

    def __len__(self) -> int:
        return sum(not route.gone for route in self._routes.values())

    def __iter__(self) -> Iterator[tuple[Prefix, Learned]]:
        return ((prefix, route) for prefix, route in self._routes.items() if not route.gone)

    def configure(self, rule: Import | None, barred: Iterable[Network], timeout: float, garbage: float) -> None:
        """Other rules, all of one IP version. What may not be learned any more is forgotten at once."""
        self._rule = rule
        self._prefixes = _Span(() if rule is None else rule.prefixes)
        self._neighbours = frozenset(() if rule is None else map(int, rule.neighbours))
        self._barred = _Span(barred)
        self._timeout, self._garbage = timeout, garbage
        refused = [p for p, route in self._routes.items() if not (self.trusts(route.neighbour) and self._allows(*p))]
        self.forget(refused)

    def trusts(self, neighbour: int) -> bool:
        """Whether anything may be learned from this one."""
        return self._rule is not None and (not self._neighbours or neighbour in self._neighbours)

    def _allows(self, address: int, length: int) -> bool:
        if self._barred.holds(address, length):
            return False
        return self._prefixes.holds(address, length) if self._prefixes else bool(length)

    def touched(self) -> list[tuple[Prefix, Learned | None]]:
        """What has changed since the last call, as it is now; None: it does not hold any more."""
        touched, self._touched = self._touched, {}
        rows = ((prefix, self._routes.get(prefix)) for prefix in touched)
        return [(prefix, None if route is None or route.gone else route) for prefix, route in rows]

    # ------------------------------------------------------------ what is heard

    def hear(
        self, neighbour: int, entries: Iterable[Rte], links: Links, now: float, own: Callable[[Prefix], bool]
    ) -> int:
        """Take a response over; how many entries were lost because there are too many. `own`: is announced here."""
        lost = changed = 0
        routes = self._routes
        for rte in entries:
            prefix = (rte.address, rte.length)
            metric = min(rte.metric + COST, INFINITY)
            if links.is_own(rte.next_hop):
                metric = INFINITY  # The way would lead back here.
            gateway = links.next_hop(rte.next_hop) or neighbour
            route = routes.get(prefix)
            if route is None or route.gone:
                if metric == INFINITY or not self._allows(*prefix) or own(prefix):
                    continue
                if route is None:
                    if len(routes) >= MOST and not self._make_room():
                        lost += 1
                        continue
                    route = routes[prefix] = Learned()
            elif route.neighbour != neighbour and not self._is_better(route, metric, now):
                continue
            elif metric == INFINITY:
                route.end(now + self._garbage)
                self._touched[prefix] = None
                changed += 1
                continue
            if route.holds(neighbour, gateway, metric, rte.tag, now + self._timeout):
                self._touched[prefix] = None
                changed += 1
        self._note(changed)
        self._look_by(now + min(self._timeout, self._garbage))
        return lost

    def _is_better(self, route: Learned, metric: int, now: float) -> bool:
        """Whether another neighbour's way is taken instead: a shorter one, or as short where this one grows old."""
        old = route.until - now < self._timeout / 2
        return metric < route.metric or (old and metric == route.metric < INFINITY)

    def _make_room(self) -> bool:
        """Forget a route that is gone, if there is one."""
        gone = next((prefix for prefix, route in self._routes.items() if route.gone), None)
        if gone is None:
            return False
        del self._routes[gone]
        return True

    # ------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """When `expire` may find something; None while nothing is known."""
        return self._look_at if self._routes else None

    def expire(self, now: float) -> None:
        """End what was not heard of in time, and forget what ended long enough ago."""
        if self._look_at is None or now < self._look_at:
            return
        over = [(prefix, route) for prefix, route in self._routes.items() if route.until <= now]
        ended = 0
        for prefix, route in over:
            if route.gone:
                del self._routes[prefix]
            else:
                route.end(now + self._garbage)
                self._touched[prefix] = None
                ended += 1
        self._note(ended)
        self._look_at = min((route.until for route in self._routes.values()), default=None)

    def _look_by(self, at: float) -> None:
        self._look_at = at if self._look_at is None else min(self._look_at, at)

    def _note(self, changed: int) -> None:
        if changed:
            self.changes += changed
            self.generation += 1

    def forget(self, prefixes: Iterable[Prefix]) -> None:
        """Forget these, if they are known."""
        found = {prefix: self._routes.pop(prefix) for prefix in prefixes if prefix in self._routes}
        alive = [prefix for prefix, route in found.items() if not route.gone]
        self._touched |= dict.fromkeys(alive)
        self._note(len(alive))
