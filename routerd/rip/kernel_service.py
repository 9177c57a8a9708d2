"""Keeps the kernel's routes as they are learned, and takes them back at the end."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Hashable, Mapping
from heapq import nsmallest
from itertools import islice

from routerd.model import Event, Network, Problem
from routerd.rip.shown import learned_status
from routerd.rip_part import RipLearned
from routerd.system.learned_routes import METRIC, LearnedRoute, change, read, remove_all
from routerd.system.netlink_error import NetlinkError

log = logging.getLogger("routerd.rip")

_WINDOW = 0.02
_RESYNC = 60.0
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0
_NEVER = float("inf")
_PIECE = 500
"""So many routes are worked on at once: others wait as well."""
_ONE_BY_ONE = 20
"""So many changes at once are told of one by one; more are summed up."""
_SHOWN = 500
"""So many learned routes are in the status: a neighbour may announce thousands."""

Routes = set[LearnedRoute]


class KernelRoutes:
    """Of every prefix the best route that was learned, wherever it was.

    Routes that an earlier routerd left are kept for a while, as `adopt` says, as if they had just been heard of.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._known: dict[Network, dict[Hashable, tuple[LearnedRoute, RipLearned]]] = {}
        self._kernel: dict[Network, Routes] = {}
        self._dirty: set[Network] = set()
        self._told: set[Network] = set()
        self._adopted: Routes = set()
        self._may_stay: Callable[[LearnedRoute], bool] = lambda route: False
        self._failed: dict[Network, str] = {}
        self._error: str | None = None
        self._woken = asyncio.Event()
        self._look_at, self._drop_at = 0.0, _NEVER
        self._retry = _FIRST_RETRY

    # ------------------------------------------------------------ what is learned

    def update(self, source: Hashable, link: int, changes: Mapping[Network, RipLearned | None]) -> None:
        """What one speaker learned since the last time, on the interface with this index; None: it holds no more."""
        for prefix, learned in changes.items():
            rows = self._known.setdefault(prefix, {})
            rows.pop(source, None)
            if learned is not None:
                rows[source] = LearnedRoute(prefix, learned.gateway, link, METRIC + learned.metric), learned
            elif not rows:
                del self._known[prefix]
        self._dirty |= changes.keys()
        if changes:
            self._woken.set()

    def adopt(self, may_stay: Callable[[LearnedRoute], bool], seconds: float) -> None:
        """Of the routes that are there already those that may stay have so long until they must be learned again."""
        self._may_stay, self._drop_at = may_stay, time.monotonic() + seconds
        self.look_soon()

    def look_soon(self) -> None:
        """Something may have taken routes away: the kernel itself does when an interface goes down."""
        self._look_at = 0.0
        self._woken.set()

    # ------------------------------------------------------------ the work

    async def run(self) -> None:
        """Keep the routes for ever. Cancelling it removes them."""
        try:
            while True:
                try:
                    async with asyncio.timeout(max(0.0, min(self._look_at, self._drop_at) - time.monotonic())):
                        await self._woken.wait()
                    await asyncio.sleep(_WINDOW)
                except TimeoutError:
                    pass
                self._woken.clear()
                await self._work(time.monotonic())
        finally:
            try:
                await asyncio.to_thread(remove_all)
            except NetlinkError as error:
                log.warning("rip: learned routes cannot be removed: %s; left as they are", error)

    async def _work(self, now: float) -> None:
        if now >= self._drop_at:
            self._dirty |= {route.prefix for route in self._adopted}
            self._adopted, self._drop_at = set(), _NEVER
        try:
            if now >= self._look_at:
                await self._look()
            done: set[Network] = set()
            while self._dirty:
                done |= await self._change()
            self._tell(done)
        except NetlinkError as error:
            if self._error != str(error):
                log.warning("rip: learned routes cannot be kept: %s; trying again", error)
            self._error = str(error)
        else:
            self._error = None
        if self._error is None and not self._failed:
            self._retry = _FIRST_RETRY
            self._look_at = time.monotonic() + _RESYNC if now >= self._look_at else self._look_at
        elif now >= self._look_at or self._look_at > now + self._retry:
            self._look_at = time.monotonic() + self._retry
            self._retry = min(2 * self._retry, _LAST_RETRY)

    async def _look(self) -> None:
        """Read what is there. What failed is tried again by the way."""
        self._kernel = found = await asyncio.to_thread(_by_prefix)
        if self._drop_at < _NEVER:
            strange = (route for prefix, routes in found.items() if prefix not in self._known for route in routes)
            self._adopted = {route for route in strange if self._may_stay(route)}
        for at, prefix in enumerate([*found, *(each for each in self._known if each not in found)]):
            if found.get(prefix, set()) != self._wanted(prefix):
                self._dirty.add(prefix)
            if at % _PIECE == _PIECE - 1:
                await asyncio.sleep(0)

    def _wanted(self, prefix: Network) -> Routes:
        """At most one, but for those that are adopted."""
        best = self._best(prefix)
        return self._kernel.get(prefix, set()) & self._adopted if best is None else {best[0]}

    def _best(self, prefix: Network) -> tuple[LearnedRoute, RipLearned] | None:
        rows = self._known.get(prefix, {}).values()
        return min(rows, key=lambda row: (row[0].metric, row[0].link), default=None)

    async def _change(self) -> set[Network]:
        """Bring some of what differs in line; the prefixes for which that was done."""
        dirty = set(islice(self._dirty, _PIECE))
        self._dirty -= dirty
        wanted = {prefix: self._wanted(prefix) for prefix in dirty}
        before = {prefix: self._kernel.get(prefix, set()) for prefix in dirty}
        add = [route for prefix, routes in wanted.items() for route in routes - before[prefix]]
        try:
            failed = await asyncio.to_thread(change, add, ())
            # Where the route that should have come could not be added, the old one is better than none.
            kept = {route.prefix for route in failed}
            delete = [route for prefix in dirty - kept for route in before[prefix] - wanted[prefix]]
            failed |= await asyncio.to_thread(change, (), delete)
        except NetlinkError:
            self._dirty |= dirty
            raise
        reasons = {route.prefix: os.strerror(code) for route, code in failed.items()}
        for prefix in dirty - reasons.keys():
            self._failed.pop(prefix, None)
            self._kernel.pop(prefix, None)
            if wanted[prefix]:
                self._kernel[prefix] = wanted[prefix]
        for prefix, reason in list(reasons.items())[:_ONE_BY_ONE]:
            if self._failed.get(prefix) != reason:
                log.warning("route %s: cannot be kept: %s; trying again", prefix, reason)
        self._failed |= reasons
        return dirty - reasons.keys()

    def _tell(self, done: set[Network]) -> None:
        """Events for routes that have come or gone; another way to the same prefix, or one put back, is none."""
        at, prefixes = time.time(), [prefix for prefix in done if (prefix in self._known) != (prefix in self._told)]
        self._told ^= set(prefixes)
        if len(prefixes) > _ONE_BY_ONE:
            count = sum(prefix in self._known for prefix in prefixes)
            log.info("rip: %d routes were learned, %d were lost", count, len(prefixes) - count)
            for what, number in (("learned", count), ("lost", len(prefixes) - count)):
                if number:
                    self._emit(Event("route", f"{number} prefixes", what, at, {"count": number}))
            return
        for prefix in prefixes:
            best = self._best(prefix)
            if best is None:
                log.info("route %s: no router announces it any more; deleted", prefix)
                self._emit(Event("route", str(prefix), "lost", at))
                continue
            learned = best[1]
            log.info("route %s: learned from %s, through %s", prefix, learned.neighbour, learned.gateway)
            data = {"lan": learned.lan, "gateway": str(learned.gateway), "neighbour": str(learned.neighbour)}
            self._emit(Event("route", str(prefix), "learned", at, {**data, "metric": learned.metric}))

    # ------------------------------------------------------------ what is shown

    def problems(self) -> tuple[Problem, ...]:
        """A problem while some of the routes cannot be kept."""
        if self._error is not None:
            what, reason = "learned routes", self._error
        elif self._failed:
            prefix, reason = next(iter(self._failed.items()))
            more = f" and {len(self._failed) - 1} more" if len(self._failed) > 1 else ""
            what = f"the learned route {prefix}{more}"
        else:
            return ()
        return (Problem("rip-learned", "rip", (("what", what), ("reason", reason))),)

    def status(self) -> dict[str, object]:
        """How many routes are kept, and how many cannot be; and the first ones of all prefixes that were learned."""
        kept = sum(map(len, self._kernel.values()))
        first = nsmallest(_SHOWN, self._known, key=lambda net: (net.version, int(net.network_address), net.prefixlen))
        routes = [learned_status(best[1]) for prefix in first if (best := self._best(prefix)) is not None]
        left_out = len(self._known) - len(routes)
        return {"kept": kept, "failed": len(self._failed), "routes": routes, "left_out": left_out}


def _by_prefix() -> dict[Network, Routes]:
    found: dict[Network, Routes] = {}
    for route in read():
        found.setdefault(route.prefix, set()).add(route)
    return found
