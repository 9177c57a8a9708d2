"""Many clients at once: they share commits, and a burst of replies does not keep messages from being read."""

import asyncio
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


def test_clients_that_come_within_the_gap_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 0.3)
    sent: list[int] = []
    disk = Disk(tmp_path / "leases.db")

    async def story() -> float:
        service = CommitService(disk, lambda _, reply: sent.append(reply.address), lambda *_: None, list, Counter())
        await service.open()
        begin = clock()
        for address in range(1, 41):
            service.keep("lan0", (row(address),), Reply(b"", address, 68, None, ()))
            service.pump()
            await asyncio.sleep(0)
        while len(sent) < 40:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        took = clock() - begin
        await service.finish()
        return took

    assert asyncio.run(asyncio.wait_for(story(), 10.0)) >= 0.3
    assert sent == list(range(1, 41))
    assert disk.commits == [1, 39]  # who comes alone waits for nobody


def test_what_waits_for_the_gap_is_stored_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "GAP", 1000.0)
    sent: list[int] = []
    disk = Disk(tmp_path / "leases.db")

    async def story() -> None:
        service = CommitService(disk, lambda _, reply: sent.append(reply.address), lambda *_: None, list, Counter())
        await service.open()
        for address in range(1, 301):
            service.keep("lan0", (row(address),), Reply(b"", address, 68, None, ()))
            service.pump()
        await service.finish()
        assert sent == list(range(1, 301))

    asyncio.run(asyncio.wait_for(story(), 10.0))
    assert sum(disk.commits) == 300


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
