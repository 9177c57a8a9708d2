"""Which other machines announce a prefix as well, so that it is noticed when one of them stops. Pure."""

from routerd.rip.table import Prefix

MOST = 20_000
"""Of what is remembered on one link."""


class Rivals:
    """By machine and prefix, until when its last announcement counts."""

    def __init__(self) -> None:
        self._until: dict[tuple[int, Prefix], float] = {}

    def announces(self, machine: int, prefix: Prefix, until: float) -> None:
        """It announced the prefix with a metric that can be used."""
        if len(self._until) < MOST or (machine, prefix) in self._until:
            self._until[machine, prefix] = until

    def ends(self, machine: int, prefix: Prefix, now: float) -> bool:
        """It said metric 16; whether it announced the prefix before.

        Who only tells a route back to where it comes from, as unreachable (split horizon with poisoned reverse,
        RFC 2453 section 3.4.3), never did, though it says so in every update.
        """
        until = self._until.pop((machine, prefix), None)
        return until is not None and until > now

    def expire(self, now: float) -> None:
        """Forget what was not announced again in time."""
        if self._until:
            self._until = {key: until for key, until in self._until.items() if until > now}
