"""The file that remembers choices: what is written can be read, what is damaged is set aside, nothing stops for it."""

import asyncio
import logging
import os
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routerd.aliases import store
from routerd.aliases.choice import Choice, Choices
from routerd.aliases.memory_service import Memory
from routerd.config.model import AddressRange
from routerd.nat_part import NatPool, PoolPeer

POOL = NatPool(
    "lan0",
    AddressRange(IPv4Address("192.168.200.210"), IPv4Address("192.168.200.219")),
    (PoolPeer("vpn", "a", IPv4Address("10.0.0.1"), "KEY"),),
)


def chosen() -> Choices:
    choices = Choices()
    choices.assign(POOL, (), (), 1.0)
    return choices


def only(directory: Path) -> Path:
    (found,) = directory.iterdir()
    return found


async def kept(memory: Memory, choices: Choices, later: float = 0.0) -> None:
    """Write, and wait until it was tried."""
    memory.keep(choices, asyncio.get_running_loop().time() + later)
    await memory.written()
    await asyncio.sleep(0)


def test_what_is_kept_is_there_at_the_next_start(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "new" / "leases.db-aliases"
        memory, choices = Memory(path), chosen()
        assert await memory.load() == ()
        await kept(memory, choices)
        assert path.stat().st_mode & 0o777 == 0o640
        assert os.listdir(path.parent) == [path.name]
        assert await Memory(path).load() == choices.rows()
        assert list(memory.problems()) == []
        # Nothing has changed, so nothing is written.
        before = path.stat().st_ino
        memory.keep(choices, 0.0)
        memory.close()
        assert path.stat().st_ino == before

    asyncio.run(main())


@pytest.mark.parametrize("content", [b'{"routerd_aliases": 1, "aliases": [{"addr', b"\x7fELF", b" " * (5 << 20)])
def test_a_file_that_is_damaged_or_foreign_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        path = tmp_path / "aliases"
        path.write_bytes(content)
        with caplog.at_level(logging.INFO):
            memory, choices = Memory(path), chosen()
            assert await memory.load() == ()
        aside = only(tmp_path)
        assert aside.name.startswith("aliases.damaged-20")
        assert aside.read_bytes() == content
        assert str(aside) in caplog.text
        (problem,) = memory.problems()
        assert (problem.code, dict(problem.values)["aside"]) == ("alias-store-damaged", str(aside))
        await kept(memory, choices)
        aside.unlink()
        assert list(memory.problems()) == []

    asyncio.run(main())


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "aliases"
        path.mkdir()
        memory, choices = Memory(path), chosen()
        assert await memory.load() == ()
        memory.keep(choices, 0.0)
        assert choices.changed
        (problem,) = memory.problems()
        assert dict(problem.values) == {"path": str(path), "reason": "is no regular file"}
        # Another file, after a reload, takes all.
        memory.move(tmp_path / "other")
        await kept(memory, choices)
        assert list(memory.problems()) == []

    asyncio.run(main())


def test_a_disk_that_takes_nothing_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, mode: int) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        memory, choices = Memory(tmp_path / "aliases"), chosen()
        with monkeypatch.context() as patch:
            patch.setattr(store, "write_synced", full)
            await kept(memory, choices)
        (problem,) = memory.problems()
        assert dict(problem.values)["reason"] == "cannot be written: No space left on device"
        await kept(memory, choices, 50.0)
        assert choices.changed
        await kept(memory, choices, 70.0)
        assert memory.error is None
        assert await memory.load() == choices.rows()

    asyncio.run(main())


def test_a_disk_that_hangs_delays_nothing_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        import threading

        hung = threading.Event()
        monkeypatch.setattr("routerd.aliases.memory_service._PATIENCE", 0.01)
        monkeypatch.setattr("routerd.aliases.memory_service.load", lambda path: hung.wait(5.0) and store.Loaded())
        memory, choices = Memory(tmp_path / "aliases"), chosen()
        assert await memory.load() == ()
        assert memory.error == "cannot be read: its disk does not answer"
        memory.keep(choices, 0.0)
        assert choices.changed
        hung.set()

    asyncio.run(main())


def test_a_choice_is_a_row() -> None:
    assert chosen().rows()[0]._replace(address=POOL.addresses.first) == Choice(
        POOL.addresses.first, "vpn", "KEY", IPv4Address("10.0.0.1")
    )
