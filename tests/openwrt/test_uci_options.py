"""What routerd wants in OpenWrt's `list dhcp_option`, and how procd hears of it."""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.beside import starter_service
from routerd.beside.uci_lines import HEADER, rest, uci_text, without_new
from routerd.beside.uci_service import UciDnsmasqService
from routerd.beside.words import ServerKey
from routerd.beside_part import BesideNetwork, BesidePart, Told
from routerd.config.model import Dhcp
from tests.net.site import soon

NETWORK = IPv4Network("192.168.1.0/24")
ROUTER = IPv4Address("192.168.1.1")
GATEWAY = IPv4Address("192.168.1.5")
LINES = (
    "br-lan 121,10.0.0.0/24,192.168.1.5,0.0.0.0/0,192.168.1.1\n"
    "br-lan 249,10.0.0.0/24,192.168.1.5,0.0.0.0/0,192.168.1.1\n"
)


def part(*prefixes: str) -> BesidePart:
    routes = tuple((IPv4Network(prefix), GATEWAY) for prefix in prefixes)
    return BesidePart("br-lan", "dnsmasq", Dhcp(mode="dnsmasq"), (BesideNetwork(NETWORK, "br-lan", routes, ROUTER),))


def test_the_file_has_the_options_as_uci_has_them() -> None:
    assert uci_text([part("10.0.0.0/24")]) == HEADER + LINES
    assert uci_text([part()]) == HEADER
    assert uci_text([]) == HEADER


def test_many_routes_are_cut_to_what_dnsmasq_reads() -> None:
    """The default route always has its place, and no line is longer than dnsmasq's."""
    text = uci_text([part(*(f"10.{number}.100.128/25" for number in range(60)))])
    for line in text.splitlines()[1:]:
        assert len(line) < 1000
        assert line.endswith(",0.0.0.0/0,192.168.1.1")
    assert "10.0.100.128/25" in text
    assert "10.59.100.128/25" not in text


def test_withdrawals_are_at_once_and_additions_wait() -> None:
    two = uci_text([part("10.0.0.0/24")])
    assert without_new(two, HEADER) == HEADER
    assert without_new(HEADER, two) == HEADER
    assert without_new(two, two) == two
    assert [rest(changes) for changes in (0, 2, 3, 4, 7, 8, 60)] == [0, 0, 30, 60, 480, 900, 900]


class Bus:
    """A program named ubus that writes down what it is told."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told = directory / "told"
        self.program = directory / "bin" / "ubus"
        self.program.parent.mkdir()
        self.answer(0)
        monkeypatch.setenv("PATH", f"{self.program.parent}:/usr/bin:/bin")

    def answer(self, code: int) -> None:
        text = f'#!/bin/sh\necho "$*" >>{self.told}\n[ {code} = 0 ] || echo "Access denied" >&2\nexit {code}\n'
        self.program.write_text(text)
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []


async def silent(part: BesidePart, codes: Iterable[int], seconds: float) -> tuple[Told, ...]:
    return ()


EVENT = '-t 3 call service event {"type": "routerd.options", "data": {}}'


def test_procd_is_told_of_every_change_and_of_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus, path = Bus(tmp_path, monkeypatch), tmp_path / "run" / "dnsmasq-options"
    service = UciDnsmasqService(ServerKey("dnsmasq", str(path), str(tmp_path / "pid")), silent, lambda: None)

    async def scene() -> None:
        task = asyncio.create_task(service.run())

        async def wanted(parts: tuple[BesidePart, ...], text: str, calls: int) -> None:
            service.apply(parts)
            await asyncio.to_thread(soon, "the file is written", lambda: path.exists() and path.read_text() == text)
            await asyncio.to_thread(soon, "procd is told", lambda: bus.calls == [EVENT] * calls)

        await wanted((part("10.0.0.0/24"),), HEADER + LINES, 1)
        # The gateway is down.
        await wanted((part(),), HEADER, 2)
        await wanted((part("10.0.0.0/24"),), HEADER + LINES, 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        done = await service.withdraw()
        assert done.removed == (f"routes for dnsmasq from {path}",)
        assert done.left is None

    asyncio.run(scene())
    assert "br-lan" not in path.read_text()
    assert bus.calls == [EVENT] * 4
    assert service.is_clear


def test_a_bus_that_refuses_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus, path = Bus(tmp_path, monkeypatch), tmp_path / "dnsmasq-options"
    bus.answer(6)
    path.write_text(HEADER + LINES)
    service = UciDnsmasqService(ServerKey("dnsmasq", str(path), ""), silent, lambda: None)
    done = asyncio.run(service.withdraw())
    assert done.left == "list dhcp_option of /etc/config/dhcp stays: Access denied"
    monkeypatch.setenv("PATH", str(tmp_path))
    path.write_text(HEADER + LINES)
    assert asyncio.run(service.withdraw()).left == "list dhcp_option of /etc/config/dhcp stays: there is no ubus"


def test_another_programs_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "dnsmasq-options"
    path.write_text("mine\n")
    service = UciDnsmasqService(ServerKey("dnsmasq", str(path), ""), silent, lambda: None)
    assert asyncio.run(service.withdraw()).removed == ()
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize(("openwrt", "kind"), [(True, UciDnsmasqService), (False, object)])
def test_it_is_for_openwrt_alone(openwrt: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter_service, "is_openwrt", lambda: openwrt)
    made = starter_service.make_server(ServerKey("dnsmasq", "/nowhere/options", ""), silent, lambda: None)
    assert isinstance(made, kind)
    assert isinstance(made, UciDnsmasqService) is openwrt
