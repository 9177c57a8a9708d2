"""What clients are answered: a script of messages in, replies out."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.config.model import Option, Reservation
from routerd.dhcp.client import Client
from routerd.dhcp.frame import BROADCAST_ADDRESS
from routerd.dhcp.leases import BOUND, DECLINED, RELEASED
from routerd.dhcp.message import BROADCAST_FLAG, decode_message
from routerd.dhcp.options import decode_classless_routes
from routerd.wire import WireError
from tests.dhcp.scene import MAC_B, SERVER, VPN, Scene, ip, message, part, settings, subnet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
POOL_50 = ip("192.168.200.50")
FIFTY = POOL_50.to_bytes(4, "big")
OTHER_MAC = bytes.fromhex("020000000099")
DEFAULT = (IPv4Network("0.0.0.0/0"), IPv4Address("192.168.200.1"))


def kind(options: dict[int, bytes]) -> int:
    return options[53][0]


# ---------------------------------------------------------------- OFFER and ACK


def test_offer() -> None:
    scene = Scene()
    offer = scene.ask(message(DISCOVER, (55, bytes((1, 3, 6, 121)))))
    assert kind(offer.options) == OFFER
    assert (offer.op, offer.yiaddr, offer.xid, offer.chaddr) == (2, POOL_50, 0x12345678, MAC_B)
    assert offer.options[54] == SERVER.packed
    assert offer.options[1] == bytes((255, 255, 255, 0))
    assert offer.options[3] == bytes((192, 168, 200, 1))
    assert offer.options[51] == (3600).to_bytes(4, "big")
    assert offer.options[58] == (1800).to_bytes(4, "big")
    assert offer.options[59] == (3150).to_bytes(4, "big")
    assert offer.options[121].hex() == "180a0000c0a8c80200c0a8c801"


def test_ack_waits_for_its_row() -> None:
    scene = Scene()
    scene.ask(message(DISCOVER))
    reply = scene.send(message(REQUEST, (50, FIFTY), (54, SERVER.packed), (12, b"endpoint-b.local")))
    assert reply is not None
    assert kind(decode_message(reply.payload).options) == ACK
    (row,) = reply.rows
    assert (row.address, row.state, row.hostname) == (POOL_50, BOUND, "endpoint-b")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ((3,), {3}),
        ((121,), {121}),
        ((3, 121), {3, 121}),
        ((249,), {249}),
        ((121, 249, 3), {3, 121, 249}),
        ((12, 99, 0, 255), set()),
        (None, {3}),
    ],
)
def test_what_was_asked_for(asked: tuple[int, ...] | None, sent: set[int]) -> None:
    options = () if asked is None else ((55, bytes(asked)),)
    offer = Scene().ask(message(DISCOVER, *options))
    assert {3, 121, 249} & set(offer.options) == sent
    for code in {121, 249} & sent:
        assert decode_classless_routes(offer.options[code]) == [VPN, DEFAULT]


def test_options_come_in_the_order_asked_for() -> None:
    scene = Scene(part(settings(dns=(IPv4Address("192.168.200.1"),), domain="site-b.example")))
    reply = scene.send(message(DISCOVER, (55, bytes((121, 15, 6, 3)))))
    assert reply is not None
    codes, offset = [], 240
    while reply.payload[offset] != 255:
        codes.append(reply.payload[offset])
        offset += 2 + reply.payload[offset + 1]
    assert codes == [53, 54, 51, 58, 59, 1, 121, 15, 6, 3]


def test_no_router_means_no_default_in_121() -> None:
    scene = Scene(part(router=None))
    offer = scene.ask(message(DISCOVER, (55, bytes((3, 121)))))
    assert 3 not in offer.options
    assert decode_classless_routes(offer.options[121]) == [VPN]


def test_the_gateway_is_not_sent_the_route_through_itself() -> None:
    beta = IPv4Address("192.168.200.40")
    served = part(settings(reservations=(Reservation(beta, mac=MAC_B),)), routes=((IPv4Network("10.0.0.0/24"), beta),))
    scene = Scene(served)
    asks = (55, bytes((121,)))
    assert 121 not in scene.ask(message(DISCOVER, asks)).options
    assert 121 in scene.ask(message(DISCOVER, asks, mac=OTHER_MAC)).options


def test_changed_routes_are_in_the_next_ack() -> None:
    scene = Scene()
    asks = (55, bytes((121,)))
    scene.lease(MAC_B, asks)
    scene.responder.configure(part(routes=((IPv4Network("10.9.0.0/16"), SERVER),)))
    ack = scene.ask(message(REQUEST, asks, ciaddr=POOL_50), unicast=True)
    assert decode_classless_routes(ack.options[121])[0] == (IPv4Network("10.9.0.0/16"), SERVER)


def test_which_acks_make_a_client_set_itself_up() -> None:
    """Those of a client that starts, and those with other routes: only then may a host have another way to the VPN."""
    scene = Scene()
    asks = (55, bytes((121,)))

    def news(data: bytes) -> bool:
        reply = scene.send(data)
        assert reply is not None
        return reply.news

    assert not news(message(DISCOVER, asks)), "an offer"
    assert news(message(REQUEST, (50, ip("192.168.200.50").to_bytes(4, "big")), (54, SERVER.packed), asks))
    renewal = message(REQUEST, asks, ciaddr=POOL_50)
    assert not news(renewal)
    assert news(message(REQUEST, (50, ip("192.168.200.50").to_bytes(4, "big")), asks)), "it has started again"
    scene.responder.configure(part(routes=()))
    assert news(renewal)
    assert not news(renewal)
    scene.responder.configure(part())
    assert news(renewal)


def test_reservation_with_host_name() -> None:
    reserved = Reservation(IPv4Address("192.168.200.22"), mac=MAC_B, hostname="endpoint-b")
    scene = Scene(part(settings(reservations=(reserved,))))
    offer = scene.ask(message(DISCOVER, (55, bytes((12,))), (61, b"\xff" + b"duid" * 4)))
    assert offer.yiaddr == ip("192.168.200.22")
    assert offer.options[12] == b"endpoint-b"
    assert scene.ask(message(DISCOVER, mac=OTHER_MAC)).yiaddr == POOL_50


def test_boot_fields_and_generic_options() -> None:
    scene = Scene(
        part(
            settings(
                next_server=IPv4Address("192.168.200.9"),
                server_name="tftp",
                boot_file="pxe.0",
                options=(Option(150, b"\1\2\3\4"), Option(43, b"abc", always=True)),
            )
        )
    )
    offer = scene.ask(message(DISCOVER, (55, bytes((66, 67)))))
    assert offer.siaddr == ip("192.168.200.9")
    assert (offer.sname.rstrip(b"\0"), offer.file.rstrip(b"\0")) == (b"tftp", b"pxe.0")
    assert (offer.options[66], offer.options[67], offer.options[43]) == (b"tftp", b"pxe.0", b"abc")
    assert 150 not in offer.options


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, 3600), (7200, 3600), (600, 600), (0, 60), (1, 60), (0x7FFFFFFF, 3600), (0xFFFFFFFF, 3600)],
)
def test_lease_time_asked_for(asked: int | None, given: int) -> None:
    options = () if asked is None else ((51, asked.to_bytes(4, "big")),)
    offer = Scene().ask(message(DISCOVER, *options))
    assert int.from_bytes(offer.options[51], "big") == given
    assert int.from_bytes(offer.options[58], "big") == given // 2


def test_client_identifier_is_echoed() -> None:
    for client_id in (b"\x01" + MAC_B, b"\x00", b"x" * 255):
        assert Scene().ask(message(DISCOVER, (61, client_id))).options[61] == client_id
    assert 61 not in Scene().ask(message(DISCOVER)).options


def _many(count: int) -> tuple[tuple[IPv4Network, IPv4Address], ...]:
    return tuple((IPv4Network(f"10.{n}.{2 * n % 256}.0/24"), SERVER) for n in range(count))


@pytest.mark.parametrize("size", [None, 0, 27, 576, 1000, 1500, 65535])
def test_long_routes_fit_what_the_client_takes(size: int | None) -> None:
    asks = (55, bytes((3, 121, 15, 66)))
    options = (asks,) if size is None else (asks, (57, size.to_bytes(2, "big")))
    scene = Scene(part(settings(domain="x" * 60, server_name="y" * 60), routes=_many(60)))
    reply = scene.send(message(DISCOVER, *options))
    assert reply is not None
    limit = 1500 if size is None else min(1500, max(576, size))
    assert len(reply.payload) <= limit - 28
    routes = decode_classless_routes(decode_message(reply.payload).options[121])
    assert routes[-1] == DEFAULT
    assert routes[:-1] == list(_many(60))[: len(routes) - 1]
    if limit == 1500:
        assert len(routes) == 61


@pytest.mark.parametrize("size", [576, 1000, 1500])
def test_both_options_for_routes_say_the_same_or_121_goes_alone(size: int) -> None:
    options = ((55, bytes((1, 3, 121, 6, 249))), (57, size.to_bytes(2, "big")))
    found = Scene(part(routes=_many(60))).ask(message(DISCOVER, *options)).options
    assert 249 not in found or found[249] == found[121]
    assert len(decode_classless_routes(found[121])) > 25
    only_249 = ((55, bytes((1, 3, 6, 249))), (57, size.to_bytes(2, "big")))
    assert (
        len(decode_classless_routes(Scene(part(routes=_many(60))).ask(message(DISCOVER, *only_249)).options[249])) > 25
    )


def test_the_copy_of_the_routes_goes_before_any_other_option() -> None:
    served = settings(domain="corp.example", search=("corp.example",), ntp=(SERVER,), server_name="y" * 10)
    scene = Scene(part(served, routes=_many(20)))
    codes = bytes((1, 3, 15, 42, 66, 119, 121))
    found = scene.ask(message(DISCOVER, (55, codes), (57, (576).to_bytes(2, "big")))).options
    assert set(codes) <= set(found)
    with_copy = scene.ask(message(DISCOVER, (55, codes + b"\xf9"), (57, (576).to_bytes(2, "big")))).options
    assert with_copy == found
    assert scene.ask(message(DISCOVER, (55, codes + b"\xf9"))).options == found | {249: found[121]}


# ---------------------------------------------------------------- where replies go


@pytest.mark.parametrize(
    ("data", "address", "mac"),
    [
        (message(DISCOVER), POOL_50, MAC_B),
        (message(DISCOVER, flags=BROADCAST_FLAG), BROADCAST_ADDRESS, None),
        (message(DISCOVER, htype=6), BROADCAST_ADDRESS, None),
        (message(DISCOVER, ciaddr=ip("8.8.8.8")), POOL_50, MAC_B),
        (message(REQUEST, ciaddr=POOL_50), POOL_50, None),
        (message(INFORM, ciaddr=ip("192.168.200.77")), ip("192.168.200.77"), None),
        (message(REQUEST, ciaddr=ip("8.8.8.8")), BROADCAST_ADDRESS, None),
    ],
)
def test_destination(data: bytes, address: int, mac: bytes | None) -> None:
    reply = Scene().send(data)
    assert reply is not None
    assert (reply.address, reply.mac, reply.port) == (address, mac, 68)


# ---------------------------------------------------------------- the client's states


def test_selecting_another_server_frees_the_offer() -> None:
    scene = Scene()
    scene.ask(message(DISCOVER))
    assert scene.send(message(REQUEST, (50, FIFTY), (54, bytes((192, 168, 200, 9))))) is None
    assert scene.ask(message(DISCOVER, mac=OTHER_MAC)).yiaddr == POOL_50


def test_second_client_that_selects_the_same_address_is_refused() -> None:
    scene = Scene()
    scene.lease()
    nak = scene.ask(message(REQUEST, (50, FIFTY), (54, SERVER.packed), mac=OTHER_MAC))
    assert kind(nak.options) == NAK


def test_nak_has_nothing_of_a_lease() -> None:
    scene = Scene()
    reply = scene.send(message(REQUEST, (50, bytes((10, 1, 1, 1))), (61, b"id")))
    assert reply is not None
    nak = decode_message(reply.payload)
    assert (nak.yiaddr, nak.siaddr, nak.ciaddr) == (0, 0, 0)
    assert nak.options == {53: b"\x06", 54: SERVER.packed, 61: b"id"}
    assert (reply.address, reply.mac) == (BROADCAST_ADDRESS, None)
    assert nak.flags & BROADCAST_FLAG


INIT_REBOOT = {"init-reboot": True}
STATES = [
    # requested address, client holds .50, authoritative, INIT-REBOOT (else SELECTING): the answer
    ("192.168.200.51", False, True, True, ACK),
    ("192.168.200.51", False, False, True, None),
    ("192.168.200.50", True, False, True, ACK),
    ("192.168.200.51", True, True, True, NAK),  # its notion of its address is wrong
    ("192.168.200.51", True, False, True, NAK),
    ("192.168.200.59", False, True, True, NAK),  # held by somebody else
    ("192.168.200.99", False, True, True, NAK),  # in no pool
    ("192.168.200.99", False, False, True, None),
    ("10.1.1.1", False, True, True, NAK),
    ("192.168.200.51", False, True, False, ACK),
    ("192.168.200.51", False, False, False, ACK),
    ("192.168.200.59", False, False, False, NAK),
    ("192.168.200.99", False, False, False, NAK),
    ("192.168.200.2", False, True, True, NAK),  # the server's own
    ("192.168.200.1", False, True, False, NAK),  # the router's
    ("192.168.200.255", False, True, True, NAK),
    ("192.168.200.0", False, True, True, NAK),
    ("0.0.0.0", False, True, True, None),
    ("255.255.255.255", False, True, True, NAK),
    ("127.0.0.1", False, True, True, NAK),
    ("224.0.0.1", False, True, True, NAK),
]


@pytest.mark.parametrize(("address", "holds", "authoritative", "init_reboot", "answer"), STATES)
def test_requests(address: str, holds: bool, authoritative: bool, init_reboot: bool, answer: int | None) -> None:
    scene = Scene(part(settings(authoritative=authoritative)))
    if holds:
        scene.lease()
    scene.table.bind(Client(b"\1other!", b"\1other!"), ip("192.168.200.59"), None, 3600.0, scene.now)
    options = [(50, IPv4Address(address).packed)]
    if not init_reboot:
        options.append((54, SERVER.packed))
    reply = scene.send(message(REQUEST, *options))
    assert (None if reply is None else kind(decode_message(reply.payload).options)) == answer


@pytest.mark.parametrize(
    ("unicast", "authoritative", "answer"),
    [(True, True, ACK), (False, True, ACK), (True, False, NAK), (False, False, None)],
)
def test_renewal_of_a_lease_that_was_lost(unicast: bool, authoritative: bool, answer: int | None) -> None:
    scene = Scene(part(settings(authoritative=authoritative)))
    reply = scene.send(message(REQUEST, ciaddr=POOL_50), unicast=unicast)
    assert (None if reply is None else kind(decode_message(reply.payload).options)) == answer


def test_renewal_extends_the_lease() -> None:
    scene = Scene()
    scene.lease()
    scene.now += 1800
    reply = scene.send(message(REQUEST, ciaddr=POOL_50), unicast=True)
    assert reply is not None
    assert reply.rows[0].expires == scene.now + 3600
    assert decode_message(reply.payload).ciaddr == POOL_50


def test_request_for_nothing_is_dropped() -> None:
    scene = Scene()
    assert scene.send(message(REQUEST)) is None
    assert scene.counters["pkt4-rfc-violation"] == 1


def test_discover_thrice_gets_one_address() -> None:
    scene = Scene()
    assert {scene.ask(message(DISCOVER)).yiaddr for _ in range(3)} == {POOL_50}


def test_full_pool_is_silence() -> None:
    scene = Scene(part(settings("192.168.200.50-192.168.200.50")))
    scene.lease()
    assert scene.send(message(DISCOVER, mac=OTHER_MAC)) is None
    assert scene.responder.exhausted(scene.now)
    scene.ask(message(DISCOVER))
    assert scene.responder.exhausted(scene.now)
    assert not scene.responder.exhausted(scene.now + 60)


def test_only_the_network_whose_pools_are_used_up_is_exhausted() -> None:
    small = subnet(201, pools=settings("192.168.201.50-192.168.201.50").pools)
    scene = Scene(part(subnets=(small,)))
    relay = ip("192.168.201.1")
    for mac in (MAC_B, OTHER_MAC):
        offer = scene.send(message(DISCOVER, giaddr=relay, mac=mac))
        if offer is not None:
            chosen = (50, offer.payload[16:20]), (54, SERVER.packed)
            assert scene.send(message(REQUEST, *chosen, giaddr=relay, mac=mac)) is not None
    assert [str(each.part.network) for each in scene.responder.exhausted(scene.now)] == ["192.168.201.0/24"]
    assert scene.responder.exhausted(scene.now + 60) == ()


def test_where_there_are_no_pools_none_is_exhausted() -> None:
    own = Reservation(address=IPv4Address("192.168.200.22"), mac=MAC_B)
    scene = Scene(part(replace(settings(), pools=(), reservations=(own,))))
    assert scene.send(message(DISCOVER, mac=OTHER_MAC)) is None
    assert scene.responder.exhausted(scene.now) == ()
    assert scene.counters["v4-allocation-fail"] == 1
    assert scene.lease() == ip("192.168.200.22")


def test_release_and_decline() -> None:
    scene = Scene()
    scene.lease()
    assert scene.send(message(RELEASE, (54, SERVER.packed), ciaddr=POOL_50, mac=OTHER_MAC)) is None
    assert scene.rows == ()
    scene.send(message(RELEASE, (54, SERVER.packed), ciaddr=POOL_50))
    assert [row.state for row in scene.rows] == [RELEASED]
    scene.lease()
    scene.send(message(DECLINE, (50, FIFTY), (54, bytes((9, 9, 9, 9)))))
    assert scene.rows == ()
    scene.send(message(DECLINE, (50, FIFTY), (54, SERVER.packed)))
    assert [row.state for row in scene.rows] == [DECLINED]
    assert scene.ask(message(DISCOVER)).yiaddr != POOL_50


def test_inform_gets_parameters_without_a_lease() -> None:
    scene = Scene()
    ack = scene.ask(message(INFORM, (55, bytes((3, 121))), ciaddr=ip("192.168.200.77")))
    assert (kind(ack.options), ack.yiaddr, ack.ciaddr) == (ACK, 0, ip("192.168.200.77"))
    assert {51, 58, 59} & set(ack.options) == set()
    assert decode_classless_routes(ack.options[121]) == [VPN, DEFAULT]
    assert scene.send(message(INFORM)) is None
    assert scene.send(message(INFORM, ciaddr=ip("8.8.8.8"))) is None


# ---------------------------------------------------------------- hostile input


@pytest.mark.parametrize(
    "data",
    [
        message(None),
        message(0),
        message(2),
        message(5),
        message(9),
        message(255),
        message(None, (53, b"")),
        message(None, (53, b"\x01\x01")),
        message(DISCOVER, op=2),
        message(DISCOVER, hlen=0),
        message(DISCOVER, giaddr=ip("192.168.201.1")),
    ],
)
def test_not_for_us(data: bytes) -> None:
    scene = Scene()
    assert scene.send(data) is None
    assert scene.counters["pkt4-receive-drop"] == 1
    assert scene.ask(message(DISCOVER)).yiaddr == POOL_50


@given(
    st.lists(
        st.tuples(
            st.sampled_from(range(10)),
            st.lists(st.tuples(st.sampled_from((12, 50, 51, 54, 55, 57, 61, 82)), st.binary(max_size=20)), max_size=4),
            st.sampled_from((0, POOL_50, ip("192.168.200.55"), ip("10.0.0.1"), 0xFFFFFFFF)),
            st.integers(0, 17),
            st.integers(0, 3),
        ),
        max_size=30,
    ),
    st.binary(max_size=400),
)
def test_nothing_that_parses_raises(
    script: list[tuple[int, list[tuple[int, bytes]], int, int, int]], junk: bytes
) -> None:
    scene = Scene()
    for code, options, ciaddr, hlen, mac in script:
        data = message(code, *options, ciaddr=ciaddr, hlen=hlen, mac=bytes((2, 0, 0, 0, 0, mac)))
        for candidate in (data, data[: len(data) - len(junk) % 60] + junk):
            try:
                scene.send(candidate)
            except WireError:
                continue
        scene.now += 1.0
    scene.now += 10.0
    assert kind(scene.ask(message(DISCOVER, mac=MAC_B)).options) == OFFER
    bound = [row for row in scene.table.rows() if row.state == BOUND]
    assert len({row.address for row in bound}) == len(bound)


def test_client_with_a_zero_hardware_address_is_served() -> None:
    assert Scene().lease(b"\0" * 6) == POOL_50


def test_settings_with_own_times() -> None:
    served = part(replace(settings(), renew_time=60.0, rebind_time=120.0))
    offer = Scene(served).ask(message(DISCOVER))
    assert [int.from_bytes(offer.options[code], "big") for code in (51, 58, 59)] == [3600, 60, 120]
