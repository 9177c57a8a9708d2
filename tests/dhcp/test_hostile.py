"""Hostile input, group by group of what a parser must survive; after each message the next DISCOVER gets its OFFER.

Group 1 (frames, fragments, checksums) needs the kernel: tests/net/test_hostile_frames.py. The HTTP side of 14:
tests/api/test_bad_clients.py. Group 15 (lease file): test_store*.py; (configuration file): tests/config.
"""

import json
import logging

import pytest

from routerd.dhcp.flood import BURST
from routerd.dhcp.lan_service import log as dhcp_log
from routerd.dhcp.leases import BOUND, OFFERED
from routerd.system.log import JsonFormatter, TextFormatter
from tests.dhcp.hostile import CASES, DECLINE, DISCOVER, FIFTY, GOOD, INFORM, RELEASE, REQUEST
from tests.dhcp.scene import MAC_B, SERVER, ip, message, part, settings
from tests.fuzz.path import Path


@pytest.fixture
def path() -> Path:
    return Path()


@pytest.mark.parametrize("name", CASES, ids=str)
def test_group(path: Path, name: str) -> None:
    for number, data in enumerate(CASES[name]):
        path.receive(data)
        path.receive(data, SERVER.packed, ("192.168.200.77", 68))
        path.now += 1.0
        assert path.serves(number), data.hex()
    bound = [row.address for row in path.tables["lan0"].rows() if row.state == BOUND]
    assert not {ip("192.168.200.0"), ip("192.168.200.1"), int(SERVER), ip("192.168.200.255")} & set(bound)


def test_every_group_has_a_case() -> None:
    assert {name[:2] for name in CASES} == {f"{n:02}" for n in (*range(1, 12), 13)}


# ---------------------------------------------------------------- 9: sums


@pytest.mark.parametrize("asked", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_09_no_lease_is_longer_than_ours_or_shorter_than_a_minute(path: Path, asked: int) -> None:
    ack = path.receive(message(REQUEST, (50, FIFTY), (51, asked.to_bytes(4, "big"))))
    assert ack is not None
    assert 60 <= int.from_bytes(ack.options[51], "big") <= 3600
    assert path.now + 60 <= path.stored[-1][1].expires <= path.now + 3600


# ---------------------------------------------------------------- 12: floods


def test_12_an_exchange_that_is_played_again_changes_nothing(path: Path) -> None:
    played = [GOOD, message(REQUEST, (50, FIFTY), (54, SERVER.packed), (61, b"\1" + MAC_B))] * 20
    for data in played:
        path.receive(data)
    assert [row.address for row in path.tables["lan0"].rows() if row.state == BOUND] == [ip("192.168.200.50")]
    assert path.serves()


def test_12_a_client_under_many_hardware_addresses_is_limited_by_its_identifier(path: Path) -> None:
    answered = [
        path.receive(message(DISCOVER, (61, b"\0one"), mac=b"\2\7\7" + number.to_bytes(3, "big"), xid=number))
        for number in range(300)
    ]
    assert sum(reply is not None for reply in answered) == BURST
    assert path.counters["pkt4-limit-exceeded"] == 300 - BURST
    assert path.serves()


def test_12_ten_thousand_discovers_of_one_client_hold_one_address(path: Path) -> None:
    for number in range(10_000):
        path.receive(message(DISCOVER, xid=number))
    assert len(path.tables["lan0"]._offers) == 1
    assert path.counters["pkt4-limit-exceeded"] == 10_000 - BURST
    assert path.serves()


def test_12_ten_thousand_clients_hold_no_more_than_the_pool_and_for_ten_seconds(path: Path) -> None:
    for number in range(10_000):
        path.receive(message(DISCOVER, mac=b"\2\2" + number.to_bytes(4, "big"), xid=number))
    table = path.tables["lan0"]
    assert len(table.rows()) == 200
    assert path.serves()
    table.expire(path.now + 10.0)
    assert table.rows() == []


def test_12_floods_of_requests_and_declines_take_nothing_from_who_is_known(path: Path) -> None:
    mine = path.receive(message(REQUEST, (50, FIFTY)))
    assert mine is not None
    for number in range(3000):
        mac = b"\2\2" + number.to_bytes(4, "big")
        for kind in (REQUEST, DECLINE, RELEASE):
            path.receive(message(kind, (50, FIFTY), mac=mac, ciaddr=ip("192.168.200.50") if kind == RELEASE else 0))
    row = path.tables["lan0"].row(ip("192.168.200.50"))
    assert row is not None
    assert (row.hardware, row.state) == (b"\1" + MAC_B, BOUND)
    assert path.serves()


# ---------------------------------------------------------------- 13: reflections


def test_13_what_comes_from_our_own_address_is_dropped(path: Path) -> None:
    for data in (GOOD, message(REQUEST, ciaddr=int(SERVER)), message(INFORM, ciaddr=int(SERVER))):
        assert path.receive(data, SERVER.packed, (str(SERVER), 67)) is None
    assert path.counters["pkt4-not-for-us"] == 3


def test_13_an_answer_never_goes_to_an_address_that_is_only_claimed(path: Path) -> None:
    victim = ip("203.0.113.9")
    for data in (
        message(DISCOVER, ciaddr=victim),
        message(DISCOVER, (80, b""), ciaddr=victim),
        message(REQUEST, ciaddr=victim),
        message(REQUEST, (50, FIFTY), ciaddr=victim),
        message(INFORM, ciaddr=victim),
        message(DISCOVER, giaddr=victim),
        message(REQUEST, (50, FIFTY), giaddr=victim),
    ):
        path.receive(data, SERVER.packed, ("203.0.113.9", 68))
    assert "203.0.113.9" not in {where for _, where in path.wire.sent}
    assert path.serves()


# ---------------------------------------------------------------- 14: what a client says, where people read it


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_14_log_lines_stay_lines_at_the_lowest_level(path: Path, formatter: logging.Formatter) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    old = dhcp_log.level
    dhcp_log.addHandler(handler)
    dhcp_log.setLevel(logging.DEBUG)
    try:
        for cases in CASES.values():
            for data in cases:
                path.receive(data)
    finally:
        dhcp_log.removeHandler(handler)
        dhcp_log.setLevel(old)
    assert records
    lines = [formatter.format(record) for record in records]
    assert all(line.isprintable() and line.isascii() for line in lines)
    if isinstance(formatter, JsonFormatter):
        assert all(json.loads(line)["level"] == "debug" for line in lines)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"", None),
        (b".", None),
        (b"-.-", None),
        (b"\0\0", None),
        (b"a" * 255, "a" * 63),
        (b"ok\n200 OK", "ok200OK"),
        (b"<script>alert(1)</script>", "scriptalert1script"),
        (b"\x1b[2Jname", "2Jname"),
        (b'x"} 1\n', "x1"),
        (b"../../etc/passwd", None),
        ("naïve".encode(), "nave"),
    ],
)
def test_14_a_host_name_is_clean_in_the_row_that_everything_else_is_made_of(
    path: Path, said: bytes, kept: str | None
) -> None:
    path.receive(message(REQUEST, (50, FIFTY), (12, said)))
    assert [row.hostname for _, row in path.stored] == [kept]
    assert path.tables["lan0"].rows()[0].hostname == kept
    assert path.serves()


def test_offers_are_not_leases() -> None:
    one = Path(part(settings()))
    one.receive(GOOD)
    assert [row.state for row in one.tables["lan0"].rows()] == [OFFERED]
    assert one.stored == []
