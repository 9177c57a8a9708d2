"""What each lease was given: does its client take routes, and has it those that are handed out now."""

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from routerd.config.model import Reservation
from routerd.dhcp.client import Client
from routerd.dhcp.given import NO_ROUTES, UNKNOWN, Given, digest
from routerd.dhcp.leases import BOUND, LeaseTable, Row
from routerd.dhcp.options import decode_classless_routes
from routerd.dhcp.report import routes_status, subnet_status
from routerd.model import DhcpPart
from tests.dhcp.scene import MAC_B, SERVER, VPN, Scene, ip, message, part, settings, subnet

MAC_C = bytes.fromhex("020000000033")
MORE = (IPv4Network("10.77.0.0/16"), SERVER)
ROUTER = IPv4Address("192.168.200.1")
TAKES, TAKES_249, TAKES_NOT = (55, bytes((1, 3, 121))), (55, bytes((249, 3))), (55, bytes((1, 3, 6)))


def renew(scene: Scene, address: int, *options: tuple[int, bytes], mac: bytes = MAC_B) -> Row:
    """The row that is stored before the ACK of a renewal leaves."""
    reply = scene.send(message(3, *options, mac=mac, ciaddr=address), unicast=True)
    assert reply is not None
    return reply.rows[-1]


def is_current(scene: Scene, address: int) -> bool:
    row = scene.table.row(address)
    assert row is not None
    return scene.responder.scopes[0].is_current(row)


def accepts(scene: Scene, address: int) -> bool | None:
    row = scene.table.row(address)
    assert row is not None
    return row.given.accepts_routes


# ---------------------------------------------------------------- one lease


@pytest.mark.parametrize(
    ("options", "accepted", "current"),
    [((TAKES,), True, True), ((TAKES_249,), True, True), ((TAKES_NOT,), False, False), ((), None, False)],
)
def test_what_a_client_asks_for_says_whether_it_takes_routes(
    options: tuple[tuple[int, bytes], ...], accepted: bool | None, current: bool
) -> None:
    scene = Scene()
    address = scene.lease(MAC_B, *options)
    assert (accepts(scene, address), is_current(scene, address)) == (accepted, current)


def test_the_last_ack_counts() -> None:
    scene = Scene()
    address = scene.lease(MAC_B, TAKES)
    row = renew(scene, address, TAKES_NOT)
    assert row.renewal
    assert row.given == Given(False, NO_ROUTES)
    assert scene.table.row(address) == row._replace(renewal=False, covered=False)
    scene.ask(message(1, TAKES))
    assert accepts(scene, address) is False
    assert renew(scene, address, TAKES).given.accepts_routes
    assert is_current(scene, address)


def test_an_ack_from_before_a_change_is_not_current_until_the_next_one() -> None:
    scene = Scene()
    address, plain = scene.lease(MAC_B, TAKES), scene.lease(MAC_C, TAKES_NOT)
    scene.responder.configure(part(routes=(VPN, MORE)))
    assert not is_current(scene, address)
    renew(scene, address, TAKES)
    assert is_current(scene, address)
    scene.responder.configure(part(routes=(MORE, VPN)))
    assert is_current(scene, address)  # The same routes in another order.
    scene.responder.configure(part(routes=(VPN, MORE), router=IPv4Address("192.168.200.9")))
    assert not is_current(scene, address)  # The default route in it is another.
    assert not is_current(scene, plain)


def test_where_there_are_no_routes_who_was_sent_none_is_current() -> None:
    scene = Scene()
    had, plain, silent = scene.lease(MAC_B, TAKES), scene.lease(MAC_C, TAKES_NOT), scene.lease(b"\2silnt")
    scene.responder.configure(part(routes=()))
    assert [is_current(scene, address) for address in (had, plain, silent)] == [False, True, True]
    assert renew(scene, had, TAKES).given == Given(True, NO_ROUTES)
    assert is_current(scene, had)


def test_what_is_not_known_is_not_current() -> None:
    scene = Scene()
    old = Row(ip("192.168.200.55"), b"\1" + MAC_C, b"\1" + MAC_C, None, BOUND, 0.0, 2000.0)
    scene.table.load([old])
    assert (accepts(scene, old.address), is_current(scene, old.address)) == (None, False)
    scene.responder.configure(part(routes=()))
    assert not is_current(scene, old.address)
    renew(scene, old.address, mac=MAC_C)
    assert is_current(scene, old.address)


def test_a_list_that_was_cut_is_not_the_whole_list() -> None:
    many = tuple((IPv4Network(f"10.{n}.0.0/16"), SERVER) for n in range(120))
    scene = Scene(part(routes=many))
    address = scene.lease(MAC_B, TAKES, (57, (576).to_bytes(2, "big")))
    assert (accepts(scene, address), is_current(scene, address)) == (True, False)
    renew(scene, address, TAKES, (57, (1500).to_bytes(2, "big")))
    assert is_current(scene, address)


def test_rapid_commit_gives_as_well() -> None:
    scene = Scene(part(settings(rapid_commit=True)))
    reply = scene.send(message(1, (80, b""), TAKES))
    assert reply is not None
    assert reply.rows[-1].given.accepts_routes
    assert is_current(scene, reply.rows[-1].address)


# ---------------------------------------------------------------- hosts that routes lead through

GATEWAY = IPv4Address("192.168.200.55")
SECOND = IPv4Address("192.168.200.56")
OWN = IPv4Network("10.5.0.0/16")


def reserved(*addresses: IPv4Address, **changes: object) -> DhcpPart:
    own = tuple(Reservation(address, mac=bytes((2, 0, 0, 0, 0, int(address) & 255))) for address in addresses)
    return part(settings(reservations=own), **changes)


def mac_of(address: IPv4Address) -> bytes:
    return bytes((2, 0, 0, 0, 0, int(address) & 255))


def sent(scene: Scene, address: IPv4Address) -> list[tuple[IPv4Network, IPv4Address]]:
    """The routes that the client of this reserved address is sent."""
    assert scene.lease(mac_of(address), TAKES) == int(address)
    ack = scene.ask(message(3, TAKES, mac=mac_of(address), ciaddr=int(address)), unicast=True)
    return decode_classless_routes(ack.options.get(121, b""))


DEFAULT = (IPv4Network("0.0.0.0/0"), ROUTER)


def test_the_gateway_is_not_sent_the_route_through_itself_and_is_current() -> None:
    routes = ((VPN[0], GATEWAY), (MORE[0], SECOND))
    scene = Scene(reserved(GATEWAY, SECOND, routes=routes))
    assert sent(scene, GATEWAY) == [(MORE[0], SECOND), DEFAULT]
    assert sent(scene, SECOND) == [(VPN[0], GATEWAY), DEFAULT]
    other = scene.lease(MAC_C, TAKES)
    assert all(is_current(scene, address) for address in (int(GATEWAY), int(SECOND), other))
    assert routes_status(scene.responder.scopes)["current"] == 3
    scene.responder.configure(reserved(GATEWAY, SECOND, routes=(*routes, (OWN, GATEWAY))))
    assert is_current(scene, int(GATEWAY))  # Nothing has changed for it.
    assert not is_current(scene, int(SECOND))
    assert routes_status(scene.responder.scopes)["current"] == 1


def test_a_peer_that_is_at_the_site_is_not_sent_the_route_through_itself() -> None:
    routes = (VPN, (OWN, SERVER))
    scene = Scene(reserved(GATEWAY, routes=routes, through=((GATEWAY, (OWN,)),)))
    assert sent(scene, GATEWAY) == [VPN, DEFAULT]
    assert is_current(scene, int(GATEWAY))
    scene.responder.configure(reserved(GATEWAY, routes=routes))
    assert not is_current(scene, int(GATEWAY))  # It has left: whoever has its address now is to have all routes.


def test_a_host_that_all_routes_lead_through_is_current_with_none() -> None:
    scene = Scene(reserved(GATEWAY, routes=((VPN[0], GATEWAY),)))
    assert sent(scene, GATEWAY) == []
    assert is_current(scene, int(GATEWAY))


def test_a_reservation_with_a_router_of_its_own_is_judged_by_it() -> None:
    own = Reservation(GATEWAY, mac=MAC_B, router=IPv4Address("192.168.200.7"))
    scene = Scene(part(settings(reservations=(own,))))
    assert scene.lease(MAC_B, TAKES) == int(GATEWAY)
    other = scene.lease(MAC_C, TAKES)
    assert is_current(scene, int(GATEWAY))
    assert is_current(scene, other)
    assert routes_status(scene.responder.scopes)["current"] == 2
    scene.responder.configure(part(settings(reservations=(replace(own, router="none"),))))
    assert not is_current(scene, int(GATEWAY))
    assert is_current(scene, other)
    assert routes_status(scene.responder.scopes)["current"] == 1


APART = Reservation(GATEWAY, mac=MAC_B, router=IPv4Address("192.168.200.7"))


@pytest.mark.parametrize("client_id", [(), ((61, b"\xff-a-name-of-its-own"),)], ids=["by-mac", "by-identifier"])
def test_a_reservation_with_a_router_of_its_own_counts_wherever_its_client_is(
    client_id: tuple[tuple[int, bytes], ...],
) -> None:
    scene = Scene(part(settings(reservations=(replace(APART, mac=MAC_C),))))
    assert scene.lease(MAC_C, TAKES) == int(GATEWAY)
    scene.responder.configure(part(settings(reservations=(APART,))))
    # Another machine holds the reserved address still: that one is told what all are, and B what the reservation says.
    address = scene.lease(MAC_B, TAKES, *client_id)
    assert address != int(GATEWAY)
    assert [is_current(scene, each) for each in (address, int(GATEWAY))] == [True, False]
    assert routes_status(scene.responder.scopes)["current"] == 1
    scene.responder.configure(part(settings(reservations=(replace(APART, router=None),))))
    assert not is_current(scene, address)
    assert routes_status(scene.responder.scopes)["current"] == 0
    renew(scene, address, TAKES, *client_id)
    assert is_current(scene, address)
    assert routes_status(scene.responder.scopes)["current"] == 1


def test_routes_that_only_some_are_sent_are_handed_out() -> None:
    scene = Scene(part(settings(reservations=(APART,)), routes=(), own_routes=((APART.router, (VPN,)),)))
    assert (scene.lease(MAC_B, TAKES), scene.lease(MAC_C, TAKES)) == (int(GATEWAY), ip("192.168.200.50"))
    status = routes_status(scene.responder.scopes)
    assert (status["handed_out"], status["leases"], status["current"]) == (1, 2, 2)


def test_clients_apart_that_come_later_count_and_names_without_leases_do_not_fill_the_memory() -> None:
    scene = Scene(part(settings(reservations=(APART,))))
    (scope,) = scene.responder.scopes
    assert routes_status([scope])["current"] == 0
    assert scene.lease(MAC_B, TAKES) == int(GATEWAY)
    assert scene.lease(MAC_B, TAKES, (61, b"\xffanother")) == int(GATEWAY)  # It follows its machine.
    assert routes_status([scope])["current"] == 1
    for number in range(1000):
        scene.send(message(1, TAKES, (61, b"\xff%d" % number)))
        assert len(scope._apart or ()) < 100
    assert routes_status([scope])["current"] == 1
    assert len(scope._apart or ()) == 1


def test_the_count_is_that_of_the_leases_one_by_one_where_a_place_has_a_router_of_its_own() -> None:
    place = Reservation(IPv4Address("192.168.201.55"), circuit_id=b"p7", router=IPv4Address("192.168.201.9"))
    served = subnet(201, reservations=(place,))
    scene = Scene(part(subnets=(served,)))
    relayed = ((82, b"\x01\x02p7"), TAKES)
    agent = ip("192.168.201.1")
    found = scene.ask(message(1, *relayed, giaddr=agent)).yiaddr
    assert found == int(place.address)
    scene.ask(message(3, (50, found.to_bytes(4, "big")), (54, SERVER.packed), *relayed, giaddr=agent))
    scope = scene.responder.scopes[1]
    (row,) = scope.table.rows()
    assert scope.is_current(row)
    assert scope.current() == 1


# ---------------------------------------------------------------- how many


def test_a_lan_counts_its_leases_by_what_they_were_given() -> None:
    behind = subnet(201)
    scene = Scene(part(subnets=(behind,)))
    for number, options in enumerate(((TAKES,), (TAKES_249,), (TAKES_NOT,), ())):
        scene.lease(bytes((2, 0, 0, 0, 1, number)), *options)
    relayed = message(1, TAKES, giaddr=ip("192.168.201.1"))
    found = scene.ask(relayed).yiaddr
    ask = ((50, found.to_bytes(4, "big")), (54, SERVER.packed), TAKES)
    scene.ask(message(3, *ask, giaddr=ip("192.168.201.1")))
    status = routes_status(scene.responder.scopes)
    assert status == {
        "handed_out": 1,
        "leases": 5,
        "current": 3,
        "accepting": 3,
        "not_accepting": 1,
        "unknown": 1,
    }
    assert [subnet_status(scope) for scope in scene.responder.scopes] == [
        {"subnet": net, "total-addresses": 10, "assigned-addresses": count, "declined-addresses": 0}
        for net, count in (("192.168.200.0/24", 4), ("192.168.201.0/24", 1))
    ]
    scene.send(message(4, (50, found.to_bytes(4, "big")), giaddr=ip("192.168.201.1")))
    assert subnet_status(scene.responder.scopes[1])["declined-addresses"] == 1
    assert subnet_status(scene.responder.scopes[1])["assigned-addresses"] == 1
    assert routes_status(scene.responder.scopes)["leases"] == 4


CLIENTS = [Client(bytes((1, n)), bytes((1, n))) for n in range(6)]
GIVEN = [UNKNOWN, Given(False, 0), Given(True, 0), Given(True, 7), Given(True, 8)]
STEPS = st.one_of(
    st.tuples(st.sampled_from(["bind", "release", "decline"]), st.integers(0, 5), st.integers(0, 7), st.integers(0, 4)),
    st.tuples(st.just("remove"), st.just(0), st.integers(0, 7), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 4000), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0), st.just(0)),
)


@examples(st.lists(STEPS, max_size=40))
def test_the_tally_is_what_counting_finds(steps: list[tuple[str, int, int, int]]) -> None:
    def fresh() -> LeaseTable:
        made = LeaseTable()
        made.pools.configure([(50, 57)], (), {})
        return made

    table, now = fresh(), 0.0
    for kind, who, place, what in steps:
        if kind == "bind":
            table.bind(CLIENTS[who], 50 + place, None, 100.0 + who, now, GIVEN[what])
        elif kind == "release":
            table.release(CLIENTS[who], 50 + place, now)
        elif kind == "decline":
            table.decline(CLIENTS[who], 50 + place, now)
        elif kind == "remove":
            table.remove(50 + place)
        elif kind == "wait":
            now += who
            table.expire(now)
        else:
            rows, table = table.rows(), fresh()
            table.load(row for row in rows if row.state)
        bound = [row.given for row in table.rows() if row.state == BOUND]
        assert len(table.given) == len(bound)
        for accepted in (True, False, None):
            assert table.given.accepting(accepted) == sum(each.accepts_routes is accepted for each in bound)
        counted = Counter(each.routes for each in bound)
        assert all(table.given.with_routes(routes) == counted[routes] for routes in (0, 7, 8))


_B2SUM = 0xEA60E6B32B481F02
"""What `b2sum -l 64` says of the entries, sorted."""


def test_a_digest_survives_restarts_and_fits_the_store() -> None:
    entries = (b"\x18\x0a\0\0\xc0\xa8\xc8\x02", b"\0\xc0\xa8\xc8\x01")
    assert digest(entries) == digest(reversed(entries)) == _B2SUM >> 1
    assert digest(()) == NO_ROUTES
    found = {digest([bytes((n,))]) for n in range(256)}
    assert len(found) == 256
    assert 0 < min(found) <= max(found) < 1 << 63
