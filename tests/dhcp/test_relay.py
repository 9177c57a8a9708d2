"""Relay agents: which network, where the reply goes, what is echoed; and subnets with settings of their own."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.config.model import Option, Reservation
from routerd.dhcp.message import BROADCAST_FLAG
from routerd.dhcp.options import decode_classless_routes
from routerd.dhcp.relay import RelayInfo, decode_relay_info
from tests.dhcp.scene import MAC_B, SERVER, VPN, Scene, ip, message, part, settings, subnet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
RELAY = ip("192.168.201.1")
ROUTER = IPv4Address("192.168.201.1")
INFO = bytes((1, 4)) + b"port" + bytes((2, 2)) + b"sw"


def scene(**changes: object) -> Scene:
    return Scene(part(subnets=(subnet(201, **changes), subnet(202))))


def test_a_relayed_client_gets_an_address_of_its_network_and_its_routers_way() -> None:
    reply = (s := scene()).send(message(DISCOVER, (55, bytes((3, 121))), (82, INFO), giaddr=RELAY, hops=1))
    assert reply is not None
    assert (reply.address, reply.port, reply.mac) == (RELAY, 67, None)
    offer = s.ask(message(DISCOVER, (55, bytes((3, 121))), (82, INFO), giaddr=RELAY, hops=1))
    assert (offer.yiaddr, offer.giaddr) == (ip("192.168.201.50"), RELAY)
    assert offer.options[1] == bytes((255, 255, 255, 0))
    assert offer.options[3] == ROUTER.packed
    assert decode_classless_routes(offer.options[121])[0] == (VPN[0], ROUTER)
    assert offer.options[54] == SERVER.packed


def test_option_82_is_echoed_last_in_every_reply() -> None:
    s = scene()
    for data in (
        message(DISCOVER, (61, b"id"), (82, INFO), giaddr=RELAY),
        message(REQUEST, (50, bytes((10, 9, 9, 9))), (61, b"id"), (82, INFO), giaddr=RELAY),
    ):
        reply = s.send(data)
        assert reply is not None
        body = reply.payload[240:].rstrip(b"\0")
        assert body.endswith(b"\x3d\x02id" + bytes((82, len(INFO))) + INFO + b"\xff")


def test_nak_through_a_relay_has_the_broadcast_flag() -> None:
    reply = scene().send(message(REQUEST, (50, bytes((10, 9, 9, 9))), giaddr=RELAY))
    assert reply is not None
    assert (reply.address, reply.port) == (RELAY, 67)
    assert reply.payload[10] & BROADCAST_FLAG >> 8


@pytest.mark.parametrize(
    ("giaddr", "info", "address"),
    [
        ("192.168.200.9", b"", "192.168.200.50"),  # a relay agent inside the LAN's own network
        ("192.168.202.7", b"", "192.168.202.50"),
        ("10.1.1.1", b"\x05\x04" + bytes((192, 168, 202, 0)), "192.168.202.50"),  # the network's own address (RFC 3527)
        ("10.1.1.1", b"\x05\x04" + bytes((192, 168, 203, 0)), None),
        ("10.1.1.1", b"\x05\x04" + bytes((192, 168, 202, 1)), "192.168.202.50"),
        ("192.168.201.1", b"\x05\x04" + bytes((192, 168, 200, 1)), "192.168.200.50"),
        ("192.168.201.1", b"\x05\x03" + bytes((192, 168, 200)), "192.168.201.50"),
        ("10.1.1.1", b"", None),
        ("192.168.200.2", b"", None),  # our own
        ("255.255.255.255", b"", None),
        ("127.0.0.1", b"", None),
    ],
)
def test_which_network(giaddr: str, info: bytes, address: str | None) -> None:
    options = [(82, info)] if info else []
    reply = (s := scene()).send(message(DISCOVER, *options, giaddr=ip(giaddr)))
    if address is None:
        assert reply is None
        assert s.counters["pkt4-receive-drop"] == 1
    else:
        assert reply is not None
        assert int.from_bytes(reply.payload[16:20], "big") == ip(address)


def test_server_identifier_override() -> None:
    s = scene()
    override = b"\x0b\x04" + bytes((192, 168, 201, 1))
    offer = s.ask(message(DISCOVER, (82, override), giaddr=RELAY))
    assert offer.options[54] == bytes((192, 168, 201, 1))
    wanted = (50, offer.yiaddr.to_bytes(4, "big"))
    ack = s.ask(message(REQUEST, wanted, (54, bytes((192, 168, 201, 1))), (82, override), giaddr=RELAY))
    assert (ack.options[53], ack.options[54]) == (b"\x05", bytes((192, 168, 201, 1)))
    assert s.send(message(REQUEST, wanted, (54, bytes((192, 168, 201, 9))), (82, override), giaddr=RELAY)) is None


def test_a_renewal_without_relay_is_served_from_its_network() -> None:
    s = scene()
    offer = s.ask(message(DISCOVER, giaddr=RELAY))
    s.ask(message(REQUEST, (50, offer.yiaddr.to_bytes(4, "big")), (54, SERVER.packed), giaddr=RELAY))
    reply = s.send(message(REQUEST, ciaddr=offer.yiaddr), unicast=True)
    assert reply is not None
    assert (reply.address, reply.port) == (offer.yiaddr, 68)
    assert s.key == "lan0 192.168.201.0/24"
    assert reply.rows[0].renewal


def test_one_client_in_two_networks_has_two_leases() -> None:
    s = scene()
    first = s.ask(message(DISCOVER, giaddr=RELAY)).yiaddr
    second = s.ask(message(DISCOVER)).yiaddr
    assert (first, second) == (ip("192.168.201.50"), ip("192.168.200.50"))


@pytest.mark.parametrize("hops", [17, 255])
def test_too_many_hops(hops: int) -> None:
    assert scene().send(message(DISCOVER, giaddr=RELAY, hops=hops)) is None


@pytest.mark.parametrize(
    ("data", "info"),
    [
        (b"", RelayInfo()),
        (b"\x01", RelayInfo()),
        (b"\x01\x00", RelayInfo()),
        (b"\x01\x05ab", RelayInfo()),
        (b"\x01\x02ab\x05\xff", RelayInfo(b"ab")),
        (b"\x01\x02ab\x01\x02cd", RelayInfo(b"ab")),
        (b"\x05\x04\x0a\x00\x00\x01\x0b\x04\x0a\x00\x00\x02", RelayInfo(None, 0x0A000001, b"\x0a\x00\x00\x02")),
        (b"\x0b\x02\x00\x00", RelayInfo()),
    ],
)
def test_relay_information(data: bytes, info: RelayInfo) -> None:
    assert decode_relay_info(data) == info
    offer = scene().ask(message(DISCOVER, (82, data), giaddr=RELAY)) if info.link in (0, None) else None
    assert offer is None or offer.options[82] == data


@given(st.binary(max_size=255))
def test_any_relay_information_is_read_and_echoed(data: bytes) -> None:
    reply = scene().send(message(DISCOVER, (82, data), giaddr=RELAY))
    assert reply is None or bytes((82, len(data))) + data + b"\xff" in reply.payload


def test_a_place_has_its_address_whatever_machine_is_there() -> None:
    own = Reservation(IPv4Address("192.168.201.77"), circuit_id=b"port", hostname="desk-7")
    s = scene(reservations=(own,))

    def take(mac: bytes, info: bytes = INFO) -> int:
        offer = s.ask(message(DISCOVER, (82, info), mac=mac, giaddr=RELAY))
        wanted = (50, offer.yiaddr.to_bytes(4, "big"))
        ack = s.ask(message(REQUEST, wanted, (54, SERVER.packed), (82, info), mac=mac, giaddr=RELAY))
        assert ack.options[53] == b"\x05"
        return ack.yiaddr

    other = bytes.fromhex("020000000099")
    assert take(MAC_B) == ip("192.168.201.77")
    # Two machines behind one circuit: the first one keeps it until it gives it back or its lease ends.
    assert take(other) == ip("192.168.201.50")
    assert s.ask(message(REQUEST, ciaddr=ip("192.168.201.77")), unicast=True).options[53][0] == ACK
    s.send(message(RELEASE, (54, SERVER.packed), ciaddr=ip("192.168.201.77"), giaddr=RELAY))
    assert take(other) == ip("192.168.201.77")
    s.now += 3601
    assert take(MAC_B) == ip("192.168.201.77")
    assert take(bytes.fromhex("020000000098"), b"\x01\x01x") == ip("192.168.201.50")


def test_a_client_on_the_link_does_not_say_at_whose_place_it_is() -> None:
    own = Reservation(IPv4Address("192.168.200.22"), circuit_id=b"port")
    s = Scene(part(settings(reservations=(own,))))
    offer = s.ask(message(DISCOVER, (82, INFO)))
    assert (offer.yiaddr, offer.options[82]) == (ip("192.168.200.50"), INFO)
    assert s.ask(message(DISCOVER, (82, INFO), giaddr=ip("192.168.200.9"))).yiaddr == ip("192.168.200.22")


def test_the_address_of_a_relay_agent_is_never_leased() -> None:
    s, agent = scene(), ip("192.168.201.50")
    assert s.ask(message(DISCOVER, giaddr=agent)).yiaddr == agent + 1
    # Not to who asks for it either, nor where it was offered before the agent was seen.
    wish = (50, agent.to_bytes(4, "big"))
    assert s.ask(message(DISCOVER, wish, giaddr=RELAY)).yiaddr == agent + 1
    assert s.ask(message(REQUEST, wish, giaddr=RELAY)).options[53][0] == NAK
    offered = s.ask(message(DISCOVER, (50, (agent + 5).to_bytes(4, "big")), mac=b"\2\0\0\0\0\7", giaddr=RELAY)).yiaddr
    assert offered == agent + 5
    s.ask(message(DISCOVER, mac=b"\2\0\0\0\0\x08", giaddr=offered))
    again = message(REQUEST, (50, offered.to_bytes(4, "big")), mac=b"\2\0\0\0\0\7", giaddr=RELAY)
    assert s.ask(again).options[53][0] == NAK


def test_who_writes_addresses_into_messages_takes_few_of_them_and_not_those_that_are_held() -> None:
    s, first = scene(), ip("192.168.201.50")
    held = s.ask(message(DISCOVER, giaddr=RELAY)).yiaddr
    s.ask(message(REQUEST, (50, held.to_bytes(4, "big")), (54, SERVER.packed), giaddr=RELAY))
    for address in (*range(first, first + 10), held):
        s.ask(message(DISCOVER, mac=b"\2\0\0\0\1\1", giaddr=address))
    assert s.ask(message(REQUEST, ciaddr=held), unicast=True).options[53][0] == ACK
    got = set()
    for number in range(9):
        mac = bytes((2, 0, 0, 0, 2, number))
        reply = s.send(message(DISCOVER, mac=mac, giaddr=RELAY))
        if reply is not None:
            address = int.from_bytes(reply.payload[16:20], "big")
            s.ask(message(REQUEST, (50, address.to_bytes(4, "big")), (54, SERVER.packed), mac=mac, giaddr=RELAY))
            got.add(address)
    # A quarter of ten is two: the last two that were named; all others are leased.
    assert got == set(range(first + 1, first + 8))


# ---------------------------------------------------------------- the nearest wins


def test_a_reservation_has_settings_of_its_own() -> None:
    own = Reservation(
        IPv4Address("192.168.200.22"),
        mac=MAC_B,
        dns=(IPv4Address("192.168.200.8"),),
        router=IPv4Address("192.168.200.3"),
        boot_file="own.0",
        options=(Option(150, b"own"),),
    )
    network = settings(
        dns=(IPv4Address("192.168.200.7"),),
        boot_file="all.0",
        options=(Option(150, b"all"), Option(151, b"all")),
        reservations=(own,),
    )
    s = Scene(part(network))
    asks = (55, bytes((3, 6, 67, 121, 150, 151)))
    mine, other = s.ask(message(DISCOVER, asks)), s.ask(message(DISCOVER, asks, mac=bytes.fromhex("020000000099")))
    assert (mine.options[6], other.options[6]) == (bytes((192, 168, 200, 8)), bytes((192, 168, 200, 7)))
    assert (mine.options[3], other.options[3]) == (bytes((192, 168, 200, 3)), bytes((192, 168, 200, 1)))
    assert mine.options[121].endswith(bytes((0, 192, 168, 200, 3)))
    assert (mine.options[150], mine.options[151], other.options[150]) == (b"own", b"all", b"all")
    assert (mine.file.rstrip(b"\0"), other.options[67]) == (b"own.0", b"all.0")


def test_a_reservation_without_router() -> None:
    own = Reservation(IPv4Address("192.168.200.22"), mac=MAC_B, router="none")
    offer = Scene(part(settings(reservations=(own,)))).ask(message(DISCOVER, (55, bytes((3, 121)))))
    assert 3 not in offer.options
    assert decode_classless_routes(offer.options[121]) == [VPN]


# ---------------------------------------------------------------- rapid commit and IPv6-only


def test_rapid_commit() -> None:
    s = Scene(part(settings("192.168.200.50-192.168.200.50", rapid_commit=True)))
    reply = s.send(message(DISCOVER, (80, b"")))
    assert reply is not None
    assert reply.rows[0].address == ip("192.168.200.50")
    ack = s.ask(message(DISCOVER, (80, b"")))
    assert (ack.options[53], ack.options[80]) == (b"\x05", b"")
    assert s.ask(message(DISCOVER)).options[53] == b"\x02"
    assert s.send(message(DISCOVER, (80, b""), mac=bytes.fromhex("020000000099"))) is None


def test_rapid_commit_is_off_by_default() -> None:
    offer = Scene().ask(message(DISCOVER, (80, b"")))
    assert offer.options[53] == b"\x02"
    assert 80 not in offer.options


def test_ipv6_only_preferred() -> None:
    s = Scene(part(settings(options=(Option(108, (1800).to_bytes(4, "big")),))))
    offer = s.ask(message(DISCOVER, (55, bytes((1, 108))), flags=BROADCAST_FLAG))
    assert (offer.yiaddr, offer.options[108]) == (0, (1800).to_bytes(4, "big"))
    assert 51 not in offer.options
    assert s.table.rows() == []
    assert s.ask(message(DISCOVER, (55, bytes((1,))))).yiaddr == ip("192.168.200.50")
    s.lease()
    assert s.ask(message(DISCOVER, (55, bytes((1, 108))))).yiaddr == ip("192.168.200.50")
