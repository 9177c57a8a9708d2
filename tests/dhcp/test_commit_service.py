"""The way of leases to a disk that is slow, fails, hangs or is damaged: who is answered, and what is stored."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from routerd.dhcp import commit_service, lease_file_service, store
from routerd.dhcp.commit_service import LAZY_SECONDS, CommitService
from routerd.dhcp.leases import BOUND, RELEASED, Row
from routerd.dhcp.reply import Reply
from routerd.dhcp.store import DamagedError, LeaseStore, StoreError, UnwritableError

KNOWN = range(1, 11)


class Disk(LeaseStore):
    """A lease file whose disk fails or hangs as long as it is told to; `commits` counts what was tried."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.error: StoreError | None = None
        self.free = threading.Event()
        self.free.set()
        self.commits: list[int] = []

    def commit(self, changes: object, offset: float, now: float | None = None) -> None:
        """Hang, fail, or store."""
        self.commits.append(len(changes))  # type: ignore[arg-type]
        self.free.wait(10.0)
        if self.error is not None:
            raise self.error
        super().commit(changes, offset, now)  # type: ignore[arg-type]


class Scene:
    """A service with ten leases on its disk, the clock that it has, and what it sent and announced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.disk = Disk(str(path))
        self.sent: list[int] = []
        self.announced: list[tuple[int, int]] = []
        self.counters: Counter[str] = Counter()
        self.known = [("lan0", row(address)) for address in KNOWN]
        self.service = CommitService(self.disk, self._send, self._announce, lambda: self.known, self.counters)
        self.later = 0.0

    def _send(self, lan: str, reply: Reply) -> None:
        self.sent.append(reply.address)

    def _announce(self, lan: str, rows: Iterable[Row]) -> None:
        self.announced += [(row.address, row.state) for row in rows]

    def clock(self) -> float:
        return time.monotonic() + self.later

    def pass_by(self, seconds: float) -> None:
        """So much time goes by, and the service has its turn."""
        self.later += seconds
        self.service.tick()

    def ask(self, address: int, *, renews: bool = False, expires: float = 1e9) -> bool:
        """A client asks for an address, or again for one that it has. Is it answered at once?"""
        asked = (row(address, expires=expires, covered=renews),)
        self.known = [entry for entry in self.known if entry[1].address != address] + [("lan0", asked[0])]
        at_once = self.service.keep("lan0", asked, Reply(b"", address, 68, None, asked))
        self.service.pump()
        return at_once

    async def stored(self) -> dict[int, float]:
        """Wait until the disk came back; what another process would find in the file, and its ends."""
        await self.settle()
        copy = self.path.parent / "copy" / "leases.db"
        copy.parent.mkdir(exist_ok=True)
        for suffix in ("", "-wal"):
            copy.with_name(copy.name + suffix).write_bytes(self.path.with_name(self.path.name + suffix).read_bytes())
        store = LeaseStore(str(copy))
        store.open()
        found = {row.address: float(round(row.expires)) for rows in store.load(0.0).values() for row in rows}
        store.close()
        for each in copy.parent.iterdir():
            each.unlink()
        return found

    async def settle(self) -> None:
        """Until no commit is under way."""
        while self.service._commit is not None:
            await asyncio.wait([self.service._commit], timeout=5.0)

    def problem(self) -> str | None:
        """The reason of the problem that is shown."""
        return next((dict(p.values)["reason"] for p in self.service.problems() if p.code == "lease-store"), None)

    def marked(self) -> bool:
        """Does the mark of a stop in order exist?"""
        return Path(f"{self.path}-clean").exists()

    def aside(self) -> list[str]:
        """The files that were set aside."""
        return [str(path) for path in self.path.parent.glob("*.damaged-*")]


def row(address: int, state: int = BOUND, *, expires: float = 1e9, covered: bool = False) -> Row:
    hardware = b"\1\2\0\0\0\0" + bytes((address,))
    return Row(address, hardware, hardware, None, state, 1.0, expires, renewal=covered, covered=covered, seconds=3600.0)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Scene], Awaitable[None]]], Scene]:
    """Runs a story with a scene whose ten leases are known and stored."""

    def run(story: Callable[[Scene], Awaitable[None]]) -> Scene:
        scene = Scene(tmp_path / "leases.db")
        monkeypatch.setattr(commit_service, "clock", scene.clock)
        monkeypatch.setattr(lease_file_service, "wall_offset", lambda: 0.0)
        monkeypatch.setattr(commit_service, "GAP", 0.0)
        monkeypatch.setattr(commit_service, "MOST_GAP", 0.0)

        async def whole() -> None:
            await scene.service.open()
            scene.service.keep("lan0", tuple(row(address) for address in KNOWN), None)
            scene.service.pump()
            await scene.settle()
            scene.announced.clear()
            await story(scene)
            scene.disk.free.set()
            await scene.service.finish()

        asyncio.run(asyncio.wait_for(whole(), 20.0))
        return scene

    return run


Play = Callable[[Callable[[Scene], Awaitable[None]]], Scene]


def test_every_reply_waits_for_its_row(play: Play) -> None:
    async def story(scene: Scene) -> None:
        assert not scene.ask(20)
        assert not scene.ask(1, renews=True, expires=2e9)
        assert scene.sent == []
        await scene.settle()
        assert scene.sent == [20, 1]
        assert (await scene.stored())[1] == 2e9

    play(story)


def test_lazy_renewals_are_answered_at_once_and_written_within_a_minute(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.service.configure("bindings")
        before = len(scene.disk.commits)
        for address in KNOWN:
            assert scene.ask(address, renews=True, expires=2e9)
        scene.pass_by(LAZY_SECONDS - 1)
        assert len(scene.disk.commits) == before
        scene.pass_by(1)
        assert set((await scene.stored()).values()) == {2e9}
        assert len(scene.disk.commits) == before + 1
        # They go with whatever is synced anyway.
        assert scene.ask(1, renews=True, expires=3e9)
        assert not scene.ask(20)
        found = await scene.stored()
        assert found[1] == 3e9
        assert 20 in found
        assert scene.disk.commits[before:] == [10, 2]

    play(story)


@pytest.mark.parametrize(("sync", "most"), [("always", 240), ("bindings", 31)])
def test_lazy_renewals_cost_a_commit_a_minute(play: Play, sync: str, most: int) -> None:
    async def story(scene: Scene) -> None:
        scene.service.configure(sync)
        before = len(scene.disk.commits)
        for second in range(1800):
            if second % 75 == 0:
                for address in KNOWN:
                    scene.ask(address, renews=True, expires=2e9 + second)
                    await scene.settle()
            scene.pass_by(1)
            await scene.settle()
        assert most * 0.7 < len(scene.disk.commits) - before <= most

    play(story)


def test_many_lazy_renewals_are_written_before_their_minute_is_over(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_service, "_MOST_OWED", 5)

    async def story(scene: Scene) -> None:
        scene.service.configure("bindings")
        for address in range(1, 6):
            assert scene.ask(address, renews=True, expires=2e9)
        assert list((await scene.stored()).values()).count(2e9) == 5

    play(story)


def test_going_back_to_always_writes_what_is_owed(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.service.configure("bindings")
        assert scene.service.status()["sync"] == "bindings"
        assert scene.ask(1, renews=True, expires=2e9)
        scene.service.configure("always")
        assert (await scene.stored())[1] == 2e9
        assert not scene.ask(1, renews=True, expires=3e9)

    play(story)


@pytest.mark.parametrize("sync", ["always", "bindings"])
def test_a_disk_that_fails_stops_no_known_client(play: Play, sync: str) -> None:
    async def story(scene: Scene) -> None:
        scene.service.configure(sync)
        scene.disk.error = StoreError("database or disk is full")
        scene.ask(1, renews=True, expires=2e9)
        assert not scene.ask(20)
        await scene.settle()
        assert scene.problem() == "database or disk is full"
        assert not scene.service.check().ok
        assert 20 not in scene.sent
        assert scene.ask(2, renews=True, expires=2e9)
        assert not scene.ask(20, renews=True)
        assert not scene.ask(21)
        assert scene.service.pending() == {("lan0", 20), ("lan0", 21)}
        tries = len(scene.disk.commits)
        scene.pass_by(1)
        await scene.settle()
        assert len(scene.disk.commits) == tries + 1
        # A client that asks once more has its answer as soon as the disk has its lease.
        scene.disk.error = None
        scene.pass_by(1)
        found = await scene.stored()
        assert (found[1], found[2], set(found) - set(KNOWN)) == (2e9, 2e9, {20, 21})
        assert scene.problem() is None
        assert scene.service.status()["unwritten"] == 0
        assert {20, 21} <= {address for address, _ in scene.announced}
        assert 20 not in scene.sent
        answered = scene.ask(20, renews=True)
        await scene.settle()
        assert answered or scene.sent[-1] == 20

    assert play(story).counters["lease-store-failed"] == 2


@pytest.mark.parametrize("comes_back", ["well", "failed"])
def test_a_disk_that_hangs_is_waited_for_in_vain_only_so_long(play: Play, comes_back: str) -> None:
    async def story(scene: Scene) -> None:
        scene.disk.free.clear()
        assert not scene.ask(1, renews=True, expires=2e9)
        assert not scene.ask(20)
        assert not scene.ask(2, renews=True, expires=2e9)
        scene.pass_by(commit_service.PATIENCE - 1)
        assert scene.sent == []
        scene.pass_by(2)
        assert scene.sent == [1, 2]
        assert scene.problem() == "its disk has not answered for 5 s"
        assert scene.ask(3, renews=True, expires=2e9)
        assert not scene.ask(21)
        if comes_back == "failed":
            scene.disk.error = StoreError("disk I/O error")
        scene.disk.free.set()
        await scene.settle()
        if comes_back == "failed":
            assert scene.problem() == "disk I/O error"
            scene.disk.error = None
            scene.pass_by(1)
        found = await scene.stored()
        assert set(found) == {*KNOWN, 20, 21}
        assert [found[address] for address in (1, 2, 3)] == [2e9] * 3
        assert scene.problem() is None
        assert scene.sent == [1, 2]

    play(story)


def test_a_disk_that_hangs_does_not_stop_the_stop(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "_FINISH_SECONDS", 0.3)

    async def story(scene: Scene) -> None:
        scene.disk.free.clear()
        scene.ask(20)
        began = time.monotonic()
        await scene.service.finish()
        assert time.monotonic() - began < 2.0
        assert not scene.marked()

    play(story)


def test_only_a_stop_that_stored_everything_leaves_the_mark(play: Play) -> None:
    async def well(scene: Scene) -> None:
        scene.service.configure("bindings")
        scene.ask(1, renews=True, expires=2e9)

    assert play(well).marked()

    async def badly(scene: Scene) -> None:
        assert not scene.marked()
        scene.disk.error = StoreError("disk full")
        scene.ask(20)

    assert not play(badly).marked()


def test_an_administrators_release_tries_a_disk_that_failed(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.disk.error = StoreError("disk full")
        assert not await scene.service.store([("lan0", (row(1, RELEASED),))])
        assert not await scene.service.store([("lan0", (row(2, RELEASED),))])
        scene.disk.error = None
        assert await scene.service.store([("lan0", (row(3, RELEASED),))])
        assert (1, RELEASED) in scene.announced

    play(story)


def test_a_file_that_is_found_damaged_while_it_runs_is_written_anew(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.disk.error = DamagedError("database disk image is malformed")
        assert not scene.ask(20)
        assert not scene.ask(1, renews=True, expires=2e9)
        await scene.settle()
        scene.disk.error = None
        (problem,) = scene.service.problems()
        assert problem.code == "lease-store-damaged"
        values = dict(problem.values)
        assert values["kept"] == "all 11 leases"
        assert [values["aside"]] == scene.aside()
        found = await scene.stored()
        assert set(found) == {*KNOWN, 20}
        assert found[1] == 2e9
        assert not scene.ask(21)
        assert 21 in await scene.stored()

    scene = play(story)
    Path(scene.aside()[0]).unlink()
    assert scene.service.problems() == []


def test_a_disk_that_breaks_every_file_is_not_filled_with_them(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.disk.error = DamagedError("database disk image is malformed")
        for second in range(100):
            scene.ask(20 + second)
            await scene.settle()
            scene.pass_by(1)
            await scene.settle()
        assert len(scene.aside()) == 2
        assert scene.ask(1, renews=True)

    play(story)


def test_leases_move_away_from_a_disk_that_hangs(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_service, "PATIENCE", 0.1)

    async def story(scene: Scene) -> None:
        scene.disk.free.clear()
        assert not scene.ask(20)
        await scene.service.move(Disk(str(tmp_path / "other.db")), lambda leases: None)
        scene.path = tmp_path / "other.db"
        assert not scene.ask(21)
        assert set(await scene.stored()) == {*KNOWN, 20, 21}
        assert scene.sent == [21]
        assert scene.problem() is None

    play(story)


def test_what_comes_in_while_leases_move_is_in_the_new_file(play: Play, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        moving = asyncio.create_task(scene.service.move(Disk(str(tmp_path / "other.db")), lambda leases: None))
        for address in range(20, 60):
            assert not scene.ask(address)
            await asyncio.sleep(0.001)
        await moving
        scene.path = tmp_path / "other.db"
        assert set(await scene.stored()) == {*KNOWN, *range(20, 60)}
        assert scene.sent == list(range(20, 60))

    play(story)


def test_a_file_that_can_only_be_read_is_served_from_and_written_as_soon_as_it_can_be(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(_nothing)  # Its ten leases are stored.
    whole = LeaseStore.open

    def refuse(store: LeaseStore, **how: bool) -> None:
        if store.path == str(tmp_path / "leases.db"):
            raise UnwritableError(f"{store.path}: no space is left on its disk")
        whole(store, **how)

    async def again() -> None:
        monkeypatch.setattr(LeaseStore, "open", refuse)
        scene = Scene(tmp_path / "leases.db")
        leases = await scene.service.open()
        assert [each.address for each in leases["lan0"]] == list(KNOWN)
        assert scene.problem() == "no space is left on its disk"
        assert scene.ask(3, renews=True, expires=2e9)
        assert not scene.ask(77)
        scene.pass_by(1.0)
        await scene.settle()
        assert scene.problem() == "no space is left on its disk"
        assert 77 not in scene.sent
        monkeypatch.setattr(LeaseStore, "open", whole)
        scene.pass_by(1.0)
        await scene.settle()
        assert scene.problem() is None
        assert await scene.stored() == {**dict.fromkeys(KNOWN, 1e9), 3: 2e9, 77: 1e9}
        await scene.service.finish()

    asyncio.run(asyncio.wait_for(again(), 20.0))


async def _nothing(scene: Scene) -> None:
    await scene.settle()


def test_a_file_that_is_removed_is_made_anew_with_all_leases(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        for path in scene.path.parent.glob("leases.db*"):
            path.unlink()
        scene.pass_by(6.0)
        with pytest.raises(DamagedError):
            await (
                scene.service._file._disk.look()
            )  # Answered after the one before, which has begun the new file by then.
        await scene.settle()
        assert set(await scene.stored()) == set(KNOWN)
        assert scene.problem() is None
        assert scene.aside() == []
        assert not scene.ask(77)
        await scene.settle()
        assert scene.sent == [77]

    play(story)
    assert "was not there any more; a new file has all 10 leases" in caplog.text


def test_moving_there_and_back_brings_nothing_back(play: Play, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        adopted: list[dict[str, list[Row]]] = []
        await scene.service.move(LeaseStore(str(tmp_path / "other.db")), adopted.append)
        scene.known = scene.known[1:]  # One is released meanwhile.
        await scene.service.move(LeaseStore(str(scene.path)), adopted.append)
        assert adopted == [{}]
        assert set(await scene.stored()) == set(KNOWN) - {KNOWN[0]}

    play(story)


def test_the_same_file_under_another_name_is_no_other_file(play: Play, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        (tmp_path / "link.db").symlink_to(scene.path)
        for name in (f"{tmp_path}/./leases.db", f"{tmp_path}/link.db"):
            await scene.service.move(LeaseStore(name), lambda leases: None)
        assert not scene.ask(77)
        await scene.settle()
        assert scene.sent == [77]

    play(story)


@pytest.mark.parametrize("gone", ["leases.db*", "leases.db-wal"])
def test_a_reply_never_rests_on_a_file_that_was_removed(play: Play, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    monkeypatch.setattr(store, "LOOK_EVERY", 0.0)

    async def story(scene: Scene) -> None:
        for path in scene.path.parent.glob(gone):
            path.unlink()
        # The look that is taken every few seconds comes later.
        assert not scene.ask(77)
        assert not scene.ask(1, renews=True, expires=2e9)
        await scene.settle()
        await scene.settle()
        # The known client is covered by what all lease files had; the new one asks again.
        assert scene.sent == [1]
        found = await scene.stored()
        assert set(found) == {*KNOWN, 77}
        assert found[1] == 2e9
        assert scene.problem() is None
        assert not scene.ask(77, renews=True)
        await scene.settle()
        assert scene.sent == [1, 77]

    play(story)
