"""Sequence numbers across restarts, and clocks that jump."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.rip.sequence import AHEAD, LAST, Sequence


def test_the_time_or_one_more_than_the_last() -> None:
    numbers = Sequence()
    assert [numbers.next(at) for at in (100.0, 100.9, 100.9, 200.0, 50.0)] == [100, 101, 102, 200, 201]


def test_what_is_to_be_stored() -> None:
    numbers = Sequence()
    assert numbers.unstored is None
    numbers.next(1000.0)
    assert numbers.unstored == 1000 + AHEAD
    numbers.stored(1000 + AHEAD)
    assert numbers.unstored is None
    numbers.next(1000.0 + AHEAD)
    assert numbers.unstored is None
    numbers.next(1000.0 + AHEAD)
    assert numbers.unstored == 1001 + 2 * AHEAD


def test_what_could_not_be_stored_is_asked_for_again() -> None:
    numbers = Sequence()
    numbers.next(1000.0)
    numbers.next(2000.0)
    assert numbers.unstored == 2000 + AHEAD
    numbers.stored(1000 + AHEAD)
    assert numbers.unstored == 2000 + AHEAD


@pytest.mark.parametrize("clock", [0.0, 1000.0, 5000.0], ids=["in the past", "behind", "right"])
def test_a_restart_never_steps_back(clock: float) -> None:
    before = Sequence()
    before.next(1000.0)
    stored = before.unstored
    assert stored is not None
    used = [before.next(1000.0) for _ in range(50)]
    assert Sequence(stored).next(clock) > max(used)


def test_the_last_number_stays() -> None:
    numbers = Sequence(LAST - 1)
    assert [numbers.next(0.0) for _ in range(3)] == [LAST, LAST, LAST]
    assert numbers.unstored == LAST


@given(st.lists(st.tuples(st.floats(0, 2**33), st.sampled_from(["next", "stored", "restart", "lost"])), max_size=40))
def test_law_no_number_is_used_twice_across_restarts(steps: list[tuple[float, str]]) -> None:
    """Whatever the clock says, as long as what is to be stored is on disk before the packet leaves."""
    numbers, disk, used = Sequence(), 0, -1
    for clock, what in steps:
        if what == "restart":
            numbers = Sequence(disk)
            continue
        made = numbers.next(clock)
        assert made > used or made == LAST
        used = made
        if numbers.unstored is not None:
            disk = numbers.unstored
            numbers.stored(disk)
        assert disk >= used
