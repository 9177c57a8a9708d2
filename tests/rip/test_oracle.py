"""The codec of RIPv2 against scapy's, in both directions."""

from ipaddress import IPv4Address, IPv4Network
from random import Random

import pytest

scapy_config = pytest.importorskip("scapy.config")
scapy_config.conf.route_autoload = False
scapy_config.conf.route6_autoload = False
from scapy.layers.rip import RIP, RIPAuth, RIPEntry  # noqa: E402

from routerd.rip import message  # noqa: E402
from routerd.rip.auth import open_packet  # noqa: E402
from routerd.rip.message import REQUEST, RESPONSE, Rte  # noqa: E402
from tests.rip.scene import UNIX, V2, Scene, key, response, route  # noqa: E402

RNG = Random(20261122)


def some(count: int) -> list[Rte]:
    """Entries that are good."""
    made = []
    for _ in range(count):
        length = RNG.randint(1, 32)
        net = IPv4Network((RNG.randrange(0x01000000, 0x7F000000), length), strict=False)
        if net.network_address.packed[0] == 0:
            net = IPv4Network("10.0.0.0/8")
        next_hop = RNG.choice((0, RNG.randrange(1 << 32)))
        made.append(Rte(int(net[0]), net.prefixlen, next_hop, RNG.randint(1, 16), RNG.randrange(1 << 16)))
    return made


def theirs(packet: object) -> list[Rte]:
    """The entries as scapy reads them."""
    found, layer = [], packet.payload  # type: ignore[attr-defined]
    while isinstance(layer, RIPEntry):
        if layer.AF == "IP" or layer.AF == 2:
            length = IPv4Network(f"0.0.0.0/{layer.mask}").prefixlen
            numbers = (int(IPv4Address(layer.addr)), length, int(IPv4Address(layer.nextHop)))
            found.append(Rte(*numbers, layer.metric, layer.RouteTag))
        layer = layer.payload
    return found


@pytest.mark.parametrize("count", [1, 2, 25])
def test_scapy_reads_what_is_built_here(count: int) -> None:
    entries = some(count)
    packet = RIP(response(*entries))
    assert (packet.cmd, packet.version) == (RESPONSE, 2)
    assert theirs(packet) == entries


@pytest.mark.parametrize("count", [1, 2, 25])
def test_what_scapy_builds_is_read_here(count: int) -> None:
    entries = some(count)
    packet = RIP(cmd=RESPONSE, version=2)
    for each in entries:
        mask = IPv4Network((0, each.length)).netmask
        packet /= RIPEntry(
            AF=2,
            RouteTag=each.tag,
            addr=str(IPv4Address(each.address)),
            mask=str(mask),
            nextHop=str(IPv4Address(each.next_hop)),
            metric=each.metric,
        )
    assert message.decode(bytes(packet)) == message.Message(RESPONSE, 2, entries)


def test_requests_are_the_same_bytes() -> None:
    asked = RIP(cmd=REQUEST, version=2) / RIPEntry(AF=0, addr="0.0.0.0", mask="0.0.0.0", nextHop="0.0.0.0", metric=16)
    assert bytes(asked) == message.WHOLE_TABLE


def test_a_plain_password_of_scapy() -> None:
    auth = RIPAuth(AF=0xFFFF, authtype=2, password=b"secret".ljust(16, b"\0"))
    data = bytes(RIP(cmd=RESPONSE, version=2) / auth / RIPEntry(addr="10.0.0.0", mask="255.255.255.0", metric=1))
    opened = open_packet(data, [key("plain")], UNIX)
    assert message.decode(data, opened.start, opened.end).entries == [Rte(0x0A000000, 24, 0, 1)]


def test_scapy_reads_the_head_of_a_signed_packet() -> None:
    scene = Scene(V2, route("10.0.0.0/24"), keys=(key("md5", 7),))
    (sent,) = scene.due()
    head = RIP(sent.data)[RIPAuth]
    assert (head.authtype, head.keyid, head.authdatalen, head.digestoffset) == (3, 7, 16, 44)
    assert head.seqnum == int(UNIX)
