"""Many leases go to another network: in pieces, with nothing answered from books that are half moved."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.dhcp.intake_service import clock
from routerd.dhcp.lan_service import LanService
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.message import decode_message
from routerd.dhcp.rehome_service import AT_ONCE
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from routerd.model import DhcpPart
from tests.dhcp.scene import SERVER, message, part, settings
from tests.fuzz.path import Wire

COUNT = 3000
FIRST = int(IPv4Address("10.77.1.0"))
REQUEST, ACK = 3, 5


async def until(holds: Callable[[], bool]) -> None:
    """Wait for this, some seconds at most."""
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def wide(key: str) -> DhcpPart:
    """A LAN with the network 10.77.0.0/16 under this key."""
    made = part(
        settings("10.77.1.0-10.77.250.255", router=SERVER), network=IPv4Network("10.77.0.0/16"), router=None, key=key
    )
    return replace(made, own=replace(made.own, excluded=frozenset()))


def mac(number: int) -> bytes:
    return b"\2\x77" + number.to_bytes(4, "big")


def lease(number: int) -> Row:
    hardware = b"\1" + mac(number)
    return Row(FIRST + number, hardware, hardware, None, BOUND, 1.0, clock() + 3600.0, seconds=3600.0)


class Sockets(Wire):
    """What came in and was not read yet."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[bytes] = []

    def receive(self, descriptor: int) -> tuple[bytes, bytes, tuple[str, int]]:
        """The next datagram."""
        if not self.came:
            raise BlockingIOError
        return self.came.pop(0), SERVER.packed, ("10.77.1.1", 68)

    def filenos(self) -> tuple[int, ...]:
        """No descriptors."""
        return ()

    def close(self) -> None:
        """Nothing is open."""


def test_many_leases_move_in_pieces_and_messages_wait_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanService, "open", lambda self, first=False: None)
    path = str(tmp_path / "leases.db")
    store = LeaseStore(path)
    store.open()
    store.commit([("lan0", lease(number)) for number in range(COUNT)], 0.0)
    store.close()

    async def story() -> None:
        service = DhcpService(LeaseStore(path))
        service._tables.clear()
        await service.open()
        for table in service._tables.values():
            assert len(table) == COUNT
        service.apply([wide("lan0")])
        assert not service._rehoming.busy
        lan, wire = service._lans["lan0"], Sockets()
        lan._sockets = lan._reader._sockets = wire  # type: ignore[assignment]
        service.apply([wide("lan0 again")])
        old, new = service._tables["lan0"], service._tables["lan0 again"]
        assert service._rehoming.busy
        # A client of a lease that has not moved yet asks: it must not be answered from books that do not know it.
        last = COUNT - 1
        wire.came.append(message(REQUEST, mac=mac(last), ciaddr=FIRST + last, giaddr=0))
        lan._reader._readable(0)
        turns, before = 0, len(new)
        while service._rehoming.busy:
            assert wire.sent == []
            await asyncio.sleep(0)
            assert len(new) - before <= AT_ONCE
            turns, before = turns + (len(new) > before), len(new)
        assert turns >= COUNT // AT_ONCE - 1
        assert (len(old), len(new)) == (0, COUNT)
        await until(lambda: bool(wire.sent))
        reply = decode_message(wire.sent[0][0])
        assert (reply.options[53][0], reply.yiaddr) == (ACK, FIRST + last)
        await service.abandon()

    asyncio.run(asyncio.wait_for(story(), 30.0))
    store = LeaseStore(path)
    store.open()
    stored = {lan: len(rows) for lan, rows in store.load(0.0).items()}
    store.close()
    assert stored == {"lan0 again": COUNT}


def test_a_move_that_is_overtaken_by_another_one_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LanService, "open", lambda self, first=False: None)

    async def story() -> None:
        service = DhcpService(LeaseStore(str(tmp_path / "leases.db")))
        await service.open()
        service.apply([wide("lan0")])
        service._table("lan0").load([lease(number) for number in range(COUNT)])
        service.apply([wide("one")])
        service.apply([wide("two")])
        assert len(service._tables["one"]) > 0
        await until(lambda: not service._rehoming.busy)
        assert {key: len(table) for key, table in service._tables.items()} == {"lan0": 0, "one": 0, "two": COUNT}
        assert not service._lans["lan0"]._held
        await service.abandon()

    asyncio.run(asyncio.wait_for(story(), 30.0))
