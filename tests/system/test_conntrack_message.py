"""Conntrack's messages: what a kernel has sent, and garbage."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.flows import Flow
from routerd.system.conntrack_message import MessageError, concerns, decode, delete_request, masks, messages
from routerd.system.nft_monitor import Author, author

# A UDP flow 10.0.0.1:41894 to 10.0.0.9:53, sent on to 10.0.0.1:99, without an answer, as a little-endian kernel sent it
_ORIG = "34000180140001800800010 00a000001 080002000a000009 1c000280 0500010011000000 06000200a3a60000 0600030000350000"
_REPLY = (
    "34000280 14000180 080001000a000001 080002000a000001 1c000280 0500010011000000 0600020000630000 06000300a3a60000"
)
_REST = "08000300000001a8 080007000000001d 08000c002f42925f"
BODY = bytes.fromhex((f"02000000 {_ORIG} {_REPLY} {_REST}").replace(" ", ""))


def test_a_flow_of_the_kernel() -> None:
    flow = decode(BODY)
    assert str(flow) == "udp 10.0.0.1:41894 to 10.0.0.9:53, which is 10.0.0.1:99"
    assert (flow.status, flow.timeout, flow.tcp_state, flow.answered, flow.opening) == (0x1A8, 29, None, False, True)
    assert (flow.source_changed, flow.destination_changed) == (False, True)
    (message,) = messages(delete_request(flow, 7))
    assert message[0] == 0x102
    assert message[2] == 7
    # The whole original tuple and the entry's own number: another entry with the same ports is not meant.
    assert message[3][4:] == bytes.fromhex(_ORIG.replace(" ", "") + "08000c002f42925f")


@pytest.mark.parametrize(
    ("networks", "known"),
    [
        (["10.0.0.1/32"], True),
        (["10.0.0.9/32"], True),
        (["10.0.0.0/24", "fd00::/8"], True),
        (["10.0.1.0/24"], False),
        ([], False),
    ],
)
def test_what_does_not_concern_is_not_decoded(networks: list[str], known: bool) -> None:
    assert concerns(BODY, masks(map(ip_network, networks))) is known


@given(st.binary(max_size=200), st.integers(0, len(BODY)), st.integers(0, 8))
def test_garbage_is_an_error_and_nothing_else(noise: bytes, cut: int, drop: int) -> None:
    for data in (noise, BODY[:cut] + noise, BODY[: cut // 2] + BODY[cut // 2 + drop :]):
        concerns(data, masks([ip_network("10.0.0.0/8"), ip_network("fd00::/8")]))
        list(messages(data))
        author(data)
        try:
            assert isinstance(decode(data), Flow)
        except MessageError:
            pass


def test_who_has_changed_rules() -> None:
    body = bytes.fromhex("00000002 08000100 00000002 08000200 0000565a 08000300 6e667400".replace(" ", ""))
    head = (16 + len(body)).to_bytes(4, "little") + (0x0A0F).to_bytes(2, "little") + bytes(10)
    assert author(head + body) == Author(0x565A, "nft")
    assert str(Author(0x565A, "nft")) == "nft (process 22106)"
    assert str(Author()) == "an unknown program"
    assert author(head[:4] + bytes(12) + body) is None
