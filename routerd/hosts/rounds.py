"""Measurements that are under way: which packets they send one after another, and what answers say. Pure.

A measurement asks from the VPN-side address: TCP first, then an echo. A host that had a way back and is silent now is
asked from the LAN's address as well: if it answers that one, the way back is lost; if not, nothing is known. `now` is
monotonic seconds.
"""

import random
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

from routerd.hosts.frames import ACK, ECHO, RST, SYN_ACK, Answer
from routerd.hosts.return_path import Sign
from routerd.hosts.schedule import HostKey

_DOUBT = 0.6
_DISTRUST = 600.0
_MOST_ROUTERS = 256
_MASK = 0xFFFFFFFF


class What(Enum):
    """The kinds of packets."""

    ARP = "arp"
    SYN = "syn"
    FAR = "far off"
    RST = "rst"
    ECHO = "echo"


class Stage(Enum):
    """How far a measurement is."""

    RESOLVE = "its link-layer address is asked for"
    TCP = "tcp from the VPN-side address"
    DEEP = "in the middle of a connection, as a router sees it"
    ECHO = "echo from the VPN-side address"
    LAN = "tcp and echo from the LAN's address"
    AGAIN = "tcp and echo from the VPN-side address, once more"
    DOUBT = "tcp from both addresses"


class Send(NamedTuple):
    """A packet to send. `vpn`: from the VPN-side address with this index; None: from the LAN's address."""

    host: HostKey
    what: What
    vpn: int | None = None
    port: int = 0
    number: int = 0
    theirs: int = 0


class Saw(NamedTuple):
    """A packet of the host that came to the VPN-side address: tcp, echo or packet, and its link-layer source."""

    host: HostKey
    kind: str
    source: bytes
    vpn: int = 0


class End(NamedTuple):
    """The end of a measurement. `answered`: something came to the VPN-side address. `verdict`: LOST or UNANSWERED.

    `port` is the TCP port that was tried, `open` whether it answered. `absent`: not even its link-layer address did.
    `doubt`: it was asked because of a flow.
    """

    host: HostKey
    vpn: int
    answered: bool
    port: int = 0
    open: bool = False
    absent: bool = False
    verdict: Sign | None = None
    doubt: bool = False


@dataclass(slots=True)
class Result:
    """What came out of one step."""

    sends: list[Send] = field(default_factory=list)
    saw: list[Saw] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)


@dataclass(slots=True)
class _Round:
    host: HostKey
    vpn: int
    port: int
    number: int
    lan_number: int
    proven: bool
    hasty: bool
    stage: Stage = Stage.TCP
    deadline: float = 0.0
    doubt: bool = False
    alive: bool = False
    answered: bool = False
    open: bool = False
    theirs: int = 0
    hop: bytes | None = None


class Rounds:
    """The measurements under way, at most one a host."""

    def __init__(self, generator: random.Random, timeout: float = 1.0) -> None:
        self.timeout = timeout
        self._random = generator
        self._rounds: dict[HostKey, _Round] = {}
        self._deep: dict[int, HostKey] = {}
        self._deadlines: list[tuple[float, int, HostKey]] = []
        self._translating: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._rounds)

    def __contains__(self, host: object) -> bool:
        return host in self._rounds

    def begin(
        self, host: HostKey, now: float, port: int, *, resolved: bool, proven: bool, hasty: bool = False, vpn: int = 0
    ) -> Result:
        """Measure a host. `hasty` asks by TCP and echo at once. One that is measured already is left alone."""
        result = Result()
        if host not in self._rounds:
            row = self._rounds[host] = self._new(host, vpn, port, proven, hasty)
            self._enter(row, Stage.TCP if resolved else Stage.RESOLVE, now, result)
        return result

    def doubt(self, host: HostKey, now: float, port: int, vpn: int = 0) -> Result:
        """A flow to this TCP port of a routed host has no answer: is it the way back?"""
        result = Result()
        known = self._rounds.get(host)
        if known is None or not known.doubt:
            row = self._rounds[host] = self._new(host, vpn, port, True, False)
            row.doubt = True
            self._enter(row, Stage.DOUBT, now, result)
        return result

    def forget(self, host: HostKey) -> None:
        """No answer is waited for any more."""
        row = self._rounds.pop(host, None)
        if row is not None:
            self._deep.pop(row.number, None)

    def resolved(self, host: HostKey, now: float) -> Result:
        """The link-layer address is known now."""
        result, row = Result(), self._rounds.get(host)
        if row is not None and row.stage is Stage.RESOLVE:
            self._enter(row, Stage.TCP, now, result)
        return result

    # ------------------------------------------------------------ answers

    def heard(
        self, host: HostKey, answer: Answer, source: bytes, own: bytes | None, now: float, *, lan: bool
    ) -> Result:
        """An answer from the host; `lan`: it came to the LAN's address, else to the VPN-side one."""
        result, row = Result(), self._rounds.get(host)
        if row is None or row.stage is Stage.RESOLVE or not _matches(row, answer, lan):
            if answer.kind == ACK and not lan:
                self._translated(answer, source, now, result)
            return result
        if lan:
            self._alive(row, answer, now, result)
        elif source == own:
            if answer.kind == SYN_ACK:
                self._reset(row, result)
            self._seen(row, "echo" if answer.kind == ECHO else "tcp", source, result)
            self._end(row, result)
        else:
            self._through_router(row, answer, source, now, result)
        return result

    def _alive(self, row: _Round, answer: Answer, now: float, result: Result) -> None:
        row.alive = True
        if answer.kind == SYN_ACK:
            result.sends.append(Send(row.host, What.RST, None, row.port, row.lan_number))
        if row.stage is Stage.LAN:
            self._enter(row, Stage.AGAIN, now, result)

    def _through_router(self, row: _Round, answer: Answer, source: bytes, now: float, result: Result) -> None:
        if answer.kind == ECHO:
            self._seen(row, "echo", source, result)
        elif answer.kind == SYN_ACK:
            if row.stage is not Stage.DEEP:
                row.theirs, row.hop = answer.sequence, source
                self._deep[row.number] = row.host
                self._enter(row, Stage.DEEP, now, result)
        elif answer.kind == ACK:
            if row.stage is Stage.DEEP:
                self._seen(row, "tcp", source, result)
                self._reset(row, result)
                self._end(row, result)
        elif answer.kind == RST:
            trusted = self._translating.get(source, 0.0) <= now
            self._seen(row, "tcp" if trusted else "packet", source, result)
            self._end(row, result)

    def _translated(self, answer: Answer, source: bytes, now: float, result: Result) -> None:
        """The ACK of a measured host with another machine's address: a router in between hides its hosts."""
        host = self._deep.get(answer.number - 1 & _MASK)
        row = None if host is None else self._rounds.get(host)
        if row is None or row.stage is not Stage.DEEP:
            return
        if len(self._translating) >= _MOST_ROUTERS:
            self._translating.clear()
        self._translating[source] = now + _DISTRUST
        self._reset(row, result)
        self._end(row, result, Sign.LOST if row.proven else None)

    # ------------------------------------------------------------ time

    def on_deadline(self, now: float) -> Result:
        """Go on with what has waited long enough."""
        result = Result()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, number, host = heappop(self._deadlines)
            row = self._rounds.get(host)
            if row is not None and row.number == number and row.deadline == deadline:
                self._late(row, now, result)
        return result

    def next_deadline(self) -> float | None:
        """When `on_deadline` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    def _late(self, row: _Round, now: float, result: Result) -> None:
        if row.stage is Stage.DEEP:
            self._reset(row, result)
            self._deep.pop(row.number, None)
            if row.hop is not None:
                self._seen(row, "packet", row.hop, result)
        if row.doubt:
            answered = row.open
            self._end(row, result, Sign.UNANSWERED if row.alive and not answered else None)
        elif row.stage in (Stage.TCP, Stage.DEEP) and not row.hasty:
            self._enter(row, Stage.ECHO, now, result)
        elif row.stage in (Stage.TCP, Stage.DEEP, Stage.ECHO) and row.proven and not row.answered:
            self._enter(row, Stage.LAN, now, result)
        else:
            lost = row.stage is Stage.AGAIN and row.alive and not row.answered
            self._end(row, result, Sign.LOST if lost else None)

    def _enter(self, row: _Round, stage: Stage, now: float, result: Result) -> None:
        row.stage = stage
        row.deadline = now + (min(self.timeout, _DOUBT) if row.doubt else self.timeout)
        heappush(self._deadlines, (row.deadline, row.number, row.host))
        tcp = Send(row.host, What.SYN, row.vpn, row.port, row.number)
        echo = Send(row.host, What.ECHO, row.vpn, 0, row.number)
        from_lan = tcp._replace(vpn=None, number=row.lan_number)
        result.sends += {
            Stage.RESOLVE: [Send(row.host, What.ARP)],
            Stage.TCP: [tcp, echo] if row.hasty else [tcp],
            Stage.DEEP: [Send(row.host, What.FAR, row.vpn, row.port, row.number, row.theirs)],
            Stage.ECHO: [echo],
            Stage.LAN: [from_lan, Send(row.host, What.ECHO, None, 0, row.lan_number)],
            Stage.AGAIN: [tcp, echo],
            Stage.DOUBT: [tcp, from_lan],
        }[stage]

    def _new(self, host: HostKey, vpn: int, port: int, proven: bool, hasty: bool) -> _Round:
        self.forget(host)
        number, lan_number = self._random.getrandbits(32), self._random.getrandbits(32)
        return _Round(host, vpn, port, number, lan_number, proven, hasty)

    def _seen(self, row: _Round, kind: str, source: bytes, result: Result) -> None:
        row.answered = True
        row.open |= kind == "tcp"
        result.saw.append(Saw(row.host, kind, source, row.vpn))

    def _reset(self, row: _Round, result: Result) -> None:
        result.sends.append(Send(row.host, What.RST, row.vpn, row.port, row.number))

    def _end(self, row: _Round, result: Result, verdict: Sign | None = None) -> None:
        self.forget(row.host)
        absent = row.stage is Stage.RESOLVE
        result.ends.append(End(row.host, row.vpn, row.answered, row.port, row.open, absent, verdict, row.doubt))


def _matches(row: _Round, answer: Answer, lan: bool) -> bool:
    number = row.lan_number if lan else row.number
    if answer.kind == ECHO:
        return answer.number == number
    return answer.source_port == row.port and answer.number == (number + 1 & _MASK)
