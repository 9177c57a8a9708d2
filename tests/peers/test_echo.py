"""ICMP echo messages, against bytes written by hand and against scapy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.peers import echo
from routerd.peers.echo import Reply
from routerd.wire import WireError

U16 = st.integers(0, 0xFFFF)
HEADER = bytes.fromhex("4500002c000040004001000a0a0000010a000002")


def reply(identifier: int, sequence: int, *, kind: int = 0, code: int = 0, payload: bytes = bytes(16)) -> bytes:
    body = identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big") + payload
    head = bytes((kind, code))
    return head + echo.checksum(head + b"\0\0" + body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0xFFFF), (b"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 0x220D), (b"\x01", 0xFEFF), (b"\xff\xff", 0)],
)
def test_checksum(data: bytes, value: int) -> None:
    assert echo.checksum(data) == value


def test_request() -> None:
    assert echo.encode_request(0x1234, 0x5678) == bytes.fromhex("08008f5312345678") + bytes(16)
    assert echo.encode_request6(0x1234, 0x5678) == bytes.fromhex("8000000012345678") + bytes(16)


@given(U16, U16, st.binary(max_size=100), st.integers(0, 10))
def test_a_reply_is_read_whatever_its_payload_and_ip_options(
    identifier: int, sequence: int, payload: bytes, options: int
) -> None:
    header = bytes((0x45 + options,)) + HEADER[1:] + bytes(4 * options)
    packet = header + reply(identifier, sequence, payload=payload)
    assert echo.decode_reply(packet) == Reply(identifier, sequence)
    assert echo.decode_reply6(reply(identifier, sequence, kind=129)) == Reply(identifier, sequence)


@pytest.mark.parametrize(
    "packet",
    [
        HEADER + reply(1, 2, kind=8),
        HEADER + reply(1, 2, code=1),
        HEADER + reply(1, 2, kind=3),
        HEADER + reply(1, 2)[:-1] + b"\x01",
        b"\x60" + HEADER[1:] + reply(1, 2),
        b"\x44" + HEADER[1:] + reply(1, 2),
        b"\x4f" + HEADER[1:] + reply(1, 2),
        HEADER[:9] + b"\x11" + HEADER[10:] + reply(1, 2),
    ],
)
def test_what_is_no_reply(packet: bytes) -> None:
    with pytest.raises(WireError, match="offset"):
        echo.decode_reply(packet)


@pytest.mark.parametrize("message", [reply(1, 2, kind=128), reply(1, 2, kind=129, code=1), reply(1, 2)])
def test_what_is_no_reply6(message: bytes) -> None:
    with pytest.raises(WireError, match="offset 0"):
        echo.decode_reply6(message)


@pytest.mark.parametrize("length", range(28))
def test_truncation(length: int) -> None:
    with pytest.raises(WireError):
        echo.decode_reply((HEADER + reply(1, 2, payload=b""))[:length])
    with pytest.raises(WireError):
        echo.decode_reply6(reply(1, 2, kind=129)[: length % 8])


@given(st.binary(max_size=200))
def test_garbage_is_read_or_raises_the_one_error(data: bytes) -> None:
    for decode in (echo.decode_reply, echo.decode_reply6):
        try:
            decode(data)
        except WireError:
            pass


@given(U16, U16)
def test_scapy_reads_the_same(identifier: int, sequence: int) -> None:
    inet = pytest.importorskip("scapy.layers.inet")
    message = inet.ICMP(echo.encode_request(identifier, sequence))
    assert (message.type, message.code, message.id, message.seq) == (8, 0, identifier, sequence)
    message.type = 0
    del message.chksum
    packet = bytes(inet.IP(src="10.0.0.1", dst="10.0.0.2") / message)
    assert echo.decode_reply(packet) == Reply(identifier, sequence)
