"""The kernel's WireGuard messages, built byte by byte as linux/wireguard.h says."""

import asyncio
import errno
import struct
from base64 import b64encode
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.system import wireguard_netlink
from routerd.system.wireguard_message import Parts
from routerd.system.wireguard_netlink import read_kernel_device

PRIVATE, PRESHARED = bytes(range(100, 132)), bytes(range(200, 232))
PUBLIC, ONE, TWO = b"P" * 32, b"1" * 32, b"2" * 32
NESTED = 0x8000


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def allowed(address, length):
    packed = address.packed
    family = 2 if len(packed) == 4 else 10
    rows = ((1, struct.pack("=H", family)), (2, packed), (3, struct.pack("=B", length)))
    return attribute(NESTED, b"".join(attribute(kind, data) for kind, data in rows))


def peer(key, *networks, whole=True):
    data = attribute(1, key)
    if whole:
        data += attribute(2, PRESHARED)
        data += attribute(
            4, struct.pack("=H", 2) + struct.pack("!H", 51821) + IPv4Address("192.0.2.1").packed + bytes(8)
        )
        data += attribute(5, struct.pack("=H", 25))
        data += attribute(6, struct.pack("=qq", 1700000000, 250000000))
        data += attribute(7, struct.pack("=Q", 11)) + attribute(8, struct.pack("=Q", 22))
        data += attribute(10, struct.pack("=I", 1))
    return attribute(NESTED, data + attribute(9 | NESTED, b"".join(networks)))


def body(*peers, head=True):
    """A message's attributes; only the first of a dump tells of the device itself."""
    data = b""
    if head:
        data += attribute(2, b"wg0\0") + attribute(1, struct.pack("=I", 7)) + attribute(3, PRIVATE)
        data += attribute(4, PUBLIC) + attribute(6, struct.pack("=H", 51822))
    return data + attribute(8 | NESTED, b"".join(peers))


def message(kind, data, flags=2):
    return struct.pack("=IHHII", 16 + len(data), kind, flags, 1, 0) + data + bytes(-len(data) % 4)


def answer(*peers, flags=2, head=True):
    return message(30, struct.pack("=BBH", 0, 1, 0) + body(*peers, head=head), flags)


def merged(*bodies):
    parts = Parts("wg0")
    for one in bodies:
        parts.take(b"before" + one + b"after", 6, 6 + len(one))
    return parts.device()


NETWORKS = [allowed(IPv4Address(f"10.0.0.{number}"), 32) for number in range(4)]


def test_reads_a_device():
    found = merged(body(peer(ONE, NETWORKS[1], allowed(IPv6Address("fd00::"), 64))))
    assert (found.interface, found.listen_port) == ("wg0", 51822)
    assert found.public_key == b64encode(PUBLIC).decode()
    (only,) = found.peers
    assert only.public_key == b64encode(ONE).decode()
    assert [str(network) for network in only.allowed_ips] == ["10.0.0.1/32", "fd00::/64"]
    assert only.endpoint == "192.0.2.1:51821"
    assert only.last_handshake == 1700000000.25
    assert (only.rx_bytes, only.tx_bytes, only.keepalive) == (11, 22, 25)


def test_a_peer_that_goes_on_in_the_next_message_is_one_peer():
    found = merged(
        body(peer(ONE, NETWORKS[0]), peer(TWO, NETWORKS[1])), body(peer(TWO, *NETWORKS[2:], whole=False), head=False)
    )
    assert found.listen_port == 51822
    assert [len(row.allowed_ips) for row in found.peers] == [1, 3]
    assert [str(network) for network in found.peers[1].allowed_ips] == ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"]
    assert found.peers[1].rx_bytes == 11


def test_nothing_secret_is_kept():
    parts = Parts("wg0")
    first = body(peer(ONE, NETWORKS[0]))
    parts.take(first, 0, len(first))
    for shown in (repr(vars(parts)), repr(parts.device())):
        for key in (PRIVATE, PRESHARED):
            assert repr(key)[2:-1] not in shown
            assert b64encode(key).decode() not in shown
            assert key.hex() not in shown


@pytest.mark.parametrize(
    ("sockaddr", "expected"),
    [
        (
            struct.pack("=H", 10) + b"\xca\x6d" + bytes(4) + IPv6Address("fe80::1").packed + struct.pack("=I", 3),
            "[fe80::1%3]:51821",
        ),
        (
            struct.pack("=H", 10) + b"\xca\x6d" + bytes(4) + IPv6Address("2001:db8::1").packed + bytes(4),
            "[2001:db8::1]:51821",
        ),
        (struct.pack("=H", 1) + bytes(14), None),
        (b"\2\0", None),
    ],
)
def test_endpoints(sockaddr, expected):
    data = attribute(1, ONE) + attribute(4, sockaddr)
    assert merged(body(attribute(NESTED, data))).peers[0].endpoint == expected


def test_lying_values_are_left_out():
    data = attribute(1, ONE) + attribute(6, struct.pack("=qq", -5, 0))
    data += attribute(9 | NESTED, allowed(IPv4Address("10.0.0.0"), 200) + NETWORKS[1])
    found = merged(body(attribute(NESTED, data), attribute(NESTED, attribute(1, b"short"))))
    (only,) = found.peers
    assert (only.last_handshake, only.rx_bytes, only.endpoint) == (0.0, 0, None)
    assert [str(network) for network in only.allowed_ips] == ["10.0.0.1/32"]


def test_no_message_is_a_device_without_peers():
    assert merged().peers == ()


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 60))
def test_damage_raises_nothing_and_shows_no_secret(junk, at, dropped):
    first = body(peer(ONE, *NETWORKS))
    damaged = first[:at] + junk + first[at + dropped :]
    shown = repr(merged(damaged))
    assert repr(PRIVATE)[2:-1] not in shown
    assert b64encode(PRIVATE).decode() not in shown


FAMILY = message(16, struct.pack("=BBH", 1, 2, 0) + attribute(2, b"wireguard\0") + attribute(1, struct.pack("=H", 30)))
DONE = message(3, bytes(4))


def refusal(code, kind=2):
    return message(kind, struct.pack("=i", -code) + bytes(16))


class Played:
    """A socket on which the kernel says what was written down for it."""

    def __init__(self, *datagrams):
        self.datagrams = list(datagrams)
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def send(self, request):
        self.asked.append(request)


@pytest.fixture
def kernel(monkeypatch):
    def read(*datagrams):
        played = Played(*datagrams)

        async def receive(asked):
            return asked.datagrams.pop(0)

        monkeypatch.setattr(wireguard_netlink, "_open", lambda: played)
        monkeypatch.setattr(wireguard_netlink, "_receive", receive)
        try:
            return played, asyncio.run(read_kernel_device("wg0"))
        finally:
            assert played.closed
            assert played.datagrams == []

    return read


def test_a_dump_of_several_datagrams(kernel):
    rest = answer(peer(TWO, NETWORKS[3], whole=False), head=False)
    played, found = kernel(
        FAMILY, answer(peer(ONE, NETWORKS[0])), answer(peer(TWO, NETWORKS[2]), head=False) + rest + DONE
    )
    assert [len(row.allowed_ips) for row in found.peers] == [1, 2]
    family, dump = played.asked
    assert b"wireguard\0" in family
    assert struct.unpack_from("=IHH", dump) == (len(dump), 30, 0x301)
    assert attribute(2, b"wg0\0") in dump


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_dump_that_was_interrupted_is_asked_for_again(kernel, at):
    pieces = [answer(peer(ONE), flags=0x12 * (at == 0)), answer(head=False, flags=0x12 * (at == 1))]
    pieces.append(message(3, bytes(4), flags=0x12 * (at == 2)))
    played, found = kernel(FAMILY, *pieces, answer(peer(ONE), peer(TWO)), DONE)
    assert len(found.peers) == 2
    assert len(played.asked) == 3


def test_a_device_that_changes_all_the_time_is_not_shown_in_part(kernel):
    with pytest.raises(OSError, match="unavailable") as failed:
        kernel(FAMILY, *[answer(peer(ONE), flags=0x12) + DONE] * 5)
    assert failed.value.errno == errno.EAGAIN


@pytest.mark.parametrize(
    ("datagrams", "code"),
    [
        ([refusal(errno.ENOENT)], errno.ENOENT),
        ([message(16, bytes(4))], errno.EPROTO),
        ([FAMILY, refusal(errno.EPERM)], errno.EPERM),
        ([FAMILY, refusal(errno.ENODEV, kind=3)], errno.ENODEV),
        ([FAMILY, answer(peer(ONE)) + refusal(errno.ENODEV)], errno.ENODEV),
        ([FAMILY, struct.pack("=IHHII", 3, 30, 2, 1, 0)], errno.EPROTO),
    ],
)
def test_the_kernel_refuses(kernel, datagrams, code):
    with pytest.raises(OSError, match=r"\w") as failed:
        kernel(*datagrams)
    assert failed.value.errno == code
