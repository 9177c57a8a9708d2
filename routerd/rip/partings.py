"""Who is no longer sent updates since the last reload, and is to be told so. Pure."""

from typing import NamedTuple

from routerd.model import Address
from routerd.rip.words import Settings, To

Place = tuple[To, Address]

TIMES, BETWEEN = 3, 0.07
_MOST = 1000


class Parting(NamedTuple):
    """A last word: where to, and by which settings, whose keys are the ones that are believed there."""

    at: float
    place: Place
    settings: Settings


class Partings:
    """The last words that are still to be said."""

    def __init__(self) -> None:
        self._waiting: list[Parting] = []

    def configure(self, before: Settings, after: Settings, now: float) -> None:
        """Find out who is left by this change of settings.

        A neighbour is told three times, since datagrams get lost; but where those who stay hear it too, only once,
        and the update that follows puts it right for them.
        """
        stay = set(places(after))
        self._waiting = [each for each in self._waiting if each.place not in stay]
        left = [place for place in places(before) if place not in stay]
        if after.group is not None:
            # Broadcast and multicast reach the same routers.
            left = [place for place in left if place[0] is To.UNICAST]
        for place in left:
            times = TIMES if place[0] is To.UNICAST and after.group is None else 1
            self._waiting += [Parting(now + n * BETWEEN, place, before) for n in range(times)]
        del self._waiting[_MOST:]

    def next_deadline(self) -> float | None:
        """When the next one is due."""
        return min((each.at for each in self._waiting), default=None)

    def due(self, now: float) -> list[Parting]:
        """What is to be said now."""
        due = [each for each in self._waiting if each.at <= now]
        if due:
            self._waiting = [each for each in self._waiting if each.at > now]
        return due


def places(settings: Settings) -> list[Place]:
    """Where updates go: to the group, if there is one, then to the neighbours."""
    single = [(To.UNICAST, address) for address in settings.neighbours]
    return [settings.group, *single] if settings.group is not None else single
