"""What is kept of hosts, and what nat/ is told."""

from collections.abc import Callable
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from routerd.hosts.book import FORGET, Book
from routerd.hosts.return_path import Sign
from routerd.hosts.schedule import HostKey
from routerd.nat_part import HostChange, HostState, Strategy
from routerd.reports import ReturnPath

OWN, ROUTER, OTHER = (bytes((2, 0, 0, 0, 0, last)) for last in (0x22, 1, 0x23))


def auto(host: HostState) -> tuple[Strategy, bool]:
    proven = host.return_path in (ReturnPath.DIRECT, ReturnPath.VIA_ROUTER)
    return (Strategy.SITE_GATEWAY if proven else Strategy.MASQUERADE), False


def pinned(host: HostState) -> tuple[Strategy, bool]:
    return (Strategy.MASQUERADE, True) if host.mac == OWN else auto(host)


def key(last: int = 22) -> HostKey:
    return "lan0", IPv4Address(f"192.168.200.{last}")


def book(decide: object = auto, sources: int = 1, most: int = 100) -> Book:
    made = Book(most)
    made.configure({"lan0": (decide, sources)}, 0.0)  # type: ignore[dict-item]
    made.know(key(), 0.0, mac=OWN, kept=True)
    return made


def taken(made: Book) -> list[tuple[Strategy, float, bool]]:
    changes, made.changes = made.changes, []
    return [(one.strategy, round(one.seconds, 3), one.lost) for one in changes]


def test_what_nat_is_told_of_a_host() -> None:
    made = book()
    assert taken(made) == [], "the first masquerade would end what an earlier routerd has proven"
    made.saw(key(), "tcp", OWN, 0, 10.0)
    assert taken(made) == [(Strategy.SITE_GATEWAY, 90.0, False)]
    made.saw(key(), "tcp", OWN, 0, 20.0)
    made.tick(39.9)
    assert taken(made) == []
    made.tick(40.0)
    assert taken(made) == [(Strategy.SITE_GATEWAY, 70.0, False)]
    made.sign(key(), Sign.LOST, 50.0)
    assert taken(made) == [(Strategy.MASQUERADE, 90.0, True)]
    made.tick(99.0)
    assert taken(made) == []


def test_a_proof_ends_with_its_time() -> None:
    made = book()
    made.saw(key(), "echo", OWN, 0, 10.0)
    taken(made)
    made.tick(99.9)
    made.tick(100.0)
    assert taken(made)[-1] == (Strategy.MASQUERADE, 90.0, False)
    assert [move.sign for move in made.moves] == [Sign.OWN, Sign.EXPIRED]


def test_a_pin_by_mac_is_told_at_once_and_again() -> None:
    made = book(pinned)
    assert taken(made) == [(Strategy.MASQUERADE, 90.0, False)]
    made.saw(key(), "tcp", OWN, 0, 1.0)
    assert taken(made) == []
    made.tick(31.0)
    assert taken(made) == [(Strategy.MASQUERADE, 90.0, False)]


def test_a_pin_by_mac_holds_as_soon_as_the_mac_is_known() -> None:
    """By the kernel's neighbours, by ARP, or by a lease, whichever comes first; also in place of a proof."""
    ways: list[Callable[[Book], object]] = [
        lambda made: made.know(key(30), 1.0, mac=OWN),
        lambda made: made.resolved(key(30), OWN, 1.0),
        lambda made: made.leased(key(30), OWN, 1.0),
    ]
    for way in ways:
        made = Book()
        made.configure({"lan0": (lambda host: (Strategy.NONE, True) if host.mac == OWN else auto(host), 1)}, 0.0)
        made.know(key(30), 0.0)
        assert taken(made) == []
        way(made)
        assert taken(made) == [(Strategy.NONE, 90.0, False)]
        assert made.hosts[key(30)].pinned
        made.resolved(key(30), OTHER, 2.0)
        assert taken(made)[0] == (Strategy.MASQUERADE, 90.0, False)


def test_a_new_lease_says_who_it_is_and_ends_lan_only() -> None:
    made = book()
    made.saw(key(), "tcp", OWN, 0, 1.0)
    made.leased(key(), OWN, 2.0)
    made.leased(key(), None, 2.0)
    assert made.hosts[key()].path.state is ReturnPath.DIRECT, "what is proven goes on until it is measured"
    made.leased(key(), OTHER, 3.0)
    assert made.hosts[key()].path.state is ReturnPath.UNKNOWN, "another machine"
    made.saw(key(), "tcp", OTHER, 0, 4.0)
    made.sign(key(), Sign.UNANSWERED, 5.0)
    assert made.hosts[key()].path.state is ReturnPath.LAN_ONLY
    made.leased(key(), OTHER, 6.0)
    made.saw(key(), "tcp", OTHER, 0, 7.0)
    assert made.hosts[key()].path.state is ReturnPath.DIRECT


def test_every_vpn_must_be_answered() -> None:
    made = book(sources=3)
    assert made.saw(key(), "tcp", OWN, 0, 1.0)
    assert made.hosts[key()].turn == 1
    assert made.saw(key(), "tcp", OWN, 2, 2.0)
    assert made.hosts[key()].turn == 1
    assert taken(made) == []
    assert not made.saw(key(), "echo", OWN, 1, 3.0)
    assert taken(made)[0][0] is Strategy.SITE_GATEWAY
    made.sign(key(), Sign.LOST, 4.0)
    assert made.saw(key(), "tcp", OWN, 0, 5.0)


def test_another_machine_has_to_prove_itself() -> None:
    made = book()
    assert not made.resolved(key(), OWN, 1.0)
    made.saw(key(), "tcp", OWN, 0, 2.0)
    assert made.resolved(key(), OTHER, 3.0)
    assert made.hosts[key()].path.state is ReturnPath.UNKNOWN
    assert not made.saw(key(), "tcp", OTHER, 0, 4.0)
    assert made.hosts[key()].path.state is ReturnPath.DIRECT


def test_a_flow_proves_where_the_way_is_known() -> None:
    made = book()
    assert made.flow(key(), 1.0, solid=True), "measure it"
    made.hosts[key()].hop, made.hosts[key()].hop_at = ROUTER, 1.0
    assert made.flow(key(), 2.0, solid=False)
    assert not made.flow(key(), 3.0, solid=True)
    path = made.hosts[key()].path
    assert (path.state, path.seen and path.seen.next_hop) == (ReturnPath.VIA_ROUTER, ROUTER)


def test_hosts_are_forgotten_unless_something_keeps_them() -> None:
    made = book()
    made.know(key(30), 0.0)
    assert made.tick(FORGET + 1) == [key(30)]
    made.begin_look()
    made.end_look()
    assert made.tick(FORGET + 2) == [key(22)]
    assert not made.know(("eth9", key()[1]), 0.0)


def crowd(count: int) -> Book:
    made = Book()
    made.configure({"lan0": (auto, 1)}, 0.0)
    for number in range(count):
        made.know(("lan0", IPv4Address("10.1.0.0") + number), 0.0, mac=OWN)
    return made


def test_a_thousand_hosts_a_second_and_each_in_its_turn() -> None:
    made = crowd(2500)
    gone = [len(made.tick(FORGET + second)) for second in range(1, 5)]
    assert gone == [1000, 1000, 500, 0]
    assert made.hosts == {}


def test_many_hosts_are_judged_anew_in_pieces() -> None:
    made = crowd(2500)
    made.know(key(), 0.0, mac=OWN)
    made.configure({"lan0": (lambda host: (Strategy.SITE_GATEWAY, True), 1)}, 1.0)
    made.forget(key())
    counts = [len(taken(made))]
    while made.judge_rest(1.0):
        counts.append(len(taken(made)))
    assert sum(counts) + len(taken(made)) == 2500 + 2, "one was told of, and has gone since"
    assert max(counts) <= 1001
    assert all(host.strategy is Strategy.SITE_GATEWAY for host in made.hosts.values())


def test_who_shows_no_way_back_is_counted_by_lan() -> None:
    made = crowd(1500)
    made.configure({"lan0": (lambda host: (Strategy.SITE_GATEWAY, True), 1)}, 1.0)
    made.judge_rest(1.0)
    for host in made.hosts.values():
        host.silent = 2
    made.tick(2.0)
    assert made.without_way_back == {}, "not before all were looked at"
    made.tick(3.0)
    assert len(made.without_way_back["lan0"]) == 1500
    made.saw(("lan0", IPv4Address("10.1.0.7")), "tcp", OWN, 0, 3.5)
    made.tick(4.0)
    made.tick(5.0)
    assert len(made.without_way_back["lan0"]) == 1499


def test_a_full_book_takes_only_what_is_kept() -> None:
    made = book(most=3)
    assert [made.know(key(last), 1.0) for last in (30, 31, 32)] == [True, True, False]
    assert made.refused == 1
    assert made.know(key(33), 1.0, kept=True)
    assert len(made.hosts) == 3
    assert key(22) in made.hosts


def test_a_book_that_is_full_of_kept_hosts_is_looked_through_once_a_second_only() -> None:
    made = book(most=2)
    assert made.know(key(30), 1.0, kept=True)
    assert not made.know(key(31), 1.0, kept=True)
    made.begin_look()
    made.know(key(22), 1.1, kept=True)
    made.end_look()
    assert not made.know(key(32), 1.1, kept=True), "although there is room again"
    made.tick(2.0)
    assert made.know(key(33), 2.1, kept=True)


SIGNS = st.sampled_from(list(Sign))
STEPS = st.lists(
    st.tuples(
        st.floats(0, 60),
        st.integers(20, 23),
        st.one_of(SIGNS, st.tuples(st.sampled_from(["tcp", "echo", "packet"]), st.sampled_from([OWN, ROUTER, OTHER]))),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(STEPS, st.sampled_from([auto, pinned]))
def test_nat_always_knows_what_holds(steps: list[tuple[float, int, object]], decide: object) -> None:
    """Whoever takes the items one by one has the book's strategies, and no proof for longer than it holds."""
    made, now = book(decide), 0.0
    held: dict[HostKey, HostChange] = {}
    until: dict[HostKey, float] = {}

    def take() -> None:
        for change in made.changes:
            held[change.lan, change.address] = change
            until[change.lan, change.address] = now + change.seconds
        made.changes.clear()

    for pause, last, thing in steps:
        now += pause
        made.know(key(last), now, mac=OWN)
        made.tick(now)
        take()
        if isinstance(thing, Sign):
            made.sign(key(last), thing, now)
        else:
            made.saw(key(last), *thing, 0, now)  # type: ignore[misc]
        take()
        for host in made.hosts.values():
            told = held.get(host.key)
            if host.strategy is Strategy.SITE_GATEWAY:
                assert told is not None
                assert told.strategy is Strategy.SITE_GATEWAY
                assert until[host.key] <= host.path.expires + 1e-6
            else:
                assert told is None or told.strategy is host.strategy
