"""The kernel's WireGuard messages, built byte by byte as linux/wireguard.h says."""

import struct
from base64 import b64encode
from ipaddress import IPv4Address, IPv6Address

import pytest

from routerd.system.wireguard_netlink import DeviceMessage, merge

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


def device(*peers):
    body = struct.pack("=BBH", 0, 1, 0)
    body += attribute(2, b"wg0\0") + attribute(1, struct.pack("=I", 7)) + attribute(3, PRIVATE)
    body += attribute(4, PUBLIC) + attribute(6, struct.pack("=H", 51822)) + attribute(8 | NESTED, b"".join(peers))
    message = DeviceMessage(struct.pack("=IHHII", 16 + len(body), 30, 2, 1, 0) + body)
    message.decode()
    return message


NETWORKS = [allowed(IPv4Address(f"10.0.0.{number}"), 32) for number in range(4)]


def test_reads_a_device():
    found = merge("wg0", [device(peer(ONE, NETWORKS[1], allowed(IPv6Address("fd00::"), 64)))])
    assert (found.interface, found.listen_port) == ("wg0", 51822)
    assert found.public_key == b64encode(PUBLIC).decode()
    (only,) = found.peers
    assert only.public_key == b64encode(ONE).decode()
    assert [str(network) for network in only.allowed_ips] == ["10.0.0.1/32", "fd00::/64"]
    assert only.endpoint == "192.0.2.1:51821"
    assert only.last_handshake == 1700000000.25
    assert (only.rx_bytes, only.tx_bytes, only.keepalive) == (11, 22, 25)


def test_a_peer_that_goes_on_in_the_next_message_is_one_peer():
    found = merge(
        "wg0", [device(peer(ONE, NETWORKS[0]), peer(TWO, NETWORKS[1])), device(peer(TWO, *NETWORKS[2:], whole=False))]
    )
    assert [len(row.allowed_ips) for row in found.peers] == [1, 3]
    assert found.peers[1].rx_bytes == 11


def test_nothing_secret_is_decoded():
    message = device(peer(ONE, NETWORKS[0]))
    found = merge("wg0", [message])
    for shown in (repr(message), str(message), repr(found), repr(message.get_attr("WGDEVICE_A_PEERS"))):
        for key in (PRIVATE, PRESHARED):
            assert repr(key)[2:-1] not in shown
            assert b64encode(key).decode() not in shown
            assert key.hex() not in shown
            assert key.hex(":") not in shown
    assert message.get_attr("WGDEVICE_A_PRIVATE_KEY") is None


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
    assert merge("wg0", [device(attribute(NESTED, data))]).peers[0].endpoint == expected


def test_lying_values_are_left_out():
    data = attribute(1, ONE) + attribute(6, struct.pack("=qq", -5, 0))
    data += attribute(9 | NESTED, allowed(IPv4Address("10.0.0.0"), 200) + NETWORKS[1])
    found = merge("wg0", [device(attribute(NESTED, data), attribute(NESTED, attribute(1, b"short")))])
    (only,) = found.peers
    assert (only.last_handshake, only.rx_bytes, only.endpoint) == (0.0, 0, None)
    assert [str(network) for network in only.allowed_ips] == ["10.0.0.1/32"]


def test_no_message_is_a_device_without_peers():
    assert merge("wg0", []).peers == ()
