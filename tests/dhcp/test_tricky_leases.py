"""The tricky cases 13 to 19 that are about leases: who is who, giving back, reservations, pools, ends and clocks."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.config.model import Reservation
from routerd.dhcp.leases import BOUND, DECLINE_SECONDS, DECLINED, OFFER_SECONDS, RELEASED
from routerd.dhcp.message import ACK, DECLINE, DISCOVER, INFORM, NAK, RELEASE, REQUEST, Message
from routerd.dhcp.store import LeaseStore
from tests.dhcp.scene import MAC_B, SERVER, Scene, ip, message, part, settings, subnet

HOUR = 3600.0
POOL = "192.168.200.50-192.168.200.59"
OTHER = bytes.fromhex("020000000099")
RELAY = ip("192.168.201.1")

Option = tuple[int, bytes]


def mac(number: int) -> bytes:
    return bytes((2, 0, 0, 1)) + number.to_bytes(2, "big")


def at(text: str) -> bytes:
    """An address as an option has it."""
    return IPv4Address(text).packed


def host(number: int) -> int:
    return ip(f"192.168.200.{number}")


def scene(*pools: str, **changes: object) -> Scene:
    return Scene(part(settings(*pools, **changes)))


def state(s: Scene, number: int) -> int | None:
    lease = s.table.at(host(number))
    return None if lease is None else lease.state


def renew(s: Scene, address: int, *options: Option, hardware: bytes = MAC_B) -> Message:
    return s.ask(message(REQUEST, *options, ciaddr=address, mac=hardware), unicast=True)


def kind(reply: Message) -> int:
    return reply.options[53][0]


def reserved(address: str, **who: object) -> Reservation:
    return Reservation(IPv4Address(address), **(who or {"mac": MAC_B}))  # type: ignore[arg-type]


def reconfigure(s: Scene, *pools: str, **changes: object) -> None:
    s.responder.configure(part(settings(*pools, **changes)))


# ---------------------------------------------------------------- 13: who is who

Who = tuple[bytes, tuple[Option, ...]]
PLAIN: Who = (MAC_B, ())
PXE: Who = (MAC_B, ((61, b"\0pxe"),))
OS: Who = (MAC_B, ((61, b"\xffos"),))
OS_ON_NEW_CARD: Who = (OTHER, ((61, b"\xffos"),))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (PXE, OS, False),
        (PLAIN, OS, False),
        (OS, OS_ON_NEW_CARD, True),
        (PLAIN, (MAC_B, ((61, b""),)), True),
        (PLAIN, (OTHER, ()), False),
        (PLAIN, (OTHER, ((61, b"\1" + MAC_B),)), True),
        ((MAC_B, ((61, b"x"),)), (MAC_B, ((61, b"y"),)), False),
        ((MAC_B, ((61, b"x"),)), (OTHER, ((61, b"x"),)), True),
        ((MAC_B, ((61, b"x" * 255),)), (OTHER, ((61, b"x" * 255),)), True),
        ((MAC_B, ((61, b"x" * 255),)), (MAC_B, ((61, b"x" * 254),)), False),
    ],
    ids=["pxe-os", "none-os", "new-card", "empty", "other", "hardware-as-id", "1", "1-new-card", "255", "255-254"],
)
def test_case_13_the_client_identifier_tells_clients_apart_else_the_hardware(
    first: Who, second: Who, same: bool
) -> None:
    s = scene()
    one, two = s.lease(first[0], *first[1]), s.lease(second[0], *second[1])
    assert (one == two) is same
    assert one == host(50)
    assert s.table.at(two).hardware == b"\1" + second[0]  # type: ignore[union-attr]
    assert len(s.table) == (1 if same else 2)
    # Who came first still has its own.
    assert s.lease(first[0], *first[1]) == one


def test_case_13_a_reservation_by_mac_follows_the_machine_from_pxe_to_its_system() -> None:
    s = scene(reservations=(reserved("192.168.200.22"),))
    assert s.lease(*PXE[:1], *PXE[1]) == host(22)
    assert s.lease(*OS[:1], *OS[1]) == host(22)
    assert [row.client for row in s.table.rows()] == [b"\xffos"]
    # The boot loader's lease is gone: its renewal is refused, and it does not get the address back behind the system.
    assert kind(renew(s, host(22), *PXE[1])) == ACK
    assert [row.client for row in s.table.rows()] == [b"\0pxe"]


# ---------------------------------------------------------------- 14: RELEASE and DECLINE

GOOD_ID = (61, b"me")
SERVER_ID = (54, SERVER.packed)


@pytest.mark.parametrize("what", [RELEASE, DECLINE])
@pytest.mark.parametrize(
    ("number", "sender", "options", "counts"),
    [
        (50, MAC_B, (GOOD_ID, SERVER_ID), True),
        (50, MAC_B, (GOOD_ID,), True),  # without a server identifier, which Kea overlooks as well
        (50, OTHER, (GOOD_ID, SERVER_ID), True),  # the client identifier counts
        (50, MAC_B, (SERVER_ID,), False),
        (50, MAC_B, ((61, b"you"), SERVER_ID), False),
        (50, OTHER, ((61, b"you"), SERVER_ID), False),
        (51, MAC_B, (GOOD_ID, SERVER_ID), False),  # leased to somebody else
        (52, MAC_B, (GOOD_ID, SERVER_ID), False),  # not leased
        (99, MAC_B, (GOOD_ID, SERVER_ID), False),
        (0, MAC_B, (GOOD_ID, SERVER_ID), False),
        (255, MAC_B, (GOOD_ID, SERVER_ID), False),
        (2, MAC_B, (GOOD_ID, SERVER_ID), False),
        (50, MAC_B, (GOOD_ID, (54, at("192.168.200.1"))), False),  # meant for another server
    ],
)
def test_case_14_only_its_own_client_gives_an_address_back(
    what: int, number: int, sender: bytes, options: tuple[Option, ...], counts: bool
) -> None:
    s = scene()
    assert (s.lease(MAC_B, GOOD_ID), s.lease(OTHER)) == (host(50), host(51))
    before = s.table.rows()
    if what == DECLINE:
        assert s.send(message(DECLINE, (50, host(number).to_bytes(4, "big")), *options, mac=sender)) is None
    else:
        assert s.send(message(RELEASE, *options, mac=sender, ciaddr=host(number)), unicast=True) is None
    assert state(s, 50) == ((RELEASED if what == RELEASE else DECLINED) if counts else BOUND)
    assert bool(s.rows) is counts
    assert counts or s.table.rows() == before


def test_case_14_a_decline_may_name_its_address_in_ciaddr() -> None:
    s = scene()
    assert s.lease() == host(50)
    s.send(message(DECLINE, SERVER_ID, ciaddr=host(50)))
    assert state(s, 50) == DECLINED


@pytest.mark.parametrize("expired", [False, True], ids=["not-looked-at", "expired"])
@pytest.mark.parametrize("what", [RELEASE, DECLINE])
def test_case_14_after_its_end_a_lease_is_nobodys_to_give_back(what: int, expired: bool) -> None:
    s = scene()
    s.lease()
    s.now += HOUR + 1.0
    if expired:
        s.table.expire(s.now)
    s.send(message(what, (50, at("192.168.200.50")), SERVER_ID, ciaddr=host(50)))
    assert s.lease() == host(50)


def test_case_14_twice_and_after_one_another() -> None:
    s = scene()
    s.lease()
    release = message(RELEASE, SERVER_ID, ciaddr=host(50))
    decline = message(DECLINE, (50, at("192.168.200.50")), SERVER_ID)
    s.send(release)
    assert [row.state for row in s.rows] == [RELEASED]
    for again in (release, decline, release):
        s.send(again)
        assert s.rows == ()
    assert s.lease() == host(50)
    s.send(decline)
    assert [row.state for row in s.rows] == [DECLINED]
    for again in (decline, release):
        s.send(again)
        assert s.rows == ()
    assert state(s, 50) == DECLINED


def test_case_14_what_was_only_offered_cannot_be_given_back() -> None:
    s = scene()
    assert s.ask(message(DISCOVER)).yiaddr == host(50)
    for what in (RELEASE, DECLINE):
        s.send(message(what, (50, at("192.168.200.50")), SERVER_ID, ciaddr=host(50)))
        assert s.rows == ()
    assert s.lease() == host(50)


# ---------------------------------------------------------------- 15: a flood of DECLINEs


def flood(s: Scene, rounds: int, who: Callable[[int], Who]) -> None:
    for n in range(rounds):
        sender, options = who(n)
        s.now += 0.01
        address = s.lease(sender, *options)
        s.send(message(DECLINE, (50, address.to_bytes(4, "big")), SERVER_ID, *options, mac=sender))
        assert s.rows


@pytest.mark.parametrize(
    ("who", "kept_off"),
    [
        (lambda n: (MAC_B, ()), 3),
        (lambda n: (MAC_B, ((61, b"id%d" % n),)), 3),
        (lambda n: (mac(n), ()), 25),
        (lambda n: (mac(n), ((61, b"id%d" % n),)), 25),
    ],
    ids=["one-client", "one-mac-many-ids", "many-macs", "many-of-both"],
)
def test_case_15_no_flood_of_declines_takes_the_pool(who: Callable[[int], Who], kept_off: int) -> None:
    s = scene("192.168.200.100-192.168.200.199")
    flood(s, 300, who)
    assert len(s.table.declined()) == kept_off
    others = [s.lease(bytes((2, 9)) + n.to_bytes(4, "big")) for n in range(100 - kept_off)]
    assert len(set(others)) == 100 - kept_off
    s.now += DECLINE_SECONDS
    s.table.expire(s.now)
    assert s.table.declined() == ()


def test_case_15_one_client_at_the_smallest_pools() -> None:
    for size in (1, 2, 3, 4):
        s = scene(f"192.168.200.50-192.168.200.{49 + size}")
        flood(s, 1, lambda n: (MAC_B, ()))
        assert len(s.table.declined()) == 1
        left = [s.lease(mac(n)) for n in range(size - 1)]
        assert left == [host(51 + n) for n in range(size - 1)]


# ---------------------------------------------------------------- 16: INFORM and leases


def test_case_16_an_inform_changes_no_lease() -> None:
    s = scene()
    s.lease()
    before = s.table.rows()
    for address, sender in ((50, MAC_B), (50, OTHER), (99, OTHER), (58, OTHER)):
        assert kind(s.ask(message(INFORM, ciaddr=host(address), mac=sender), unicast=True)) == ACK
    assert s.table.rows() == before
    assert s.lease(OTHER) == host(51)


# ---------------------------------------------------------------- 17: reservations that come, change and go


def test_case_17_reserved_for_somebody_while_another_one_holds_it() -> None:
    s = scene()
    assert s.lease(OTHER) == host(50)
    reconfigure(s, reservations=(reserved("192.168.200.50"),))
    assert s.lease() == host(51)  # it is not torn from who holds it
    assert kind(renew(s, host(50), hardware=OTHER)) == NAK
    assert s.lease(OTHER) == host(52)
    assert kind(renew(s, host(51))) == NAK  # now the reserved one is free
    assert s.lease() == host(50)


def test_case_17_reserved_for_somebody_until_the_lease_of_another_one_ends() -> None:
    s = scene()
    assert s.lease(OTHER) == host(50)
    reconfigure(s, reservations=(reserved("192.168.200.50"),))
    assert s.lease() == host(51)
    assert kind(renew(s, host(51))) == ACK
    s.now += HOUR
    assert s.ask(message(DISCOVER, mac=OTHER)).yiaddr == host(52)
    assert s.lease() == host(50)


@pytest.mark.parametrize("new", ["192.168.200.55", "192.168.200.22"], ids=["in-the-pool", "outside"])
@pytest.mark.parametrize("old", [None, "192.168.200.54", "192.168.200.23"], ids=["none", "in-the-pool", "outside"])
def test_case_17_a_reservation_that_changes_while_its_client_renews(old: str | None, new: str) -> None:
    s = scene(reservations=() if old is None else (reserved(old),))
    had = s.lease()
    assert had == (host(50) if old is None else ip(old))
    reconfigure(s, reservations=(reserved(new),))
    assert kind(renew(s, had)) == NAK
    assert s.lease() == ip(new)
    assert kind(renew(s, ip(new))) == ACK
    assert len(s.table) == 1


def test_case_17_whatever_the_client_selects_its_reservation_comes_first() -> None:
    s = scene(reservations=(reserved("192.168.200.22"),))
    assert s.ask(message(DISCOVER, (50, at("192.168.200.55")))).yiaddr == host(22)
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.55")), SERVER_ID))) == NAK
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.55"))))) == NAK
    assert s.lease() == host(22)


@pytest.mark.parametrize("address", ["192.168.200.54", "192.168.200.23"], ids=["in-the-pool", "outside"])
def test_case_17_a_reservation_that_is_removed(address: str) -> None:
    s = scene(reservations=(reserved(address),))
    assert s.lease() == ip(address)
    reconfigure(s)
    inside = address == "192.168.200.54"
    assert kind(renew(s, ip(address))) == (ACK if inside else NAK)
    assert s.lease() == (ip(address) if inside else host(50))


def test_case_17_nobody_else_gets_a_reserved_address_even_if_nothing_else_is_free() -> None:
    s = scene("192.168.200.50-192.168.200.51", reservations=(reserved("192.168.200.50"),))
    assert s.lease(OTHER) == host(51)
    wish = (50, at("192.168.200.50"))
    assert s.send(message(DISCOVER, wish, mac=mac(1))) is None
    assert kind(s.ask(message(REQUEST, wish, mac=mac(1)))) == NAK
    assert s.lease() == host(50)


def test_case_17_who_is_refused_its_address_for_it_is_reserved_now_leaves_it_to_whom_it_is_reserved_for() -> None:
    s = scene()
    address = s.lease(MAC_B)
    own = Reservation(IPv4Address(address), mac=OTHER)
    s.responder.configure(part(settings(reservations=(own,))))
    # Its time is not over and it has not been told: nobody has it beside it.
    assert s.ask(message(DISCOVER, mac=OTHER)).yiaddr != address
    assert kind(s.ask(message(REQUEST, ciaddr=address), unicast=True)) == NAK
    assert [(row.address, row.state) for row in s.rows] == [(address, RELEASED)]
    assert s.lease(OTHER) == address
    assert s.lease(MAC_B) != address


def test_case_17_who_is_refused_another_address_keeps_its_own() -> None:
    s = scene()
    s.lease(MAC_B)
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.59"))))) == NAK
    assert s.rows == ()


def test_case_17_two_reservations_one_client() -> None:
    """Known by its identifier and by its MAC: the identifier is nearer."""
    two = (reserved("192.168.200.22"), reserved("192.168.200.23", client_id=b"me"))
    s = scene(reservations=two)
    assert s.lease(MAC_B, GOOD_ID) == host(23)
    assert s.lease(MAC_B) == host(22)


def test_case_17_a_place_keeps_its_address_through_renewals_that_no_relay_agent_sees() -> None:
    own = Reservation(IPv4Address("192.168.201.77"), circuit_id=b"port", hostname="desk-7")
    s = Scene(part(subnets=(subnet(201, reservations=(own,)),)))
    info = (82, bytes((1, 4)) + b"port")
    address = ip("192.168.201.77")
    wanted = (50, at("192.168.201.77"))
    for machine in (MAC_B, OTHER):
        s.now += HOUR
        assert s.ask(message(DISCOVER, info, mac=machine, giaddr=RELAY)).yiaddr == address
        assert kind(s.ask(message(REQUEST, wanted, SERVER_ID, info, mac=machine, giaddr=RELAY))) == ACK
        ack = s.ask(message(REQUEST, (55, b"\x0c"), mac=machine, ciaddr=address), unicast=True)
        assert (kind(ack), ack.yiaddr, ack.options[12]) == (ACK, address, b"desk-7")
    # Another machine is there now.
    assert kind(s.ask(message(REQUEST, mac=MAC_B, ciaddr=address), unicast=True)) == NAK
    s.now += HOUR
    assert kind(s.ask(message(REQUEST, mac=OTHER, ciaddr=address), unicast=True)) == NAK


# ---------------------------------------------------------------- 18: small, full, and the addresses that nobody gets


def test_case_18_a_pool_of_one() -> None:
    s = scene("192.168.200.50-192.168.200.50")
    assert s.lease() == host(50)
    assert s.send(message(DISCOVER, mac=OTHER)) is None
    assert s.lease() == host(50)
    s.send(message(RELEASE, SERVER_ID, ciaddr=host(50)))
    assert s.lease(OTHER) == host(50)
    assert s.send(message(DISCOVER)) is None


@pytest.mark.parametrize("options", [(), ((50, at("192.168.200.50")),), ((80, b""),)], ids=["", "wish", "rapid"])
def test_case_18_a_full_pool_is_silence(options: tuple[Option, ...]) -> None:
    s = scene(rapid_commit=True)
    for n in range(10):
        s.lease(mac(n))
    assert s.send(message(DISCOVER, *options)) is None
    assert (s.counters["pkt4-nak-sent"], bool(s.responder.exhausted(s.now))) == (0, True)
    assert [kind(renew(s, host(50 + n), hardware=mac(n))) for n in range(10)] == [ACK] * 10


def test_case_18_when_all_is_offered_the_oldest_unanswered_offer_is_given() -> None:
    s = scene()
    for n in range(10):
        assert s.ask(message(DISCOVER, mac=mac(n))).yiaddr == host(50 + n)
        s.now += 0.1
    assert s.lease(OTHER) == host(50)
    refused = s.ask(message(REQUEST, (50, at("192.168.200.50")), SERVER_ID, mac=mac(0)))
    assert kind(refused) == NAK
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.51")), SERVER_ID, mac=mac(1)))) == ACK
    # Offers that reservations hold are nobody else's, however old they are.
    assert s.ask(message(DISCOVER, mac=mac(0))).yiaddr == host(52)


def test_case_18_offers_of_reserved_addresses_are_nobody_elses() -> None:
    many = tuple(reserved(f"192.168.200.{100 + n}", mac=mac(n)) for n in range(100))
    s = scene("192.168.200.50-192.168.200.51", reservations=many)
    for n in range(100):
        assert s.ask(message(DISCOVER, mac=mac(n))).yiaddr == host(100 + n)
    given = [s.ask(message(DISCOVER, mac=mac(1000 + n))).yiaddr for n in range(6)]
    assert given == [host(50), host(51)] * 3


def test_case_18_an_offer_is_held_for_ten_seconds_at_most() -> None:
    s = scene()
    assert s.ask(message(DISCOVER)).yiaddr == host(50)
    s.now += OFFER_SECONDS - 0.1
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.50")), SERVER_ID, mac=OTHER))) == NAK
    s.now += 0.1
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.50")), SERVER_ID, mac=OTHER))) == ACK


def test_case_18_inside_a_larger_network_0_and_255_are_addresses_like_others() -> None:
    served = settings("192.168.200.254-192.168.201.1")
    s = Scene(part(served, network=IPv4Network("192.168.200.0/23")))
    given = [s.lease(mac(n)) for n in range(4)]
    assert given == [ip(f"192.168.{a}") for a in ("200.254", "200.255", "201.0", "201.1")]


NEVER = {
    "own": "192.168.200.2",
    "own-second": "192.168.200.3",
    "router": "192.168.200.1",
    "gateway": "192.168.200.9",
    "network": "192.168.200.0",
    "broadcast": "192.168.200.255",
}


def crowded() -> Scene:
    """A LAN whose pool is the whole network."""
    excluded = frozenset(IPv4Address(NEVER[name]) for name in ("own", "own-second", "router", "gateway"))
    return Scene(part(settings("192.168.200.0-192.168.200.255"), excluded=excluded))


@pytest.mark.parametrize("address", NEVER.values(), ids=NEVER)
def test_case_18_our_own_the_routers_and_the_ends_are_never_leased(address: str) -> None:
    s, wish = crowded(), (50, at(address))
    assert s.ask(message(DISCOVER, wish)).yiaddr == host(4)
    assert kind(s.ask(message(REQUEST, wish, SERVER_ID))) == NAK
    assert kind(s.ask(message(REQUEST, wish, mac=mac(1)))) == NAK
    assert s.table.at(ip(address)) is None
    renewed = s.send(message(REQUEST, ciaddr=ip(address), mac=mac(2)), unicast=True)
    assert renewed is None or renewed.rows == ()
    assert ip(address) not in s.table.free.pull(300)


def test_case_18_a_pool_of_the_whole_network_leases_all_other_addresses_once() -> None:
    s = crowded()
    given = []
    for n in range(250):
        s.now += 0.01
        given.append(s.lease(mac(n)))
    assert given == [host(n) for n in range(256) if str(IPv4Address(host(n))) not in NEVER.values()]
    assert s.send(message(DISCOVER)) is None


def test_case_18_addresses_that_become_our_own_while_they_are_leased() -> None:
    s = scene()
    assert s.lease() == host(50)
    moved = part(excluded=frozenset({SERVER, IPv4Address("192.168.200.50")}))
    s.responder.configure(moved)
    assert kind(renew(s, host(50))) == NAK
    assert s.lease() == host(51)


def test_case_18_several_pools_are_used_lowest_first() -> None:
    s = scene("192.168.200.80-192.168.200.81", "192.168.200.50-192.168.200.51", "192.168.200.70-192.168.200.70")
    assert [s.lease(mac(n)) for n in range(5)] == [host(n) for n in (50, 51, 70, 80, 81)]
    assert s.send(message(DISCOVER)) is None


def test_case_18_an_offer_that_lapses_leaves_the_order_as_it_was() -> None:
    s = scene()
    assert s.lease(OTHER) == host(50)
    assert s.ask(message(DISCOVER, (50, at("192.168.200.57")))).yiaddr == host(57)
    s.now += OFFER_SECONDS
    s.table.expire(s.now)
    assert [s.lease(mac(n)) for n in range(9)] == [host(n) for n in range(51, 60)]


def test_case_18_with_many_offers_out_what_is_free_is_still_found() -> None:
    """All addresses have been leased before, and a flood of DISCOVERs holds the first of them."""
    s = scene("192.168.200.10-192.168.200.209")
    for n in range(200):
        s.lease(mac(n))
    s.now += HOUR
    s.table.expire(s.now)
    offered = {s.ask(message(DISCOVER, mac=mac(1000 + n))).yiaddr for n in range(200)}
    assert len(offered) == 200


def test_case_18_leases_that_ended_while_nobody_looked_are_free_at_once() -> None:
    s = scene()
    for n in range(10):
        s.lease(mac(n))
    s.now += HOUR
    assert s.lease(OTHER) == host(50)
    assert len(s.table.expire(s.now)) == 9  # the others are told of nevertheless


# ---------------------------------------------------------------- 19: ends, and clocks


def test_case_19_an_expired_address_is_used_again_after_all_others_and_its_old_owner_is_refused() -> None:
    s = scene()
    assert s.lease() == host(50)
    s.now += HOUR
    s.table.expire(s.now)
    for n in range(9):
        assert s.lease(mac(n)) == host(51 + n)
    assert s.ask(message(DISCOVER)).yiaddr == host(50)  # still its own
    s.now += OFFER_SECONDS
    s.table.expire(s.now)
    assert s.lease(OTHER) == host(50)
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.50"))))) == NAK
    assert s.send(message(DISCOVER, (50, at("192.168.200.50")))) is None


def test_case_19_the_old_owner_that_is_early_enough_has_it_back() -> None:
    s = scene()
    assert s.lease() == host(50)
    s.now += 100 * HOUR
    s.table.expire(s.now)
    assert kind(s.ask(message(REQUEST, (50, at("192.168.200.50"))))) == ACK


def test_case_19_the_one_that_ended_first_is_used_first() -> None:
    s = scene("192.168.200.50-192.168.200.52")
    for n in (0, 1, 2):
        s.lease(mac(n))
        s.now += 1.0
    for n in (1, 0, 2):
        s.send(message(RELEASE, SERVER_ID, ciaddr=host(50 + n), mac=mac(n)))
        s.now += 1.0
    assert [s.lease(mac(10 + n)) for n in range(3)] == [host(51), host(50), host(52)]


YEARS = 10 * 365 * 86_400.0


@pytest.mark.parametrize("step", [YEARS, -YEARS], ids=["forward", "backward"])
@pytest.mark.parametrize("seconds", [HOUR, float(0xFFFFFFFF)], ids=["an-hour", "endless"])
def test_case_19_a_clock_that_steps_ten_years_moves_no_lease(tmp_path: Path, step: float, seconds: float) -> None:
    """The table goes by a clock that does not step, and what is stored follows the wall clock."""
    s = Scene(part(settings(lease_time=seconds)))
    reply = s.send(message(REQUEST, (50, at("192.168.200.50"))))
    assert reply is not None
    wall = 1.7e9
    path = str(tmp_path / "leases.db")

    def opened() -> LeaseStore:
        store = LeaseStore(path, wall=lambda: wall, boot="one")
        store.open()
        return store

    store = opened()
    store.commit([("lan0", row) for row in reply.rows], wall - s.now)
    wall += step
    store.commit([], wall - s.now)
    store.close()
    store = opened()
    (found,) = store.load(wall - s.now)["lan0"]
    store.close()
    assert (found.address, found.state, found.expires - s.now) == (host(50), BOUND, pytest.approx(seconds, abs=0.01))
    again = Scene()
    again.table.load([found])
    again.table.expire(again.now)
    assert kind(renew(again, host(50))) == ACK
    assert again.ask(message(DISCOVER, mac=OTHER)).yiaddr == host(51)


def test_case_19_a_long_lease_outlives_everything_short() -> None:
    s = Scene(part(settings(lease_time=float(0xFFFFFFFF))))
    assert s.lease() == host(50)
    s.now += 50 * YEARS / 10
    assert s.table.expire(s.now) == ()
    assert kind(renew(s, host(50))) == ACK
