"""Sequence numbers are on disk before packets leave, and a disk that fails or hangs stops nothing."""

import asyncio
import threading
from pathlib import Path

import pytest

from routerd.rip import sequence_service
from routerd.rip.sequence import AHEAD, LAST
from routerd.rip.sequence_service import NAME, SequenceStore

NOW = 1_800_000_000.0


async def opened(directory: Path) -> SequenceStore:
    store = SequenceStore()
    await store.open(directory)
    return store


async def sent(store: SequenceStore, seconds: float = 5.0) -> None:
    """Hand something over to be sent, and wait until it was."""
    done = asyncio.Event()
    store.when_stored(done.set)
    await asyncio.wait_for(done.wait(), seconds)


def stored(directory: Path) -> int:
    return int((directory / NAME).read_text())


def test_a_number_is_on_disk_before_the_packet_leaves(tmp_path: Path) -> None:
    async def play() -> None:
        store = await opened(tmp_path)
        seen: list[int] = []
        number = store.sequence.next(NOW)
        done = asyncio.Event()
        store.when_stored(lambda: (seen.append(stored(tmp_path)), done.set()))  # type: ignore[func-returns-value]
        assert seen == [], "nothing leaves before"
        await asyncio.wait_for(done.wait(), 5.0)
        assert seen == [number + AHEAD]
        order: list[int] = []
        store.sequence.next(NOW + 1)
        store.when_stored(lambda: order.append(1))
        assert order == [1], "the numbers ahead are on disk already"

    asyncio.run(play())


def test_packets_keep_their_order_while_a_number_is_stored(tmp_path: Path) -> None:
    async def play() -> None:
        store = await opened(tmp_path)
        store.sequence.next(NOW)
        order: list[int] = []
        store.when_stored(lambda: order.append(1))
        store.when_stored(lambda: order.append(2))
        await sent(store)
        assert order == [1, 2]

    asyncio.run(play())


def test_numbers_go_on_after_a_crash_and_after_a_stop(tmp_path: Path) -> None:
    async def run(clock: float, *, stop: bool) -> int:
        store = await opened(tmp_path)
        number = store.sequence.next(clock)
        await sent(store)
        if stop:
            await store.finish()
        return number

    first = asyncio.run(run(NOW, stop=False))
    after_crash = asyncio.run(run(0.0, stop=True))
    assert after_crash == first + AHEAD + 1, "the clock is in the past, and numbers ahead may have been used"
    assert stored(tmp_path) == after_crash
    assert asyncio.run(run(0.0, stop=True)) == after_crash + 1, "a stop notes what was really used"


def test_without_signed_packets_there_is_no_file(tmp_path: Path) -> None:
    async def play() -> None:
        store = await opened(tmp_path)
        await sent(store)
        await store.finish()

    asyncio.run(play())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_a_problem_and_packets_leave(tmp_path: Path) -> None:
    async def play() -> None:
        gone = tmp_path / "gone"
        store = await opened(gone)
        store.sequence.next(NOW)
        await sent(store)
        (problem,) = store.problems()
        assert (problem.code, dict(problem.values)["reason"]) == ("rip-sequence", "No such file or directory")
        order: list[int] = []
        store.sequence.next(NOW + 1)
        store.when_stored(lambda: order.append(1))
        assert order == [1], "it is not tried again for each packet"
        gone.mkdir()
        await store.finish()
        assert store.problems() == ()
        assert stored(gone) == NOW + 1

    asyncio.run(play())


def test_a_disk_that_hangs_holds_packets_for_a_moment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(sequence_service, "_PATIENCE", 0.05)
    monkeypatch.setattr(sequence_service, "write_synced", lambda path, data: release.wait(10))

    async def play() -> None:
        store = await opened(tmp_path)
        store.sequence.next(NOW)
        await sent(store)
        (problem,) = store.problems()
        assert dict(problem.values)["reason"] == "the disk does not answer"
        release.set()

    asyncio.run(play())


@pytest.mark.parametrize("text", ["", "many\n", "-5\n", "9" * 40])
def test_a_damaged_file_is_as_none_and_a_problem(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).write_text(text)

    async def play() -> None:
        store = await opened(tmp_path)
        assert store.problems() == (), "no packet is signed"
        assert store.sequence.next(NOW) == NOW
        (problem,) = store.problems()
        assert (problem.code, dict(problem.values)["reason"]) == ("rip-sequence-lost", "it holds no number")
        await sent(store)
        assert stored(tmp_path) == NOW + AHEAD, "the file is mended"
        monkeypatch.setattr(sequence_service, "_NEIGHBOURS_FORGET", 0.0)
        assert store.problems() == ()

    asyncio.run(play())


def test_at_the_end_the_last_number_goes_on_and_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(f"{LAST - 1}\n")

    async def play() -> None:
        store = await opened(tmp_path)
        assert store.problems() == ()
        # RFC 4822 section 3.2.2: what does not decrease is believed.
        assert [store.sequence.next(NOW) for _ in range(2)] == [LAST, LAST]
        await sent(store)
        (problem,) = store.problems()
        assert (problem.code, dict(problem.values)["number"]) == ("rip-sequence-end", str(LAST))
        await store.finish()
        (problem,) = (await opened(tmp_path)).problems()
        assert problem.code == "rip-sequence-end", "also after a restart"

    asyncio.run(play())


def test_another_directory_gets_the_number_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        store = await opened(one)
        number = store.sequence.next(NOW)
        await sent(store)
        await store.open(two)
        assert stored(two) >= number
        assert store.sequence.next(NOW) == number + 1

    asyncio.run(play())
