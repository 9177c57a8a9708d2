"""One address of a LAN: asked for, taken, defended and given up, as RFC 5227 has it. Pure: `now` is seconds.

Beside the probes, ordinary questions go out: who answers for others by proxy is silent to probes. No answer within
0.8 s of the last question means that nobody has the address: proxies wait that long before they answer.
"""

from enum import Enum, StrEnum
from random import Random


class State(StrEnum):
    """What is with an address, as `/v1/status` shows it."""

    AWAY = "away"
    """The LAN's link is not there."""
    ASKING = "asking"
    CLAIMED = "claimed"
    CONFLICT = "conflict"
    """Another machine has it."""


class What(Enum):
    """What is to be sent."""

    PROBE = 1
    QUESTION = 2
    ANNOUNCEMENT = 3


class Verdict(Enum):
    """What a packet of another machine means."""

    NOTHING = 1
    ANSWER = 2
    """It asks for the address, which stands for a peer here."""
    DEFEND = 3
    """It says that it has the address: say once that it is taken."""
    LOST = 4
    """It has the address, and did not have it before."""


_FIRST = (0.1, 0.5)
"""Machines that are switched on together do not ask together."""
_STEPS: tuple[tuple[float, tuple[What, ...]], ...] = (
    (0.0, (What.PROBE, What.QUESTION)),
    (0.4, (What.PROBE, What.QUESTION)),
    (0.8, (What.PROBE,)),
)
_SILENCE = 0.8
_ANNOUNCEMENTS, _BETWEEN = 2, 2.0
_DEFEND_INTERVAL = 10.0
_FIRST_RETRY, _LAST_RETRY = 2.0, 60.0
_SETTLED = 300.0
_NEVER = float("inf")
_WAITING = -1


def retry_after(conflicts: int, generator: Random) -> float:
    """The seconds until an address is asked for again after so many conflicts, not quite the same on all machines."""
    return min(_FIRST_RETRY * 2.0 ** min(conflicts - 1, 10), _LAST_RETRY) * generator.uniform(0.75, 1.25)


class Claim:
    """An address. `held`: nobody else had it when it was asked for last, so that its rules may be there.

    `installed`: this machine answers for it. `other` is the MAC of who has it. It begins with its link away.
    """

    def __init__(self, generator: Random) -> None:
        self.state = State.AWAY
        self.held = self.installed = False
        self.other: bytes | None = None
        self.since = 0.0
        self._random = generator
        self._at, self._step = _NEVER, _WAITING
        self._announcements = 0
        self._conflicts = 0
        self._defended = -_NEVER

    # ------------------------------------------------------------ what happens here

    def open(self, now: float) -> None:
        """The link is there: ask. A link that is back may be that of another LAN, so it is asked again."""
        self._enter(State.ASKING, now)
        self._step, self._at = 0, now + self._random.uniform(*_FIRST)

    def close(self, now: float) -> None:
        """The link is gone. What was held is so until it is asked for again."""
        self._enter(State.AWAY, now)
        self.installed, self._announcements = False, 0
        self._at, self._step = _NEVER, _WAITING

    def adopt(self) -> None:
        """An earlier routerd had it, and it is answered for since then."""
        self.held = self.installed = True

    def put(self, now: float) -> None:
        """It is answered for from now on."""
        self.installed, self._announcements, self._at = True, _ANNOUNCEMENTS, now

    def pulled(self) -> None:
        """It is not answered for any more."""
        self.installed, self._announcements = False, 0
        if self.state is State.CLAIMED:
            self._at = _NEVER

    @property
    def wants(self) -> bool:
        """May this machine answer for it, as far as the others of the LAN go?"""
        return self.held and (self.state is State.CLAIMED or (self.state is State.ASKING and self.installed))

    def next_deadline(self) -> float:
        """When `act` next has something to do; infinite if it has not."""
        return self._at

    def act(self, now: float) -> tuple[What, ...]:
        """What is to be sent now; an address that nobody answered for is claimed."""
        if now < self._at:
            return ()
        if self.state is State.CLAIMED:
            self._announcements -= 1
            self._at = now + _BETWEEN if self._announcements > 0 else _NEVER
            return (What.ANNOUNCEMENT,)
        self._step = max(self._step, 0)
        if self._step == len(_STEPS):
            self._enter(State.CLAIMED, now)
            self.held, self.other, self._at, self._step = True, None, _NEVER, _WAITING
            return ()
        after, what = _STEPS[self._step]
        self._step += 1
        # Asked late, it is waited for as long as if it had been in time.
        self._at = now + (_STEPS[self._step][0] - after if self._step < len(_STEPS) else _SILENCE)
        return what

    # ------------------------------------------------------------ what others say

    def heard(self, mac: bytes, now: float) -> Verdict:
        """Another machine says that it has the address."""
        if self.state is State.AWAY:
            return Verdict.NOTHING
        if self.state is State.CONFLICT and self._step == _WAITING:
            self.other = mac
            return Verdict.NOTHING
        if self.wants and self.installed and now - self._defended >= _DEFEND_INTERVAL:
            self._defended = now
            return Verdict.DEFEND
        return self._lose(mac, now)

    def probed(self, mac: bytes, now: float) -> Verdict:
        """Another machine asks, as one that would take the address if nobody has it."""
        if self._step != _WAITING and not self.installed:
            return self._lose(mac, now)
        return self.asked()

    def asked(self) -> Verdict:
        """A host asks who has the address."""
        return Verdict.ANSWER if self.installed and self.wants else Verdict.NOTHING

    def lose(self, now: float) -> Verdict:
        """Something on this machine itself has it."""
        return self._lose(None, now)

    # ------------------------------------------------------------ parts

    def _lose(self, mac: bytes | None, now: float) -> Verdict:
        if self.state is State.CLAIMED and now - self.since >= _SETTLED:
            self._conflicts = 0
        again = self.state is State.CONFLICT
        self._conflicts += 1
        self._enter(State.CONFLICT, now)
        self.held, self.other, self._step = False, mac, _WAITING
        self._at = now + retry_after(self._conflicts, self._random)
        return Verdict.NOTHING if again else Verdict.LOST

    def _enter(self, state: State, now: float) -> None:
        if state is not self.state:
            self.state, self.since = state, now
