"""Commands to Kea and its answers, good and bad."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.kea_wire import (
    DEEPEST,
    LARGEST,
    Answer,
    KeaError,
    KeaRefusesError,
    KeaUnreachableError,
    answer,
    command,
    dhcp4,
    hash_of,
)


def test_a_command_is_one_line_of_ascii() -> None:
    assert command("config-get") == b'{"command":"config-get"}'
    assert command("config-set", {"Dhcp4": {"a": "\xc3\xa4"}}) == (
        b'{"command":"config-set","arguments":{"Dhcp4":{"a":"\\u00c3\\u00a4"}}}'
    )


def test_strings_come_back_byte_for_byte() -> None:
    said = b'{"result": 0, "arguments": {"Dhcp4": {"a": "\\u00c3\\u00a4", "b": "\xc3\xa4", "c": "\xff"}}}'
    config = dhcp4(answer(said))
    assert config == {"a": "\xc3\xa4", "b": "\xc3\xa4", "c": "\xff"}
    sent = json.loads(command("config-set", {"Dhcp4": config}))
    assert sent["arguments"]["Dhcp4"] == config


def test_an_answer_in_the_control_agents_list_is_the_same() -> None:
    assert answer(b'[{"result": 2, "text": "unknown\\ncommand"}]') == Answer(2, "unknown command", {})


def test_text_is_shown_as_utf_8_and_short() -> None:
    assert answer(b'{"result": 1, "text": "f\xc3\xbcr \\u001b[31m"}').text == "f\xfcr [31m"
    assert len(answer(json.dumps({"result": 1, "text": "x" * 9000}).encode()).text) == 400


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"garbage", "is not JSON"),
        (b'{"result": 0', "is not JSON"),
        (b"\x00\xff\xfe", "is not JSON"),
        (b"[]", "no result code"),
        (b'{"result": true}', "no result code"),
        (b'{"result": "0"}', "no result code"),
        (b'{"result": 0, "arguments": NaN}', "is not JSON"),
        (b"[" * 100_000, "nested more than"),
        (b'{"result": 0, "arguments": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "nested more than"),
        (b" " * (LARGEST + 1), "more than 16 MiB"),
        (b"9" * 5000, "is not JSON"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(KeaRefusesError, match=said):
        answer(data)


def test_an_empty_answer_is_a_cut_connection() -> None:
    with pytest.raises(KeaUnreachableError):
        answer(b"")


@pytest.mark.parametrize(
    "said", [b'{"result": 1, "text": "no"}', b'{"result": 0}', b'{"result": 0, "arguments": {"Dhcp6": {}}}']
)
def test_an_answer_without_a_configuration_is_refused(said: bytes) -> None:
    with pytest.raises(KeaRefusesError):
        dhcp4(answer(said))


def test_the_hash_is_there_or_not() -> None:
    assert hash_of(answer(b'{"result": 0, "arguments": {"hash": "AB"}}')) == "AB"
    for said in (b'{"result": 0}', b'{"result": 0, "arguments": {"hash": ""}}'):
        assert hash_of(answer(said)) is None


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0truesl\\', max_size=60).map(str.encode))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    with suppress(KeaError):
        assert isinstance(answer(data), Answer)
