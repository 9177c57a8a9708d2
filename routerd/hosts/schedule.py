"""Which host is measured when, and at which TCP port. Pure: `now` is monotonic seconds."""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from ipaddress import IPv4Address
from math import inf

HostKey = tuple[str, IPv4Address]
"""The interface of the LAN, and the host's address."""

RATE = 50
"""The most probes a second."""
HASTE = (0.25, 0.7, 1.3, 2.0)
"""Seconds after an ACK: clients need a moment to set the address and the route that it brought."""
PORTS = (22, 80, 443, 445, 3389, 53, 8080, 9100, 62078)
"""Tried in turn where no port is known to be used. A closed one serves as well, unless a firewall drops."""

_BURST = 5
_AT_ONCE = 500
_SHARE = 0.8
_EARLY = 0.7
_PARTS, _GOLDEN = 256, 159
_SLOWEST = 4
_SEEN = 4


@dataclass(slots=True)
class _Row:
    """`at`: it is measured then; `waits` is False while it is measured. `phase`: its part of each interval."""

    at: float
    phase: int
    waits: bool = False
    rank: int = 2
    hurry: tuple[float, ...] = ()
    failures: int = 0
    port: int | None = None
    seen: tuple[int, ...] = ()
    index: int = 0


class Schedule:
    """The next measurement of each host. What is urgent comes first (after an ACK, in doubt), then what is proven."""

    def __init__(self, interval: float = 30.0, phase: float = 0.0) -> None:
        self._interval, self._phase = interval, int(phase * _PARTS)
        self._rows: dict[HostKey, _Row] = {}
        self._later: list[tuple[float, HostKey]] = []
        self._ready: list[tuple[int, float, HostKey]] = []
        self._tokens, self._filled, self._newest = float(_BURST), 0.0, -inf

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def interval(self) -> float:
        """Seconds between two measurements of a host: more than configured where there are too many for the rate."""
        return max(self._interval, len(self._rows) / (RATE * _SHARE))

    def configure(self, interval: float) -> None:
        """Take over the configured interval; it holds from each host's next measurement on."""
        self._interval = interval

    def add(self, host: HostKey, now: float) -> None:
        """Measure a host that is new as soon as its turn comes; nothing happens to one that is there already."""
        if host not in self._rows:
            # Steps of the golden ratio fill the interval evenly, however many hosts there are.
            self._phase = (self._phase + _GOLDEN) % _PARTS
            self._rows[host] = _Row(now, self._phase)
            # Thousands that are found at once come one after the other, as they are measured.
            self._newest = max(self._newest, now - _BURST / RATE) + 1 / RATE
            self._put(host, max(now, self._newest))

    def remove(self, host: HostKey) -> None:
        """Forget a host."""
        self._rows.pop(host, None)
        self._tidy()

    def hurry(self, host: HostKey, now: float) -> None:
        """The host has just got a lease: measure it several times soon."""
        row = self._rows.get(host)
        if row is not None:
            first, *rest = (now + pause for pause in HASTE)
            row.hurry, row.rank, row.failures = tuple(rest), 0, 0
            self._put(host, first)

    def at_once(self, host: HostKey, now: float) -> None:
        """Measure it before others."""
        row = self._rows.get(host)
        if row is not None and not (row.rank == 0 and row.at <= now):
            row.rank = 0
            self._put(host, now)

    def more(self, host: HostKey) -> None:
        """It must be measured once more, as soon as the measurement under way has ended."""
        row = self._rows.get(host)
        if row is not None and not row.hurry:
            row.hurry = (0.0,)

    def ended(self, host: HostKey, now: float, *, proven: bool, answered: bool) -> None:
        """A measurement has ended: when comes the next one?"""
        row = self._rows.get(host)
        if row is None:
            return
        row.failures = 0 if answered or proven else min(row.failures + 1, 8)
        if row.hurry and not proven:
            first, *rest = row.hurry
            row.hurry, row.rank = tuple(rest), 0
            self._put(host, max(first, now))
            return
        row.hurry, row.rank = (), 1 if proven else 2
        slow = 1 if proven else min(2 ** max(row.failures - 2, 0), _SLOWEST)
        self._put(host, self._slot(row, now + self.interval * (slow - _EARLY)))

    def watched(self, host: HostKey, now: float) -> None:
        """It was proven by watching: no measurement is needed for an interval."""
        row = self._rows.get(host)
        if row is not None and row.rank and row.at < now + self.interval * (1 - _EARLY):
            row.rank = 1
            self._put(host, self._slot(row, now + self.interval * (1 - _EARLY)))

    # ------------------------------------------------------------ ports

    def saw_port(self, host: HostKey, port: int) -> None:
        """Someone uses this TCP port of the host."""
        row = self._rows.get(host)
        if row is not None and port not in row.seen:
            row.seen = (port, *row.seen)[:_SEEN]

    def port(self, host: HostKey) -> int:
        """The port to try now: what answered last, else what is used, else the next one of the list."""
        row = self._rows.get(host)
        if row is None:
            return PORTS[0]
        if row.port is not None:
            return row.port
        choice = (*row.seen, *(port for port in PORTS if port not in row.seen))
        return choice[row.index % len(choice)]

    def port_answered(self, host: HostKey, port: int) -> None:
        """Keep to this port."""
        row = self._rows.get(host)
        if row is not None:
            row.port = port

    def port_silent(self, host: HostKey) -> None:
        """Try another one the next time."""
        row = self._rows.get(host)
        if row is not None:
            row.index = 0 if row.port is not None else row.index + 1
            row.port = None

    # ------------------------------------------------------------ time

    def due(self, now: float) -> list[HostKey]:
        """The hosts to measure now, as many as the rate allows. Each waits for `ended` then."""
        for _ in range(_AT_ONCE):
            if not self._later or self._later[0][0] > now:
                break
            at, host = heappop(self._later)
            if self._is_current(host, at):
                heappush(self._ready, (self._rows[host].rank, at, host))
        self._fill(now)
        found = []
        while self._ready and self._tokens >= 1:
            rank, at, host = heappop(self._ready)
            if self._is_current(host, at) and self._rows[host].rank == rank:
                self._tokens -= 1
                self._rows[host].waits = False
                found.append(host)
        return found

    def spend(self, probes: int) -> None:
        """Packets beyond the first of a measurement: they count as well, so the next ones come later."""
        self._tokens -= probes

    def next_deadline(self) -> float | None:
        """When `due` has something the next time; None: there is no host."""
        if self._ready:
            return self._filled + max(0.0, 1 - self._tokens) / RATE
        return self._later[0][0] if self._later else None

    def _slot(self, row: _Row, soonest: float) -> float:
        """The host's own moment of each interval, the next one from `soonest` on."""
        interval = self.interval
        return soonest + (row.phase / _PARTS * interval - soonest) % interval

    def _fill(self, now: float) -> None:
        self._tokens = min(self._tokens + (now - self._filled) * RATE, _BURST) if self._filled else self._tokens
        self._filled = now

    def _put(self, host: HostKey, at: float) -> None:
        row = self._rows[host]
        row.at, row.waits = at, True
        heappush(self._later, (at, host))
        self._tidy()

    def _tidy(self) -> None:
        """What was put elsewhere since then stays in the queues until its time comes, or until there is much of it."""
        if len(self._later) + len(self._ready) > 2 * len(self._rows) + 64:
            self._later = [item for item in self._later if self._is_current(item[1], item[0])]
            self._ready = [item for item in self._ready if self._is_current(item[2], item[1])]
            heapify(self._later)
            heapify(self._ready)

    def _is_current(self, host: HostKey, at: float) -> bool:
        row = self._rows.get(host)
        return row is not None and row.waits and row.at == at
