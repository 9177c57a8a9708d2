"""The packets of probes, against scapy, and what is read of answers."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.packet import Raw

from routerd.hosts import arp, frames
from routerd.hosts.frames import Answer, Ends

NEAR, FAR = IPv4Address("10.0.0.2"), IPv4Address("192.168.200.22")
ENDS = Ends(NEAR.packed, FAR.packed, 50000, 22)
U32, U16 = st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)
ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address)


def checked(packet: bytes) -> IP:
    """The packet as scapy reads it; its checksums and lengths are those that scapy would write."""
    read = IP(packet)
    again = read.copy()
    del again.chksum, again.len, again.payload.chksum
    assert bytes(IP(bytes(again))) == packet
    return read


@given(ADDRESSES, ADDRESSES, U16, U16, U32)
def test_syn(source: IPv4Address, target: IPv4Address, near: int, far: int, number: int) -> None:
    read = checked(frames.syn(Ends(source.packed, target.packed, near, far), number))
    assert (read.src, read.dst, read.ttl, read.flags) == (str(source), str(target), 64, "DF")
    tcp = read[TCP]
    assert (tcp.sport, tcp.dport, tcp.seq, tcp.ack, tcp.flags) == (near, far, number, 0, "S")
    assert tcp.options == [("MSS", 1380)]


@given(U32, U32)
def test_the_end_and_the_far_off_segment(number: int, theirs: int) -> None:
    end, far = checked(frames.reset(ENDS, number))[TCP], checked(frames.far_off(ENDS, number, theirs))[TCP]
    assert (end.flags, end.seq) == ("R", (number + 1) % 2**32)
    assert (far.flags, far.ack) == ("A", (theirs + 1) % 2**32)
    # No window is scaled to a gigabyte: the host must take it for unacceptable.
    assert (number + 1 - far.seq) % 2**32 == 1 << 30


@given(U32, U16)
def test_an_echo_and_its_answer(number: int, ident: int) -> None:
    asked = checked(frames.echo(NEAR.packed, FAR.packed, ident, number))
    assert (asked[ICMP].type, asked[ICMP].id, asked[ICMP].seq) == (8, ident, number & 0xFFFF)
    said = IP(src=str(FAR), dst=str(NEAR)) / ICMP(type=0, id=ident, seq=asked[ICMP].seq) / asked[Raw]
    assert frames.read(bytes(said)) == Answer(frames.ECHO, FAR, NEAR, 0, ident, number)
    assert frames.read(bytes(asked)) is None


@pytest.mark.parametrize(
    ("flags", "kind"),
    [("SA", "syn-ack"), ("RA", "rst"), ("A", "ack"), ("PA", "ack"), ("R", None), ("S", None), ("FA", None)],
)
@pytest.mark.parametrize("options", [[], [("MSS", 1460), ("NOP", None), ("WScale", 7)]])
def test_answers_of_tcp(flags: str, kind: str | None, options: list[object]) -> None:
    tcp = TCP(sport=22, dport=50000, flags=flags, seq=7, ack=1001, options=options)
    packet = bytes(IP(src=str(FAR), dst=str(NEAR), options=[]) / tcp)
    assert frames.read(packet + b"padding") == (None if kind is None else Answer(kind, FAR, NEAR, 22, 50000, 1001, 7))


def echo_reply(**changes: object) -> bytes:
    data = (9).to_bytes(4, "big") * 2
    head = {"type": 0, "id": 5, "seq": 9, **changes}
    return bytes(IP(src=str(FAR), dst=str(NEAR)) / ICMP(**head) / Raw(data))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x45" * 27,
        b"\x65" + echo_reply()[1:],
        b"\x44" + echo_reply()[1:],
        b"\x4f" + echo_reply()[1:],
        echo_reply(type=8),
        echo_reply(code=1),
        echo_reply(seq=8),
        echo_reply()[:-1] + b"\x08",
        echo_reply()[:-8] + bytes(8),
        bytes(IP(src=str(FAR), dst=str(NEAR), flags="MF") / ICMP(type=0, id=5, seq=9) / Raw(bytes(8))),
        bytes(IP(src=str(FAR), dst=str(NEAR), frag=3) / TCP(flags="SA")),
        bytes(IP(src=str(FAR), dst=str(NEAR), proto=17) / TCP(flags="SA")),
        bytes(IP(src=str(FAR), dst=str(NEAR), proto=6) / Raw(bytes(12))),
    ],
)
def test_what_is_no_answer(packet: bytes) -> None:
    assert frames.read(packet) is None


@given(st.binary(max_size=128))
def test_no_bytes_upset_it(packet: bytes) -> None:
    for data in (
        packet,
        b"\x45" + packet,
        b"\x45\0\0\x30\0\0\0\0\x40\x06" + packet,
        b"\x45\0\0\x24\0\0\0\0\x40\x01" + packet,
    ):
        frames.read(data)
        frames.read_head(data)
        arp.read_reply(data)


@given(st.binary(max_size=64))
def test_the_checksum(data: bytes) -> None:
    # RFC 1071 section 4.1, word by word
    words = [int.from_bytes((data + b"\0" * (len(data) % 2))[at : at + 2], "big") for at in range(0, len(data), 2)]
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert frames.checksum(data) == ~total & 0xFFFF


def test_arp() -> None:
    from scapy.layers.l2 import ARP

    mac = bytes.fromhex("020000000002")
    asked = ARP(arp.request(mac, NEAR.packed, FAR.packed))
    assert (asked.op, asked.hwsrc, asked.psrc, asked.pdst) == (1, "02:00:00:00:00:02", str(NEAR), str(FAR))
    said = ARP(op=2, hwsrc="02:00:00:00:00:22", psrc=str(FAR), hwdst="02:00:00:00:00:02", pdst=str(NEAR))
    assert arp.read_reply(bytes(said) + bytes(18)) == (FAR, bytes.fromhex("020000000022"))
    assert arp.read_reply(arp.request(mac, NEAR.packed, FAR.packed)) is None
    assert arp.read_reply(bytes(ARP(op=2, hwsrc="ff:ff:ff:ff:ff:ff", psrc=str(FAR)))) is None


def closed(kind: int = 3, code: int = 3, teller: str = "192.168.200.22", protocol: int = 17, options: int = 0) -> bytes:
    """What a host sends where nothing serves its UDP port 5300, with the head of what it refuses."""
    sender, target, peer = (IPv4Address(one).packed for one in (teller, "192.168.200.22", "10.0.0.1"))
    udp = bytes.fromhex("c35014b400080000")
    inner = bytes((0x45 + options, 0, 0, 28, 0, 0, 0, 0, 63, protocol, 0, 0)) + peer + target + bytes(4 * options) + udp
    return bytes((0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0)) + sender + peer + bytes((kind, code, *bytes(6))) + inner


def test_a_refusal_of_udp() -> None:
    found = (IPv4Address("192.168.200.22"), 5300)
    assert frames.read_closed(closed()) == found
    assert frames.read_closed(closed(options=2)) == found
    others = [closed(kind=11), closed(code=1), closed(code=13), closed(protocol=6), closed(teller="192.168.200.1")]
    assert [frames.read_closed(one) for one in others] == [None] * len(others)
    whole = closed(options=2)
    assert {frames.read_closed(whole[:end]) for end in range(len(whole) - 4)} == {None}
