"""The queue and the limits that a flood meets: what is given up, who is held back, and that memory is bounded."""

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.dhcp.flood import BURST, MOST_WAITING, RATE, Backlog, Intake, Limits, hardware_of, is_discover
from routerd.dhcp.message import decode_message
from tests.dhcp.scene import MAC_B, message

DISCOVER, REQUEST = 1, 3


def mac(number: int) -> bytes:
    return b"\2\0" + number.to_bytes(4, "big")


def discover(number: int, xid: int = 0, **fields: int) -> bytes:
    return message(DISCOVER, mac=mac(number), xid=xid or number, **fields)


def request(number: int) -> bytes:
    return message(REQUEST, (50, b"\xc0\xa8\xc8\x32"), mac=mac(number), xid=number)


def queue(most: int = 4, patience: float = 2.0) -> Backlog[str]:
    return Backlog(most, patience)


# ---------------------------------------------------------------- the queue


def test_first_come_first_served_as_long_as_there_is_room() -> None:
    waiting = queue()
    for number in range(4):
        waiting.add(discover(number), f"d{number}", 0.0)
    assert waiting.take(64, 0.1) == ["d0", "d1", "d2", "d3"]
    assert (len(waiting), waiting.given_up) == (0, 0)


def test_the_oldest_is_given_up_for_the_newest() -> None:
    waiting = queue()
    for number in range(10):
        waiting.add(discover(number), f"d{number}", 0.0)
    assert waiting.given_up == 6
    assert waiting.take(64, 0.1) == ["d6", "d7", "d8", "d9"]


def test_who_waited_for_too_long_has_asked_again() -> None:
    waiting = queue()
    waiting.add(request(1), "r1", 0.0)
    waiting.add(discover(2), "d2", 0.5)
    waiting.add(request(3), "r3", 1.5)
    assert waiting.take(64, 2.4) == ["r3", "d2"]
    assert waiting.given_up == 1


@pytest.mark.parametrize(("flood", "other"), [(discover, request), (request, discover)])
def test_a_flood_of_one_kind_leaves_the_other_half_of_every_turn(flood: object, other: object) -> None:
    waiting = queue(most=1000)
    for number in range(1000):
        waiting.add(flood(number), "flood", 0.0)  # type: ignore[operator]
    for number in range(5000, 5040):
        waiting.add(other(number), "other", 0.0)  # type: ignore[operator]
    first, second = waiting.take(64, 0.1), waiting.take(64, 0.1)
    assert (first.count("other"), len(first)) == (32, 64)
    assert (second.count("other"), len(second)) == (8, 64)
    assert waiting.take(64, 0.1) == ["flood"] * 64


def test_a_discover_that_waits_already_is_answered_once() -> None:
    waiting = queue(most=10)
    for _ in range(3):
        waiting.add(discover(1, xid=7), "one", 0.0)
    waiting.add(discover(1, xid=8), "another try", 0.0)
    waiting.add(discover(2, xid=7), "another client", 0.0)
    waiting.add(discover(1, xid=7, giaddr=0xC0A8C901), "by a relay agent too", 0.0)
    assert waiting.take(64, 0.1) == ["one", "another try", "another client", "by a relay agent too"]
    assert waiting.repeated == 2
    waiting.add(discover(1, xid=7), "again", 0.2)
    assert waiting.take(64, 0.3) == ["again"]


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (b"", True),
        (b"\x3d\x02id", True),
        (b"\0\0\0", True),
        (b"\xff", False),
        (b"\x3d\xff", False),
        (b"\x3d\x02\x35\x01", True),
    ],
)
def test_a_discover_is_known_wherever_its_type_is(before: bytes, found: bool) -> None:
    whole = message(None)[:240] + before + bytes((53, 1, DISCOVER))
    assert is_discover(whole + b"\xff") is is_discover(whole) is found
    assert not is_discover(whole[:-1])
    assert not is_discover(whole[:-1] + bytes((REQUEST,)))


@given(st.binary(max_size=400))
def test_looking_for_the_type_survives_any_bytes(data: bytes) -> None:
    assert is_discover(data) in (True, False)
    assert is_discover(message(None)[:240] + data) in (True, False)


def test_what_was_given_up_may_be_asked_again() -> None:
    waiting = queue(most=2)
    for number in (1, 2, 3, 1):
        waiting.add(discover(number), f"d{number}", 0.0)
    assert waiting.take(64, 0.1) == ["d3", "d1"]
    assert (waiting.given_up, waiting.repeated) == (2, 0)


@pytest.mark.parametrize("junk", [b"", b"\1", b"\1" * 43, b"\1" * 239, b"\1" * 1500])
def test_junk_waits_like_anything_else(junk: bytes) -> None:
    waiting = queue()
    for _ in range(10):
        waiting.add(junk, "junk", 0.0)
    assert waiting.take(64, 0.1) == ["junk"] * 4
    assert hardware_of(junk) in (b"", b"\1")


def test_the_queue_is_bounded_in_memory() -> None:
    tracemalloc.start()
    waiting: Backlog[bytes] = Backlog()
    for number in range(20_000):
        data = discover(number) if number % 2 else request(number)
        waiting.add(data, data, 0.0)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(waiting) == 2 * MOST_WAITING
    assert size < 8e6


def test_what_is_longer_than_a_frame_does_not_wait() -> None:
    waiting = queue()
    waiting.add(discover(1).ljust(1501, b"\0"), "long", 0.0)
    waiting.add(discover(2).ljust(1472, b"\0"), "frame", 0.0)
    assert waiting.take(64, 0.1) == ["frame"]
    assert waiting.given_up == 1


# ---------------------------------------------------------------- the limits


def test_a_burst_passes_and_then_the_rate() -> None:
    limits = Limits(rate=10.0, burst=60)
    assert [limits.exceeded(b"a", 0.0) for _ in range(61)] == [False] * 60 + [True]
    assert sum(not limits.exceeded(b"a", 1.0) for _ in range(100)) == 10
    assert sum(not limits.exceeded(b"a", 1.0 + 0.01 * n) for n in range(1000)) == pytest.approx(100, abs=1)
    assert not limits.exceeded(b"b", 1.0)
    assert sum(not limits.exceeded(b"a", 1000.0) for _ in range(100)) == 60


def test_clients_are_forgotten_in_the_order_in_which_they_were_heard() -> None:
    limits = Limits(rate=1.0, burst=2, most=100)
    assert [limits.exceeded(b"mad", 0.0) for _ in range(3)] == [False, False, True]
    for number in range(1000):
        limits.exceeded(mac(number), 0.0)
        if number % 50 == 0:
            assert limits.exceeded(b"mad", 0.0)
        assert len(limits) <= 201
    for number in range(1000, 1201):
        limits.exceeded(mac(number), 0.0)
    assert not limits.exceeded(b"mad", 0.0)


def test_benches_and_crowds_are_not_limited() -> None:
    limits = Limits()
    # A four-way exchange of 64,000 clients at 5,000 messages a second, then 5,000 clients that renew every second.
    assert not any(limits.exceeded(mac(n % 64_000), n / 5000) for n in range(128_000))
    assert not any(limits.exceeded(mac(n % 5000), 100 + n / 5000) for n in range(50_000))


# ---------------------------------------------------------------- both, with what is counted


def test_who_is_limited_is_known_by_hardware_address_or_client_identifier() -> None:
    counters: Counter[str] = Counter()
    intake: Intake[bytes] = Intake(counters)
    data = discover(1)
    assert sum(intake.admits(data, 0.0) for _ in range(150)) == BURST
    assert intake.admits(discover(2), 0.0)
    same_name = decode_message(message(DISCOVER, (61, b"\0same"), mac=MAC_B))
    assert sum(intake.admits_client(same_name, 0.0) for _ in range(130)) == BURST
    assert intake.admits_client(decode_message(message(DISCOVER, (61, b"\0other"), mac=MAC_B)), 0.0)
    assert counters == {"pkt4-limit-exceeded": 80, "pkt4-receive-drop": 80}
    assert intake.to_tell(0.0) == MAC_B


@pytest.mark.parametrize(
    "options",
    [(), ((61, b""),), ((61, b"\1" + MAC_B),), ((61, b"x" * 200), (61, b"x" * 200))],
    ids=["none", "empty", "its hardware address", "too long, which is refused later"],
)
def test_client_identifiers_that_tell_no_more_are_not_counted_twice(options: tuple[tuple[int, bytes], ...]) -> None:
    intake: Intake[bytes] = Intake(Counter())
    one = decode_message(message(DISCOVER, *options, mac=MAC_B))
    assert all(intake.admits_client(one, 0.0) for _ in range(500))


@pytest.mark.parametrize("fields", [{"hlen": 0}, {"mac": b"\0" * 6}])
def test_a_hardware_address_that_tells_no_clients_apart_is_no_limit(fields: dict[str, object]) -> None:
    intake: Intake[bytes] = Intake(Counter())
    data = message(DISCOVER, **fields)  # type: ignore[arg-type]
    assert all(intake.admits(data, 0.0) for _ in range(500))


def test_bytes_behind_the_hardware_address_make_no_other_client() -> None:
    intake: Intake[bytes] = Intake(Counter())
    padded = [message(DISCOVER, mac=MAC_B + bytes((n,)) * 10) for n in range(200)]
    assert sum(intake.admits(data, 0.0) for data in padded) == BURST


def test_one_line_a_minute_is_told() -> None:
    intake: Intake[bytes] = Intake(Counter())
    told = []
    for second in range(300):
        for _ in range(int(RATE) + BURST):
            intake.admits(discover(1), float(second))
        told.append(intake.to_tell(float(second)))
    assert [second for second, who in enumerate(told) if who is not None] == [0, 60, 120, 180, 240]


def test_the_counters_of_the_queue() -> None:
    counters: Counter[str] = Counter()
    intake: Intake[str] = Intake(counters)
    for number in range(MOST_WAITING + 952):
        intake.wait(discover(number), "d", 0.0)
        intake.wait(discover(number), "d", 0.0)
    assert len(intake.turn(64, 0.1)) == 64
    assert counters == {"pkt4-queue-full": 952, "pkt4-duplicate": 5048, "pkt4-receive-drop": 6000}
    intake.clear()
    assert (len(intake), intake.turn(64, 0.1)) == (0, [])
