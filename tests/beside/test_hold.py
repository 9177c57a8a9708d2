"""Withdrawals at once, returns after a rest that grows."""

from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.hold import HoldDown
from tests.beside.scene import GATEWAY, network, part

UP, DOWN = (part(),), (part(network()),)


def given_out(hold: HoldDown, now: float, up: bool) -> bool:
    return bool(hold.admit(UP if up else DOWN, now)[0].networks[0].routes)


def test_first_at_once_and_back_when_it_has_stayed_for_a_while() -> None:
    hold = HoldDown()
    assert given_out(hold, 100.0, True)
    assert not given_out(hold, 101.0, False)
    assert not given_out(hold, 102.0, True)
    assert hold.due == 107.0
    assert not given_out(hold, 103.0, False)
    # It was away again, so the time begins anew.
    assert not given_out(hold, 104.0, True)
    assert hold.due == 109.0
    assert given_out(hold, 109.0, True)
    assert hold.due == float("inf")


def test_the_rest_grows_to_a_minute_and_ends() -> None:
    hold, now, rests = HoldDown(), 0.0, []
    for _ in range(6):
        given_out(hold, now, True)
        given_out(hold, now, False)
        given_out(hold, now, True)
        rests.append(hold.due - now)
        now = hold.due
    assert rests == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert given_out(hold, now, True)
    given_out(hold, now + 601.0, False)
    given_out(hold, now + 601.0, True)
    assert hold.due == now + 606.0


@given(st.lists(st.tuples(st.floats(0.01, 0.2), st.booleans()), min_size=200, max_size=400))
def test_flapping_costs_few_changes_and_what_is_gone_is_never_given(flaps: list[tuple[float, bool]]) -> None:
    hold, now, changes, before = HoldDown(), 0.0, 0, False
    for rest, up in flaps:
        now += rest
        out = given_out(hold, now, up)
        assert up or not out
        changes += out != before
        before = out
    assert changes <= 2 + 2 * now / 5.0


def test_another_gateway_and_a_narrower_prefix_wait_for_nothing() -> None:
    hold = HoldDown()
    wide, narrow = part(network("10.0.0.0/23")), part(network("10.0.0.0/24"))
    for now, each in enumerate((wide, narrow)):
        assert hold.admit((each,), float(now)) == (each,)
    # The wide one waits, and what it covers stays until then.
    assert hold.admit((wide,), 2.0) == (narrow,)
    assert hold.admit((wide,), 7.0) == (wide,)
    assert hold.admit((narrow,), 8.0) == (narrow,)
    net = network("10.0.0.0/24")
    moved = part(replace(net, routes=((IPv4Network("10.0.0.0/24"), GATEWAY + 1),)))
    assert hold.admit((moved,), 9.0) == (moved,)
