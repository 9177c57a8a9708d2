"""What the kernel's table of flows tells of hosts: who is there, which way back works, and which does not. Pure.

`now` is monotonic seconds. Only flows between the VPN and the site are of interest, and only such in which nobody's
address was changed tell of a way back.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple, TypeVar

from routerd.flows import TCP, UDP, Flow
from routerd.model import Address

PATIENCE = {TCP: 1.2, UDP: 1.5}
"""How many seconds an answer may take. A lost SYN is repeated after one."""
ONE_WAY = frozenset((9, 162, 514, 1514, 2055, 4739, 5140, 6343, 8125, 9995, 9996, 12201, *range(33434, 33535)))
"""UDP ports that nobody answers: discard, traps, syslog, NetFlow, sFlow, statsd, traceroute's. Silence there says
nothing.
"""

_MOST_PENDING = 4096
_MOST_ANSWERED = 1024
_MOST_PORTS = 1024
_EARLY = 2.0
_TIMES = 2
_ESTABLISHED = 3

_V = TypeVar("_V")


class Heard(NamedTuple):
    """What one flow says of a host. `answered`: both ways work with no address changed. `port`: TCP, someone uses it.

    `solid`: also TCP goes on after its first packets; False for UDP and others.
    """

    host: IPv4Address
    answered: bool = False
    solid: bool = False
    port: int | None = None


class Doubt(NamedTuple):
    """A flow from the VPN to a host that keeps its source and has no answer.

    `silent`: this UDP port has answered flows that hid their source, and flows that do not more than once not.
    """

    host: IPv4Address
    protocol: int
    port: int
    source: IPv4Address
    silent: bool = False


class Watch:
    """The flows that wait for an answer. `networks` are the VPN's prefixes."""

    def __init__(self) -> None:
        self._masks: tuple[tuple[int, int], ...] = ()
        self._mapped: tuple[tuple[IPv4Network, IPv4Network], ...] = ()
        # One for each protocol, so that each is in the order of its deadlines.
        self._pending: dict[int, dict[bytes, tuple[float, Doubt]]] = {protocol: {} for protocol in PATIENCE}
        self._told: dict[bytes, None] = {}
        # UDP ports that answered flows that hid their source, and how many that do not were in vain since.
        self._served: dict[tuple[IPv4Address, int], int] = {}
        self._closed: dict[tuple[IPv4Address, int], float] = {}

    def configure(
        self, networks: Iterable[IPv4Network], mapped: Iterable[tuple[IPv4Network, IPv4Network]] = ()
    ) -> None:
        """Take over the VPN's prefixes as the hosts see them and as they are; `mapped` are (real, shown) pairs."""
        self._mapped = tuple(mapped)
        self._masks = tuple((int(network.netmask), int(network.network_address)) for network in networks)

    def inside(self, address: IPv4Address) -> bool:
        """Is it an address of the VPN?"""
        number = int(address)
        return any(number & mask == network for mask, network in self._masks)

    def take(self, flow: Flow, what: str, now: float) -> Heard | None:
        """A flow that is new, has changed or ended, or (`what` is listed) that was there already.

        It is evidence only at the moment when its answer comes: what is listed may have been answered long ago.
        """
        if not isinstance(flow.source, IPv4Address) or not isinstance(flow.destination, IPv4Address):
            return None
        if self.inside(flow.source):
            if not isinstance(flow.reply_source, IPv4Address) or self.inside(flow.reply_source):
                return None
            return self._to_host(flow, flow.source, flow.reply_source, what, now)
        if not self.inside(flow.destination) or what == "ended":
            return None
        fresh = what == "changed" and not flow.source_changed and flow.assured
        # A later state of TCP may be the peer's doing alone.
        return Heard(flow.source, fresh and flow.tcp_state in (None, _ESTABLISHED), fresh and flow.protocol == TCP)

    def _to_host(self, flow: Flow, source: IPv4Address, host: IPv4Address, what: str, now: float) -> Heard | None:
        port = flow.reply_source_port if flow.protocol == TCP else None
        if flow.reply_destination != self._shown(source):
            if flow.protocol == UDP and flow.answered:
                _remember(self._served, (host, flow.reply_source_port), 0)
            return None if what == "ended" else Heard(host, port=port)
        waiting = self._pending.get(flow.protocol)
        if flow.protocol == UDP and flow.answered:
            self._served.pop((host, flow.reply_source_port), None)
        if waiting is None or what == "ended" or not flow.opening:
            waited = waiting is not None and waiting.pop(flow.key, None) is not None
            return None if what == "ended" else Heard(host, waited, waited and flow.assured, port)
        one_way = flow.protocol == UDP and flow.reply_source_port in ONE_WAY
        if not one_way and flow.key not in waiting and flow.key not in self._told and len(waiting) < _MOST_PENDING:
            doubt = Doubt(host, flow.protocol, flow.reply_source_port, source)
            waiting[flow.key] = (now + PATIENCE[flow.protocol], doubt)
        return Heard(host, port=port)

    def closed(self, host: IPv4Address, port: int, now: float) -> None:
        """The host has told the VPN that nothing serves this UDP port: that is an answer as well.

        To the kernel it is none, so the flow goes on waiting there.
        """
        self._closed.pop((host, port), None)
        _remember(self._closed, (host, port), now)
        self._served.pop((host, port), None)

    def _shown(self, source: Address) -> Address:
        """What a host sees of an address of the VPN where nothing hides it."""
        for real, shown in self._mapped:
            if source in real:
                return shown[int(source) - int(real.network_address)]
        return source

    def due(self, now: float, is_routed: Callable[[IPv4Address], bool]) -> list[Doubt]:
        """The flows that have waited too long, each of a routed host, and each told once."""
        late: dict[Doubt, None] = {}
        for waiting in self._pending.values():
            while waiting and (first := next(iter(waiting.items())))[1][0] <= now:
                key, (at, doubt) = first
                del waiting[key]
                if len(self._told) >= _MOST_ANSWERED:
                    del self._told[next(iter(self._told))]
                self._told[key] = None
                if doubt.protocol != UDP or not self._is_closed(doubt, at - PATIENCE[UDP]):
                    late[doubt] = None
        return [self._counted(doubt) for doubt in late if is_routed(doubt.host)]

    def _is_closed(self, doubt: Doubt, began: float) -> bool:
        # Its refusal may be read before the flow itself is.
        at = self._closed.get((doubt.host, doubt.port))
        return at is not None and at >= began - _EARLY

    def _counted(self, doubt: Doubt) -> Doubt:
        served = (doubt.host, doubt.port)
        if doubt.protocol != UDP or served not in self._served:
            return doubt
        self._served[served] += 1
        return doubt._replace(silent=self._served[served] >= _TIMES)

    def next_deadline(self) -> float | None:
        """When the next flow has waited too long."""
        firsts = [next(iter(waiting.values()))[0] for waiting in self._pending.values() if waiting]
        return min(firsts, default=None)


def _remember(table: dict[tuple[IPv4Address, int], _V], key: tuple[IPv4Address, int], value: _V) -> None:
    if key not in table and len(table) >= _MOST_PORTS:
        del table[next(iter(table))]
    table[key] = value
