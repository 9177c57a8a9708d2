"""Measurements that are under way: which packets they send one after another, and what answers say. Pure.

A measurement asks from the VPN-side address: TCP first, then an echo. A host that had a way back and is silent now is
asked from the LAN's address as well: if it answers that one, the way back is lost; if not, nothing is known, but it may
be another machine now, so its link-layer address is asked for. `now` is monotonic seconds.
"""

import random
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush

from routerd.hosts.frames import ACK, ECHO, RST, SYN_ACK, Answer
from routerd.hosts.return_path import Sign
from routerd.hosts.schedule import HostKey
from routerd.hosts.steps import End, Result, Saw, Send, What

_DOUBT = 0.45
_DISTRUST = 600.0
_MOST_ROUTERS = 256
_MASK = 0xFFFFFFFF


class Stage(Enum):
    """How far a measurement is."""

    RESOLVE = "its link-layer address is asked for"
    TCP = "tcp from the VPN-side address"
    DEEP = "in the middle of a connection, as a router sees it"
    ECHO = "echo from the VPN-side address"
    LAN = "tcp and echo from the LAN's address"
    AGAIN = "tcp and echo from the VPN-side address, once more"
    DOUBT = "tcp from both addresses"
    DOUBT_UDP = "tcp and echo from both addresses"
    CHECK = "its link-layer address is asked for again, as it is silent"


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
    serves: bool = False
    again: bool = False
    silent_udp: bool = False
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

    def doubt(
        self, host: HostKey, now: float, port: int, vpn: int = 0, *, udp: bool = False, silent: bool = False
    ) -> Result:
        """A flow to this port of a routed host has no answer: is it the way back?

        `udp`: the port is UDP's. No datagram is sent to it, as its program would hear of that; a firewall that passes
        only its own subnet is seen by TCP to the same number, or by an echo. `silent`: the port has answered the LAN's
        address by UDP, so that it is enough that the host is there.
        """
        result = Result()
        known = self._rounds.get(host)
        if known is None or not known.doubt:
            row = self._rounds[host] = self._new(host, vpn, port, True, False)
            row.doubt, row.silent_udp = True, silent
            self._enter(row, Stage.DOUBT_UDP if udp else Stage.DOUBT, now, result)
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
        elif row is not None and row.stage is Stage.CHECK:
            self._end(row, result)
        return result

    # ------------------------------------------------------------ answers

    def heard(
        self, host: HostKey, answer: Answer, source: bytes, own: bytes | None, now: float, *, lan: bool
    ) -> Result:
        """An answer from the host; `lan`: it came to the LAN's address, else to the VPN-side one."""
        result, row = Result(), self._rounds.get(host)
        if row is None or row.stage in (Stage.RESOLVE, Stage.CHECK) or not _matches(row, answer, lan):
            if answer.kind == ACK and not lan:
                self._translated(answer, source, now, result)
            return result
        if lan:
            self._alive(row, answer, now, result)
        elif source == own:
            if answer.kind == SYN_ACK:
                self._reset(row, result)
            self._seen(row, "echo" if answer.kind == ECHO else "tcp", source, result)
            if not row.doubt:
                self._end(row, result)
            elif row.open:
                self._end_doubt(row, result)
        else:
            self._through_router(row, answer, source, now, result)
        return result

    def _alive(self, row: _Round, answer: Answer, now: float, result: Result) -> None:
        row.alive = True
        row.serves |= answer.kind != ECHO
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
        if row.stage is Stage.CHECK:
            self._end(row, result, absent=True)
        elif row.doubt:
            self._late_doubt(row, now, result)
        elif row.stage in (Stage.TCP, Stage.DEEP) and not row.hasty:
            self._enter(row, Stage.ECHO, now, result)
        elif row.stage in (Stage.TCP, Stage.DEEP, Stage.ECHO) and row.proven and not row.answered:
            self._enter(row, Stage.LAN, now, result)
        elif row.stage is Stage.LAN:
            self._enter(row, Stage.CHECK, now, result)
        else:
            lost = row.stage is Stage.AGAIN and row.alive and not row.answered
            self._end(row, result, Sign.LOST if lost else None)

    def _late_doubt(self, row: _Round, now: float, result: Result) -> None:
        if not row.alive and not row.answered:
            self._enter(row, Stage.CHECK, now, result)
        elif _withheld(row) is not None and not row.again:
            # One packet may be lost.
            row.again = True
            self._enter(row, Stage.AGAIN, now, result)
        else:
            self._end_doubt(row, result)

    def _end_doubt(self, row: _Round, result: Result) -> None:
        self._end(row, result, None if _withheld(row) is None else Sign.UNANSWERED)

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
            Stage.DOUBT_UDP: [tcp, echo, from_lan, Send(row.host, What.ECHO, None, 0, row.lan_number)],
            Stage.CHECK: [Send(row.host, What.ARP)],
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

    def _end(self, row: _Round, result: Result, verdict: Sign | None = None, *, absent: bool = False) -> None:
        self.forget(row.host)
        if row.silent_udp and verdict is None and (row.alive or row.answered):
            verdict = Sign.UNANSWERED
        absent = absent or row.stage is Stage.RESOLVE
        withheld = _withheld(row) if verdict is Sign.UNANSWERED else None
        end = End(row.host, row.vpn, row.answered, row.port, row.open, absent, verdict, row.doubt, withheld)
        result.ends.append(end)


def _matches(row: _Round, answer: Answer, lan: bool) -> bool:
    number = row.lan_number if lan else row.number
    if answer.kind == ECHO:
        return answer.number == number
    return answer.source_port == row.port and answer.number == (number + 1 & _MASK)


def _withheld(row: _Round) -> str | None:
    """What the LAN's address is answered by, and the VPN-side address is not."""
    if row.serves:
        return None if row.open else "tcp"
    return "echo" if row.alive and not row.answered else None
