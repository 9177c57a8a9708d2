"""A lease file that cannot be written, is not there, or was left: nothing that was promised is forgotten."""

import asyncio
import errno
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from routerd.dhcp import store_file
from routerd.dhcp.commit_service import CommitService
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lan_service import LanService
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.message import decode_message
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError, UnwritableError
from routerd.dhcp.store_file import Mark
from routerd.dhcp.store_thread import Taken, _take_over
from tests.dhcp.scene import MAC_B, message, part, settings
from tests.dhcp.test_rehome import Sockets, until

DISCOVER, OFFER, ACK = 1, 2, 5
RAPID = (80, b"")


def row(address: int, expires: float = 1e9) -> Row:
    hardware = b"\1\2\0\0\0\0" + bytes((address,))
    return Row(address, hardware, hardware, None, BOUND, 1.0, expires, seconds=3600.0)


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes the file system of the lease file read-only, or writable again."""
    path, whole, remove = str(tmp_path / "leases.db"), LeaseStore.open, Mark.remove

    def refuse(store: LeaseStore, **how: bool) -> None:
        if store.path == path:
            raise UnwritableError(f"{path}: {store_file.READ_ONLY}")
        whole(store, **how)

    def stays(mark: Mark) -> None:
        if str(mark._path) == f"{path}-clean":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        remove(mark)

    def change(now: bool) -> None:
        if now:
            monkeypatch.setattr(LeaseStore, "open", refuse)
            monkeypatch.setattr(Mark, "remove", stays)
        else:
            monkeypatch.undo()

    return change


def taken(path: Path) -> Taken:
    """What a start finds."""
    store = LeaseStore(str(path / "leases.db"), runtime=path / "run")
    found = _take_over(store, time.time() - clock())
    store.close()
    return found


def stopped_in_order(path: Path) -> None:
    """A routerd has run, with one lease that ends in 100 s and was given for an hour."""
    store = LeaseStore(str(path / "leases.db"), runtime=path / "run")
    store.open()
    store.load(time.time() - clock())
    store.commit([("lan0", row(50, clock() + 100.0))], time.time() - clock())
    store.close(clean=True)


def test_a_mark_that_cannot_be_removed_vouches_for_nothing(tmp_path: Path, read_only: Callable[[bool], None]) -> None:
    stopped_in_order(tmp_path)
    read_only(True)
    found = taken(tmp_path)
    assert found.unwritable
    assert found.longer == []
    # From here on leases are renewed in memory; then it is killed, and starts again, as long as the disk is like that.
    assert len(taken(tmp_path).longer) == 1
    read_only(False)
    assert len(taken(tmp_path).longer) == 1
    # After that everything is as it ever was.
    assert not list((tmp_path / "run").iterdir())
    stopped_in_order(tmp_path)
    assert taken(tmp_path).longer == []


def test_on_a_full_disk_the_mark_is_removed_although_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_in_order(tmp_path)
    whole = LeaseStore.open

    def refuse(store: LeaseStore, **how: bool) -> None:
        if store.path == str(tmp_path / "leases.db"):
            raise UnwritableError(f"{store.path}: {store_file.NO_SPACE}")
        whole(store, **how)

    monkeypatch.setattr(LeaseStore, "open", refuse)
    assert taken(tmp_path).longer == []
    assert not list(tmp_path.glob("*-clean"))
    monkeypatch.undo()
    assert len(taken(tmp_path).longer) == 1
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- no file, and none can be made


@pytest.mark.parametrize(("reason", "why"), [(store_file.READ_ONLY, "read-only"), (store_file.NO_SPACE, "no space")])
def test_without_a_file_nothing_is_served_until_there_can_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, why: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(LanService, "open", lambda self, first=False: opened.append(self.part.interface))
    # The directory is missing as well: the file system is the one above it.
    path = tmp_path / "lib" / "leases.db"
    stored: list[str] = []

    async def story() -> None:
        monkeypatch.setattr(store_file, "_refuses", lambda path: reason)
        monkeypatch.setattr(os, "mkdir", _refused(errno.EROFS))
        service = DhcpService(LeaseStore(str(path), runtime=tmp_path / "run"))
        await service.open()
        service.apply([part()], first=True)
        for _ in range(3):
            service._tick()
            await asyncio.sleep(0.01)
        assert opened == []
        (problem,) = service.problems()
        assert problem.code == "lease-store-absent"
        assert why in dict(problem.values)["reason"]
        assert not all(check.ok for check in service.checks())
        # The file system comes, with the leases of a routerd before this one on it.
        monkeypatch.undo()
        monkeypatch.setattr(LanService, "open", lambda self, first=False: opened.append(self.part.interface))
        path.parent.mkdir()
        store = LeaseStore(str(path), runtime=tmp_path / "run")
        store.open()
        store.commit([("lan0", row(50))], 0.0)
        store.close()
        service._tick()
        await until(lambda: not service._commits.absent)
        service._tick()
        assert opened == ["lan0"]
        assert service.problems() == ()
        stored.extend(str(report.address) for report in service.report())
        await service.abandon()

    asyncio.run(asyncio.wait_for(story(), 20.0))
    assert stored == ["0.0.0.50"]


def test_a_path_that_nobody_may_write_to_is_a_mistake_and_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "mkdir", _refused(errno.EACCES))
    with pytest.raises(StoreError, match="cannot be made") as found:
        LeaseStore(str(tmp_path / "lib" / "leases.db")).open()
    assert not isinstance(found.value, UnwritableError)


def _refused(number: int) -> Callable[..., None]:
    def refuse(path: str, mode: int = 0o777) -> None:
        raise OSError(number, os.strerror(number), path)

    return refuse


# ---------------------------------------------------------------- files that were left


def test_leases_that_were_released_meanwhile_do_not_come_back_with_the_file_that_was_left(tmp_path: Path) -> None:
    known = [("lan0", row(1)), ("lan0", row(2))]
    adopted: list[int] = []

    def service(name: str) -> CommitService:
        store = LeaseStore(str(tmp_path / name), runtime=tmp_path / "run")
        return CommitService(store, lambda lan, reply: None, lambda lan, rows: None, lambda: known, Counter())

    def adopt(leases: dict[str, list[Row]]) -> None:
        adopted.extend(each.address for rows in leases.values() for each in rows)

    async def move(begin: str, *places: str) -> None:
        running = service(begin)
        await running.open()
        for place in places:
            await running.move(LeaseStore(str(tmp_path / place), runtime=tmp_path / "run"), adopt)
        await running.finish()

    def fill(name: str, *rows: tuple[str, Row]) -> None:
        store = LeaseStore(str(tmp_path / name))
        store.open()
        store.commit(rows, 0.0)
        store.close()

    async def story() -> None:
        fill("a.db", *known)
        await move("a.db", "b.db", "c.db")
        del known[1]  # Its client gives it back.
        await move("c.db", "d.db", "a.db")
        assert adopted == []
        # Whoever starts from a file has read all of it; nothing is known of one that nobody left.
        fill("new.db", ("lan0", row(9)))
        await move("a.db", "new.db")
        assert adopted == [9]

    asyncio.run(asyncio.wait_for(story(), 20.0))


# ---------------------------------------------------------------- rapid commit


class StuckStore(LeaseStore):
    """A disk that fails as long as it is told to."""

    stuck = False

    def commit(self, changes: object, offset: float, now: float | None = None) -> None:
        """Fail, or store."""
        if self.stuck:
            raise StoreError("disk full")
        super().commit(changes, offset, now)  # type: ignore[arg-type]


def test_rapid_commit_is_left_out_while_the_disk_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LanService, "open", lambda self, first=False: None)

    async def story() -> None:
        store = StuckStore(str(tmp_path / "leases.db"))
        service = DhcpService(store)
        await service.open()
        service.apply([part(settings(rapid_commit=True))])
        lan, wire = service._lans["lan0"], Sockets()
        lan._sockets = wire  # type: ignore[assignment]

        async def ask(number: int) -> int | None:
            wire.sent.clear()
            lan._handle(
                message(DISCOVER, RAPID, mac=MAC_B[:5] + bytes((number,))), b"\xff" * 4, ("0.0.0.0", 68), clock()
            )
            service._commits.pump()
            await until(lambda: service._commits._commit is None)
            return decode_message(wire.sent[0][0]).options[53][0] if wire.sent else None

        assert await ask(1) == ACK
        store.stuck = True
        assert await ask(2) is None  # It is in this moment that the disk turns out to fail.
        assert await ask(2) == OFFER
        assert await ask(3) == OFFER
        store.stuck = False
        service._commits.tick()
        await asyncio.sleep(0.05)
        assert await ask(3) == ACK
        await service.abandon()

    asyncio.run(asyncio.wait_for(story(), 20.0))
