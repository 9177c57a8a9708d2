"""Which neighbours send what cannot be taken, as problems that end when they have been quiet for a while. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from routerd.model import Address, Problem
from routerd.rip_part import RipNeighbour, RipReport

QUIET = 180.0
_MOST = 3


@dataclass(slots=True)
class _Seen:
    """The counters of one neighbour as they were looked at last, and when each had grown last."""

    failures: int = 0
    bad: int = 0
    failed_at: float = float("-inf")
    bad_at: float = float("-inf")


class Troubles:
    """Of one speaker. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._seen: dict[Address, _Seen] = {}

    def look(self, report: RipReport, now: float) -> None:
        """Take over the counters as they are now."""
        seen = {}
        for neighbour in report.neighbours:
            one = seen[neighbour.address] = self._seen.get(neighbour.address) or _Seen()
            bad = neighbour.bad_packets - neighbour.authentication_failures + neighbour.bad_routes
            if neighbour.authentication_failures > one.failures:
                one.failed_at = now
            if bad > one.bad:
                one.bad_at = now
            one.failures, one.bad = neighbour.authentication_failures, bad
        self._seen = seen

    def problems(self, report: RipReport, now: float) -> Iterator[Problem]:
        """What stands now."""
        subject = f"lan {report.lan}"
        recent = [(each, self._seen[each.address]) for each in report.neighbours if each.address in self._seen]
        failing = [each for each, seen in recent if now - seen.failed_at < QUIET]
        bad = [each for each, seen in recent if now - seen.bad_at < QUIET and each not in failing]
        for code, neighbours in (("rip-authentication", failing), ("rip-bad-packets", bad)):
            if neighbours:
                reason = next((each.last_error for each in neighbours if each.last_error), "?")
                values = (("version", report.version), ("neighbours", _names(neighbours)), ("reason", reason))
                yield Problem(code, subject, values)
        if report.key_expired:
            yield Problem("rip-key-expired", subject, (("key", str(report.key_id)),))


def _names(neighbours: Iterable[RipNeighbour]) -> str:
    names = [str(each.address) for each in neighbours]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
