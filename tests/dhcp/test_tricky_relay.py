"""Tricky cases of relay agents and INFORM, message bytes in and message bytes out.

16. INFORM: here
20. option 82: echoed byte for byte and last, in NAKs too, any bytes: test_relay.py; too long, split, spoofed, link
    selection, server identifier and port of the relay agent: here
21. giaddr: here, and test_relay.py for single addresses
"""

import pytest

from routerd.dhcp.message import decode_message
from routerd.dhcp.options import decode_classless_routes
from tests.dhcp.scene import SERVER, VPN, Scene, ip, message, part, subnet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
RELAY = ip("192.168.201.1")
CIRCUIT = bytes((1, 4)) + b"port"


def scene(**changes: object) -> Scene:
    return Scene(part(subnets=(subnet(201, **changes), subnet(202))))


def option_82(payload: bytes) -> bytes | None:
    """The bytes behind the last option but END, if that is option 82, instance by instance as they are."""
    offset, found = 240, b""
    while payload[offset] != 255:
        length = 2 + payload[offset + 1]
        if payload[offset] == 82:
            found += payload[offset : offset + length]
        elif found:
            pytest.fail("something follows option 82")
        offset += length
    return found or None


def echoed(data: bytes) -> bytes:
    return b"".join(bytes((82, len(data[i : i + 255]))) + data[i : i + 255] for i in range(0, len(data) or 1, 255))


# ---------------------------------------------------------------- 16: INFORM


@pytest.mark.parametrize(
    "ciaddr",
    ["0.0.0.0", "255.255.255.255", "8.8.8.8", "127.0.0.1", "192.168.200.255", "192.168.200.0", str(SERVER)],
)
def test_case_16_an_inform_from_nowhere_is_dropped(ciaddr: str) -> None:
    s = scene()
    assert s.send(message(INFORM, ciaddr=ip(ciaddr)), unicast=True) is None
    assert s.counters["pkt4-not-for-us"] == s.counters["pkt4-receive-drop"] == 1


@pytest.mark.parametrize(
    ("ciaddr", "giaddr", "hop"),
    [
        ("192.168.200.77", 0, str(SERVER)),
        ("192.168.201.77", RELAY, "192.168.201.1"),
        ("192.168.201.77", 0, "192.168.201.1"),  # through routers
    ],
)
def test_case_16_the_answer_goes_to_the_client_and_has_nothing_of_a_lease(ciaddr: str, giaddr: int, hop: str) -> None:
    asked = (55, bytes((1, 3, 51, 58, 59, 121)))
    reply = (s := scene()).send(message(INFORM, asked, (82, CIRCUIT), ciaddr=ip(ciaddr), giaddr=giaddr))
    assert reply is not None
    # RFC 2131 section 4.3.5: to the client's own address, also where a relay agent has forwarded the question.
    assert (reply.address, reply.port, reply.mac, reply.rows) == (ip(ciaddr), 68, None, ())
    ack = decode_message(reply.payload)
    assert (ack.options[53][0], ack.yiaddr, ack.ciaddr) == (ACK, 0, ip(ciaddr))
    assert not {51, 58, 59} & set(ack.options)
    assert str(decode_classless_routes(ack.options[121])[0][1]) == hop
    assert [table.rows() for table in s.tables.values()] == [[], [], []]


def test_case_16_an_inform_of_a_network_that_is_not_served() -> None:
    s = scene()
    assert s.send(message(INFORM, ciaddr=ip("192.168.203.7"), giaddr=ip("192.168.203.1"))) is None
    assert s.send(message(INFORM, ciaddr=ip("192.168.203.7"), giaddr=RELAY)) is None


# ---------------------------------------------------------------- 20: option 82


@pytest.mark.parametrize("size", [0, 1, 2, 254, 255, 256, 510, 600])
def test_case_20_what_fits_is_echoed_whole_and_last(size: int) -> None:
    s = scene()
    data = (CIRCUIT + b"\x09\xf0" + b"v" * size)[:size]
    parts = tuple((82, data[i : i + 255]) for i in range(0, len(data) or 1, 255))
    small = (57, (576).to_bytes(2, "big"))
    for kind, wanted in ((DISCOVER, ()), (REQUEST, ((50, bytes((10, 9, 9, 9))),))):
        reply = s.send(message(kind, *wanted, (61, b"i" * 255), small, *parts, giaddr=RELAY))
        assert reply is not None
        assert option_82(reply.payload) == echoed(data)
        assert len(reply.payload) <= 1472


def test_case_20_what_does_not_fit_is_left_out_whole_and_counted() -> None:
    s = scene()
    parts = ((82, CIRCUIT + b"v" * 249),) * 3
    reply = s.send(message(DISCOVER, *parts, giaddr=RELAY))
    assert reply is not None
    assert option_82(reply.payload) is None
    assert int.from_bytes(reply.payload[16:20], "big") == ip("192.168.201.50")
    assert s.counters["pkt4-relay-info-left-out"] == 1


def test_case_20_scapy_reads_the_echo() -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    info = CIRCUIT + bytes((2, 2)) + b"sw" + b"\x05\x04" + bytes((192, 168, 201, 1))
    reply = scene().send(message(DISCOVER, (55, bytes((1, 3, 121))), (82, info), giaddr=RELAY))
    assert reply is not None
    options = [option for option in BOOTP(reply.payload)[DHCP].options if option != "pad"]
    assert options[-2:] == [("relay_agent_information", info), "end"]


@pytest.mark.parametrize("code", [5, 11])
def test_case_20_nobody_but_a_relay_agent_chooses_network_or_server(code: int) -> None:
    spoofed = bytes((code, 4, 192, 168, 202, 1))
    offer = scene().ask(message(DISCOVER, (82, spoofed)))
    assert offer.yiaddr == ip("192.168.200.50")
    assert offer.options[54] == SERVER.packed
    assert offer.options[82] == spoofed


def test_case_20_the_link_counts_more_than_the_relay_agents_address() -> None:
    link = b"\x05\x04" + bytes((192, 168, 202, 1))
    s = scene()
    reply = s.send(message(DISCOVER, (82, link), giaddr=RELAY))
    assert reply is not None
    assert (reply.address, reply.port) == (RELAY, 67)
    offer = decode_message(reply.payload)
    assert (offer.yiaddr, offer.giaddr, offer.options[3]) == (
        ip("192.168.202.50"),
        RELAY,
        bytes((192, 168, 202, 1)),
    )
    assert s.send(message(DISCOVER, (82, b"\x05\x04\x0a\x01\x01\x01"), giaddr=RELAY)) is None


def test_case_20_renewing_by_the_relay_agents_own_server_identifier() -> None:
    s, server = scene(), bytes((192, 168, 201, 1))
    override = (82, b"\x0b\x04" + server)
    offer = s.ask(message(DISCOVER, override, giaddr=RELAY))
    wanted = (50, offer.yiaddr.to_bytes(4, "big"))
    assert s.ask(message(REQUEST, wanted, (54, server), override, giaddr=RELAY)).options[53][0] == ACK
    renewed = s.ask(message(REQUEST, override, ciaddr=offer.yiaddr, giaddr=RELAY))
    assert (renewed.options[53][0], renewed.options[54]) == (ACK, server)
    nak = s.ask(message(REQUEST, (50, bytes((10, 9, 9, 9))), (54, server), override, giaddr=RELAY))
    assert (nak.options[53][0], nak.options[54]) == (NAK, server)
    s.send(message(RELEASE, (54, server), override, ciaddr=offer.yiaddr, giaddr=RELAY))
    assert len(s.rows) == 1


@pytest.mark.parametrize(
    ("info", "giaddr", "port"),
    [
        (b"\x13\x00", RELAY, 1067),
        (CIRCUIT + b"\x13\x00", RELAY, 1067),
        (CIRCUIT, RELAY, 67),
        (b"\x13\x02\x00\x43", RELAY, 67),  # the sub-option is empty, or it is none
        (b"\x13\x00", 0, 68),
    ],
)
def test_case_20_a_relay_agent_with_a_port_of_its_own(info: bytes, giaddr: int, port: int) -> None:
    for kind, wanted in ((DISCOVER, ()), (REQUEST, ((50, bytes((10, 9, 9, 9))),))):
        data = message(kind, *wanted, (82, info), giaddr=giaddr)
        reply, _, _ = scene().responder.respond(decode_message(data), False, 1000.0, 1067)
        assert reply is not None
        assert reply.port == port


# ---------------------------------------------------------------- 21: giaddr


@pytest.mark.parametrize("giaddr", ["10.1.1.1", str(SERVER), "192.168.203.1", "192.168.201.255", "0.0.0.1"])
@pytest.mark.parametrize("kind", [DISCOVER, REQUEST, DECLINE, RELEASE, INFORM])
def test_case_21_a_relay_agent_of_no_network_of_ours_is_silence(giaddr: str, kind: int) -> None:
    s = scene()
    assert s.send(message(kind, (50, bytes((192, 168, 201, 50))), giaddr=ip(giaddr))) is None
    assert (s.rows, s.counters["pkt4-receive-drop"]) == ((), 1)
    assert s.ask(message(DISCOVER, giaddr=RELAY)).yiaddr == ip("192.168.201.50")


@pytest.mark.parametrize(("hops", "answered"), [(0, True), (1, True), (16, True), (17, False), (255, False)])
def test_case_21_hops(hops: int, answered: bool) -> None:
    reply = scene().send(message(DISCOVER, giaddr=RELAY, hops=hops))
    assert (reply is not None) is answered
    if reply is not None:
        assert (reply.port, decode_message(reply.payload).hops) == (67, 0)


def test_case_21_a_relay_agent_inside_the_lan_is_served_from_the_lans_pools() -> None:
    s, relay = scene(), ip("192.168.200.9")
    reply = s.send(message(DISCOVER, (55, b"\x79"), giaddr=relay))
    assert reply is not None
    offer = decode_message(reply.payload)
    assert (reply.address, reply.port, offer.yiaddr) == (relay, 67, ip("192.168.200.50"))
    assert decode_classless_routes(offer.options[121])[0] == VPN


@pytest.mark.parametrize("kind", [DECLINE, RELEASE])
def test_what_is_not_the_clients_to_give_back_has_a_reason_of_its_own(kind: int) -> None:
    s = scene()
    assert (
        s.send(message(kind, (50, bytes((192, 168, 200, 50))), (54, SERVER.packed), ciaddr=ip("192.168.200.50")))
        is None
    )
    assert s.counters["pkt4-not-the-clients"] == s.counters["pkt4-receive-drop"] == 1
