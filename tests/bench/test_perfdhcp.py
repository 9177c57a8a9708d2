"""The search for the best rate, against servers that drop what is beyond their capacity."""

from collections.abc import Callable

import pytest

from tests.bench.perfdhcp import MOST_DROPS, Result, climb


def server(capacity: float, asked: list[float]) -> Callable[[float], Result]:
    """A server that ends so many exchanges a second and not one more."""

    def run(rate: float) -> Result:
        asked.append(rate)
        return Result(int(rate * 4), int(min(rate, capacity) * 4), 0, 0, 4)

    return run


@pytest.mark.parametrize("start", [100.0, 900.0, 1000.0, 1030.0, 1500.0, 4000.0])
def test_the_best_rate_is_found_from_below_and_from_above(start: float) -> None:
    asked: list[float] = []
    found = climb(server(1000.0, asked), start, 1.1)
    assert 1000.0 / 1.1 <= found.rate <= 1000.0
    assert found.drops <= MOST_DROPS
    assert len(asked) < 40


def test_one_bad_run_does_not_end_the_climb() -> None:
    asked: list[float] = []
    good = server(1000.0, asked)

    def run(rate: float) -> Result:
        result = good(rate)
        return result._replace(done=0) if len(asked) == 3 else result

    assert climb(run, 500.0, 1.2).rate > 800.0


def test_a_server_that_answers_nothing_has_no_rate() -> None:
    assert climb(lambda rate: Result(100, 0, 0, 0, 4), 1000.0, 1.5).rate == 0.0
