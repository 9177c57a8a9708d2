"""The service around the pipeline: what waits at stop is stored."""

import asyncio
import time
from ipaddress import IPv4Address
from pathlib import Path

from routerd.dhcp.leases import BOUND, RELEASED, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.model import Event
from routerd.reports import Released


class SlowStore(LeaseStore):
    """A disk that takes its time."""

    def commit(self, changes: object, offset: float, now: float | None = None) -> None:
        """Sleep, then store."""
        time.sleep(0.1)
        super().commit(changes, offset, now)  # type: ignore[arg-type]


def row(address: int, state: int = BOUND) -> Row:
    return Row(address, b"\1client%d" % address, b"\1client", None, state, 1.0, 1e9)


def test_what_waits_behind_a_commit_is_stored_at_stop(tmp_path: Path) -> None:
    path = str(tmp_path / "leases.db")

    async def scenario() -> None:
        service = DhcpService(SlowStore(path))
        await service.open()
        task = asyncio.create_task(service.run())
        await asyncio.sleep(0)
        commits = service._commits
        commits.keep("lan0", (row(1),), None)
        commits.pump()
        for address in range(2, 3000):
            commits.keep("lan0", (row(address),), None)
        commits.keep("lan0", (row(1, RELEASED),), None)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(scenario())
    store = LeaseStore(path)
    store.open()
    stored = {row.address: row.state for row in store.load(0.0)["lan0"]}
    store.close()
    assert len(stored) == 2999
    assert stored[1] == RELEASED


class BrokenStore(LeaseStore):
    """A disk that fails as long as it is told to."""

    broken = False

    def commit(self, changes: object, offset: float, now: float | None = None) -> None:
        """Fail, or store."""
        if self.broken:
            raise StoreError("disk full")
        super().commit(changes, offset, now)  # type: ignore[arg-type]


def test_a_released_lease_is_gone_from_table_and_disk(tmp_path: Path) -> None:
    path = str(tmp_path / "leases.db")
    events: list[Event] = []

    async def scenario() -> None:
        store = BrokenStore(path)
        await asyncio.to_thread(store.open)
        await asyncio.to_thread(store.commit, [("lan0", row(n)) for n in range(1, 6)] + [("lan1", row(1))], 0.0)
        await asyncio.to_thread(store.close)
        service = DhcpService(store, events.append)
        await service.open()
        service._tables["lan0"].pools.configure((), (), {5: b"client"})
        task = asyncio.create_task(service.run())
        assert await service.release(IPv4Address(1)) is Released.DONE
        assert await service.release(IPv4Address(1)) is Released.NONE
        assert await service.release(IPv4Address(5)) is Released.RESERVED
        assert [(str(event.subject), event.what) for event in events] == [("0.0.0.1", "deleted")] * 2
        store.broken = True
        assert await service.release(IPv4Address(2)) is Released.UNSTORED
        store.broken = False
        both = await asyncio.gather(service.release(IPv4Address(3)), service.release(IPv4Address(4)))
        assert both == [Released.DONE] * 2
        assert [str(report.address) for report in service.report()] == ["0.0.0.5"]
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(scenario())
    store = LeaseStore(path)
    store.open()
    stored = {(lan, row.address) for lan, rows in store.load(0.0).items() for row in rows}
    store.close()
    assert stored == {("lan0", 5)}


def test_a_network_may_be_added_while_the_leases_are_read(tmp_path: Path) -> None:
    service = DhcpService(LeaseStore(str(tmp_path / "leases.db")))
    service._table("lan0").load([row(1), row(2)])
    reports = service.report()
    first = next(reports)
    service._table("lan0 192.168.201.0/24").load([row(3)])
    assert [str(report.address) for report in (first, *reports)] == ["0.0.0.1", "0.0.0.2"]
