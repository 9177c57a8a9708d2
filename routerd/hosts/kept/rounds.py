"""One measurement of one target: what is asked from which address, what was answered, and what follows. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.hosts.frames import ECHO as ECHO_ANSWER
from routerd.hosts.frames import RST, SYN_ACK, Answer
from routerd.hosts.kept.doubts import Doubt
from routerd.hosts.kept.targets import ECHO, KeptTarget, Key

TRIES = 3
"""So often is each question asked within the time that an answer may take."""
_MASK = 0xFFFFFFFF


class Send(NamedTuple):
    """A packet to a target: `question` is a TCP port, or ECHO. `reset`: end the connection that it has begun."""

    target: Key
    source: IPv4Address
    question: int
    number: int
    reset: bool = False


class Verdict(Enum):
    """What a measurement says."""

    KEPT = "what it answers, it answers every address of the site as well"
    HIDDEN = "it answers the VPN-side address, and not every address of the site"
    SILENT = "it answers nothing"


@dataclass(slots=True)
class Round:
    """A measurement under way. `number` is what answers must repeat. `doubt`: a flow had no answer.

    `hosts` are addresses of hosts whose flows had none: they are asked from as well.
    """

    target: KeptTarget
    questions: tuple[int, ...]
    hosts: tuple[IPv4Address, ...]
    number: int
    pause: float
    deadline: float
    doubt: Doubt | None = None
    tries: int = 1
    answered: dict[IPv4Address, set[int]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Which target it is."""
        return self.target.vpn, self.target.address

    def sends(self) -> Iterator[Send]:
        """What has no answer yet."""
        for source in (self.target.own, *self._site):
            for question in self.questions:
                if question not in self.answered.get(source, ()):
                    yield Send(self.key, source, question, self.number)

    def matches(self, answer: Answer) -> bool:
        """Does it answer one of the questions? Its source is the target's already."""
        if answer.target != self.target.own and answer.target not in self._site:
            return False
        if answer.kind == ECHO_ANSWER:
            return ECHO in self.questions and answer.number == self.number
        known = answer.kind in (SYN_ACK, RST) and answer.source_port in self.questions
        return known and answer.number == (self.number + 1 & _MASK)

    def took(self, answer: Answer) -> bool:
        """Take over an answer that matches; True: everything is answered."""
        question = ECHO if answer.kind == ECHO_ANSWER else answer.source_port
        self.answered.setdefault(answer.target, set()).add(question)
        return not any(self.sends())

    @property
    def alive(self) -> bool:
        """Was the VPN-side address answered?"""
        return self.target.own in self.answered

    @property
    def lost(self) -> bool:
        """Was the VPN-side address answered, and no address of the site?"""
        return self.answered.keys() == {self.target.own}

    def verdict(self) -> Verdict:
        """What the answers say so far. A question counts once it was answered to all addresses of the site.

        What the VPN-side address alone is answered tells of a service that hosts' own addresses cannot reach.
        """
        own, common = self.answered.get(self.target.own, set()), self._common(self._site)
        if own - common:
            return Verdict.HIDDEN
        return Verdict.KEPT if common else Verdict.SILENT

    def only_hosts_are_not_answered(self) -> bool:
        """Is everything answered but what came from `hosts`?"""
        return self.answered.get(self.target.own, set()) <= self._common(self.target.sources)

    @property
    def _site(self) -> tuple[IPv4Address, ...]:
        return (*self.target.sources, *self.hosts)

    def _common(self, sources: Iterable[IPv4Address]) -> set[int]:
        return set(self.questions).intersection(*(self.answered.get(source, ()) for source in sources))
