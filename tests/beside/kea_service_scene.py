"""The service for a Kea, beside a Kea that is played, with its times a hundred times shorter."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from routerd.beside import hold, kea_asked, kea_service, kea_talk_service
from routerd.beside.kea_service import KeaService
from routerd.beside.words import ServerKey
from routerd.beside_part import BesideNetwork, BesidePart, Told
from routerd.config.model import Dhcp, Kea
from routerd.health import ProblemTracker
from tests.beside.played_kea import PlayedKea

LAN = IPv4Network("192.168.200.0/24")
VPN = (IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"))
MORE = (IPv4Network("10.9.0.0/16"), IPv4Address("192.168.200.2"))
CONFIG: dict[str, Any] = {
    "valid-lifetime": 60,
    "subnet4": [{"id": 1, "subnet": str(LAN), "option-data": [], "pools": [], "reservations": []}],
}

OWN = {"code": 121, "csv-format": False, "data": "00C0A8C801", "space": "dhcp4"}


def part(*routes: tuple[IPv4Network, IPv4Address], file: Path | None = None, interval: float = 0.05) -> BesidePart:
    """`file` None: it is not to be written."""
    network = BesideNetwork(LAN, "", routes, None)
    kea = Kea(write=file is not None, config_file=str(file), interval=interval)
    return BesidePart("lan0", "kea", Dhcp(mode="kea", kea=kea), (network,))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of the service, a hundred times shorter."""
    for name, seconds in (("_TICK", 0.01), ("_SOON", 0.02), ("_FIRST_WAIT", 0.02), ("_FAREWELL", 0.2), ("_PAUSE", 1)):
        monkeypatch.setattr(kea_service, name, seconds)
    for name, seconds in (("_FIRST", 0.3), ("_LONGEST", 0.6)):
        monkeypatch.setattr(hold, name, seconds)
    for name, seconds in (("_AGAIN", 0.03), ("_EVERY_WRONG", 0.06), ("_EVERY_RIGHT", 0.06)):
        monkeypatch.setattr(kea_asked, name, seconds)
    monkeypatch.setattr(kea_talk_service, "_QUICK", 0.3)
    monkeypatch.setattr(kea_talk_service, "_LONG", 0.3)


def make(path: Path, named: Path | None = None) -> KeaService:
    async def ask(part: BesidePart, *_: object) -> tuple[Told, ...]:
        kea = PlayedKea.at.get(str(path))
        return () if kea is None else kea.answer_to(part)

    return KeaService(ServerKey("kea", str(path)), ask, lambda: None, None if named is None else str(named))


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[KeaService]:
    service = make(path)
    task = asyncio.create_task(service.run())
    try:
        yield service
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: str, probe: Callable[[], object], limit: float = 30.0) -> None:
    end = time.monotonic() + limit
    while not probe():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.005)


def codes(kea: PlayedKea) -> list[int]:
    return [entry["code"] for entry in kea.config["subnet4"][0]["option-data"]]


def soon_looks(service: KeaService) -> bool:
    """Have the service look at Kea again; at the end of a look that is under way it decides anew when."""
    service._next = 0.0
    return True


def shown(service: KeaService) -> list[tuple[str, str]]:
    """The problems as they are shown; their texts must have all their values."""
    tracker = ProblemTracker()
    tracker.update(service.problems(), 0.0)
    rows = tracker.report(1000.0)
    assert not [row for row in rows if "?" in row.text]
    return [(row.code, row.text) for row in rows]


def in_loop(test: Callable[[Path], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        asyncio.run(bounded(test(tmp_path / "kea.sock")))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def bounded(test: Awaitable[None]) -> None:
    async with asyncio.timeout(30):
        await test
