"""Packets byte for byte, and everything that a packet or an entry can break."""

from ipaddress import ip_address

import pytest

from routerd.rip import message, message_ng
from routerd.rip.message import REQUEST, RESPONSE, Rte
from routerd.wire import WireError
from tests.rip.scene import response, response_ng, rte

HEAD, HEAD_NG = bytes((RESPONSE, 2, 0, 0)), bytes((RESPONSE, 1, 0, 0))


def entry(
    address: str = "10.0.0.0",
    mask: str = "255.255.255.0",
    metric: int = 1,
    family: int = 2,
    tag: int = 0,
    next_hop: str = "0.0.0.0",
) -> bytes:
    parts = (ip_address(address).packed, ip_address(mask).packed, ip_address(next_hop).packed)
    return family.to_bytes(2, "big") + tag.to_bytes(2, "big") + b"".join(parts) + metric.to_bytes(4, "big")


def entry_ng(address: str = "fd00:10::", length: int = 64, metric: int = 1, tag: int = 0) -> bytes:
    return ip_address(address).packed + tag.to_bytes(2, "big") + bytes((length, metric))


# ---------------------------------------------------------------- RIPv2


def test_an_entry_byte_for_byte() -> None:
    wire = bytes.fromhex("0002 0007 0a000000 ffffff00 c0a8c809 00000001")
    made = rte("10.0.0.0/24", 1, "192.168.200.9", 7)
    assert message.encode_rte(made) == wire
    assert message.decode(HEAD + wire).entries == [made]


def test_the_whole_table_is_asked_for_byte_for_byte() -> None:
    wire = bytes.fromhex("01020000 0000 0000 00000000 00000000 00000000 00000010")
    assert wire == message.WHOLE_TABLE
    assert message.decode(wire).whole_table


@pytest.mark.parametrize(
    "asked",
    [entry(metric=16), entry(family=0, metric=15), entry(family=0, metric=16) * 2, b""],
    ids=["one prefix", "no infinity", "two entries", "no entry"],
)
def test_what_is_not_a_request_for_the_whole_table(asked: bytes) -> None:
    found = message.decode(bytes((REQUEST, 2, 0, 0)) + asked)
    assert not found.whole_table
    assert b"".join(found.asked) == asked


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "offset 0: 1 bytes expected, 0 left"),
        (b"\2", "offset 1: 1 bytes expected, 0 left"),
        (b"\2\2\0", "offset 2: 2 bytes expected, 1 left"),
        (HEAD + bytes(19), "length 23: not a header and whole entries of 20 bytes"),
        (HEAD + entry() + b"\0", "length 25: not a header and whole entries of 20 bytes"),
        (HEAD + entry() * 26, "length 524: more than 25 entries"),
        (HEAD + entry() * 3000, "length 60004: more than 25 entries"),
        (b"\0\2\0\0" + entry(), "offset 0: command 0"),
        (b"\3\2\0\0" + entry(), "offset 0: command 3"),
        (b"\x09\2\0\0" + entry(), "offset 0: command 9"),
        (b"\2\0\0\0" + entry(), "offset 1: version 0"),
        (b"\2\1\0\0" + entry(), "offset 1: version 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_packet_that_breaks_a_rule(data: bytes, why: str) -> None:
    with pytest.raises(WireError) as caught:
        message.decode(data)
    assert str(caught.value) == why


def test_25_entries_are_512_bytes_at_most() -> None:
    data = HEAD + entry() * 25
    assert len(data) <= 512
    assert len(message.decode(data).entries) == 25


def test_a_newer_version_is_read_as_this_one_and_what_must_be_zero_is_not_looked_at() -> None:
    assert message.decode(b"\2\3\xff\xff" + entry()).entries == [rte("10.0.0.0/24")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry(metric=0), "metric 0"),
        (entry(metric=17), "metric 17"),
        (entry(metric=0xFFFFFFFF), "metric 4294967295"),
        (entry(address="10.0.0.1"), "10.0.0.1/24 has host bits"),
        (entry(address="10.0.0.128", mask="255.255.255.0"), "10.0.0.128/24 has host bits"),
        (entry(address="10.0.0.1", mask="0.0.0.0"), "10.0.0.1/0 has host bits"),
        (entry(mask="255.0.255.0"), "the mask 255.0.255.0 is not contiguous"),
        (entry(mask="0.255.255.255"), "the mask 0.255.255.255 is not contiguous"),
        (entry(mask="255.255.255.253"), "the mask 255.255.255.253 is not contiguous"),
        (entry("224.0.0.0", "240.0.0.0"), "224.0.0.0/4 is of class D or E"),
        (entry("224.0.0.9", "255.255.255.255"), "224.0.0.9/32 is of class D or E"),
        (entry("240.0.0.0", "255.0.0.0"), "240.0.0.0/8 is of class D or E"),
        (entry("255.255.255.255", "255.255.255.255"), "255.255.255.255/32 is of class D or E"),
        (entry("127.0.0.0", "255.0.0.0"), "127.0.0.0/8 is loopback"),
        (entry("127.0.0.1", "255.255.255.255"), "127.0.0.1/32 is loopback"),
        (entry("0.0.0.0", "255.0.0.0"), "0.0.0.0/8 is in net 0"),
        (entry("0.1.0.0", "255.255.0.0"), "0.1.0.0/16 is in net 0"),
        (entry(family=0), "address family 0"),
        (entry(family=10), "address family 10"),
        (entry(family=0xFFFF), "authentication that is not the first"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_entry_is_counted_and_the_others_hold(bad: bytes, why: str) -> None:
    found = message.decode(HEAD + entry("10.1.0.0", "255.255.0.0") + bad + bad + entry("10.2.0.0", "255.255.0.0"))
    assert found.entries == [rte("10.1.0.0/16"), rte("10.2.0.0/16")]
    assert (found.bad, found.why) == (2, f"entry 2: {why}")


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "1.0.0.0/8", "223.255.255.0/24", "10.0.0.1/32", "128.0.0.0/1"])
def test_networks_at_the_edges_are_good(prefix: str) -> None:
    assert message.decode(response(rte(prefix, 16))).entries == [rte(prefix, 16)]


def test_an_entry_that_is_asked_for() -> None:
    assert message.prefix_asked(entry()) == (0x0A000000, 24)
    assert message.prefix_asked(entry(mask="255.0.255.0")) is None
    assert message.prefix_asked(entry(family=0)) is None
    assert message.unreachable(entry(metric=0, tag=7)) == entry(metric=16, tag=7)


# ---------------------------------------------------------------- RIPng


def test_an_entry_of_ng_byte_for_byte() -> None:
    wire = bytes.fromhex("fd001000 00000000 00000000 00000000 0007 40 01".replace("fd001000", "fd000010"))
    made = rte("fd00:10::/64", 1, tag=7)
    assert message_ng.encode_rte(made) == wire
    assert message_ng.decode(HEAD_NG + wire).entries == [made]
    assert message_ng.encode_next_hop(int(ip_address("fe80::9"))) == ip_address("fe80::9").packed + b"\0\0\0\xff"


def test_the_whole_table_of_ng() -> None:
    assert bytes.fromhex("01010000") + bytes(19) + b"\x10" == message_ng.WHOLE_TABLE
    assert message_ng.decode(message_ng.WHOLE_TABLE).whole_table
    for other in (entry_ng("::", 0, 15), entry_ng("::", 1, 16), entry_ng("::1", 0, 16), entry_ng("::", 0, 16) * 2):
        assert not message_ng.decode(b"\1\1\0\0" + other).whole_table


def test_a_next_hop_holds_for_those_that_follow_until_the_next_one() -> None:
    """RFC 2080 section 2.1.1: one that is not link-local, and ::, mean the sender."""
    nine, ten, far = (int(ip_address(text)) for text in ("fe80::9", "fe80::a", "fd00::1"))
    routes = [rte(f"fd00:{n}::/64") for n in range(1, 7)]
    one, two, three, four, five, six = routes
    found = message_ng.decode(response_ng(one, nine, two, three, ten, four, 0, five, far, six))
    assert [each.next_hop for each in found.entries] == [0, nine, nine, ten, 0, 0]
    assert not found.bad


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\2\1\0", "offset 2: 2 bytes expected, 1 left"),
        (HEAD_NG + bytes(19), "length 23: not a header and whole entries of 20 bytes"),
        (b"\2\2\0\0" + entry_ng(), "offset 1: version 2"),
        (b"\2\0\0\0" + entry_ng(), "offset 1: version 0"),
        (b"\3\1\0\0" + entry_ng(), "offset 0: command 3"),
        (HEAD_NG + entry_ng() * 73, "length 1464: larger than the link's MTU of 1500 allows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_packet_of_ng_that_breaks_a_rule(data: bytes, why: str) -> None:
    with pytest.raises(WireError) as caught:
        message_ng.decode(data, 1500)
    assert str(caught.value) == why


@pytest.mark.parametrize(("mtu", "most"), [(1500, 72), (1280, 61), (9000, 447), (576, 61)])
def test_entries_of_a_packet_of_ng(mtu: int, most: int) -> None:
    assert message_ng.most_entries(mtu) == most
    assert len(message_ng.decode(HEAD_NG + entry_ng() * most, mtu).entries) == most


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry_ng(metric=0), "metric 0"),
        (entry_ng(metric=17), "metric 17"),
        (entry_ng(metric=254), "metric 254"),
        (entry_ng(length=129), "a prefix length of 129"),
        (entry_ng(length=255), "a prefix length of 255"),
        (entry_ng("fd00:10::1", 64), "fd00:10::1/64 has host bits"),
        (entry_ng("::1", 0), "::1/0 has host bits"),
        (entry_ng("ff00::", 8), "ff00::/8 is multicast"),
        (entry_ng("ff02::9", 128), "ff02::9/128 is multicast"),
        (entry_ng("fe80::", 10), "fe80::/10 is link-local"),
        (entry_ng("fe80::1", 128), "fe80::1/128 is link-local"),
        (entry_ng("::1", 128), "::1/128 is no network"),
        (entry_ng("::", 128), "::/128 is no network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_entry_of_ng_is_counted_and_the_others_hold(bad: bytes, why: str) -> None:
    found = message_ng.decode(HEAD_NG + entry_ng("fd00:1::") + bad + entry_ng("::", 0, 16))
    assert found.entries == [rte("fd00:1::/64"), Rte(0, 0, 0, 16)]
    assert (found.bad, found.why) == (1, f"entry 2: {why}")


def test_an_entry_of_ng_that_is_asked_for() -> None:
    assert message_ng.prefix_asked(entry_ng()) == (int(ip_address("fd00:10::")), 64)
    assert message_ng.prefix_asked(entry_ng(length=129)) is None
    assert message_ng.unreachable(entry_ng(metric=0, tag=7)) == entry_ng(metric=16, tag=7)
