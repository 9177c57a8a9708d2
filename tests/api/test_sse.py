"""The text of event streams: what a reader gets, where it resumes, and what it is told of what it lost."""

import json

import pytest

from routerd.api import sse
from routerd.events import EventLog
from routerd.model import Event

AT = 1795341600.0


def filled(count: int, kept: int = 10) -> EventLog:
    log = EventLog("run", kept)
    for number in range(1, count + 1):
        log.add(Event("peer" if number % 2 else "lease", f"s{number}", "up", AT + number))
    return log


def read(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """Every event of a stream as id, name and data, as a browser would read it."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def test_an_event() -> None:
    log = EventLog("run")
    log.add(Event("lease", "192.168.200.50", "bound", AT, {"lan": "eth0", "hostname": "a\nevent: x\r\n", "kind": "no"}))
    text = sse.Encoder(log).text(0, log.after(0), None)
    assert text.count("\n") == 4
    assert read(text) == [
        (
            "run-1",
            "lease",
            {
                "id": "run-1",
                "kind": "lease",
                "subject": "192.168.200.50",
                "what": "bound",
                "at": "2026-11-22T10:00:00.000Z",
                "lan": "eth0",
                "hostname": "a\nevent: x\r\n",
            },
        )
    ]


def test_a_filter_and_what_is_lost() -> None:
    log = filled(25)
    encoder = sse.Encoder(log)
    assert [row[0] for row in read(encoder.text(20, log.after(20), frozenset({"peer"})))] == [
        "run-21",
        "run-23",
        "run-25",
    ]
    (lost, *rest) = read(encoder.text(3, log.after(3), None))
    assert lost == ("run-15", "lost", {"id": "run-15", "kind": "lost", "count": 12})
    assert [row[0] for row in rest] == [f"run-{number}" for number in range(16, 26)]


def test_texts_are_made_once_and_not_kept_for_ever() -> None:
    log = filled(1000, kept=1000)
    encoder = sse.Encoder(log)
    whole = encoder.text(0, log.after(0, 1000), None)
    assert len(encoder._texts) <= 256
    assert encoder.text(0, log.after(0, 1000), None) == whole


@pytest.mark.parametrize(
    ("last_id", "number", "lost"),
    [
        (None, 25, False),
        ("0", 0, False),
        ("run-20", 20, False),
        ("run-3", 3, False),
        ("run-25", 25, False),
        ("run-26", 25, True),
        ("run-99999999999999999999", 15, True),
        ("other-20", 15, True),
        ("nonsense", 15, True),
        ("run-²", 15, True),
        ("run-020", 20, True),
    ],
)
def test_where_a_reader_begins(last_id: str | None, number: int, lost: bool) -> None:
    log = filled(25)
    begins, text = sse.start(log, last_id)
    assert (begins, bool(read(text))) == (number, lost)
    assert text.startswith(f"retry: 2000\nid: run-{number}\n\n")
    if lost:
        assert read(text)[0][2]["count"] is None


def test_an_empty_queue() -> None:
    log = EventLog("run")
    assert sse.start(log, None) == (0, "retry: 2000\nid: run-0\n\n")
    assert sse.start(log, "older-7")[0] == 0
    assert sse.Encoder(log).text(0, log.after(0), None) == ""
    assert sse.heartbeat("run-0") == ":\nid: run-0\n\n"


@pytest.mark.parametrize(
    ("values", "kinds"),
    [([], None), (["peer"], {"peer"}), (["peer,route", "lease"], {"peer", "route", "lease"})],
)
def test_kinds(values: list[str], kinds: set[str] | None) -> None:
    assert sse.parse_kinds(values) == kinds


@pytest.mark.parametrize("value", ["", "peers", "peer,", "lost", "PEER", "\x1b[0m"])
def test_kinds_that_do_not_exist(value: str) -> None:
    with pytest.raises(ValueError, match="kind is one or more of lease, peer"):
        sse.parse_kinds([value])
