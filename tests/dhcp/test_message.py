"""The message codec: one case list, whole, cut at every length, with junk behind, and against scapy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.dhcp.message import ACK, Message, decode_message, encode_reply
from routerd.wire import WireError
from tests.dhcp.scene import MAC_B, ip, message

DISCOVER = message(1, (61, b"\x01" + MAC_B), (55, b"\x01\x03\x79"), (12, b"endpoint-b"), flags=0x8000)


def test_discover() -> None:
    decoded = decode_message(DISCOVER)
    assert (decoded.op, decoded.htype, decoded.hlen, decoded.xid, decoded.flags) == (1, 1, 6, 0x12345678, 0x8000)
    assert decoded.chaddr == MAC_B
    assert decoded.options == {53: b"\x01", 61: b"\x01" + MAC_B, 55: b"\x01\x03\x79", 12: b"endpoint-b"}


def _decoded_or_error(data: bytes) -> Message | str:
    try:
        return decode_message(data)
    except WireError as error:
        return str(error)


@pytest.mark.parametrize("length", range(len(DISCOVER)))
def test_cut_at_every_length(length: int) -> None:
    decoded = _decoded_or_error(DISCOVER[:length])
    if isinstance(decoded, str):
        assert "offset" in decoded
    else:
        assert length >= 240
        assert set(decoded.options) <= {53, 61, 55, 12}


def test_junk_behind_the_end() -> None:
    assert decode_message(DISCOVER + b"\x99" * 50).options == decode_message(DISCOVER).options


def test_no_end_and_padding() -> None:
    data = DISCOVER[:-1] + b"\0\0\0"
    assert decode_message(data).options == decode_message(DISCOVER).options


def test_instances_of_one_option_are_joined() -> None:
    data = message(3, (12, b"end"), (55, b"\x01"), (12, b"point"))
    assert decode_message(data).options[12] == b"endpoint"


def _overloaded(value: int, file: bytes = b"", sname: bytes = b"") -> bytes:
    data = bytearray(message(1, (52, bytes((value,)))))
    data[108 : 108 + len(file)] = file
    data[44 : 44 + len(sname)] = sname
    return bytes(data)


@pytest.mark.parametrize(
    ("value", "found"),
    [(1, {12: b"ab"}), (2, {12: b"cd"}), (3, {12: b"abcd"})],
)
def test_overload(value: int, found: dict[int, bytes]) -> None:
    data = _overloaded(value, b"\x0c\x02ab\xff", b"\x0c\x02cd\xff")
    options = decode_message(data).options
    assert {code: options[code] for code in found} == found
    assert 52 not in options


def test_overload_inside_an_overloaded_field_means_nothing() -> None:
    data = _overloaded(1, b"\x34\x01\x02\x0c\x02ab\xff", b"\x0c\x02cd\xff")
    assert decode_message(data).options[12] == b"ab"


@pytest.mark.parametrize("value", [0, 4, 255])
def test_wrong_overload(value: int) -> None:
    with pytest.raises(WireError, match="option 52"):
        decode_message(_overloaded(value))


def test_overloaded_field_without_end_is_bounded() -> None:
    with pytest.raises(WireError, match="option 12 needs"):
        decode_message(_overloaded(2, sname=b"\x0c\x40" + b"x" * 62))


@pytest.mark.parametrize("hlen", [17, 255])
def test_hardware_address_too_long(hlen: int) -> None:
    with pytest.raises(WireError, match="hlen"):
        decode_message(message(1, hlen=hlen))


def test_wrong_cookie() -> None:
    data = bytearray(DISCOVER)
    data[236] = 0
    with pytest.raises(WireError, match="cookie"):
        decode_message(bytes(data))


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, DISCOVER[:240] + data):
        assert isinstance(_decoded_or_error(candidate), Message | str)


def test_reply_is_what_scapy_reads() -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    request = decode_message(message(3, flags=0x8000, ciaddr=ip("192.168.200.22")))
    payload = encode_reply(
        request, yiaddr=ip("192.168.200.22"), options=bytes((53, 1, ACK)), siaddr=ip("192.168.200.9"), file=b"pxe.0"
    )
    assert len(payload) == 300
    read = BOOTP(payload)
    assert (read.op, read.xid, read.flags, read.yiaddr, read.siaddr) == (
        2,
        0x12345678,
        0x8000,
        "192.168.200.22",
        "192.168.200.9",
    )
    assert read.chaddr[:6] == MAC_B
    assert read.file.rstrip(b"\0") == b"pxe.0"
    assert read[DHCP].options[0] == ("message-type", 5)


def test_what_scapy_builds_is_read() -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    options = [
        ("message-type", "request"),
        ("requested_addr", "192.168.200.22"),
        ("param_req_list", [1, 3, 121]),
        ("hostname", b"endpoint-b"),
        "end",
    ]
    decoded = decode_message(bytes(BOOTP(chaddr=MAC_B, xid=7, ciaddr="0.0.0.0") / DHCP(options=options)))
    assert (decoded.xid, decoded.chaddr) == (7, MAC_B)
    assert decoded.options == {
        53: b"\x03",
        50: bytes((192, 168, 200, 22)),
        55: bytes((1, 3, 121)),
        12: b"endpoint-b",
    }
