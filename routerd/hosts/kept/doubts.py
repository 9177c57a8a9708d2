"""Flows of hosts that go to a target with the host's own address, and have no answer. Pure: `now` is monotonic."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.flows import TCP, UDP, Flow
from routerd.hosts.watching import ONE_WAY

PATIENCE = {TCP: 1.2, UDP: 1.5}
"""How many seconds an answer may take. A lost SYN is repeated after one."""

_MOST_PENDING = 4096
_MOST_TOLD = 1024


class Doubt(NamedTuple):
    """A flow from a host to `target` that waits too long for an answer. `port` is the target's."""

    target: IPv4Address
    host: IPv4Address
    protocol: int
    port: int


class Doubts:
    """The flows that wait. What is answered, hidden or ended is forgotten."""

    def __init__(self) -> None:
        # One for each protocol, so that each is in the order of its deadlines.
        self._pending: dict[int, dict[bytes, tuple[float, Doubt]]] = {protocol: {} for protocol in PATIENCE}
        self._told: dict[bytes, None] = {}

    def take(self, flow: Flow, what: str, now: float, is_kept: Callable[[IPv4Address], bool]) -> IPv4Address | None:
        """A flow that is new, has changed or ended, or was there already; the target, if it has answered one by UDP."""
        waiting, target = self._pending.get(flow.protocol), flow.reply_source
        if waiting is None or not isinstance(target, IPv4Address) or not isinstance(flow.source, IPv4Address):
            return None
        if what == "ended" or not flow.opening:
            waited = waiting.pop(flow.key, None) is not None or flow.key in self._told
            self._told.pop(flow.key, None)
            return target if waited and flow.protocol == UDP and flow.answered else None
        if flow.source_changed or not flow.destination_changed or not is_kept(target):
            return None
        # Silence says nothing where nobody ever answers.
        if flow.protocol == UDP and flow.reply_source_port in ONE_WAY:
            return None
        if flow.key not in waiting and flow.key not in self._told and len(waiting) < _MOST_PENDING:
            doubt = Doubt(target, flow.source, flow.protocol, flow.reply_source_port)
            waiting[flow.key] = (now + PATIENCE[flow.protocol], doubt)
        return None

    def due(self, now: float) -> list[Doubt]:
        """What has waited too long; each flow is told once."""
        late: dict[Doubt, None] = {}
        for waiting in self._pending.values():
            while waiting and (first := next(iter(waiting.items())))[1][0] <= now:
                key, (_, doubt) = first
                del waiting[key]
                if len(self._told) >= _MOST_TOLD:
                    del self._told[next(iter(self._told))]
                self._told[key] = None
                late[doubt] = None
        return list(late)

    def next_deadline(self) -> float | None:
        """When the next one has waited too long."""
        firsts = [next(iter(waiting.values()))[0] for waiting in self._pending.values() if waiting]
        return min(firsts, default=None)
