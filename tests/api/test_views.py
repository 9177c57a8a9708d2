"""Each report becomes exactly the JSON that the interface promises."""

import math
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.api import views
from routerd.model import Route, RouteState
from routerd.reports import (
    Check,
    Evidence,
    HostEvidence,
    HostLease,
    HostReport,
    LeaseReport,
    PeerReport,
    PeerState,
    ProblemReport,
    ReturnPath,
)

AT = 1795341600.0  # 2026-11-22T10:00:00Z
KEY = "Ab/+d9mV4lKqvA7wU1nq0c5b0hY2m7k3D1Jtq7v9S1E="


def peer_report(name: str = "endpoint-a", state: PeerState = PeerState.UP, key: str | None = KEY) -> PeerReport:
    return PeerReport(
        name, key, "vpn", ("10.0.0.1",), "203.0.113.1:51821", state, AT + 0.25, AT - 60, 1, 2, "icmp", 0.0123456, AT, 0
    )


def test_peer() -> None:
    seen = (Evidence("probe", AT), Evidence("traffic", None))
    report = peer_report()._replace(evidence=seen, flapping=True, failure="refused")
    assert views.peer(report) == {
        "name": "endpoint-a",
        "public_key": KEY,
        "vpn": "vpn",
        "addresses": ["10.0.0.1"],
        "endpoint": "203.0.113.1:51821",
        "state": "up",
        "reachable": True,
        "flapping": True,
        "since": "2026-11-22T10:00:00.250Z",
        "last_handshake": "2026-11-22T09:59:00.000Z",
        "rx_bytes": 1,
        "tx_bytes": 2,
        "probe": {
            "kind": "icmp",
            "rtt_ms": 12.346,
            "last_success": "2026-11-22T10:00:00.000Z",
            "failures": 0,
            "failure": "refused",
        },
        "evidence": [{"kind": "probe", "at": "2026-11-22T10:00:00.000Z"}, {"kind": "traffic", "at": None}],
    }


def test_peer_of_which_nothing_is_known() -> None:
    report = PeerReport("x", None, "vpn", (), None, PeerState.UNKNOWN, AT, None, None, None, "icmp", None, None, 0)
    shown = views.peer(report)
    unknown = ("public_key", "endpoint", "reachable", "last_handshake", "rx_bytes", "tx_bytes")
    assert [shown[key] for key in unknown] == [None] * 6
    assert shown["probe"] == {"kind": "icmp", "rtt_ms": None, "last_success": None, "failures": 0, "failure": None}


@pytest.mark.parametrize(
    ("state", "status", "reachable"),
    [
        (PeerState.UP, 200, True),
        (PeerState.STALE, 200, True),
        (PeerState.DOWN, 503, False),
        (PeerState.IDLE, 503, None),
        (PeerState.NEVER, 503, None),
        (PeerState.UNKNOWN, 503, None),
    ],
)
def test_peer_health(state: PeerState, status: int, reachable: bool | None) -> None:
    body = {"name": "endpoint-a", "state": state.value, "reachable": reachable}
    assert views.peer_health(peer_report(state=state)) == (status, body)


def test_route() -> None:
    value = Route(IPv4Network("10.0.0.0/24"), None, "eth0", ("dhcp",), RouteState.NOT_NEEDED, "router")
    assert views.route(value) == {
        "prefix": "10.0.0.0/24",
        "gateway": None,
        "metric": 1,
        "lan": "eth0",
        "channels": ["dhcp"],
        "state": "not-needed",
        "reason": "router",
    }


def test_lease() -> None:
    report = LeaseReport(IPv4Address("192.168.200.22"), "02:00:00:00:00:AA", None, "b", "eth0", "bound", AT, math.inf)
    assert views.lease(report) == {
        "address": "192.168.200.22",
        "mac": "02:00:00:00:00:aa",
        "client_id": None,
        "hostname": "b",
        "lan": "eth0",
        "state": "bound",
        "starts": "2026-11-22T10:00:00Z",
        "expires": None,
        "accepts_routes": None,
        "routes_current": None,
    }
    known = views.lease(replace(report, accepts_routes=False, routes_current=True))
    assert (known["accepts_routes"], known["routes_current"]) == (False, True)


def test_host() -> None:
    known = (IPv4Address("192.168.200.22"), "02:00:00:00:00:aa", "b", "eth0")
    lease = HostLease(AT + 3600, routes_current=False)
    report = HostReport(*known, lease, False, ReturnPath.UNKNOWN, None, "site-gateway", False, AT)
    assert views.host(report) == {
        "address": "192.168.200.22",
        "mac": "02:00:00:00:00:aa",
        "hostname": "b",
        "lan": "eth0",
        "lease": {"expires": "2026-11-22T11:00:00Z", "routes_current": False},
        "accepts_routes": False,
        "return_path": "unknown",
        "evidence": None,
        "strategy": "site-gateway",
        "pinned": False,
        "since": "2026-11-22T10:00:00Z",
    }
    measured = HostEvidence("tcp", "02:00:00:00:00:01", AT)
    shown = views.host(report._replace(lease=None, evidence=measured, return_path=ReturnPath.LAN_ONLY, since=None))
    assert shown["lease"] is shown["since"] is None
    assert shown["return_path"] == "lan-only"
    evidence = {"kind": "tcp", "next_hop_mac": "02:00:00:00:00:01", "at": "2026-11-22T10:00:00.000Z"}
    assert shown["evidence"] == evidence


def test_problem() -> None:
    report = ProblemReport("peer-down", "peer a", "warning", "text", "mend", AT, "probe-socket (vpn vpn)")
    assert views.problem(report) == {
        "code": "peer-down",
        "subject": "peer a",
        "severity": "warning",
        "text": "text",
        "mend": "mend",
        "since": "2026-11-22T10:00:00.000Z",
        "caused_by": "probe-socket (vpn vpn)",
    }


def test_status() -> None:
    shown = views.status("1.2.3", AT, AT + 90.5, {"peers": {"up": 1}}, {"dhcp": {"offers": 3}})
    assert shown == {
        "version": "1.2.3",
        "started": "2026-11-22T10:00:00Z",
        "now": "2026-11-22T10:01:30.500Z",
        "uptime_s": 90.5,
        "counts": {"peers": {"up": 1}},
        "services": {"dhcp": {"offers": 3}},
    }


@pytest.mark.parametrize("unix", [None, math.inf, math.nan, -1.0, 1e18])
def test_a_time_that_cannot_be_shown_is_null(unix: float | None) -> None:
    assert views.time_text(unix) is None


OK, BAD = Check("dhcp eth0", True), Check("api", False, "not served: 127.0.0.1:80")


@pytest.mark.parametrize(
    ("checks", "verbose", "answer"),
    [
        ((OK,), False, (200, "ok\n")),
        ((), False, (200, "ok\n")),
        ((OK,), True, (200, "[+]dhcp eth0 ok\nreadyz check passed\n")),
        ((OK, BAD), False, (503, "[-]api failed: not served: 127.0.0.1:80\nreadyz check failed\n")),
        (
            (OK, BAD),
            True,
            (503, "[+]dhcp eth0 ok\n[-]api failed: not served: 127.0.0.1:80\nreadyz check failed\n"),
        ),
    ],
)
def test_readiness(checks: tuple[Check, ...], verbose: bool, answer: tuple[int, str]) -> None:
    assert views.readiness(checks, verbose=verbose) == answer


@pytest.mark.parametrize(
    ("path", "name", "part"),
    [
        ("/v1/peers/endpoint-a", "endpoint-a", ""),
        ("/v1/peers/endpoint-a/health", "endpoint-a", "/health"),
        ("/v1/peers/endpoint-a/health?x=/health", "endpoint-a", "/health"),
        (f"/v1/peers/{KEY}", KEY, ""),
        ("/v1/peers/Ab%2F%2Bd9%3D/health", "Ab/+d9=", "/health"),
        ("/v1/peers/Ab%2f%2bd9%3d", "Ab/+d9=", ""),
        ("/v1/peers/a%2Fhealth", "a/health", ""),
        ("/v1/peers/a%3Fb", "a?b", ""),
        (f"/v1/peers/{KEY}/probe", KEY, "/probe"),
        ("/v1/peers/probe", "probe", ""),
        ("/v1/peers/health/health", "health", "/health"),
    ],
)
def test_peer_path(path: str, name: str, part: str) -> None:
    assert views.peer_path(path) == (name, part)


def test_peer_path_of_something_else() -> None:
    with pytest.raises(ValueError, match="not below"):
        views.peer_path("/v1/leases")


def test_a_peer_is_found_by_name_before_key() -> None:
    by_key, by_name = peer_report("a", key="b"), peer_report("b", key="c")
    assert views.find_peer((by_key, by_name), "b") is by_name
    assert views.find_peer((by_key, by_name), "c") is by_name
    assert views.find_peer((by_key,), "b") is by_key
    assert views.find_peer((by_key,), "z") is None
