"""Conflict probes: which free addresses are asked for and when, what answers and silence mean, and the ARP packets."""

import socket
from collections.abc import Iterator

import pytest
from scapy.layers.l2 import ARP

from routerd.dhcp.arp import encode_probe, read_sender
from routerd.dhcp.client import Client
from routerd.dhcp.conflicts import A_ROUND, EVERY, LEAST, MOST, RECHECK, Conflicts, Found
from routerd.dhcp.leases import BOUND, DECLINE_SECONDS, DECLINED, DELETED, OFFER_SECONDS, LeaseTable, Row
from routerd.dhcp.stock import FRESH
from routerd.system.packet_filter import attach_filter
from routerd.system.sockets_arp import listening

A, B, C = (bytes((1, 2, 0, 0, 0, 0, n)) for n in range(3))
THEIRS = bytes((2, 0, 0, 0, 0, 0x99))


def cl(key: bytes) -> Client:
    return Client(key, key)


class Watch:
    """A table whose free addresses are asked for, and a LAN with machines that answer."""

    def __init__(self, first: int = 50, last: int = 199, rows: tuple[Row, ...] = ()) -> None:
        self.now = 1000.0
        self.table = LeaseTable()
        self.table.pools.configure([(first, last)], set(), {})
        self.table.load(rows)
        self.conflicts = Conflicts(self.table, self.now)
        self.used: dict[int, bytes] = {}
        self.asked: list[tuple[float, int]] = []
        self.found: list[Found] = []

    def run(self, seconds: float) -> None:
        """Let time pass, with every deadline met; machines answer at once."""
        end = self.now + seconds
        while (deadline := self.conflicts.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            addresses, found = self.conflicts.questions(self.now)
            assert addresses or found or (later := self.conflicts.next_deadline()) is None or later > self.now
            self.found += found
            for address in addresses:
                self.asked.append((round(self.now - 1000.0, 3), address))
                if address in self.used:
                    self.hear(address)
        self.now = end
        self.table.expire(self.now)

    def hear(self, address: int, mac: bytes = b"") -> Found | None:
        found = self.conflicts.heard(address, mac or self.used[address], self.now)
        self.found += [found] if found else []
        return found

    def take(self, client: bytes, requested: int = 0) -> int:
        address = self.table.offer(cl(client), requested, self.now)
        assert address is not None
        assert self.table.bind(cl(client), address, None, 3600.0, self.now)
        return address

    @property
    def ready(self) -> list[int]:
        stock = self.table.free.stock
        return [a for a in stock.addresses() if a in stock._silent]


def clients(count: int, first: int = 0) -> Iterator[bytes]:
    return (b"\1\6\0\0" + n.to_bytes(3, "big") for n in range(first, first + count))


# ---------------------------------------------------------------- whom to ask, and when


def test_the_lowest_free_addresses_are_asked_twice_and_are_ready_a_second_later() -> None:
    watch = Watch(rows=(Row(50, A, A, None, BOUND, 0.0, 1e9),))
    watch.run(1.0)
    eight = list(range(51, 59))
    assert watch.asked == [(0.0, a) for a in eight] + [(0.5, a) for a in eight]
    assert watch.ready == eight
    assert watch.take(B) == 51


def test_what_is_used_is_neither_ready_nor_given() -> None:
    watch = Watch(50, 61)
    watch.used = {50: THEIRS, 52: THEIRS}
    watch.run(1.0)
    assert [(each.address, each.hardware, each.taken) for each in watch.found] == [
        (50, b"\1" + THEIRS, True),
        (52, b"\1" + THEIRS, True),
    ]
    (row,) = watch.found[0].rows
    assert (row.state, row.client, row.hardware) == (DECLINED, b"", b"\1" + THEIRS)
    assert watch.ready == [51, 53, 54, 55, 56, 57]
    assert [watch.take(c) for c in clients(10)] == [51, *range(53, 62)]
    assert watch.table.offer(cl(A), 50, watch.now) is None
    assert watch.table.bind(cl(A), 50, None, 3600.0, watch.now) is None


def test_an_idle_lan_is_not_asked_for_ever() -> None:
    watch = Watch()
    watch.run(10.0)
    asked = len(watch.asked)
    assert asked == 2 * LEAST
    watch.run(86_400.0)
    assert len(watch.asked) == asked
    assert watch.conflicts.next_deadline() is None


def test_what_was_given_is_replaced() -> None:
    watch = Watch()
    watch.run(10.0)
    assert watch.take(A) == 50
    watch.run(2.0)
    assert watch.asked[-2:] == [(10.0, 58), (10.5, 58)]
    assert watch.ready == [*range(51, 59)]


def test_old_silence_is_renewed_when_the_stock_is_used() -> None:
    watch = Watch()
    watch.run(FRESH + 10.0)
    before = len(watch.asked)
    watch.take(A)
    watch.run(10.0)
    again = [a for _, a in watch.asked[before:]]
    assert sorted(set(again)) == [50, *range(51, 59)]  # 50 went out with old silence and is asked for once more
    assert (again.count(50), again.count(51), again.count(58)) == (1, 2, 2)


def test_the_stock_grows_with_demand_and_shrinks_again() -> None:
    watch = Watch(1, 60_000)
    for n in range(40):
        for client in clients(20, 20 * n):
            watch.take(client)
        watch.run(EVERY)
    watch.run(60.0)
    assert len(watch.ready) == MOST
    for n in range(10):
        watch.take(bytes((1, 9, 0, 0, 0, 0, n)))
        watch.run(FRESH + 1.0)
    assert len(watch.ready) <= MOST
    assert watch.table.free.stock.target == LEAST


def test_the_packets_are_bounded_whatever_is_asked_for() -> None:
    watch = Watch(1, 60_000)
    for n in range(100):
        for client in clients(50, 50 * n):
            watch.take(client)
        watch.run(0.5)
    assert len(watch.asked) <= 50.0 * (2 * A_ROUND / EVERY + 4) + 2 * A_ROUND
    seconds = [int(at) for at, _ in watch.asked]
    assert max(seconds.count(second) for second in set(seconds)) <= 2 * A_ROUND + 8


def test_leased_reserved_and_excluded_addresses_are_not_asked_for() -> None:
    watch = Watch(50, 53)
    watch.conflicts.stop()
    watch.table.pools.configure([(50, 55)], {51}, {52: (0, C)})
    watch.table.bind(cl(A), 50, None, 3600.0, watch.now)
    watch.conflicts = Conflicts(watch.table, watch.now)
    watch.run(5.0)
    assert {a for _, a in watch.asked} == {53, 54, 55}


def test_a_full_pool_costs_nothing() -> None:
    watch = Watch(50, 52)
    for client in (A, B, C):
        watch.take(client)
    watch.run(600.0)
    assert {a for _, a in watch.asked} == {50, 51, 52}  # each once, beside its offer
    assert len(watch.asked) == 3
    watch.table.release(cl(B), 51, watch.now)
    watch.run(20.0)
    assert watch.ready == [51]


def test_addresses_of_ended_leases_come_after_those_never_leased() -> None:
    watch = Watch(50, 55)
    assert [watch.take(c) for c in (A, B)] == [50, 51]
    watch.table.release(cl(B), 51, watch.now)
    watch.table.release(cl(A), 50, watch.now)
    watch.run(5.0)
    assert sorted(watch.ready) == [50, 51, 52, 53, 54, 55]
    assert [watch.take(c) for c in clients(6)] == [52, 53, 54, 55, 51, 50]


def test_a_lower_address_that_becomes_free_is_next_as_soon_as_it_was_asked_for() -> None:
    watch = Watch()
    watch.run(10.0)
    assert [watch.table.offer(cl(c), 0, watch.now) for c in clients(3)] == [50, 51, 52]
    watch.run(4.0)
    assert watch.ready == [*range(53, 53 + LEAST)]
    watch.now += OFFER_SECONDS
    watch.table.expire(watch.now)
    assert watch.take(A) == 53, "what was asked for comes before what nobody knows of"
    watch.run(EVERY + 1.0)
    assert sorted(watch.ready) == [50, 51, 52, *range(54, 54 + LEAST - 3)], "the last made room"
    assert [watch.take(c) for c in clients(4, 10)] == [50, 51, 52, 54]
    watch.run(10.0)
    asked = len(watch.asked)
    watch.run(3600.0)
    assert len(watch.asked) == asked, "and the LAN is quiet"


def test_what_an_administrator_released_is_next_again() -> None:
    watch = Watch()
    watch.run(5.0)
    assert [watch.take(c) for c in clients(3)] == [50, 51, 52]
    watch.run(5.0)
    watch.table.remove(51)
    watch.run(5.0)
    assert [watch.take(c) for c in clients(2, 10)] == [51, 53]


def test_a_lower_address_takes_the_place_of_an_ended_lease_in_the_stock() -> None:
    watch = Watch(50, 61)
    assert watch.table.offer(cl(A), 0, watch.now) == 50
    given = {client: watch.take(client) for client in clients(11)}
    for client, address in given.items():
        watch.table.release(cl(client), address, watch.now)
    watch.table.free.stock.asked_in_vain = False
    watch.run(5.0)
    assert watch.ready == [*range(51, 51 + LEAST)]
    watch.now += OFFER_SECONDS
    watch.table.expire(watch.now)
    watch.run(5.0)
    assert sorted(watch.ready) == [*range(50, 50 + LEAST)]
    assert [watch.take(c) for c in clients(12, 20)] == [*range(50, 62)]


def test_a_client_that_comes_back_gets_its_address_out_of_the_stock() -> None:
    watch = Watch(50, 53)
    assert watch.take(A) == 50
    watch.table.release(cl(A), 50, watch.now)
    watch.run(5.0)
    assert 50 in watch.ready
    assert watch.take(A) == 50
    assert 50 not in watch.ready


def test_when_nobody_asks_any_more_nothing_is_lost() -> None:
    watch = Watch(50, 59)
    watch.take(A)
    watch.table.release(cl(A), 50, watch.now)
    watch.run(5.0)
    watch.conflicts.stop()
    assert [watch.take(c) for c in clients(10)] == [*range(51, 60), 50]


def test_a_change_of_the_pools_begins_anew() -> None:
    watch = Watch(50, 59)
    watch.used = {50: THEIRS, 51: THEIRS}
    watch.run(5.0)
    assert len(watch.table.occupied()) == 2
    watch.table.pools.configure([(51, 80)], set(), {51: (0, b"\1" + THEIRS)})
    assert [(row.address, row.state) for row in watch.conflicts.reconsider()] == [(50, DELETED), (51, DELETED)]
    assert watch.take(A) == 52
    watch.run(5.0)
    assert watch.ready[:LEAST] == [*range(53, 53 + LEAST)]
    assert watch.table.offer(cl(b"\1" + THEIRS), 0, watch.now) == 51


def test_what_was_in_the_stock_is_found_after_a_change_of_the_pools() -> None:
    watch = Watch(50, 53)
    for client in (A, B):
        watch.table.release(cl(client), watch.take(client), watch.now)
    watch.run(5.0)
    assert len(watch.ready) == 4
    watch.table.pools.configure([(50, 53)], set(), {53: (0, b"\1other!")})
    assert [watch.take(c) for c in clients(3)] == [52, 50, 51]


# ---------------------------------------------------------------- an offer never waits


def test_without_a_stock_the_lowest_address_is_given_at_once_and_asked_for_beside() -> None:
    watch = Watch()
    assert watch.table.offer(cl(A), 0, watch.now) == 50
    watch.run(0.0)
    assert (0.0, 50) in watch.asked


def test_an_answer_that_comes_before_the_request_takes_the_offer_back() -> None:
    watch = Watch()
    watch.used = {50: THEIRS}
    assert watch.table.offer(cl(A), 0, watch.now) == 50
    watch.run(0.0)
    assert watch.table.bind(cl(A), 50, None, 3600.0, watch.now) is None
    assert watch.table.offer(cl(A), 50, watch.now) == 51


def test_an_answer_that_comes_after_the_request_is_told() -> None:
    watch = Watch()
    watch.used = {50: THEIRS}
    assert watch.take(A) == 50
    watch.run(0.0)
    assert watch.found == [Found(50, b"\1" + THEIRS, None)]
    assert watch.table.bind(cl(A), 50, None, 3600.0, watch.now)


def test_the_client_itself_is_no_conflict() -> None:
    watch = Watch()
    watch.used = {150: A[1:]}
    assert watch.table.offer(cl(A), 150, watch.now) == 150
    watch.run(0.0)
    assert watch.asked[-1] == (0.0, 150)
    assert watch.found == []
    assert watch.table.bind(cl(A), 150, None, 3600.0, watch.now)


def test_a_wish_is_asked_for_beside_its_offer() -> None:
    watch = Watch()
    watch.run(5.0)
    watch.used = {150: THEIRS}
    assert watch.table.offer(cl(A), 150, watch.now) == 150
    watch.run(0.0)
    assert watch.table.bind(cl(A), 150, None, 3600.0, watch.now) is None


@pytest.mark.parametrize("why", ["held it last", "reserved", "renews"])
def test_what_is_a_clients_own_is_not_asked_for(why: str) -> None:
    watch = Watch(50, 59)
    watch.run(5.0)
    if why == "reserved":
        watch.table.pools.configure([(50, 59)], set(), {99: (0, A)})
    watch.take(A)
    watch.run(FRESH + 5.0)
    if why == "held it last":
        watch.table.release(cl(A), 50, watch.now)
    before = len(watch.asked)
    watch.take(A)
    watch.run(0.0)
    assert [a for _, a in watch.asked[before:] if a in (50, 99)] == []


def test_nothing_is_noted_while_nobody_asks() -> None:
    watch = Watch()
    watch.conflicts.stop()
    watch.take(A)
    assert watch.table.doubts == {}


# ---------------------------------------------------------------- hearing


def test_any_packet_from_a_free_address_counts() -> None:
    watch = Watch()
    watch.run(5.0)
    assert watch.hear(53, THEIRS)
    assert watch.ready == [50, 51, 52, 54, 55, 56, 57]
    assert watch.hear(150, THEIRS)
    assert watch.hear(53, THEIRS) is None


@pytest.mark.parametrize("address", [1, 49, 200, 60, 61])
def test_packets_from_other_addresses_do_not(address: int) -> None:
    watch = Watch()
    watch.table.pools.configure([(50, 199)], {60}, {61: (0, C)})
    assert watch.hear(address, THEIRS) is None
    assert len(watch.table) == 0


def test_packets_from_leased_and_declined_addresses_change_nothing() -> None:
    watch = Watch()
    assert (watch.take(A), watch.take(B)) == (50, 51)
    watch.table.decline(cl(B), 51, watch.now)
    watch.run(30.0)
    rows = watch.table.rows()
    assert (watch.hear(50, A[1:]), watch.hear(50, THEIRS), watch.hear(51, THEIRS)) == (None, None, None)
    assert watch.table.rows() == rows


def test_a_machine_that_has_an_address_without_a_lease_gets_it_as_soon_as_it_asks() -> None:
    watch = Watch()
    watch.used = {53: B[1:]}
    watch.run(5.0)
    assert watch.table.free_for(53, cl(B), watch.now)
    assert not watch.table.free_for(53, cl(A), watch.now)
    assert watch.take(B) == 53  # without having asked for it
    assert watch.table.occupied() == ()
    watch.run(2 * RECHECK)
    assert watch.table.row(53) == watch.table.row(53)._replace(state=BOUND)  # type: ignore[union-attr]


def test_an_address_in_use_is_looked_at_again_until_it_is_free() -> None:
    watch = Watch()
    watch.used = {50: THEIRS}
    watch.run(10 * DECLINE_SECONDS)
    assert [each.taken for each in watch.found] == [True]
    rechecks = [at for at, a in watch.asked if a == 50]
    assert len(rechecks) <= 10 * DECLINE_SECONDS / RECHECK + 2
    assert [address for address, _ in watch.table.occupied()] == [50]
    watch.used = {}
    watch.run(RECHECK + 5.0)
    assert watch.found[-1].taken is False
    assert [row.state for row in watch.found[-1].rows] == [DELETED]
    assert watch.take(A) == 50, "the lowest, which nobody uses now"


def test_addresses_in_use_are_remembered_by_the_store_and_looked_at_first() -> None:
    row = Row(50, b"", b"\1" + THEIRS, None, DECLINED, 0.0, 5000.0)
    watch = Watch(rows=(row,))
    assert watch.table.offer(cl(A), 50, watch.now) == 51
    watch.run(1.0)
    assert watch.asked[0] == (0.0, 50)
    assert watch.found[0].taken is False


def test_one_that_answers_for_everything_does_not_take_the_pool() -> None:
    watch = Watch(50, 69)
    watch.used = dict.fromkeys(range(50, 70), THEIRS)
    watch.run(120.0)
    assert len(watch.table.occupied()) == 5
    assert [watch.take(c) for c in clients(15)] == [*range(55, 70)]


def test_a_pool_full_of_machines_that_had_another_server_is_found_as_a_whole() -> None:
    watch = Watch(50, 149)
    watch.used = {address: bytes((2, 0, 0, 0, 9, address)) for address in range(50, 149)}
    watch.run(120.0)
    assert len(watch.table.occupied()) == 99
    assert watch.take(A) == 149
    assert watch.take(b"\1" + watch.used[77]) == 77
    # Nothing is free any more: anyone can claim addresses under many names, so that the next client tries one itself.
    assert watch.table.offer(cl(B), 0, watch.now) in watch.used
    assert len(watch.table.occupied()) == 97


def test_machines_that_claim_the_whole_pool_under_many_names_keep_nobody_off() -> None:
    watch = Watch(50, 199)
    watch.run(5.0)
    for turn in range(2):
        for address in range(50, 200):
            watch.hear(address, bytes((2, 0, 0, turn, 9, address)))
        for client in clients(50, 50 * turn):
            address = watch.table.offer(cl(client), 0, watch.now)
            assert address is not None
            watch.used = {address: THEIRS}
            watch.run(0.01)  # Whoever claims it answers at once, too.
            assert watch.hear(address, THEIRS) is None
            assert watch.table.bind(cl(client), address, None, 3600.0, watch.now)
    assert len(watch.table.occupied()) == 50


def test_who_answered_a_question_is_believed_longer_than_who_only_claims() -> None:
    watch = Watch(50, 57)
    watch.used = {50: THEIRS, 51: bytes((2, 0, 0, 0, 9, 1))}
    watch.run(5.0)
    for address in range(52, 58):
        assert watch.hear(address, bytes((2, 0, 0, 0, 9, address)))
    assert {watch.take(client) for client in clients(6)} == set(range(52, 58))
    assert {address for address, _ in watch.table.occupied()} == {50, 51}
    assert watch.table.offer(cl(A), 0, watch.now) is None  # A quarter of the pool is believed in any case.


def test_absent_clients_keep_their_addresses_from_who_only_claims_them() -> None:
    watch = Watch(50, 149)
    given = {client: watch.take(client) for client in clients(100)}
    for client, address in given.items():
        watch.table.release(cl(client), address, watch.now)
    for address in given.values():
        assert watch.hear(address, THEIRS[:-1] + bytes((address,))) is None
    watch.used = {address: bytes((2, 0, 0, 0, 9, address)) for address in given.values()}
    watch.run(600.0)
    assert len(watch.table.occupied()) <= 25
    kept = [(client, address) for client, address in given.items() if watch.table.of(client) is not None]
    assert len(kept) >= 75
    assert all(watch.table.offer(cl(client), 0, watch.now) == address for client, address in kept)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_one_that_answers_for_everything_does_not_take_a_small_pool(size: int) -> None:
    watch = Watch(50, 49 + size)
    watch.used = dict.fromkeys(range(50, 50 + size), THEIRS)
    watch.run(60.0)
    assert watch.take(A) in range(50, 50 + size)


def test_a_pool_of_one() -> None:
    watch = Watch(50, 50)
    watch.used = {50: THEIRS}
    watch.run(5.0)
    assert watch.table.occupied() == ((50, b"\1" + THEIRS),)
    watch.used = {}
    watch.run(RECHECK + 5.0)
    assert watch.table.occupied() == ()
    assert watch.take(A) == 50


# ---------------------------------------------------------------- packets


def test_the_probe_is_what_scapy_takes_for_one() -> None:
    probe = ARP(encode_probe(A[1:], 0xC0A8C832))
    assert (probe.op, probe.psrc, probe.pdst, probe.hwsrc) == (1, "0.0.0.0", "192.168.200.50", "02:00:00:00:00:00")
    assert (probe.hwtype, probe.ptype, probe.hwlen, probe.plen, probe.hwdst) == (1, 0x800, 6, 4, "00:00:00:00:00:00")
    assert len(probe) == 28


@pytest.mark.parametrize(
    ("packet", "sender"),
    [
        (ARP(op=2, hwsrc="02:00:00:00:00:99", psrc="192.168.200.50"), (0xC0A8C832, THEIRS)),
        (ARP(op=1, hwsrc="02:00:00:00:00:99", psrc="192.168.200.50"), (0xC0A8C832, THEIRS)),
        (ARP(op=1, hwsrc="02:00:00:00:00:99", psrc="0.0.0.0"), None),
        (ARP(op=2, hwsrc="01:00:5e:00:00:99", psrc="192.168.200.50"), None),
        (ARP(op=2, hwsrc="00:00:00:00:00:00", psrc="192.168.200.50"), None),
        (ARP(op=2, hwtype=6, hwsrc="02:00:00:00:00:99", psrc="192.168.200.50"), None),
    ],
)
def test_the_sender_of_a_packet(packet: ARP, sender: tuple[int, bytes] | None) -> None:
    data = bytes(packet)
    assert read_sender(data) == sender
    assert read_sender(data + bytes(18)) == sender
    for length in range(len(data)):
        assert read_sender(data[:length]) is None


RANGES = ((0xC0A8C832, 0xC0A8C83B), (0xC0A8C896, 0xC0A8C8C7), (0xC0A8C8D2, 0xC0A8C8D2))


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"op": 2, "psrc": "192.168.200.50", "pdst": "0.0.0.0"}, True),  # the answer to a probe
        ({"op": 2, "psrc": "192.168.200.199", "pdst": "0.0.0.0"}, True),
        ({"op": 2, "psrc": "192.168.200.210", "pdst": "0.0.0.0"}, True),
        ({"op": 2, "psrc": "192.168.200.49", "pdst": "0.0.0.0"}, False),
        ({"op": 2, "psrc": "192.168.200.60", "pdst": "0.0.0.0"}, False),
        ({"op": 2, "psrc": "192.168.200.211", "pdst": "0.0.0.0"}, False),
        ({"op": 2, "psrc": "192.168.200.50", "pdst": "192.168.200.2"}, False),  # an answer to this machine's kernel
        ({"op": 1, "psrc": "192.168.200.50", "pdst": "192.168.200.50"}, True),  # an announcement
        ({"op": 2, "psrc": "192.168.200.150", "pdst": "192.168.200.150"}, True),
        ({"op": 1, "psrc": "192.168.200.50", "pdst": "192.168.200.1"}, False),  # what leased clients send all the time
        ({"op": 1, "psrc": "192.168.200.55", "pdst": "192.168.200.1"}, True),  # from an address that is watched
        ({"op": 2, "psrc": "192.168.200.55", "pdst": "192.168.200.2"}, True),
        ({"op": 1, "psrc": "0.0.0.0", "pdst": "192.168.200.55"}, False),  # somebody else's probe
        ({"op": 1, "psrc": "192.168.200.1", "pdst": "192.168.200.55"}, False),
        ({"op": 2, "psrc": "192.168.200.50", "pdst": "0.0.0.0", "hwlen": 8}, False),
    ],
)
def test_the_kernel_lets_through_what_tells_something(fields: dict[str, object], heard: bool) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with ours, theirs:
        attach_filter(ours, listening(RANGES, [0xC0A8C837]))
        theirs.send(bytes(ARP(hwsrc="02:00:00:00:00:99", hwdst="02:00:00:00:00:02", **fields)))
        assert _readable(ours) == heard


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
def test_any_number_of_ranges_and_addresses_is_a_program(count: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    ranges = tuple((10 * n + 10, 10 * n + 15) for n in range(count))
    with ours, theirs:
        attach_filter(ours, listening(ranges, range(10, 10 + count)))
        theirs.send(bytes(ARP(op=2, psrc=f"0.0.0.{10 if count else 9}", pdst="0.0.0.0", hwlen=6)))
        assert _readable(ours) == bool(count)
        theirs.send(bytes(ARP(op=2, psrc="1.0.0.0", pdst="0.0.0.0", hwlen=6)))
        assert not _readable(ours)


def _readable(receiver: socket.socket) -> bool:
    try:
        return bool(receiver.recv(100))
    except BlockingIOError:
        return False
