"""What an answer of the server says, and when it is asked again."""

from ipaddress import IPv4Address

import pytest

from routerd.beside.told import Questions, Verdict, judge, value_text
from routerd.beside_part import Told
from tests.beside.scene import VALUE

HERE = IPv4Address("192.168.200.2")
OTHER = bytes.fromhex("100a09c0a8c809")


def told(value: bytes | None, *, local: bool = True) -> Told:
    return Told(HERE, local, {3: b"\xc0\xa8\xc8\x01"} if value is None else {121: value})


@pytest.mark.parametrize(
    ("wanted", "before", "answers", "verdict"),
    [
        (VALUE, [], [told(VALUE)], Verdict.RIGHT),
        (VALUE, [], [], Verdict.SILENT),
        (VALUE, [], [told(VALUE, local=False)], Verdict.SILENT),
        (VALUE, [], [told(OTHER, local=False), told(VALUE)], Verdict.RIGHT),
        (VALUE, [VALUE], [told(None)], Verdict.WITHOUT),
        (VALUE, [OTHER], [told(OTHER)], Verdict.OLD),
        (VALUE, [VALUE], [told(OTHER)], Verdict.OTHER),
        (b"", [VALUE], [told(VALUE)], Verdict.OLD),
        (b"", [VALUE], [told(OTHER)], Verdict.RIGHT),
        (b"", [], [told(None)], Verdict.RIGHT),
    ],
)
def test_verdicts(wanted: bytes, before: list[bytes], answers: list[Told], verdict: Verdict) -> None:
    assert judge(wanted, before, answers).verdict is verdict


def test_other_clients_values_are_right_too() -> None:
    assert judge(VALUE, [OTHER], [told(OTHER)], (OTHER,)).verdict is Verdict.RIGHT
    assert judge(b"", [OTHER], [told(OTHER)], (OTHER,)).verdict is Verdict.RIGHT


def test_only_a_server_of_the_network_says_which_router_clients_get() -> None:
    assert not judge(b"", [], [told(None)]).serves
    assert judge(b"", [], [Told(HERE, True, {1: b"\xff\xff\xff\0"})]).serves


def test_a_router_that_is_cut_is_none() -> None:
    assert judge(b"", [], [Told(HERE, True, {3: b"\xc0\xa8"})]).router is None
    assert judge(b"", [], [told(None)]).router == IPv4Address("192.168.200.1")


def test_words() -> None:
    assert value_text(VALUE) == "10.0.0.0/24 via 192.168.200.2, 0.0.0.0/0 via 192.168.200.1"
    assert value_text(b"\x21\x00") == "21:00"
    assert value_text(OTHER * 6).endswith("and 2 more")


def test_a_change_is_followed_by_two_questions_soon_and_then_by_few() -> None:
    asked = Questions()
    asked.changed(100.0)
    times = []
    while (now := asked.due) < 400.0:
        times.append(now)
        asked.answered(now, right=False)
        assert asked.may_repeat is (len(times) == 1)
    assert times == [100.5, 103.5, 163.5, 223.5, 283.5, 343.5]
    asked.answered(400.0, right=True)
    assert asked.due == 700.0
