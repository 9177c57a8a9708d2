"""Replies leave only when what they promise is on disk, or is bounded by what is; nothing that failed is lost."""

from typing import TypeVar

import pytest

from routerd.dhcp.leases import BOUND, RELEASED, Row
from routerd.dhcp.pipeline import Fate, Item, Pipeline

T = TypeVar("T")


def rows(*addresses: int, state: int = BOUND) -> tuple[Row, ...]:
    return tuple(Row(address, b"c", b"h", None, state, 0.0, 1.0) for address in addresses)


def renewal(address: int, expires: float = 2.0, *, covered: bool = True) -> tuple[Row, ...]:
    return (Row(address, b"c", b"h", None, BOUND, 0.0, expires, renewal=True, covered=covered),)


def replies(stored: "list[Item[T]]") -> list[T]:
    return [item.waiter for item in stored if item.waiter is not None]


def named(batch: list[tuple[str, Row]]) -> list[tuple[str, int]]:
    return [(lan, row.address) for lan, row in batch]


def stored(*addresses: int) -> "Pipeline[str]":
    """A pipeline that has stored the leases of these addresses."""
    pipeline: Pipeline[str] = Pipeline()
    pipeline.add("lan0", rows(*addresses), None)
    pipeline.start()
    pipeline.done()
    return pipeline


def test_one_batch_in_flight() -> None:
    pipeline: Pipeline[str] = Pipeline()
    assert pipeline.start() == []
    assert pipeline.add("lan0", rows(1), "one") is Fate.WAITS
    assert named(pipeline.start()) == [("lan0", 1)]
    pipeline.add("lan0", rows(2, 3), "two")
    pipeline.add("lan1", rows(2), None)
    assert pipeline.start() == []
    assert replies(pipeline.done()) == ["one"]
    assert named(pipeline.start()) == [("lan0", 2), ("lan0", 3), ("lan1", 2)]
    assert replies(pipeline.done()) == ["two"]
    assert not pipeline.busy
    assert not pipeline.urgent


def test_batches_are_bounded() -> None:
    pipeline: Pipeline[int] = Pipeline(largest=2)
    for n in range(5):
        pipeline.add("lan0", rows(n), n)
    sent = []
    while pipeline.start():
        sent.append(replies(pipeline.done()))
    assert sent == [[0, 1], [2, 3], [4]]


def test_a_failed_batch_keeps_its_rows_and_drops_its_replies() -> None:
    pipeline: Pipeline[str] = Pipeline()
    pipeline.add("lan0", rows(1), "one")
    pipeline.start()
    assert pipeline.failed() == ([], ["one"])
    assert pipeline.stuck
    assert named(pipeline.start()) == [("lan0", 1)]
    assert pipeline.failed() == ([], [])
    assert pipeline.add("lan0", rows(2), "two") is Fate.REFUSED
    assert pipeline.unstored == 2
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 2)]
    assert [(item.rows, item.waiter) for item in pipeline.done()] == [(rows(1), None), (rows(2), None)]
    assert not pipeline.stuck
    assert pipeline.unstored == 0
    assert pipeline.start() == []
    assert pipeline.add("lan0", rows(3), "three") is Fate.WAITS


def test_what_waits_is_bounded_and_loses_no_row() -> None:
    pipeline: Pipeline[int] = Pipeline(largest=2, most_waiting=2)
    pipeline.add("lan0", rows(9), 0)
    pipeline.start()
    for n in (1, 2, 3):
        pipeline.add("lan0", rows(n), n)
    assert pipeline.overflow() == [1]
    assert pipeline.pending() == {("lan0", n) for n in (9, 1, 2, 3)}
    assert replies(pipeline.done()) == [0]
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 2), ("lan0", 3)]
    assert replies(pipeline.done()) == [2, 3]
    assert pipeline.pending() == set()


# ---------------------------------------------------------------- renewals


def test_renewals_wait_unless_they_are_lazy() -> None:
    pipeline = stored(1, 2)
    assert pipeline.add("lan0", renewal(1), "one") is Fate.WAITS
    assert pipeline.add("lan0", renewal(2, covered=False), "two") is Fate.WAITS
    assert pipeline.hurry() == [("lan0", "one")]
    assert pipeline.add("lan0", renewal(1, 3.0), "again") is Fate.LEAVES
    assert pipeline.urgent
    assert pipeline.start() == [("lan0", renewal(1, 3.0)[0]), ("lan0", renewal(2, covered=False)[0])]
    assert replies(pipeline.done()) == ["two"]
    assert pipeline.add("lan0", renewal(2), "two") is Fate.LEAVES
    assert not pipeline.urgent
    assert pipeline.owed == 1


def test_a_renewal_waits_while_its_lease_is_not_on_disk() -> None:
    pipeline: Pipeline[str] = Pipeline()
    pipeline.lazy = True
    pipeline.add("lan0", rows(1), "first")
    assert pipeline.add("lan0", renewal(1), "asked twice") is Fate.WAITS
    pipeline.start()
    assert pipeline.add("lan0", renewal(1), "asked again") is Fate.WAITS
    assert replies(pipeline.done()) == ["first", "asked twice"]
    # What it promises is bounded by the row that is on disk now, but an older one still waits.
    assert pipeline.add("lan0", renewal(1, 3.0), "later") is Fate.WAITS
    assert pipeline.start() == [("lan0", renewal(1, 3.0)[0])]
    assert replies(pipeline.done()) == ["asked again", "later"]
    assert pipeline.add("lan0", renewal(1), "at last") is Fate.LEAVES


def test_a_longer_promise_is_stored_first_and_so_are_those_behind_it() -> None:
    pipeline = stored(1)
    pipeline.lazy = True
    assert pipeline.add("lan0", renewal(1, covered=False), "longer") is Fate.WAITS
    assert pipeline.pending() == set()
    assert pipeline.add("lan0", renewal(1), "as long") is Fate.WAITS


def test_a_new_client_at_an_address_is_not_covered_by_the_old_one() -> None:
    pipeline = stored(1)
    pipeline.lazy = True
    assert pipeline.add("lan0", renewal(1), "old") is Fate.LEAVES
    pipeline.add("lan0", rows(1, state=RELEASED), None)
    assert pipeline.add("lan0", rows(1), "new") is Fate.WAITS
    assert pipeline.add("lan0", renewal(1), "new again") is Fate.WAITS
    assert pipeline.start() == [("lan0", renewal(1)[0])]


def changed(address: int, hostname: str = "new", *, covered: bool = True) -> tuple[Row, ...]:
    (row,) = renewal(address, covered=covered)
    return (row._replace(hostname=hostname, changed=True),)


def test_a_changed_binding_is_stored_first_and_so_are_the_renewals_behind_it() -> None:
    pipeline = stored(1, 2)
    pipeline.lazy = True
    assert pipeline.add("lan0", changed(1), "changed") is Fate.WAITS
    assert pipeline.urgent
    assert pipeline.pending() == set(), "it is no new one"
    assert pipeline.add("lan0", renewal(1, 3.0), "asked again") is Fate.WAITS
    assert pipeline.add("lan0", renewal(2), "another") is Fate.LEAVES
    assert replies_of(pipeline) == ["changed", "asked again"]
    assert pipeline.add("lan0", renewal(1), "later") is Fate.LEAVES


def test_a_changed_binding_waits_too_where_renewals_become_lazy() -> None:
    pipeline = stored(1)
    assert pipeline.add("lan0", changed(1), "changed") is Fate.WAITS
    assert pipeline.add("lan0", renewal(1, 3.0), "again") is Fate.WAITS
    assert pipeline.hurry() == []
    assert replies_of(pipeline) == ["changed", "again"]


@pytest.mark.parametrize("lazy", [True, False])
def test_a_disk_that_fails_stops_no_known_client_that_has_another_name_now(lazy: bool) -> None:
    pipeline = stored(1)
    pipeline.lazy = lazy
    pipeline.add("lan0", changed(1), "changed")
    pipeline.start()
    pipeline.add("lan0", renewal(1, 3.0), "again")
    assert pipeline.failed() == ([("lan0", "changed"), ("lan0", "again")], [])
    assert pipeline.add("lan0", changed(1, "newer"), "changed once more") is Fate.LEAVES
    assert pipeline.add("lan0", changed(1, covered=False), "and longer") is Fate.REFUSED
    assert [(row.address, row.hostname) for _, row in pipeline.start()] == [(1, "new")]
    pipeline.done()
    assert pipeline.add("lan0", changed(1), "changed") is Fate.WAITS


def replies_of(pipeline: Pipeline[str]) -> list[str]:
    """Who may go when all batches are stored."""
    found = []
    while pipeline.start():
        found += replies(pipeline.done())
    return found


def test_a_disk_that_fails_stops_no_renewal() -> None:
    pipeline = stored(1, 2)
    pipeline.add("lan0", renewal(1), "known")
    pipeline.add("lan0", rows(3), "new")
    pipeline.start()
    pipeline.add("lan0", renewal(2), "known as well")
    pipeline.add("lan0", renewal(3), "new again")
    assert pipeline.failed() == ([("lan0", "known"), ("lan0", "known as well")], ["new", "new again"])
    assert pipeline.add("lan0", renewal(1, 9.0), "known") is Fate.LEAVES
    assert pipeline.add("lan0", renewal(3), "new again") is Fate.REFUSED
    assert pipeline.pending() == {("lan0", 3)}
    assert {row.address: row.expires for _, row in pipeline.start()} == {1: 9.0, 2: 2.0, 3: 2.0}
    pipeline.done()
    assert pipeline.add("lan0", renewal(3), "known now") is Fate.WAITS


def test_a_disk_that_hangs_stops_no_renewal_and_may_come_back() -> None:
    pipeline = stored(1)
    pipeline.add("lan0", renewal(1), "known")
    pipeline.add("lan0", rows(2), "new")
    pipeline.start()
    assert pipeline.hangs() == ([("lan0", "known")], ["new"])
    assert pipeline.add("lan0", renewal(1), "known") is Fate.LEAVES
    assert pipeline.add("lan0", rows(3), "newer") is Fate.REFUSED
    assert pipeline.start() == []
    assert replies(pipeline.done()) == []
    assert pipeline.urgent
    assert pipeline.pending() == {("lan0", 3)}
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 3)]
    assert pipeline.hangs() == ([], [])
    assert pipeline.failed() == ([], [])
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 3)]


def test_a_failed_row_does_not_replace_a_newer_one() -> None:
    pipeline = stored(1)
    pipeline.lazy = True
    pipeline.add("lan0", renewal(1, 5.0), None)
    pipeline.start()
    pipeline.add("lan0", renewal(1, 6.0), None)
    pipeline.failed()
    assert pipeline.start() == [("lan0", renewal(1, 6.0)[0])]
    pipeline.done()
    assert pipeline.start() == []


def test_a_binding_that_was_never_stored_stays_new_however_often_its_client_asks_again() -> None:
    """Whoever is told of what was stored hears of it as of a new one."""

    def told(pipeline: Pipeline[str]) -> list[tuple[int, bool]]:
        batch = pipeline.start()
        assert [row.address for _, row in batch] == [3]
        return [(row.address, row.renewal) for item in pipeline.done() for row in item.rows]

    asked_while_it_fails: Pipeline[str] = Pipeline()
    asked_while_it_fails.add("lan0", rows(3), "new")
    asked_while_it_fails.start()
    asked_while_it_fails.failed()
    asked_while_it_fails.add("lan0", renewal(3), "again")
    assert told(asked_while_it_fails) == [(3, False)]

    asked_before: Pipeline[str] = Pipeline()
    asked_before.add("lan0", rows(3), "new")
    asked_before.start()
    asked_before.add("lan0", renewal(3), "again")
    asked_before.failed()
    assert told(asked_before) == [(3, False)]

    asked_twice: Pipeline[str] = Pipeline()
    asked_twice.add("lan0", rows(3), "new")
    asked_twice.add("lan0", renewal(3), "again")
    asked_twice.start()
    asked_twice.failed()
    assert told(asked_twice) == [(3, False)]

    given_up: Pipeline[str] = Pipeline(most_waiting=0)
    given_up.add("lan0", rows(3), "new")
    given_up.add("lan0", renewal(3), "again")
    given_up.overflow()
    assert told(given_up) == [(3, False)]
    given_up.add("lan0", renewal(3), None)
    assert told(given_up) == [(3, True)]
