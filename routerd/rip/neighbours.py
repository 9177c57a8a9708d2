"""The machines that were heard on the link: what they may cost, their sequence numbers, and their faults. Pure."""

from collections import OrderedDict
from collections.abc import Mapping

from routerd.model import Address
from routerd.rip.bucket import Bucket
from routerd.rip_part import RipNeighbour

MOST = 256
_REMEMBERED = 10.0
"""For how many timeouts a silent neighbour is still shown."""
_SAME_NUMBER = 10.0
"""How long one sequence number may go on: the packets of one update share it, and a replay would for ever."""
_EACH = (100.0, 1000.0)
_ALL = (300.0, 1500.0)
_STRANGERS = (50.0, 200.0)
"""Packets a second, and at once: of one neighbour, of all, and of those that never sent a good one, all together."""


class Neighbour:
    """One machine. `heard` is when its last packet came that was good, and `seen` when any did, in monotonic time."""

    __slots__ = (
        "address",
        "authentication_failures",
        "bad_packets",
        "bad_routes",
        "bucket",
        "heard",
        "last_error",
        "last_update",
        "numbers",
        "seen",
        "version",
    )

    def __init__(self, address: Address, now: float) -> None:
        self.address = address
        self.version = 0
        self.seen = now
        self.heard: float | None = None
        self.last_update: float | None = None
        self.bad_packets = self.bad_routes = self.authentication_failures = 0
        self.last_error: str | None = None
        self.numbers: dict[int, tuple[int, float]] = {}
        self.bucket = Bucket(*_EACH, now)

    def is_fresh(self, now: float, timeout: float) -> bool:
        """Whether a good packet came from it within the timeout."""
        return self.heard is not None and now - self.heard < timeout

    def replayed(self, key: int, number: int, now: float, timeout: float) -> str | None:
        """Why this sequence number cannot be the next one of this key; else it is remembered (RFC 4822 section 3.2.2).

        Once it was silent for the timeout it may begin anywhere: it restarted without a memory.
        """
        if not self.is_fresh(now, timeout):
            self.numbers.clear()
        last, since = self.numbers.get(key, (-1, now))
        if number < last:
            return f"the sequence number {number} is older than {last}"
        if number > last:
            self.numbers[key] = (number, now)
        elif now - since > _SAME_NUMBER:
            return f"the sequence number {number} came for the first time {now - since:.0f} s ago"
        return None


class Neighbours:
    """All of one link. Only the `MOST` that were heard last are remembered, but none that is believed is pushed out.

    `expected` are those that routes are to be learned from: there is always room for them.
    """

    def __init__(self, timeout: float, now: float) -> None:
        self.timeout = timeout
        self.expected: frozenset[int] = frozenset()
        self._known: OrderedDict[int, Neighbour] = OrderedDict()
        self._all, self._strangers = Bucket(*_ALL, now), Bucket(*_STRANGERS, now)

    def admit(self, number: int, now: float) -> bool:
        """Whether a packet of the machine with this address may cost anything now."""
        known = self._known.get(number)
        if number in self.expected:
            return known is None or known.bucket.take(now)
        if known is None or known.heard is None:
            return self._strangers.take(now) and self._all.take(now)
        return known.bucket.take(now) and self._all.take(now)

    def of(self, number: int, source: Address, now: float) -> Neighbour:
        """The machine with this address. Where it is new, and all that are known are fresh, it is not remembered."""
        found = self._known.get(number)
        if found is None:
            found = Neighbour(source, now)
            if len(self._known) < MOST or number in self.expected or self._push_out(now):
                self._known[number] = found
        else:
            self._known.move_to_end(number)
        found.seen = now
        return found

    def _push_out(self, now: float) -> bool:
        stale = next((n for n, each in self._known.items() if not each.is_fresh(now, self.timeout)), None)
        if stale is None:
            return False
        del self._known[stale]
        return True

    def expire(self, now: float) -> None:
        """Forget those that were silent for long."""
        over = [n for n, each in self._known.items() if now - each.seen > _REMEMBERED * self.timeout]
        for number in over:
            del self._known[number]

    def report(self, routes: Mapping[int, int]) -> tuple[RipNeighbour, ...]:
        """All of them by address. `routes`: how many were learned from each."""
        return tuple(
            RipNeighbour(
                address=each.address,
                version=each.version,
                last_update=each.last_update,
                bad_packets=each.bad_packets,
                bad_routes=each.bad_routes,
                authentication_failures=each.authentication_failures,
                routes=routes.get(number, 0),
                last_error=each.last_error,
            )
            for number, each in sorted(self._known.items())
        )
