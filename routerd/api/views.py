"""Turns reports into the JSON of the HTTP interface: one function a shape, values in, plain dicts out. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote

from routerd.lease_records import Outcome
from routerd.model import Route
from routerd.reports import Check, ConfigReport, HostReport, LeaseReport, PeerReport, ProblemReport

Json = dict[str, object]

_PEERS = "/v1/peers/"
_PARTS = ("/health", "/probe")
_LAST_SECOND = 253402300799.0


@lru_cache(maxsize=4096)
def time_text(unix: float | None, *, milliseconds: bool = False) -> str | None:
    """Unix seconds in RFC 3339 UTC; None where unknown, endless, or beyond the year 9999.

    Cached: a list of thousands holds the same moments more than once, and the next one most of them again.
    """
    if unix is None or not math.isfinite(unix) or not 0 <= unix <= _LAST_SECOND:
        return None
    whole, microseconds = divmod(round(unix * 1_000_000), 1_000_000)
    text = datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat()
    return f"{text}.{microseconds // 1000:03}Z" if milliseconds else f"{text}Z"


def peer(report: PeerReport) -> Json:
    """One peer of `/v1/peers`."""
    return {
        "name": report.name,
        "public_key": report.public_key,
        "vpn": report.vpn,
        "addresses": list(report.addresses),
        "endpoint": report.endpoint,
        "state": report.state.value,
        "reachable": report.reachable,
        "flapping": report.flapping,
        "since": time_text(report.since, milliseconds=True),
        "last_handshake": time_text(report.last_handshake, milliseconds=True),
        "rx_bytes": report.rx_bytes,
        "tx_bytes": report.tx_bytes,
        "probe": {
            "kind": report.probe_kind,
            "rtt_ms": None if report.rtt is None else round(report.rtt * 1000, 3),
            "last_success": time_text(report.last_success, milliseconds=True),
            "failures": report.failures,
            "failure": report.failure,
        },
        "evidence": [{"kind": kind, "at": time_text(at, milliseconds=True)} for kind, at in report.evidence],
    }


def peer_health(report: PeerReport) -> tuple[int, Json]:
    """The status and body of `/v1/peers/NAME/health`: 200 only where the peer is known to be reachable, else 503."""
    body: Json = {"name": report.name, "state": report.state.value, "reachable": report.reachable}
    return (200 if report.reachable else 503), body


def route(value: Route) -> Json:
    """One route of `/v1/routes`."""
    return {
        "prefix": str(value.prefix),
        "gateway": None if value.gateway is None else str(value.gateway),
        "metric": value.metric,
        "lan": value.lan,
        "channels": list(value.channels),
        "state": value.state.value,
        "reason": value.reason,
    }


def lease(report: LeaseReport) -> Json:
    """One lease of `/v1/leases`."""
    return {
        "address": str(report.address),
        "mac": report.mac.lower(),
        "client_id": report.client_id,
        "hostname": report.hostname,
        "lan": report.lan,
        "state": report.state,
        "starts": time_text(report.starts),
        "expires": time_text(report.expires),
        "accepts_routes": report.accepts_routes,
        "routes_current": report.routes_current,
    }


def outcome(found: Outcome) -> Json:
    """What became of one lease that was to be taken over."""
    return {
        "address": str(found.address),
        "outcome": found.outcome,
        "state": found.state,
        "reason": found.reason or None,
        "line": found.line,
    }


def host(report: HostReport) -> Json:
    """One host of `/v1/hosts`."""
    lease, evidence = report.lease, report.evidence
    return {
        "address": str(report.address),
        "mac": report.mac,
        "hostname": report.hostname,
        "lan": report.lan,
        "lease": None
        if lease is None
        else {"expires": time_text(lease.expires), "routes_current": lease.routes_current},
        "accepts_routes": report.accepts_routes,
        "return_path": report.return_path.value,
        "evidence": None
        if evidence is None
        else {
            "kind": evidence.kind,
            "next_hop_mac": evidence.next_hop_mac,
            "at": time_text(evidence.at, milliseconds=True),
        },
        "strategy": report.strategy,
        "pinned": report.pinned,
        "since": time_text(report.since),
    }


def problem(report: ProblemReport) -> Json:
    """One problem of `/v1/problems`."""
    return {
        "code": report.code,
        "subject": report.subject,
        "severity": report.severity,
        "text": report.text,
        "mend": report.mend,
        "since": time_text(report.since, milliseconds=True),
        "caused_by": report.caused_by,
    }


def config(report: ConfigReport) -> Json:
    """The configuration of `/v1/status`; the faults are those of `routerd check --json`."""
    faults = [asdict(fault) for fault in report.errors]
    return {"path": report.path, "loaded": time_text(report.loaded, milliseconds=True), "errors": faults}


def status(
    version: str,
    started: float,
    now: float,
    counts: Mapping[str, Mapping[str, int]],
    services: Mapping[str, object],
    config: Json | None = None,
) -> Json:
    """`/v1/status`: `counts` are per kind and state, `services` every service's report by its name."""
    return {
        "version": version,
        "started": time_text(started),
        "now": time_text(now, milliseconds=True),
        "uptime_s": round(max(0.0, now - started), 3),
        "counts": {kind: dict(states) for kind, states in counts.items()},
        "services": dict(services),
        **({} if config is None else {"config": config}),
    }


def trial(deadline: float | None) -> Json:
    """The part of `/v1/status` that says until when the configuration must be confirmed; empty where it need not be."""
    return {} if deadline is None else {"confirm": {"deadline": time_text(deadline, milliseconds=True)}}


def tally(counts: dict[str, int], states: Iterable[str]) -> None:
    """Add up `states` in `counts`."""
    for state in states:
        counts[state] = counts.get(state, 0) + 1


def readiness(checks: Iterable[Check], *, verbose: bool) -> tuple[int, str]:
    """The status and text of `/readyz`. What failed is always listed, what is well only where `verbose`."""
    checks = tuple(checks)
    ready = all(check.ok for check in checks)
    if ready and not verbose:
        return 200, "ok\n"
    lines = [_check_line(check) for check in checks if verbose or not check.ok]
    lines.append(f"readyz check {'passed' if ready else 'failed'}")
    return (200 if ready else 503), "\n".join(lines) + "\n"


def peer_path(raw_path: str) -> tuple[str, str]:
    """The NAME in a raw request path below `/v1/peers/`, and what of it is asked for: "", "/health" or "/probe".

    The path comes as it was sent, because a public key holds '/' and '+' whether or not they were percent-encoded.
    Raises ValueError for a path that is not below `/v1/peers/`.
    """
    path = raw_path.partition("?")[0].partition("#")[0]
    if not path.startswith(_PEERS):
        raise ValueError(f"not below {_PEERS}: {path}")
    name = path[len(_PEERS) :]
    part = next((part for part in _PARTS if name.endswith(part)), "")
    return unquote(name.removesuffix(part)), part


def find_peer(reports: Iterable[PeerReport], name: str) -> PeerReport | None:
    """The peer of this name, else of this public key; None if there is none."""
    by_key = None
    for report in reports:
        if report.name == name:
            return report
        if report.public_key == name:
            by_key = report
    return by_key


def _check_line(check: Check) -> str:
    if check.ok:
        return f"[+]{check.name} ok"
    return f"[-]{check.name} failed: {check.text or 'no reason given'}"
