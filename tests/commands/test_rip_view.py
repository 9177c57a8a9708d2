"""RIP in `routerd status`."""

from typing import Any

from routerd.commands.rip_view import rip_lines
from routerd.commands.table import Paper

NOW = 1_800_000_000.0
SPEAKER: dict[str, Any] = {
    "lan": "lan0",
    "version": "v2",
    "speaking": True,
    "announced": 2,
    "withdrawn": 0,
    "learned": 1,
    "key": 7,
    "neighbours": [
        {
            "address": "192.168.200.6",
            "last_update": "2027-01-15T07:59:48.000Z",
            "routes": 1,
            "RcvBadPackets": 0,
            "RcvBadRoutes": 0,
            "last_error": None,
        }
    ],
}


def neighbour(number: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {**SPEAKER["neighbours"][0], "address": f"192.168.200.{number}", **changes}
    return row


def test_the_tables() -> None:
    assert rip_lines({"speakers": [SPEAKER]}, NOW, Paper(120)) == [
        "RIP:",
        "  LAN   VERSION  STATE     ANNOUNCED  WITHDRAWN  LEARNED  KEY",
        "  lan0  RIPv2    speaking          2          -        1    7",
        "",
        "RIP neighbours:",
        "  ADDRESS        LAN   VERSION  ROUTES  LAST UPDATE  BAD PACKETS  BAD ROUTES  LAST ERROR",
        "  192.168.200.6  lan0  RIPv2         1     12 s ago            -           -  -",
        "",
    ]


def test_learned_routes_are_listed() -> None:
    routes = [
        {"prefix": f"192.168.{net}.0/24", "gateway": "192.168.200.6", "lan": "lan0", "neighbour": "192.168.200.6"}
        for net in range(30)
    ]
    learned = {"routes": [{**one, "metric": 2, "tag": 0} for one in routes], "left_out": 5}
    lines = rip_lines({"speakers": [SPEAKER], "learned": learned}, NOW, Paper(120))
    assert lines[8:11] == [
        "RIP learned:",
        "  PREFIX           GATEWAY        LAN   FROM           METRIC",
        "  192.168.0.0/24   192.168.200.6  lan0  192.168.200.6       2",
    ]
    assert lines[-2:] == ["  … and 15 more (routerd status --json)", ""]


def test_without_rip_there_is_nothing() -> None:
    assert rip_lines({}, NOW, Paper(120)) == []
    assert rip_lines({"speakers": []}, NOW, Paper(120)) == []


def test_of_many_neighbours_those_with_faults_come_first() -> None:
    known = [neighbour(number) for number in range(1, 40)]
    known.append(neighbour(99, RcvBadPackets=3, last_error="version 1"))
    lines = rip_lines({"speakers": [{**SPEAKER, "neighbours": known}]}, NOW, Paper(120))
    assert "192.168.200.99" in lines[6]
    assert "version 1" in lines[6]
    assert lines[-2:] == ["  … and 20 more (routerd status --json)", ""]
