"""The lease table: who gets which address, and what comes back for the store."""

import pytest

from routerd.dhcp.client import Client
from routerd.dhcp.leases import (
    BOUND,
    DECLINE_SECONDS,
    DECLINED,
    DELETED,
    EXPIRED,
    OFFER_SECONDS,
    RELEASED,
    LeaseTable,
    Row,
)

A, B, C, D = (bytes((1, 2, 0, 0, 0, 0, n)) for n in range(4))


def cl(key: bytes, hardware: bytes | None = None) -> Client:
    return Client(key, hardware or key)


LEASE = 100.0


def table(
    first: int = 50, last: int = 52, excluded: set[int] | None = None, reserved: dict[int, bytes] | None = None
) -> LeaseTable:
    made = LeaseTable()
    made.pools.configure([(first, last)], excluded or set(), {a: (0, key) for a, key in (reserved or {}).items()})
    return made


def take(t: LeaseTable, client: bytes, now: float = 0.0, requested: int = 0) -> int:
    address = t.offer(cl(client), requested, now)
    assert address is not None
    assert t.bind(cl(client), address, None, LEASE, now)
    return address


def test_lowest_first_and_the_same_again() -> None:
    t = table()
    assert [take(t, c) for c in (A, B, C)] == [50, 51, 52]
    assert take(t, B, now=10.0) == 51


def test_a_lease_that_its_client_takes_up_again_is_not_offered_to_others() -> None:
    t = table(50, 51)
    assert take(t, A) == 50
    t.expire(LEASE)
    assert take(t, A, now=LEASE + 1.0) == 50
    assert take(t, B, now=LEASE + 1.0) == 51
    assert t.offer(cl(C), 0, LEASE + 2.0) is None


def test_offers_hold_their_address() -> None:
    t = table()
    assert [t.offer(cl(c), 0, 0.0) for c in (A, B)] == [50, 51]
    assert t.offer(cl(A), 0, 1.0) == 50
    assert t.bind(cl(C), 50, None, LEASE, 1.0) is None


def test_an_offer_lapses() -> None:
    t = table()
    t.offer(cl(A), 0, 0.0)
    assert t.next_deadline() == OFFER_SECONDS
    t.expire(OFFER_SECONDS)
    assert t.offer(cl(B), 0, OFFER_SECONDS) == 50


def test_the_oldest_unanswered_offer_goes_to_the_next_client() -> None:
    t = table(50, 51)
    t.offer(cl(A), 0, 0.0)
    t.offer(cl(B), 0, 1.0)
    assert t.offer(cl(C), 0, 2.0) == 50
    assert t.bind(cl(D), 50, None, LEASE, 2.5) is None
    assert t.bind(cl(C), 50, None, LEASE, 2.5)
    assert t.bind(cl(A), 50, None, LEASE, 2.5) is None


def test_of_all_who_were_offered_an_address_the_first_to_ask_gets_it() -> None:
    t = table(50, 50)
    for number, client in enumerate((A, B, C)):
        assert t.offer(cl(client), 0, float(number)) == 50
    assert t.replaced_offers == 2
    assert t.bind(cl(A), 50, None, LEASE, OFFER_SECONDS) is None  # its own offer is over by now
    assert t.bind(cl(B), 50, None, LEASE, OFFER_SECONDS)
    assert t.bind(cl(C), 50, None, LEASE, OFFER_SECONDS) is None


def test_a_flood_of_discovers_leaves_a_client_the_time_to_ask() -> None:
    t = table(50, 53)
    honest = t.offer(cl(A), 0, 0.0)
    assert honest is not None
    for number in range(3000):
        assert t.offer(cl(b"\1\2\2" + number.to_bytes(4, "big")), 0, number / 1000) is not None
    assert t.bind(cl(A), honest, None, LEASE, 3.0)
    assert t.bind(cl(A), honest, None, LEASE, 4.0)


def test_a_full_pool_offers_nothing() -> None:
    t = table(50, 50)
    take(t, A)
    assert t.offer(cl(B), 0, 1.0) is None
    assert t.offer(cl(B), 50, 1.0) is None


def test_an_expired_address_stays_its_clients_until_needed() -> None:
    t = table(50, 51)
    take(t, A)
    assert [row.state for row in t.expire(LEASE)] == [EXPIRED]
    assert take(t, B, now=LEASE) == 51
    assert t.offer(cl(A), 0, LEASE) == 50
    t.withdraw_offer(cl(A))
    assert take(t, C, now=LEASE + 1) == 50
    assert t.offer(cl(A), 0, LEASE + 2) is None


def test_the_longest_free_is_reused_first() -> None:
    t = table()
    for n, client in enumerate((A, B, C)):
        take(t, client, now=float(n))
    t.release(cl(B), 51, 10.0)
    t.release(cl(A), 50, 11.0)
    assert t.offer(cl(D), 0, 12.0) == 51


def test_a_requested_address_is_given_if_free() -> None:
    t = table()
    assert t.offer(cl(A), 52, 0.0) == 52
    assert t.offer(cl(B), 52, 0.0) == 50
    assert t.offer(cl(C), 99, 0.0) == 51


def test_excluded_addresses_are_never_leased() -> None:
    t = table(50, 52, excluded={50, 52})
    assert t.offer(cl(A), 50, 0.0) == 51
    assert t.offer(cl(B), 0, 0.0) == 51  # the unanswered offer's, because nothing else is left
    assert t.bind(cl(A), 52, None, LEASE, 0.0) is None


def test_a_reservation_is_kept_for_its_client() -> None:
    t = table(50, 51, reserved={50: A, 99: B})
    assert t.offer(cl(C), 50, 0.0) == 51
    assert take(t, A) == 50
    assert take(t, B) == 99


def test_a_reservation_follows_the_machine_under_another_client_identifier() -> None:
    t = table(50, 51, reserved={50: A})
    assert t.offer(cl(b"\0pxe", A), 0, 0.0) == 50
    assert t.bind(cl(b"\0pxe", A), 50, None, LEASE, 0.0)
    assert t.offer(cl(b"\xffos", A), 0, 1.0) == 50
    assert t.bind(cl(b"\xffos", A), 50, None, LEASE, 1.0)
    assert t.of(b"\0pxe") is None


def test_a_new_reservation_moves_a_client() -> None:
    t = table(50, 51)
    assert take(t, A) == 50
    t.pools.configure([(50, 51)], set(), {99: (0, A), 50: (0, B)})
    assert t.offer(cl(A), 0, 1.0) == 99
    rows = t.bind(cl(A), 99, None, LEASE, 1.0)
    assert rows is not None
    assert [(row.address, row.state) for row in rows] == [(50, DELETED), (99, BOUND)]
    assert take(t, B, now=2.0) == 50


def test_release_wants_the_right_client() -> None:
    t = table()
    take(t, A)
    assert t.release(cl(B), 50, 1.0) == ()
    assert t.release(cl(A), 51, 1.0) == ()
    (row,) = t.release(cl(A), 50, 1.0)
    assert (row.state, row.expires) == (RELEASED, 1.0)
    assert t.release(cl(A), 50, 2.0) == ()


def test_decline_keeps_everybody_off_for_an_hour() -> None:
    t = table(50, 51)
    take(t, A)
    (row,) = t.decline(cl(A), 50, 5.0)
    assert (row.state, row.expires) == (DECLINED, 5.0 + DECLINE_SECONDS)
    assert t.offer(cl(A), 50, 6.0) == 51
    assert t.bind(cl(A), 50, None, LEASE, 6.0) is None
    t.withdraw_offer(cl(A))
    assert [row.state for row in t.expire(5.0 + DECLINE_SECONDS)] == [DELETED]
    assert t.offer(cl(B), 0, 5.0 + DECLINE_SECONDS) == 50


def test_an_offer_cannot_be_declined() -> None:
    t = table()
    t.offer(cl(A), 0, 0.0)
    assert t.decline(cl(A), 50, 1.0) == ()
    assert t.decline(cl(B), 51, 1.0) == ()


def test_one_client_holds_back_three_addresses_at_most() -> None:
    t = table(1, 40)
    for _ in range(50):
        assert t.decline(cl(A), take(t, A), 0.0)
    assert len(t.declined()) == 3


def test_all_clients_together_hold_back_a_quarter_of_the_pool() -> None:
    t = table(1, 20)
    for n in range(100):
        client = bytes((1, 9, 0, 0, 0, 0, n))
        assert t.decline(cl(client), take(t, client), 0.0)
    assert len(t.declined()) == 5
    assert t.offer(cl(B), 0, 1.0) is not None


def test_renewals_move_the_end() -> None:
    t = table()
    take(t, A, now=0.0)
    for now in (50.0, 100.0, 150.0):
        assert t.bind(cl(A), 50, None, LEASE, now)
        assert t.expire(now) == ()
    assert t.expire(249.0) == ()
    assert [row.state for row in t.expire(250.0)] == [EXPIRED]


def test_a_shorter_renewal_ends_earlier() -> None:
    t = table()
    t.bind(cl(A), 50, None, 1000.0, 0.0)
    t.bind(cl(A), 50, None, 10.0, 1.0)
    assert [row.address for row in t.expire(11.0)] == [50]


def test_a_lease_past_its_end_can_be_taken_before_expire_ran() -> None:
    t = table(50, 50)
    take(t, A)
    assert t.bind(cl(B), 50, None, LEASE, LEASE) is not None
    assert t.of(A) is None


def test_starts_is_kept_by_renewals_and_host_names_survive() -> None:
    t = table()
    t.bind(cl(A), 50, "endpoint-a", LEASE, 1.0)
    rows = t.bind(cl(A), 50, None, LEASE, 60.0)
    assert rows is not None
    assert (rows[0].starts, rows[0].expires, rows[0].hostname) == (1.0, 160.0, "endpoint-a")


def test_an_offer_that_lapses_is_free_again_in_its_old_place() -> None:
    t = table()
    for n, client in enumerate((A, B, C)):
        take(t, client, now=float(n))
    t.expire(200.0)
    assert t.offer(cl(D), 0, 200.0) == 50
    t.expire(200.0 + OFFER_SECONDS)
    assert [t.offer(cl(bytes((9, n))), 0, 300.0) for n in range(3)] == [50, 51, 52]


def test_a_lease_that_is_found_to_have_ended_while_its_address_is_offered() -> None:
    t = table(50, 51)
    for client in (A, B):
        take(t, client)
    assert t.offer(cl(C), 0, LEASE) == 50
    assert len(t.expire(LEASE)) == 2
    assert t.offer(cl(D), 0, LEASE) == 51
    t.withdraw_offer(cl(C))
    assert t.offer(cl(C), 0, LEASE) == 50


def test_ended_leases_are_found_after_every_change_of_the_pools() -> None:
    t = table(50, 52)
    for n, client in enumerate((A, B, C)):
        take(t, client, now=float(n))
    t.expire(200.0)
    t.pools.configure([(50, 52)], set(), {50: (0, D)})
    assert [t.offer(cl(bytes((9, n))), 0, 200.0) for n in range(2)] == [51, 52]
    t.expire(300.0)
    t.pools.configure([(50, 51)], set(), {})
    assert [t.offer(cl(bytes((9, n))), 0, 300.0) for n in range(3)] == [50, 51, 50]
    t.expire(400.0)
    t.pools.configure([(40, 52)], set(), {})
    given = [t.offer(cl(bytes((9, n))), 0, 400.0) for n in range(13)]
    assert given[:10] == [*range(40, 50)]
    assert set(given[10:]) == {50, 51, 52}


def test_load_takes_everything_over() -> None:
    t = table(50, 53)
    t.load(
        [
            Row(50, A, A, "a", BOUND, 0.0, 100.0),
            Row(51, B, B, None, RELEASED, 0.0, 5.0),
            Row(52, C, C, None, DECLINED, 0.0, 100.0),
            Row(53, D, D, None, BOUND, 0.0, -1.0),
        ]
    )
    assert t.offer(cl(A), 0, 0.0) == 50
    assert t.offer(cl(B), 0, 0.0) == 51
    assert [row.address for row in t.expire(0.0)] == [53]
    assert t.offer(cl(C), 0, 0.0) == 53
    assert [row.state for row in t.expire(100.0)] == [EXPIRED, DELETED]


def test_load_with_two_leases_of_one_client() -> None:
    t = table()
    t.load([Row(50, A, A, None, BOUND, 0.0, 200.0), Row(51, A, A, None, BOUND, 0.0, 100.0)])
    assert t.offer(cl(A), 0, 0.0) == 50


def test_remove() -> None:
    t = table(50, 50)
    take(t, A)
    assert [row.state for row in t.remove(50)] == [DELETED]
    assert t.remove(50) == ()
    assert t.offer(cl(B), 0, 0.0) == 50


def test_a_renewal_is_covered_only_where_it_promises_no_more_time_than_before() -> None:
    t = table()
    first = t.bind(cl(A), 50, None, LEASE, 0.0)
    same = t.bind(cl(A), 50, None, LEASE, 1.0)
    shorter = t.bind(cl(A), 50, None, LEASE / 2, 2.0)
    longer = t.bind(cl(A), 50, None, LEASE, 3.0)
    late = t.bind(cl(A), 50, None, LEASE, 3.0 + LEASE)
    assert [rows and rows[-1].covered for rows in (first, same, shorter, longer, late)] == [
        *(False, True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("hardware", "hostname", "changed"),
    [(A, "a", False), (A, None, False), (B, "a", True), (A, "b", True), (B, None, True)],
)
def test_a_renewal_under_another_hardware_address_or_name_is_a_changed_binding(
    hardware: bytes, hostname: str | None, changed: bool
) -> None:
    t = table()
    first = t.bind(cl(b"id", A), 50, "a", LEASE, 0.0)
    again = t.bind(cl(b"id", hardware), 50, hostname, LEASE, 1.0)
    after = t.bind(cl(b"id", hardware), 50, hostname, LEASE, 2.0)
    assert [rows and (rows[-1].renewal, rows[-1].changed) for rows in (first, again, after)] == [
        *((False, False), (True, changed), (True, False))
    ]


def test_a_client_with_two_reservations_has_the_nearest_that_is_free() -> None:
    t = table(60, 60)
    mine = Client(b"id", A, b"port")
    t.pools.configure([(60, 60)], set(), {50: (0, b"id"), 51: (0, A), 52: (1, b"port")})
    t.load([Row(50, B, B, None, BOUND, 0.0, 100.0), Row(60, B, b"other", None, BOUND, 0.0, 1e9)])
    assert t.offer(mine, 0, 1.0) == 51
    assert t.bind(mine, 52, None, LEASE, 1.0) is None, "51 is nearer, and free"
    assert t.bind(mine, 51, None, LEASE, 1.0) is not None
    assert t.bind(mine, 51, None, LEASE, 50.0) is not None
    assert t.bind(mine, 51, None, LEASE, 101.0) is None, "50 is free now"
    assert t.offer(mine, 0, 101.0) == 50
    assert t.bind(mine, 50, None, LEASE, 101.0) is not None


def test_which_leases_an_administrator_cannot_end() -> None:
    t = table(50, 59)
    token = (0, A)
    t.bind(cl(A), 50, None, LEASE, 0.0)
    t.bind(cl(B), 51, None, LEASE, 0.0)
    t.bind(Client(b"id", A), 52, None, LEASE, 0.0)
    t.bind(cl(b"there"), 53, None, LEASE, 0.0)
    assert not any(t.keeps(address) for address in range(50, 55))
    t.pools.configure([(50, 59)], set(), {50: token, 51: token, 52: token, 53: (1, b"port"), 54: token})
    assert [t.keeps(address) for address in range(50, 55)] == [True, False, True, True, False]
    t.decline(cl(A), 50, 1.0)
    assert not t.keeps(50), "nobody has it before its time is over"
