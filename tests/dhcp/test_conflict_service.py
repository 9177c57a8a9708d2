"""The service around conflict probes: a socket that fails or is flooded never keeps DHCP from anything."""

import asyncio
import errno
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routerd.dhcp import conflict_service, conflicts
from routerd.dhcp.client import Client
from routerd.dhcp.conflict_service import ConflictWatch
from routerd.dhcp.conflicts import LEAST
from routerd.dhcp.intake_service import clock
from routerd.dhcp.leases import DECLINED, OFFER_SECONDS, LeaseTable, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from tests.dhcp.scene import ip, part, settings
from tests.fuzz.path import Path as Wire

CLIENT = Client(b"\1client", b"\1client")
THEIRS = bytes.fromhex("020000000099")


class PlayedSocket:
    """Stands for the socket on the LAN: `lan` is its other end."""

    fault: OSError | None = None
    opened = 0

    def __init__(self, interface: str, index: int) -> None:
        if self.fault is not None:
            raise self.fault
        type(self).opened += 1
        self.ours, self.lan = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.reads = 0
        self.asked: list[bytes] = []
        self.watched: list[int] = []
        PlayedSocket.last = self

    last: "PlayedSocket"

    def listen_for(self, ranges: Sequence[tuple[int, int]], addresses: Iterable[int]) -> None:
        """Take it down."""
        self.watched = list(addresses)

    def send(self, packet: bytes) -> None:
        """Take it down, or fail."""
        if self.fault is not None:
            raise self.fault
        self.asked.append(packet)

    def receive(self) -> bytes:
        """What the test sent."""
        self.reads += 1
        return self.ours.recv(64)

    def fileno(self) -> int:
        """Its descriptor."""
        return self.ours.fileno()

    def close(self) -> None:
        """Close both ends."""
        self.ours.close()
        self.lan.close()


class Lan:
    """A watch with what it was told to store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        PlayedSocket.fault, PlayedSocket.opened = None, 0
        monkeypatch.setattr(conflict_service, "ArpSocket", PlayedSocket)
        self.table = LeaseTable()
        self.table.pools.configure([(ip("192.168.200.50"), ip("192.168.200.59"))], (), {})
        self.rows: list[Row] = []
        self.counters: Counter[str] = Counter()
        self.watch = ConflictWatch(
            part(), self.table, frozenset({part().mac}), self.counters, self._store, lambda: None
        )

    def _store(self, key: str, rows: tuple[Row, ...], reply: None) -> None:
        self.rows += rows

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run it, and close whatever happens."""

        async def whole() -> None:
            try:
                await scenario()
            finally:
                self.watch.close()

        asyncio.run(whole())


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> Lan:
    return Lan(monkeypatch)


async def until(condition: Callable[[], object]) -> None:
    """Wait for it, two seconds at most."""
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not within two seconds")


def announcement(mac: bytes, address: int) -> bytes:
    known = mac + address.to_bytes(4, "big")
    return bytes((0, 1, 8, 0, 6, 4, 0, 1)) + known + bytes(6) + known[6:]


def test_a_socket_that_cannot_be_had_is_told_once_and_addresses_go_out(
    lan: Lan, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflict_service, "_RETRY_SECONDS", 0.02)
    PlayedSocket.fault = OSError(errno.EPERM, os.strerror(errno.EPERM))

    async def scenario() -> None:
        lan.watch.open()
        await until(lambda: caplog.records)
        await asyncio.sleep(0.1)
        assert lan.table.offer(CLIENT, 0, 0.0) == ip("192.168.200.50")
        lan.watch.poke()
        PlayedSocket.fault = None
        await until(lambda: lan.counters["conflict-probe-sent"])

    with caplog.at_level(logging.INFO, "routerd"):
        lan.run(scenario)
    assert [record.getMessage() for record in caplog.records] == [
        "lan lan0: addresses are offered without an ARP probe: Operation not permitted; trying again every 0 s",
        "lan lan0: free addresses are probed by ARP again",
    ]


def test_a_lower_address_whose_offer_lapses_is_asked_for_without_any_client(
    lan: Lan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TRIES", (0.0,)), ("PATIENCE", 0.01), ("EVERY", 0.02)):
        monkeypatch.setattr(conflicts, name, value)
    service, served, stock = DhcpService(LeaseStore(str(tmp_path / "leases.db"))), Wire().lan, lan.table.free.stock
    served._conflicts = lan.watch
    monkeypatch.setattr(served, "open", lambda: None)
    service._lans["lan0"], service._tables["lan0"] = served, lan.table
    first = ip("192.168.200.50")

    async def scenario() -> None:
        assert lan.table.offer(CLIENT, 0, clock() - OFFER_SECONDS) == first
        lan.watch.open()
        await until(lambda: lan.watch._timer is None and len(stock) == LEAST)
        assert stock.first() == first + 1
        service._tick()
        await until(lambda: stock.first() == first)

    lan.run(scenario)


def test_a_socket_that_fails_gives_everything_back(lan: Lan, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        lan.watch.open()
        await until(lambda: lan.counters["conflict-probe-sent"] == 8)
        PlayedSocket.fault = OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
        await until(lambda: caplog.records)
        clients = [Client(bytes((1, n)), bytes((1, n))) for n in range(10)]
        given = [lan.table.offer(client, 0, 0.0) for client in clients]
        assert given == [*range(ip("192.168.200.50"), ip("192.168.200.60"))]

    lan.run(scenario)
    assert "Network is down" in caplog.text


def test_who_is_heard_is_stored_and_shown(lan: Lan) -> None:
    async def scenario() -> None:
        lan.watch.open()
        await until(lambda: lan.counters["conflict-probe-sent"] == 8)
        assert PlayedSocket.last.watched == [*range(ip("192.168.200.50"), ip("192.168.200.58"))]
        PlayedSocket.last.lan.send(announcement(part().mac, ip("192.168.200.51")))  # this machine's own
        PlayedSocket.last.lan.send(announcement(THEIRS, ip("192.168.200.52")))
        await until(lambda: lan.rows)

    lan.run(scenario)
    assert [(row.address, row.state) for row in lan.rows] == [(ip("192.168.200.52"), DECLINED)]
    assert lan.counters["conflict-found"] == 1
    assert list(lan.watch.problems()) == []  # it is closed


def test_problems_name_three_and_count_the_rest(lan: Lan) -> None:
    async def scenario() -> None:
        lan.watch.open()
        for n in range(5):
            lan.table.occupy(ip("192.168.200.50") + n, bytes((1, 2, 0, 0, 0, 0, n)), 0.0)
        (problem,) = lan.watch.problems()
        assert dict(problem.values)["addresses"] == (
            "192.168.200.50 by 02:00:00:00:00:00, 192.168.200.51 by 02:00:00:00:00:01, "
            "192.168.200.52 by 02:00:00:00:00:02, and 2 more"
        )

    lan.run(scenario)


def test_a_flood_is_read_in_bounded_pieces(lan: Lan) -> None:
    async def flood(end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            try:
                while True:
                    PlayedSocket.last.lan.send(announcement(THEIRS, ip("192.168.200.99")))
            except BlockingIOError:
                await asyncio.sleep(0)

    async def scenario() -> None:
        lan.watch.open()
        await until(lambda: lan.counters["conflict-probe-sent"] == 8)
        await flood(asyncio.get_running_loop().time() + 0.4)

    lan.run(scenario)
    assert PlayedSocket.last.reads <= 512 + 64 + 64 * 4


def test_without_the_key_nobody_asks_and_a_reload_changes_that(lan: Lan) -> None:
    off = replace(part(), own=replace(part().own, settings=settings(conflict_probe=False)))

    async def scenario() -> None:
        lan.watch.configure(off, frozenset())
        lan.watch.open()
        await asyncio.sleep(0.1)
        assert PlayedSocket.opened == 0
        lan.watch.configure(part(), frozenset())
        await until(lambda: lan.counters["conflict-probe-sent"] == 8)
        lan.watch.configure(off, frozenset())
        assert lan.table.free.stock.target == 0

    lan.run(scenario)
    assert PlayedSocket.opened == 1
