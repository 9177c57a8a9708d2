"""Replies leave only when their rows are on disk, in order, and a failed batch comes again without its replies."""

from typing import TypeVar

from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.pipeline import Pipeline

T = TypeVar("T")


def rows(*addresses: int) -> tuple[Row, ...]:
    return tuple(Row(address, b"c", b"h", None, BOUND, 0.0, 1.0) for address in addresses)


def replies(pipeline: "Pipeline[T]") -> list[T]:
    return [reply for _, _, reply in pipeline.done() if reply is not None]


def named(batch: list[tuple[str, Row]]) -> list[tuple[str, int]]:
    return [(lan, row.address) for lan, row in batch]


def test_one_batch_in_flight() -> None:
    pipeline: Pipeline[str] = Pipeline()
    assert pipeline.start() == []
    pipeline.add("lan0", rows(1), "one")
    assert named(pipeline.start()) == [("lan0", 1)]
    pipeline.add("lan0", rows(2, 3), "two")
    pipeline.add("lan1", rows(2), None)
    assert pipeline.start() == []
    assert replies(pipeline) == ["one"]
    assert named(pipeline.start()) == [("lan0", 2), ("lan0", 3), ("lan1", 2)]
    assert replies(pipeline) == ["two"]
    assert not pipeline.busy


def test_batches_are_bounded() -> None:
    pipeline: Pipeline[int] = Pipeline(largest=2)
    for n in range(5):
        pipeline.add("lan0", rows(n), n)
    sent = []
    while pipeline.start():
        sent.append(replies(pipeline))
    assert sent == [[0, 1], [2, 3], [4]]


def test_a_failed_batch_keeps_its_rows_and_drops_its_replies() -> None:
    pipeline: Pipeline[str] = Pipeline()
    pipeline.add("lan0", rows(1), "one")
    pipeline.start()
    assert pipeline.failed() == 1
    assert pipeline.unsaved == 1
    assert named(pipeline.start()) == [("lan0", 1)]
    assert pipeline.failed() == 0
    pipeline.add("lan0", rows(2), "two")
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 2)]
    assert replies(pipeline) == ["two"]
    assert pipeline.unsaved == 0
    assert pipeline.start() == []


def test_what_waits_is_bounded_and_loses_no_row() -> None:
    pipeline: Pipeline[int] = Pipeline(largest=2, most_waiting=2)
    pipeline.add("lan0", rows(0), 0)
    pipeline.start()
    assert [pipeline.add("lan0", rows(n), n) for n in (1, 2, 3)] == [True, True, False]
    assert pipeline.pending() == {("lan0", n) for n in range(4)}
    assert replies(pipeline) == [0]
    assert named(pipeline.start()) == [("lan0", 1), ("lan0", 2), ("lan0", 3)]
    assert replies(pipeline) == [2, 3]
    assert pipeline.pending() == set()
