"""The service around the pipeline: what waits at stop is stored."""

import asyncio
import time
from pathlib import Path

from routerd.dhcp.leases import BOUND, RELEASED, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore


class SlowStore(LeaseStore):
    """A disk that takes its time."""

    def commit(self, changes: object, offset: float) -> None:
        """Sleep, then store."""
        time.sleep(0.1)
        super().commit(changes, offset)  # type: ignore[arg-type]


def row(address: int, state: int = BOUND) -> Row:
    return Row(address, b"\1client%d" % address, b"\1client", None, state, 1.0, 1e9)


def test_what_waits_behind_a_commit_is_stored_at_stop(tmp_path: Path) -> None:
    path = str(tmp_path / "leases.db")

    async def scenario() -> None:
        service = DhcpService(SlowStore(path))
        await service.open()
        task = asyncio.create_task(service.run())
        await asyncio.sleep(0)
        service._pipeline.add("lan0", (row(1),), None)
        service._pump()
        for address in range(2, 3000):
            service._pipeline.add("lan0", (row(address),), None)
        service._pipeline.add("lan0", (row(1, RELEASED),), None)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(scenario())
    store = LeaseStore(path)
    store.open()
    stored = {row.address: row.state for row in store.load(0.0)["lan0"]}
    store.close()
    assert len(stored) == 2999
    assert stored[1] == RELEASED
