"""Many clients at once: they share commits, and a burst of replies does not keep messages from being read."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path

import pytest

from routerd.dhcp import commit_service
from routerd.dhcp.commit_service import CommitService
from routerd.dhcp.intake_service import clock
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.reply import Reply
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.turns_service import Turns


class Disk(LeaseStore):
    """A lease file that notes how many rows it was given at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.commits: list[int] = []

    def commit(self, changes: object, offset: float, now: float | None = None) -> None:
        """Note it, and store."""
        self.commits.append(len(changes))  # type: ignore[arg-type]
        super().commit(changes, offset, now)  # type: ignore[arg-type]


def row(address: int) -> Row:
    hardware = b"\1\2\0\0\0" + address.to_bytes(2, "big")
    return Row(address, hardware, hardware, None, BOUND, 1.0, 1e9)


class Play:
    """A service on a disk, clients that ask it, and whom it has answered."""

    def __init__(self, disk: Disk) -> None:
        self.asked, self.sent = 0, list[int]()
        self.service = CommitService(disk, self._send, lambda *_: None, list, Counter())

    def _send(self, lan: str, reply: Reply) -> None:
        self.sent.append(reply.address)

    def ask(self, count: int = 1) -> None:
        """So many clients at once."""
        for _ in range(count):
            self.asked += 1
            self.service.keep("lan0", (row(self.asked),), Reply(b"", self.asked, 68, None, ()))
        self.service.pump()

    async def answered(self) -> None:
        """Wait until all were answered, in order."""
        while len(self.sent) < self.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert self.sent == list(range(1, self.asked + 1))


def test_a_crowd_shares_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 0.3)
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        play = Play(disk)
        await play.service.open()
        begin = clock()
        play.ask(5)
        for _ in range(35):
            play.ask()
        await play.answered()
        assert clock() - begin >= 0.3
        await play.service.finish()

    asyncio.run(asyncio.wait_for(story(), 10.0))
    assert disk.commits == [5, 35]


def test_a_crowd_that_goes_on_asking_shares_a_larger_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there is always more to read, the next commit waits, but only so long; without more it does not."""
    monkeypatch.setattr(commit_service, "GAP", 0.0)
    monkeypatch.setattr(commit_service, "MOST_GAP", 0.3)
    monkeypatch.setattr(commit_service, "FULL", 10_000)
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        play, loop = Play(disk), asyncio.get_running_loop()
        await play.service.open()
        begin = clock()
        play.ask(5)
        for turn in itertools.count():
            if len(play.sent) > 5:
                break
            play.ask(turn % 50 == 0)  # The other messages are no reason to store anything.
            await asyncio.sleep(0)
        assert clock() - begin >= 0.3
        asked = play.asked
        await play.answered()
        assert disk.commits[:2] == [5, disk.commits[1]]
        assert disk.commits[1] > 20
        assert sum(disk.commits) == asked
        # Now nobody else asks: whoever does is not kept waiting.
        begin = loop.time()
        play.ask(5)
        await play.answered()
        play.ask(5)
        await play.answered()
        assert loop.time() - begin < 0.3
        await play.service.finish()

    asyncio.run(asyncio.wait_for(story(), 10.0))


def test_who_comes_alone_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 1000.0)
    monkeypatch.setattr(commit_service, "MOST_GAP", 1000.0)
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        play = Play(disk)
        await play.service.open()
        for _ in range(3):
            play.ask()
            await play.answered()
        await play.service.finish()

    asyncio.run(asyncio.wait_for(story(), 10.0))
    assert disk.commits == [1, 1, 1]


def test_a_full_batch_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 1000.0)
    monkeypatch.setattr(commit_service, "MOST_GAP", 1000.0)
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        play = Play(disk)
        await play.service.open()
        play.ask(commit_service.FULL)
        play.ask(commit_service.FULL)
        await play.answered()
        play.ask(commit_service.FULL)
        await play.answered()
        await play.service.finish()

    asyncio.run(asyncio.wait_for(story(), 10.0))
    assert disk.commits == [commit_service.FULL] * 3


def test_what_waits_for_the_gap_is_stored_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 1000.0)
    monkeypatch.setattr(commit_service, "MOST_GAP", 1000.0)
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        play = Play(disk)
        await play.service.open()
        play.ask(300)
        play.ask(30)
        await play.service.finish()
        assert play.sent == list(range(1, 331))

    asyncio.run(asyncio.wait_for(story(), 10.0))
    assert disk.commits == [300, 30]


def test_other_work_has_its_turn_in_a_burst() -> None:
    order: list[str] = []

    async def story() -> None:
        turns = Turns[str](order.append, at_once=3)
        turns.extend("abcdefg")
        assert order == ["a", "b", "c"]
        asyncio.get_running_loop().call_soon(order.append, "message")
        turns.extend("hi")
        while len(order) < 10:  # noqa: ASYNC110
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(story(), 5.0))
    assert order == ["a", "b", "c", "d", "e", "f", "message", "g", "h", "i"]


def test_flushed_turns_deal_with_everything_once() -> None:
    order: list[int] = []

    async def story() -> None:
        turns = Turns[int](order.append, at_once=2)
        turns.extend(range(5))
        turns.flush()
        assert order == [0, 1, 2, 3, 4]
        await asyncio.sleep(0.01)
        turns.extend([5])

    asyncio.run(asyncio.wait_for(story(), 5.0))
    assert order == [0, 1, 2, 3, 4, 5]
