"""`/health`: the summary, bounded, and its HTTP status."""

import pytest

from routerd.api.health import MOST_CHECKS, PeerTally, health
from routerd.reports import Check, PeerReport, PeerState
from tests.api.scene import AT, Client, Daemon, peer, with_client

GOOD, BAD = Check("dhcp eth0", True), Check("dhcp eth1", False, "the interface is down")
UP, DOWN, IDLE = (peer(state.value, state) for state in (PeerState.UP, PeerState.DOWN, PeerState.IDLE))


@pytest.mark.parametrize(
    ("duties", "peers", "code", "status"),
    [
        ((), (), 200, "pass"),
        ((GOOD,), (UP, IDLE), 200, "pass"),
        ((GOOD,), (UP, DOWN), 200, "warn"),
        ((GOOD, BAD), (UP,), 503, "fail"),
        ((BAD,), (DOWN,), 503, "fail"),
    ],
)
def test_status(duties: tuple[Check, ...], peers: tuple[PeerReport, ...], code: int, status: str) -> None:
    tally = PeerTally()
    tally.add(peers)
    found, body = health("0.1.0", AT, duties, tally)
    assert (found, body["status"]) == (code, status)
    assert (body["version"], body["releaseId"], body["description"]) == ("1", "0.1.0", "routerd")


def test_checks() -> None:
    tally = PeerTally()
    tally.add((UP, DOWN))
    _, body = health("0.1.0", AT, (GOOD, BAD), tally)
    time = "2026-11-22T10:00:00Z"
    assert body["checks"] == {
        "duty:met": [
            {
                "componentId": "dhcp eth1",
                "componentType": "component",
                "status": "fail",
                "output": "the interface is down",
                "time": time,
            },
            {"componentId": "dhcp eth0", "componentType": "component", "status": "pass", "time": time},
        ],
        "peer:reachable": [
            {
                "componentId": "down",
                "componentType": "system",
                "observedValue": "down",
                "status": "warn",
                "time": time,
            },
            {"componentId": "up", "componentType": "system", "observedValue": "up", "status": "pass", "time": time},
        ],
    }


def test_checks_are_bounded_and_what_is_wrong_is_among_them() -> None:
    tally = PeerTally()
    tally.add(peer(f"peer-{number}", PeerState.DOWN if number == 900 else PeerState.UP) for number in range(1000))
    _, body = health("0.1.0", AT, (Check(f"duty {number}", number != 99) for number in range(100)), tally)
    checks = body["checks"]
    assert isinstance(checks, dict)
    assert [len(checks[key]) for key in ("duty:met", "peer:reachable")] == [MOST_CHECKS] * 2
    assert checks["peer:reachable"][0]["componentId"] == "peer-900"
    assert checks["duty:met"][0]["componentId"] == "duty 99"
    assert checks["peer:count"] == [
        {"observedValue": 1000, "observedUnit": "peers", "status": "warn", "output": "1 down"}
    ]
    assert checks["duty:count"][0]["observedValue"] == 100


def test_over_http() -> None:
    async def test(client: Client) -> None:
        answer = await client.ask("/health")
        assert (answer.status, answer.json["status"]) == (200, "warn")
        assert answer.headers["Content-Type"].startswith("application/health+json")
        plain = await client.ask("/health", headers={"Accept": "application/json"})
        assert plain.headers["Content-Type"].startswith("application/json")
        assert (await client.ask("/health", headers={"Accept": "text/html"})).status == 406

    with_client(test)


def test_fail_is_503() -> None:
    async def test(client: Client) -> None:
        answer = await client.ask("/health")
        assert (answer.status, answer.json["status"]) == (503, "fail")

    with_client(test, Daemon(checks=(BAD,)))
