"""The states of a way back, and what each sign makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.hosts.return_path import (
    DIRECT,
    HOLD,
    LAN_ONLY,
    LONGEST_HOLD,
    START,
    TABLE,
    UNKNOWN,
    VIA_ROUTER,
    Path,
    Seen,
    Sign,
    came,
    expired,
    step,
)
from routerd.reports import ReturnPath

OWN, ROUTER, OTHER = (bytes((2, 0, 0, 0, 0, last)) for last in (0x22, 1, 3))
INTERVAL = 30.0
PROVEN = {DIRECT, VIA_ROUTER}


def at(state: ReturnPath) -> Path:
    """A path in this state, seen just now."""
    hop = {DIRECT: OWN, VIA_ROUTER: ROUTER}.get(state)
    return Path(state, 10.0, None if hop is None else Seen("tcp", hop, 100.0), 190.0)


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(Sign)
    assert all(set(row) == set(ReturnPath) for row in TABLE.values())


@pytest.mark.parametrize(
    ("state", "kind", "source", "after"),
    [
        (UNKNOWN, "tcp", OWN, DIRECT),
        (UNKNOWN, "echo", OWN, DIRECT),
        (UNKNOWN, "packet", OWN, DIRECT),
        (UNKNOWN, "tcp", ROUTER, VIA_ROUTER),
        (UNKNOWN, "echo", ROUTER, UNKNOWN),
        (UNKNOWN, "packet", ROUTER, UNKNOWN),
        (DIRECT, "tcp", OWN, DIRECT),
        (DIRECT, "tcp", ROUTER, VIA_ROUTER),
        (DIRECT, "echo", ROUTER, UNKNOWN),
        (VIA_ROUTER, "echo", ROUTER, VIA_ROUTER),
        (VIA_ROUTER, "packet", ROUTER, VIA_ROUTER),
        (VIA_ROUTER, "tcp", OTHER, VIA_ROUTER),
        (VIA_ROUTER, "echo", OTHER, UNKNOWN),
        (VIA_ROUTER, "echo", OWN, DIRECT),
        (LAN_ONLY, "tcp", OWN, LAN_ONLY),
        (LAN_ONLY, "tcp", ROUTER, LAN_ONLY),
    ],
)
def test_what_a_packet_proves(state: ReturnPath, kind: str, source: bytes, after: ReturnPath) -> None:
    before = at(state)
    path = step(before, came(before, kind, source, OWN), 110.0, INTERVAL, Seen(kind, source, 110.0))
    assert path.state is after
    if after in PROVEN:
        assert (path.seen, path.expires) == (Seen(kind, source, 110.0), 200.0)
    assert path.since == (10.0 if after is state else 110.0)


@pytest.mark.parametrize(
    ("sign", "after"),
    [
        (Sign.UNANSWERED, [UNKNOWN, LAN_ONLY, LAN_ONLY, LAN_ONLY]),
        (Sign.LOST, [UNKNOWN, UNKNOWN, UNKNOWN, LAN_ONLY]),
        (Sign.EXPIRED, [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
        (Sign.RESET, [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
        (Sign.GRANTED, [UNKNOWN, DIRECT, VIA_ROUTER, UNKNOWN]),
        (Sign.FLOW, [UNKNOWN, DIRECT, VIA_ROUTER, LAN_ONLY]),
    ],
)
def test_what_else_changes_it(sign: Sign, after: list[ReturnPath]) -> None:
    states = [UNKNOWN, DIRECT, VIA_ROUTER, LAN_ONLY]
    assert [step(at(state), sign, 110.0, INTERVAL).state for state in states] == after


def test_behind_another_router_nothing_is_its_own() -> None:
    assert came(START, "tcp", ROUTER, None) is Sign.ROUTER_TCP
    assert came(START, "echo", ROUTER, None) is Sign.ROUTER_NEW


def test_an_echo_through_a_router_is_shown_and_proves_nothing() -> None:
    path = step(START, Sign.ROUTER_NEW, 5.0, INTERVAL, Seen("echo", ROUTER, 5.0))
    assert (path.state, path.seen, path.proven) == (UNKNOWN, Seen("echo", ROUTER, 5.0), False)
    assert not expired(path, 94.9)
    assert expired(path, 95.0)
    assert step(path, Sign.EXPIRED, 95.0, INTERVAL).seen is None


def test_a_flow_keeps_the_way_and_renews_the_time() -> None:
    path = step(at(VIA_ROUTER), Sign.FLOW, 150.0, INTERVAL, Seen("flow", None, 150.0))
    assert (path.seen, path.expires, path.tcp_proof) == (Seen("flow", ROUTER, 150.0), 240.0, True)


def test_a_proof_that_went_is_no_evidence() -> None:
    assert step(at(DIRECT), Sign.LOST, 110.0, INTERVAL).seen is None
    assert step(at(DIRECT), Sign.EXPIRED, 190.0, INTERVAL).seen is None


def test_lan_only_is_remembered_longer_each_time() -> None:
    path, now, holds = START, 0.0, []
    for _ in range(8):
        path = step(path, Sign.OWN, now, INTERVAL, Seen("tcp", OWN, now))
        path = step(path, Sign.UNANSWERED, now, INTERVAL)
        holds.append(path.expires - now)
        assert step(path, Sign.UNANSWERED, now + 1, INTERVAL) == path
        assert not expired(path, path.expires - 0.1)
        now = path.expires
        assert expired(path, now)
        path = step(path, Sign.EXPIRED, now, INTERVAL)
    assert holds == [HOLD, 2 * HOLD, 4 * HOLD, 8 * HOLD, 16 * HOLD, LONGEST_HOLD, LONGEST_HOLD, LONGEST_HOLD]
    assert step(path, Sign.RESET, now, INTERVAL).relapses == 0


PACKETS = st.tuples(st.sampled_from(["tcp", "echo", "packet"]), st.sampled_from([OWN, ROUTER, OTHER]))
OTHERS = st.sampled_from([Sign.UNANSWERED, Sign.LOST, Sign.EXPIRED, Sign.RESET, Sign.FLOW])


@given(st.lists(st.tuples(st.floats(0, 200), st.one_of(PACKETS, OTHERS)), max_size=40))
def test_nothing_is_proven_but_by_what_was_seen(story: list[tuple[float, object]]) -> None:
    """However it goes: a router is trusted only after TCP came through it, and no proof outlives three intervals."""
    path, now, tcp_of, last = START, 0.0, None, None
    for pause, thing in story:
        now += pause
        if expired(path, now):
            path = step(path, Sign.EXPIRED, now, INTERVAL)
        before = path
        if isinstance(thing, Sign):
            path = step(path, thing, now, INTERVAL, Seen("flow", None, now) if thing is Sign.FLOW else None)
            last = now if thing is Sign.FLOW and path.proven else last
        else:
            kind, source = thing  # type: ignore[misc]
            tcp_of = source if kind == "tcp" else tcp_of
            path = step(path, came(path, kind, source, OWN), now, INTERVAL, Seen(kind, source, now))
            last = now
        assert thing is Sign.RESET or (path.since is not None and path.since <= now)
        if path.proven:
            assert last is not None
            assert path.seen is not None
            assert path.expires == pytest.approx(last + 3 * INTERVAL)
            assert (path.state is DIRECT) == (path.seen.next_hop == OWN)
            assert path.state is DIRECT or path.tcp_proof
        if path.state is VIA_ROUTER and before.state is not VIA_ROUTER:
            assert path.seen is not None
            assert path.seen.next_hop == tcp_of
        if before.state is LAN_ONLY and path.state is not LAN_ONLY:
            assert thing in (Sign.EXPIRED, Sign.RESET)
        if path.state is LAN_ONLY and before.state is not LAN_ONLY:
            assert (before.proven, thing) == (True, Sign.UNANSWERED)
