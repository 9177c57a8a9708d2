"""Is another DHCP server on this LAN? When to ask, what an answer means, and whether to serve.

Pure: the service sends the questions, hands in what it hears, and obeys `phase`. Serving for the first time waits for
the end of a first question that nobody answered; who serves already goes on whatever is heard, and shows it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from random import Random

from routerd.dhcp.rival_wire import Answer

SENT_AFTER = (0.0, 0.15, 0.3)
FIRST_PATIENCE = 0.45
LATER_PATIENCE = 4.0  # Longer than dnsmasq takes to try an address before it offers it.
LATE_ANSWER = 5.0
_LEAST_PAUSE = 0.1
EVERY_REFUSING = 10.0
EVERY_BESIDE = 60.0
EVERY_ALONE = 300.0
HINT_LASTS = 600.0
_LARGEST = 8


class Phase(StrEnum):
    """Whether DHCP is served on the LAN."""

    ASKING = "asking"
    SERVING = "serving"
    REFUSING = "refusing"


@dataclass(frozen=True, slots=True)
class Rival:
    """Another DHCP server. `mac` is None if only a client told of it; `local`: a process of this machine."""

    address: IPv4Address
    mac: bytes | None = None
    local: bool = False

    def text(self, process: str = "") -> str:
        """The server in words; `process` is the name of the local one, where it is known."""
        if self.local:
            return f"{process or 'another process'} on this machine, as {self.address}"
        return f"{self.address} ({self.mac.hex(':') if self.mac else 'a client chose it'})"


@dataclass(frozen=True, slots=True)
class Own:
    """What is never a rival: the addresses that this routerd serves from, and the MACs of its interfaces."""

    servers: frozenset[int]
    macs: frozenset[bytes]


@dataclass(slots=True)
class _Seen:
    rival: Rival
    at: float
    answered: bool
    """It has answered a question, so that silence means that it is gone."""


@dataclass(slots=True)
class _Question:
    start: float
    patience: float
    sent: list[float] = field(default_factory=list)

    def due(self) -> float:
        """When the next packet is to be sent, or when to conclude."""
        if len(self.sent) < len(SENT_AFTER):
            return self.start + SENT_AFTER[len(self.sent)]
        return max(self.start + self.patience, self.sent[-1] + _LEAST_PAUSE)


class Rivals:
    """The other DHCP servers of one LAN. With `ask`, serving waits for the first question."""

    def __init__(self, own: Own, rng: Random, now: float, *, ask: bool) -> None:
        self.own = own
        self.phase = Phase.ASKING if ask else Phase.SERVING
        self._rng = rng
        self._next = now
        self._question: _Question | None = None
        self._xid: int | None = None
        self._trial_until = 0.0
        self._seen: dict[int, _Seen] = {}

    def found(self) -> tuple[Rival, ...]:
        """The rivals that are known now, by address."""
        return tuple(self._seen[server].rival for server in sorted(self._seen))

    def insist(self) -> None:
        """Serve whoever else does."""
        self.phase, self._trial_until = Phase.SERVING, 0.0

    def next_deadline(self) -> float:
        """When `on_deadline` has something to do."""
        return self._next if self._question is None else self._question.due()

    def on_deadline(self, now: float) -> int | None:
        """The transaction id of a question to send now, or None. Whatever was heard must be handed in before."""
        if now < self.next_deadline():
            return None
        if self._question is None:
            patience = FIRST_PATIENCE if self.phase is Phase.ASKING else LATER_PATIENCE
            self._xid = self._rng.getrandbits(32)
            self._trial_until = 0.0
            self._question = _Question(now, patience)
        question = self._question
        if len(question.sent) < len(SENT_AFTER):
            question.sent.append(now)
            return self._xid
        self._conclude(question, now)
        return None

    def receive(self, answer: Answer, mac: bytes, now: float, *, local: bool = False) -> None:
        """A server's message to some client was heard, from `mac`; `local`: it came from a process of this machine.

        Another process here may well use our own address, but only the answer to our question is surely its.
        """
        if local and answer.xid != self._xid:
            return
        if not local and (mac in self.own.macs or answer.server in self.own.servers):
            return
        rival = Rival(IPv4Address(answer.server), None if local else mac, local)
        self._note(answer.server, rival, now, answer.xid == self._xid)
        if self.phase is Phase.SERVING:
            if answer.xid != self._xid or now >= self._trial_until:
                return
            # Still an answer to the question before serving: the server tried the address first.
            self._trial_until, self._next = 0.0, now + EVERY_REFUSING
        self.phase = Phase.REFUSING
        if self._question is not None:
            self._next = self._question.start + EVERY_REFUSING
            self._question = None

    def requested(self, server: int, now: float) -> None:
        """A client told the LAN that it chose the server with this address."""
        if server in self.own.servers or not server:
            return
        known = self._seen.get(server)
        rival = Rival(IPv4Address(server)) if known is None else known.rival
        self._note(server, rival, now, False)
        if known is None and self._question is None:
            self._next = min(self._next, now)

    def _note(self, server: int, rival: Rival, now: float, answered: bool) -> None:
        known = self._seen.get(server)
        if known is not None or len(self._seen) < _LARGEST:
            self._seen[server] = _Seen(rival, now, answered or (known is not None and known.answered))

    def _conclude(self, question: _Question, now: float) -> None:
        self._question = None
        self._seen = {
            server: seen
            for server, seen in self._seen.items()
            if seen.at >= question.start or (not seen.answered and seen.at + HINT_LASTS > now)
        }
        if self.phase is Phase.ASKING:
            self._trial_until = question.start + LATE_ANSWER
        # Any answer heard before this moment would have ended the question.
        self.phase = Phase.SERVING
        self._next = question.start + (EVERY_BESIDE if self._seen else EVERY_ALONE)
