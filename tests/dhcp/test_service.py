"""The service around the pipeline: what waits at stop is stored."""

import asyncio
import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.config.model import Reservation
from routerd.dhcp.client import Client
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lan_service import LanService
from routerd.dhcp.leases import BOUND, DELETED, RELEASED, LeaseTable, Row
from routerd.dhcp.rehome import rehome
from routerd.dhcp.scope import Scope
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.model import DhcpPart, Event
from routerd.reports import Released
from tests.dhcp.scene import ip, message, part, settings, subnet
from tests.fuzz.path import Path as Wire


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
        await asyncio.to_thread(store.commit, [("lan0", row(n)) for n in range(1, 7)] + [("lan1", row(1))], 0.0)
        await asyncio.to_thread(store.close)
        service = DhcpService(store, events.append)
        await service.open()
        service._tables["lan0"].pools.configure((), (), {5: (0, b"\1client"), 6: (0, b"\1other"), 7: (0, b"\1other")})
        task = asyncio.create_task(service.run())
        assert await service.release(IPv4Address(1)) is Released.DONE
        assert await service.release(IPv4Address(1)) is Released.NONE
        assert await service.release(IPv4Address(5)) is Released.RESERVED
        assert await service.release(IPv4Address(6)) is Released.DONE, "another client has what is reserved"
        assert await service.release(IPv4Address(7)) is Released.RESERVED, "nobody has it"
        assert [(str(event.subject), event.what) for event in events] == [
            *(("0.0.0.1", "deleted"), ("0.0.0.1", "deleted"), ("0.0.0.6", "deleted"))
        ]
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


def test_the_problem_of_used_up_pools_names_their_network() -> None:
    one = settings("192.168.201.50-192.168.201.50").pools
    path = Wire(part(settings("192.168.200.50-192.168.200.50"), (subnet(201, pools=one), subnet(202))))
    path.now = clock()
    own, behind = ("pool-exhausted", "lan lan0"), ("pool-exhausted", "lan lan0, subnet 192.168.201.0/24")
    relay, expected = ip("192.168.201.1"), list[tuple[str, str]]()
    for giaddr, subject in ((relay, behind), (0, own)):
        assert path.receive(message(1, giaddr=giaddr)) is not None
        assert [(problem.code, problem.subject) for problem in path.lan.problems()] == expected
        assert path.receive(message(1, giaddr=giaddr, mac=b"\2other")) is not None, "the oldest offer"
        expected = [*([own] if subject == own else []), behind]
        assert [(problem.code, problem.subject) for problem in path.lan.problems()] == expected
    (cause,) = {problem.within for problem in path.lan.problems()} - {()}
    assert cause == ("lan lan0",)


# ---------------------------------------------------------------- networks that change


def lease_of(text: str, name: bytes = b"\1client", expires: float = 1e9) -> Row:
    return Row(int(IPv4Address(text)), name, b"\1client", None, BOUND, 1.0, expires)


async def served(path: str, stored: list[tuple[str, Row]], *parts: DhcpPart) -> tuple[dict[str, list[str]], Released]:
    """The leases by key, of a service that found these in its file and serves these LANs, in the order given."""
    store = LeaseStore(path)
    store.open()
    store.commit(stored, 0.0)
    store.close()
    service = DhcpService(LeaseStore(path))
    await service.open()
    for each in parts:
        service.apply([each])
    held = {key: [str(IPv4Address(a)) for a in table.addresses()] for key, table in service._tables.items()}
    released = await service.release(IPv4Address("192.168.201.200"))
    await service.abandon()
    return held, released


def test_leases_follow_their_addresses_into_the_network_that_is_served_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanService, "open", lambda self, first=False: None)
    path = str(tmp_path / "leases.db")
    wide, narrow = subnet(201), IPv4Network("192.168.201.0/25")
    half = replace(wide, key="lan1 192.168.201.0/25", network=narrow)
    reserved = Reservation(IPv4Address("192.168.201.200"), mac=b"\2\0\0\0\0\1")
    wide = replace(wide, settings=replace(wide.settings, reservations=(reserved,)))
    stored = [(wide.key, lease_of("192.168.201.50")), (wide.key, lease_of("192.168.201.200", b"\1other"))]
    stored.append(("eth9", lease_of("192.168.200.55")))
    before, after = part(subnets=(wide,)), part(subnets=(half,))
    held, released = asyncio.run(served(path, stored, before, after))
    assert held["lan0"] == ["192.168.200.55"]
    assert held[half.key] == ["192.168.201.50"]
    assert held[wide.key] == ["192.168.201.200"]
    # Nothing is reserved in a network that is not configured any more.
    assert released is Released.DONE
    store = LeaseStore(path)
    store.open()
    on_disk = {(lan, str(IPv4Address(row.address))) for lan, rows in store.load(0.0).items() for row in rows}
    store.close()
    assert on_disk == {("lan0", "192.168.200.55"), (half.key, "192.168.201.50")}


def test_an_address_that_moves_is_nobody_elses_and_its_clients_own() -> None:
    old, new = LeaseTable(), LeaseTable()
    scope = replace(subnet(201), key="new")
    Scope(scope, new)
    old.load([lease_of("192.168.201.50", b"\1first"), lease_of("192.168.201.51", b"\1second")])
    new.load([lease_of("192.168.201.51", b"\1third")])
    moved = list(rehome({"old": old, "new": new}, {"new": scope.network}, 100.0))
    assert [(each.kept is not None, each.gone.state) for each in moved if each] == [(True, DELETED), (False, DELETED)]
    assert len(old) == 0
    address = lease_of("192.168.201.50").address
    assert new.offer(Client(b"\1new", b"\1new"), address, 100.0) == address + 2
    assert new.offer(Client(b"\1first", b"\1first"), 0, 100.0) == address
    assert new.offer(Client(b"\1third", b"\1third"), 0, 100.0) == address + 1
