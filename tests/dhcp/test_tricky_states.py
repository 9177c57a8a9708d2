"""Tricky cases of a client's states, message bytes in and message bytes out.

 7. the authoritative matrix: here, whole; single addresses (our own, the router's, network, …) in test_responder.py
 8. two clients that select one address; the hardware address of zeros: here
 9. REQUESTs that name another server: here
10. REQUESTs that name no address, or two; ciaddr in a DISCOVER: here
11. renewing and rebinding what is not known: here, and test_responder.py
12. NAK: here with scapy, and test_relay.py behind a relay agent
"""

from itertools import product

import pytest

from routerd.dhcp.client import Client
from routerd.dhcp.frame import BROADCAST_ADDRESS
from routerd.dhcp.leases import BOUND
from routerd.dhcp.message import BROADCAST_FLAG, decode_message
from routerd.dhcp.reply import Reply
from tests.dhcp.scene import MAC_B, SERVER, Scene, ip, message, part, settings, subnet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
OTHER_MAC = bytes.fromhex("020000000099")
MINE, FREE, TAKEN, OUTSIDE = ("192.168.200.50", "192.168.200.51", "192.168.200.59", "192.168.200.99")
ELSEWHERE = bytes((192, 168, 200, 9))


def at(address: str) -> bytes:
    return ip(address).to_bytes(4, "big")


def verdict(reply: Reply | None) -> int | None:
    """The message type of the reply; None for silence."""
    return None if reply is None else decode_message(reply.payload).options[53][0]


def scene_with(holds: bool, authoritative: bool = True) -> Scene:
    """Pool .50 to .59, .59 held by somebody else, .50 by the client where it `holds`."""
    scene = Scene(part(settings(authoritative=authoritative)))
    if holds:
        scene.lease()
    scene.table.bind(Client(b"\1other!", b"\1other!"), ip(TAKEN), None, 3600.0, scene.now)
    return scene


# ---------------------------------------------------------------- 7: the matrix


def expected(address: str, authoritative: bool, holds: bool, state: str) -> int | None:
    """RFC 2131 section 4.3.2 in words. A client without a lease of ours gets what is free for it if we are the LAN's
    only server: its lease may have been lost, and it goes on working.
    """
    if address in (TAKEN, OUTSIDE):
        return NAK if authoritative or holds or state == "selecting" else None
    if state == "selecting":
        return ACK
    if holds:
        return ACK if address == MINE else NAK
    return ACK if authoritative else None


@pytest.mark.parametrize("state", ["selecting", "init-reboot", "rebinding"])
@pytest.mark.parametrize(
    ("address", "authoritative", "holds"), list(product((MINE, FREE, TAKEN, OUTSIDE), (True, False), (True, False)))
)
def test_case_07_the_authoritative_matrix(address: str, authoritative: bool, holds: bool, state: str) -> None:
    scene = scene_with(holds, authoritative)
    options = [] if state == "rebinding" else [(50, at(address))]
    if state == "selecting":
        options.append((54, SERVER.packed))
    data = message(REQUEST, *options, ciaddr=ip(address) if state == "rebinding" else 0)
    assert verdict(scene.send(data)) == expected(address, authoritative, holds, state)
    # Whatever it was, the client is served when it begins anew, and nobody else lost anything.
    assert scene.ask(message(DISCOVER)).yiaddr in range(ip(MINE), ip(TAKEN))
    held = [row.address for row in scene.table.rows() if row.state == BOUND]
    assert ip(TAKEN) in held
    assert len(held) == len(set(held)) <= 2


def test_case_07_a_client_whose_lease_has_ended_is_no_client_with_a_lease() -> None:
    scene = scene_with(holds=True)
    scene.now += 3601.0
    scene.table.expire(scene.now)
    assert verdict(scene.send(message(REQUEST, (50, at(FREE))))) == ACK


@pytest.mark.parametrize("authoritative", [True, False])
@pytest.mark.parametrize("ended", ["released", "expired"])
@pytest.mark.parametrize("state", ["init-reboot", "rebinding"])
def test_case_07_whose_lease_has_ended_may_have_one_of_another_server(
    state: str, ended: str, authoritative: bool
) -> None:
    scene = scene_with(holds=True, authoritative=authoritative)
    if ended == "released":
        scene.send(message(RELEASE, ciaddr=ip(MINE)), unicast=True)
    scene.now += 3601.0
    scene.table.expire(scene.now)
    wanted = message(REQUEST, ciaddr=ip(OUTSIDE)) if state == "rebinding" else message(REQUEST, (50, at(OUTSIDE)))
    assert verdict(scene.send(wanted)) == (NAK if authoritative else None)


@pytest.mark.parametrize("address", ["192.168.201.55", "192.168.201.99"])
@pytest.mark.parametrize("state", ["init-reboot", "rebinding"])
def test_case_07_what_a_relay_agent_forwards_it_asks_every_server(state: str, address: str) -> None:
    subnets = (subnet(201, authoritative=False),)
    scene, relay = Scene(part(settings(authoritative=False), subnets)), ip("192.168.201.1")
    ciaddr, options = (ip(address), ()) if state == "rebinding" else (0, ((50, at(address)),))
    asked = message(REQUEST, *options, giaddr=relay, ciaddr=ciaddr)
    assert scene.send(asked, unicast=True) is None
    assert Scene(part(settings(), (subnet(201),))).send(asked, unicast=True) is not None, "the only server"


# ---------------------------------------------------------------- 8: two clients, one address


def test_case_08_the_second_client_that_selects_the_same_address_is_refused() -> None:
    scene = Scene()
    first, second = scene.ask(message(DISCOVER)), scene.ask(message(DISCOVER, (50, at(MINE)), mac=OTHER_MAC))
    assert first.yiaddr != second.yiaddr
    chosen = (50, first.yiaddr.to_bytes(4, "big")), (54, SERVER.packed)
    assert verdict(scene.send(message(REQUEST, *chosen))) == ACK
    assert verdict(scene.send(message(REQUEST, *chosen, mac=OTHER_MAC))) == NAK
    assert verdict(scene.send(message(REQUEST, *chosen))) == ACK


def test_case_08_an_offered_address_is_not_somebody_elses_to_select() -> None:
    scene = Scene()
    offer = scene.ask(message(DISCOVER))
    chosen = (50, offer.yiaddr.to_bytes(4, "big")), (54, SERVER.packed)
    assert verdict(scene.send(message(REQUEST, *chosen, mac=OTHER_MAC))) == NAK
    assert verdict(scene.send(message(REQUEST, *chosen))) == ACK


def test_case_08_zeros_are_a_hardware_address_like_any_other() -> None:
    scene = Scene()
    assert scene.lease(b"\0" * 6) == ip(MINE)
    assert scene.lease(MAC_B) == ip(FREE)
    reply = scene.send(message(REQUEST, ciaddr=ip(MINE), mac=b"\0" * 6), unicast=True)
    assert verdict(reply) == ACK


# ---------------------------------------------------------------- 9: another server


def test_case_09_another_server_is_chosen_silence_and_the_offer_is_free_at_once() -> None:
    scene = Scene(part(settings(f"{MINE}-{MINE}")))
    assert scene.ask(message(DISCOVER)).yiaddr == ip(MINE)
    assert scene.send(message(REQUEST, (50, at("192.168.200.77")), (54, ELSEWHERE))) is None
    assert scene.table.rows() == []
    assert scene.lease(OTHER_MAC) == ip(MINE)


def test_case_09_a_lease_of_ours_survives_that_its_client_chose_another_server() -> None:
    scene = scene_with(holds=True)
    assert scene.send(message(REQUEST, (50, at(FREE)), (54, ELSEWHERE))) is None
    assert verdict(scene.send(message(REQUEST, ciaddr=ip(MINE)), unicast=True)) == ACK


@pytest.mark.parametrize(
    ("server", "answer"), [(SERVER.packed, ACK), (ELSEWHERE, None), (b"", None), (b"\xc0\xa8\xc8", None)]
)
def test_case_09_a_server_identifier_in_a_renewal(server: bytes, answer: int | None) -> None:
    scene = scene_with(holds=True)
    assert verdict(scene.send(message(REQUEST, (54, server), ciaddr=ip(MINE)), unicast=True)) == answer
    assert verdict(scene.send(message(REQUEST, ciaddr=ip(MINE)), unicast=True)) == ACK


# ---------------------------------------------------------------- 10: addresses that are missing, or one too many


@pytest.mark.parametrize("options", [(), ((54, SERVER.packed),), ((50, b""),), ((50, b"\0\0\0\0"),), ((50, b"\1"),)])
def test_case_10_a_request_for_no_address_is_silence(options: tuple[tuple[int, bytes], ...]) -> None:
    scene = scene_with(holds=True)
    assert scene.send(message(REQUEST, *options)) is None
    assert scene.counters["pkt4-rfc-violation"] == scene.counters["pkt4-receive-drop"] == 1


@pytest.mark.parametrize("ciaddr", [FREE, TAKEN, OUTSIDE, "8.8.8.8", "255.255.255.255"])
def test_case_10_what_is_asked_for_counts_and_nothing_goes_to_another_ciaddr(ciaddr: str) -> None:
    reply = scene_with(holds=True).send(message(REQUEST, (50, at(MINE)), ciaddr=ip(ciaddr)))
    assert reply is not None
    ack = decode_message(reply.payload)
    assert (ack.options[53][0], ack.yiaddr, ack.ciaddr) == (ACK, ip(MINE), 0)
    assert (reply.address, reply.mac) == (ip(MINE), MAC_B)


@pytest.mark.parametrize(("flags", "goes_to"), [(0, MINE), (BROADCAST_FLAG, "255.255.255.255")])
def test_case_10_who_asks_all_for_an_address_does_not_answer_at_it_yet(flags: int, goes_to: str) -> None:
    scene = Scene()
    scene.ask(message(DISCOVER))
    asked = message(REQUEST, (50, at(MINE)), (54, SERVER.packed), ciaddr=ip(MINE), flags=flags)
    reply = scene.send(asked)
    assert reply is not None
    ack = decode_message(reply.payload)
    assert (ack.options[53][0], ack.yiaddr, ack.ciaddr) == (ACK, ip(MINE), 0)
    assert (reply.address, reply.mac) == (ip(goes_to), None if flags else MAC_B), "a frame: nobody answers ARP there"


def test_case_10_a_renewal_in_person_with_option_50_is_answered_where_the_client_is() -> None:
    scene = scene_with(holds=True)
    reply = scene.send(message(REQUEST, (50, at(MINE)), ciaddr=ip(MINE)), unicast=True)
    assert reply is not None
    assert (verdict(reply), reply.address, reply.mac, reply.news) == (ACK, ip(MINE), None, False)


@pytest.mark.parametrize("ciaddr", [MINE, FREE, "192.168.201.50", "8.8.8.8"])
def test_case_10_ciaddr_in_a_discover_means_nothing(ciaddr: str) -> None:
    scene = Scene(part(subnets=(subnet(201),)))
    reply = scene.send(message(DISCOVER, ciaddr=ip(ciaddr)))
    assert reply is not None
    offer = decode_message(reply.payload)
    assert (offer.yiaddr, offer.ciaddr) == (ip(MINE), 0)
    assert (reply.address, reply.mac) == (ip(MINE), MAC_B)


# ---------------------------------------------------------------- 11: what is not known


@pytest.mark.parametrize(
    ("unicast", "authoritative", "answer"),
    [(True, False, NAK), (False, False, None), (True, True, ACK), (False, True, ACK)],
)
def test_case_11_a_lease_that_was_lost(unicast: bool, authoritative: bool, answer: int | None) -> None:
    before = Scene(part(settings(authoritative=authoritative)))
    address = before.lease()
    after = Scene(part(settings(authoritative=authoritative)))
    reply = after.send(message(REQUEST, ciaddr=address), unicast=unicast)
    assert verdict(reply) == answer
    if answer == ACK:
        assert reply is not None
        assert (reply.rows[-1].address, reply.rows[-1].state) == (address, BOUND)


def test_case_11_a_renewal_through_routers_is_refused_where_the_client_is() -> None:
    scene = Scene(part(subnets=(subnet(201),)))
    reply = scene.send(message(REQUEST, ciaddr=ip("192.168.201.99")), unicast=True)
    assert verdict(reply) == NAK
    assert reply is not None
    assert (reply.address, reply.port, reply.mac) == (ip("192.168.201.99"), 68, None)


@pytest.mark.parametrize("options", [(), ((50, at("192.168.201.50")),)], ids=["", "with option 50"])
def test_case_11_a_renewal_through_routers_is_of_the_network_of_its_ciaddr(options: tuple[tuple[int, bytes]]) -> None:
    scene, relay = Scene(part(subnets=(subnet(201),))), ip("192.168.201.1")
    bound = scene.ask(message(REQUEST, (50, at("192.168.201.50")), giaddr=relay))
    assert bound.options[53][0] == ACK
    reply = scene.send(message(REQUEST, *options, ciaddr=bound.yiaddr), unicast=True)
    assert reply is not None
    assert (verdict(reply), reply.address, reply.mac) == (ACK, bound.yiaddr, None)


@pytest.mark.parametrize(("authoritative", "answer"), [(True, NAK), (False, None)])
@pytest.mark.parametrize("held", [True, False])
def test_case_11_who_rebinds_on_the_lan_has_an_address_of_a_network_where_it_no_longer_is(
    held: bool, authoritative: bool, answer: int | None
) -> None:
    away = subnet(201, authoritative=authoritative)
    scene = Scene(part(settings(authoritative=authoritative), (away,)))
    if held:
        scene.ask(message(REQUEST, (50, at("192.168.201.50")), (54, SERVER.packed), giaddr=ip("192.168.201.1")))
    reply = scene.send(message(REQUEST, ciaddr=ip("192.168.201.50")))
    assert verdict(reply) == answer
    assert reply is None or (reply.address, reply.mac) == (BROADCAST_ADDRESS, None)
    assert scene.lease() == ip(MINE)


# ---------------------------------------------------------------- 12: NAK


@pytest.mark.parametrize("ciaddr", ["0.0.0.0", OUTSIDE])
def test_case_12_a_nak_says_no_and_nothing_else(ciaddr: str) -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    options = ((55, bytes((1, 3, 51, 121))), (57, b"\x05\xdc"), (61, b"id"), (12, b"endpoint-b"))
    wanted = () if ip(ciaddr) else ((50, at(OUTSIDE)),)
    reply = Scene().send(message(REQUEST, *wanted, *options, ciaddr=ip(ciaddr)), unicast=bool(ip(ciaddr)))
    assert reply is not None
    assert (reply.address, reply.port, reply.mac, reply.rows) == (BROADCAST_ADDRESS, 68, None, ())
    read = BOOTP(reply.payload)
    assert (read.yiaddr, read.siaddr, read.ciaddr, read.giaddr) == ("0.0.0.0",) * 4
    assert (read.sname.rstrip(b"\0"), read.file.rstrip(b"\0"), read.secs) == (b"", b"", 0)
    named = [option for option in read[DHCP].options if isinstance(option, tuple)]
    assert named == [("message-type", NAK), ("server_id", str(SERVER)), ("client_id", b"id")]


def test_case_12_a_nak_through_a_relay_agent() -> None:
    scene = Scene(part(subnets=(subnet(201),)))
    relay = ip("192.168.201.1")
    reply = scene.send(message(REQUEST, (50, at(OUTSIDE)), (82, b"\1\1p"), giaddr=relay, hops=1))
    assert reply is not None
    nak = decode_message(reply.payload)
    assert (reply.address, reply.port) == (relay, 67)
    assert (nak.flags, nak.giaddr, nak.options) == (
        BROADCAST_FLAG,
        relay,
        {53: bytes((NAK,)), 54: SERVER.packed, 82: b"\1\1p"},
    )
