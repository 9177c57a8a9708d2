"""`/health` as application/health+json (draft-inadarei-api-health-check): pass, warn or fail, with its checks. Pure."""

from collections.abc import Iterable, Mapping

from routerd.api.views import Json, time_text
from routerd.reports import Check, PeerReport

MOST_CHECKS = 50
"""Peers, and duties, that are listed at most; what is not well comes first, and the rest is counted."""

PASS, WARN, FAIL = "pass", "warn", "fail"

_INTERFACE_VERSION = "1"


class PeerTally:
    """Takes in all peers, in pieces: how many there are, and the few that are listed."""

    def __init__(self) -> None:
        self.total = 0
        self.down = 0
        self._down: list[PeerReport] = []
        self._others: list[PeerReport] = []

    def add(self, reports: Iterable[PeerReport]) -> None:
        """Take in some more."""
        for report in reports:
            self.total += 1
            down = report.reachable is False
            self.down += down
            kept = self._down if down else self._others
            if len(kept) < MOST_CHECKS:
                kept.append(report)

    def listed(self) -> list[PeerReport]:
        """At most `MOST_CHECKS`, those that are down first."""
        return [*self._down, *self._others][:MOST_CHECKS]


def health(version: str, now: float, duties: Iterable[Check], peers: PeerTally) -> tuple[int, Json]:
    """The HTTP status and the body: fail (503) where a duty is not met, warn where a peer is down, else pass."""
    duties = sorted(duties, key=lambda check: check.ok)
    status = FAIL if any(not check.ok for check in duties) else WARN if peers.down else PASS
    checks: dict[str, list[Json]] = {}
    if duties:
        checks["duty:met"] = [_duty(check, now) for check in duties[:MOST_CHECKS]]
    if len(duties) > MOST_CHECKS:
        checks["duty:count"] = [{"observedValue": len(duties), "observedUnit": "duties", "status": status}]
    if peers.total:
        checks["peer:reachable"] = [_peer(report) for report in peers.listed()]
    if peers.total > MOST_CHECKS:
        count: Json = {"observedValue": peers.total, "observedUnit": "peers", "status": WARN if peers.down else PASS}
        checks["peer:count"] = [count | {"output": f"{peers.down} down"}]
    return (503 if status == FAIL else 200), _body(version, status, checks)


def _body(version: str, status: str, checks: Mapping[str, list[Json]]) -> Json:
    return {
        "status": status,
        "version": _INTERFACE_VERSION,
        "releaseId": version,
        "description": "routerd",
        "checks": dict(checks),
    }


def _duty(check: Check, now: float) -> Json:
    found: Json = {"componentId": check.name, "componentType": "component", "status": PASS if check.ok else FAIL}
    if not check.ok:
        found["output"] = check.text or "no reason given"
    return found | {"time": time_text(now)}


def _peer(report: PeerReport) -> Json:
    return {
        "componentId": report.name,
        "componentType": "system",
        "observedValue": report.state.value,
        "status": WARN if report.reachable is False else PASS,
        "time": time_text(report.since),
    }
