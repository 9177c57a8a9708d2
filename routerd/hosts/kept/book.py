"""All targets: which of them answer the site's own addresses, and when each is asked again. Pure: `now` is monotonic.

A target is hidden from until it has shown that it answers (nothing is lost by that but the source address). Two
measurements in a row must say that it does so no more, so that lost packets hide nothing. Silence changes nothing: a
peer that is down answers nobody.

A flow that stays unanswered is asked after at once: from the VPN-side address, from the addresses that are always
tried, and from that of the host itself. (An answer to the last one goes on to the host, which passes over an echo that
it did not ask for, and refuses a connection that it did not begin.) If the host's address is not answered and the
VPN-side one is, the target is hidden from, and the host's address is among those to be answered from then on. If all
are answered, the peer was away for a moment, or the service is silent; but for UDP that cannot be told from a firewall
that drops by source, so the second time in a row hosts are hidden, and that is remembered for a while.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.flows import TCP, Flow
from routerd.hosts.frames import SYN_ACK, Answer
from routerd.hosts.kept.doubts import Doubt, Doubts
from routerd.hosts.kept.rounds import TRIES, Round, Send, Verdict
from routerd.hosts.kept.targets import ECHO, KeptTarget, Key
from routerd.hosts.schedule import Schedule

HOLD, LONGEST_HOLD = 600.0, 86400.0
"""How many seconds a target is hidden from whose silence cannot be measured. It doubles with each relapse."""

_DOUBT = 0.6
_STRIKES = 2
_MOST_HOSTS = 4


class Move(NamedTuple):
    """A target is kept or hidden from, other than before. `flow`: because a flow had no answer.

    `lost`: no address of the site was answered, so that what hosts have begun with their own cannot go on.
    """

    key: Key
    kept: bool
    flow: bool = False
    lost: bool = False


@dataclass(slots=True)
class _Row:
    target: KeptTarget
    kept: bool = False
    hosts: tuple[IPv4Address, ...] = ()
    strikes: int = 0
    silences: int = 0
    held: float = 0.0
    relapses: int = 0


class KeptBook:
    """The targets. Methods that return packets leave it to the caller to send them."""

    def __init__(self, generator: random.Random) -> None:
        self.schedule = Schedule(phase=generator.random())
        self.timeout = 1.0
        self.moves: list[Move] = []
        self._random = generator
        self._rows: dict[Key, _Row] = {}
        self._rounds: dict[Key, Round] = {}
        self._at: dict[IPv4Address, list[Key]] = {}
        self._doubts = Doubts()

    def __len__(self) -> int:
        return len(self._rows)

    def configure(self, targets: dict[Key, KeptTarget], interval: float, timeout: float, now: float) -> None:
        """Take over what is measured. What was known stays, but where other addresses are to be answered."""
        self.timeout = timeout
        self.schedule.configure(interval)
        for key in [key for key in self._rows if key not in targets]:
            del self._rows[key]
            self._rounds.pop(key, None)
            self.schedule.remove(key)
        for key, target in targets.items():
            row = self._rows.get(key)
            if row is None:
                self._rows[key] = _Row(target)
                self.schedule.add(key, now)
            elif row.target != target:
                same = row.target[:-1] == target[:-1]
                self._rows[key] = _Row(target, row.kept, row.hosts) if same else _Row(target)
                self._rounds.pop(key, None)
                self.schedule.remove(key)
                self.schedule.add(key, now)
        self._at = {}
        for key in self._rows:
            self._at.setdefault(key[1], []).append(key)

    def kept(self) -> frozenset[Key]:
        """The targets that hosts may come to with their own addresses."""
        return frozenset(key for key, row in self._rows.items() if row.kept)

    def soon(self, now: float) -> None:
        """Something has changed at the peers: ask again all that are hidden from."""
        for key, row in self._rows.items():
            if not row.kept and key not in self._rounds:
                self.schedule.at_once(key, now)

    def flow(self, flow: Flow, what: str, now: float) -> None:
        """A flow of a host to a forward or an alias, or anything else that came to such an address."""
        target = self._doubts.take(flow, what, now, self._is_kept)
        for key in self._at.get(target, ()) if target is not None else ():
            self._rows[key].silences = 0

    # ------------------------------------------------------------ measuring

    def begin(self, now: float) -> list[Send]:
        """Begin what is due."""
        sends: list[Send] = []
        for key in self.schedule.due(now):
            row = self._rows.get(key)
            if row is not None and key not in self._rounds:
                sends += self._begin(row, row.target.questions, row.hosts, now, self.timeout)
        return sends

    def heard(self, key: Key, answer: Answer, now: float) -> list[Send]:
        """An answer from a target's address."""
        asked = self._rounds.get(key)
        if asked is None or not asked.matches(answer):
            return []
        if asked.took(answer):
            self._end(asked, now)
        if answer.kind == SYN_ACK:
            return [Send(key, answer.target, answer.source_port, asked.number, reset=True)]
        return []

    def on_deadline(self, now: float) -> list[Send]:
        """Ask again, come to an end, and follow flows that have no answer."""
        sends: list[Send] = []
        for asked in [asked for asked in self._rounds.values() if asked.deadline <= now]:
            if asked.tries >= TRIES:
                self._end(asked, now)
            else:
                asked.tries, asked.deadline = asked.tries + 1, now + asked.pause
                again = list(asked.sends())
                self.schedule.spend(len(again))
                sends += again
        for doubt in self._doubts.due(now):
            for key in self._at.get(doubt.target, ()):
                sends += self._doubt(self._rows[key], doubt, now)
        return sends

    def next_deadline(self) -> float | None:
        """When there is something to do the next time."""
        rounds = (asked.deadline for asked in self._rounds.values())
        parts = (self.schedule.next_deadline(), self._doubts.next_deadline(), *rounds)
        return min((at for at in parts if at is not None), default=None)

    def next_doubt(self) -> float | None:
        """When a flow has waited too long; a part of `next_deadline`."""
        return self._doubts.next_deadline()

    def _doubt(self, row: _Row, doubt: Doubt, now: float) -> Iterable[Send]:
        asked = self._rounds.get((row.target.vpn, row.target.address))
        if not row.kept or (asked is not None and asked.doubt is not None):
            return []
        questions = (doubt.port,) if doubt.protocol == TCP else (ECHO,)
        # This machine's own flows come from an address that is asked from anyway.
        hosts = () if doubt.host in row.target.sources else (doubt.host,)
        return self._begin(row, questions, hosts, now, min(self.timeout, _DOUBT), doubt)

    def _begin(
        self,
        row: _Row,
        questions: tuple[int, ...],
        hosts: tuple[IPv4Address, ...],
        now: float,
        timeout: float,
        doubt: Doubt | None = None,
    ) -> list[Send]:
        pause = timeout / TRIES
        asked = Round(row.target, questions, hosts, self._random.getrandbits(32), pause, now + pause, doubt)
        self._rounds[asked.key] = asked
        sends = list(asked.sends())
        self.schedule.spend(len(sends) - 1)
        return sends

    def _end(self, asked: Round, now: float) -> None:
        row = self._rows[asked.key]
        del self._rounds[asked.key]
        verdict = asked.verdict()
        if asked.doubt is not None:
            self._settle(row, asked, asked.doubt, now)
        elif verdict is Verdict.KEPT:
            row.strikes, row.hosts = 0, ()
            if now >= row.held:
                self._move(row, kept=True)
        elif verdict is Verdict.HIDDEN:
            row.strikes += 1
            if row.strikes >= _STRIKES:
                self._move(row, kept=False, lost=asked.lost)
        self.schedule.ended(asked.key, now, proven=row.kept, answered=verdict is not Verdict.SILENT)
        if row.kept and row.strikes:
            self.schedule.at_once(asked.key, now)

    def _settle(self, row: _Row, asked: Round, doubt: Doubt, now: float) -> None:
        """A flow had no answer, and this is what asking after it has shown."""
        if not asked.alive:
            return  # Hiding the host would not help.
        if asked.verdict() is Verdict.HIDDEN:
            if asked.only_hosts_are_not_answered():
                row.hosts = tuple(dict.fromkeys((doubt.host, *row.hosts)))[:_MOST_HOSTS]
        elif doubt.protocol == TCP:
            return
        else:
            row.silences += 1
            if row.silences < _STRIKES:
                return
            row.held = now + min(HOLD * 2**row.relapses, LONGEST_HOLD)
            row.relapses = min(row.relapses + 1, 16)
        self._move(row, kept=False, flow=True)

    def _move(self, row: _Row, *, kept: bool, flow: bool = False, lost: bool = False) -> None:
        row.strikes = row.silences = 0
        if row.kept is not kept:
            row.kept = kept
            self.moves.append(Move((row.target.vpn, row.target.address), kept, flow, lost))

    def _is_kept(self, address: IPv4Address) -> bool:
        return any(self._rows[key].kept for key in self._at.get(address, ()))
