"""What a client costs does not grow with the number of leases: calls are counted, not time."""

import sys
from collections.abc import Callable

import pytest

from routerd.dhcp.client import Client
from routerd.dhcp.conflicts import Conflicts
from routerd.dhcp.leases import BOUND, EXPIRED, LeaseTable, Row

FIRST = 0x0A4D0001
SMALL, LARGE = 640, 16_000
CLIENTS = 100


def client(number: int) -> Client:
    key = b"\1\2" + number.to_bytes(5, "big")
    return Client(key, key)


def table(size: int, state: int = BOUND, full: float = 0.95) -> LeaseTable:
    """A pool of which the first part is leased, or was."""
    made = LeaseTable()
    made.pools.configure([(FIRST, FIRST + size - 1)], {FIRST}, {FIRST + 1: (0, b"reserved")})
    expires = 1e9 if state == BOUND else 0.0
    made.load(
        Row(FIRST + 2 + n, client(n).key, client(n).key, None, state, 0.0, expires) for n in range(int(size * full) - 2)
    )
    # The first client after a start may pay for finding the first free address.
    made.offer(client(10**6), 0, 1.0)
    return made


def calls(what: Callable[[], object]) -> int:
    """How many calls it takes."""
    count = 0

    def see(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        what()
    finally:
        sys.setprofile(None)
    return count


def take(t: LeaseTable, number: int, now: float = 1.0) -> int | None:
    address = t.offer(client(number), 0, now)
    if address is not None:
        assert t.bind(client(number), address, None, 3600.0, now) is not None
    return address


def new_clients(t: LeaseTable) -> None:
    for n in range(CLIENTS):
        assert take(t, 2_000_000 + n) is not None


def new_clients_in_vain(t: LeaseTable) -> None:
    for n in range(CLIENTS):
        assert take(t, 2_000_000 + n) is None


def renewals(t: LeaseTable) -> None:
    for n in range(CLIENTS):
        assert t.bind(client(n), FIRST + 2 + n, None, 3600.0, 2.0)


def declines(t: LeaseTable) -> None:
    for _ in range(CLIENTS):
        address = take(t, 2_000_000)
        assert address is not None
        assert t.decline(client(2_000_000), address, 1.0)


def releases(t: LeaseTable) -> None:
    for n in range(CLIENTS):
        assert t.release(client(n), FIRST + 2 + n, 1.0)
        assert take(t, 2_000_000 + n) is not None


@pytest.mark.parametrize(
    ("work", "state", "full"),
    [
        (new_clients, BOUND, 0.0),
        (new_clients, BOUND, 0.8),
        (new_clients_in_vain, BOUND, 1.0),
        (new_clients, EXPIRED, 0.5),
        (new_clients, EXPIRED, 1.0),
        (renewals, BOUND, 0.95),
        (declines, BOUND, 0.95),
        (declines, EXPIRED, 1.0),
        (releases, BOUND, 1.0),
    ],
)
@pytest.mark.parametrize("asked", [False, True], ids=["unasked", "asked"])
def test_the_work_for_a_hundred_clients(
    work: Callable[[LeaseTable], None], state: int, full: float, asked: bool
) -> None:
    counts = []
    for size in (SMALL, LARGE):
        made = table(size, state, full)
        conflicts = Conflicts(made, 1.0)
        if asked:
            conflicts.questions(1.0)
        else:
            conflicts.stop()
        counts.append(calls(lambda made=made: work(made)))
    assert counts[1] <= 1.3 * counts[0] + 100


def test_asking_costs_the_same_in_every_pool() -> None:
    counts = []
    for size in (SMALL, LARGE):
        made = table(size, EXPIRED, 0.9)

        def work(made: LeaseTable = made) -> None:
            conflicts = Conflicts(made, 1.0)
            for n in range(CLIENTS):
                conflicts.questions(1.0 + n / 4)
                take(made, 2_000_000 + n, 1.0 + n / 4)
                conflicts.next_deadline()

        counts.append(calls(work))
    assert counts[1] <= 1.3 * counts[0] + 100


def test_clients_that_come_and_go_fill_no_memory() -> None:
    t = table(SMALL, full=0.5)
    for n in range(5_000):
        who, now = client(2_000_000 + n), 1.0 + n / 100
        address = t.offer(who, 0, now)
        assert address is not None
        assert t.bind(who, address, None, 3600.0, now)
        assert t.release(who, address, now)
    assert len(t._ends) <= 2 * len(t) + 100


def test_every_lease_still_ends_in_time_after_many_came_and_went() -> None:
    t = table(SMALL, EXPIRED, full=0.0)
    ends = {}
    for n in range(2_000):
        who, now = client(n), float(n)
        address = t.offer(who, 0, now)
        assert address is not None
        assert t.bind(who, address, None, 5_000.0 + n % 7, now)
        if n % 10:
            t.release(who, address, now)
        else:
            ends[address] = now + 5_000.0 + n % 7
    for address, end in sorted(ends.items(), key=lambda item: item[1]):
        t.expire(end - 0.5)
        lease = t.at(address)
        assert lease is not None
        assert lease.state == BOUND
        t.expire(end)
        assert lease.state == EXPIRED
