"""Every service's own report: JSON as it is, and what it promises."""

import asyncio
import json
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from routerd.dhcp.counters import zeros
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from routerd.model import DefaultGateway, Interface, KernelPart, KernelRoute, Sysctl, WireGuardDevice, WireGuardPeer
from routerd.observe.service import ObserveService
from routerd.routes.service import RoutesService
from routerd.system import sysctl

LAN = Interface("eth0", 2, True, b"\2\0\0\0\0\2", 1500, (IPv4Interface("192.168.200.2/24"),))
WG = Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),))


class Kernel:
    """A kernel with one LAN and one WireGuard interface that takes every route."""

    def __init__(self) -> None:
        self.routes: set[KernelRoute] = set()

    async def interfaces(self, names: Collection[str] | None = None) -> dict[str, Interface]:
        return {"eth0": LAN, "wg0": WG}

    async def default_gateways(self) -> tuple[DefaultGateway, ...]:
        return (DefaultGateway(IPv4Address("192.168.200.1"), "eth0"),)

    async def kind(self, name: str) -> str | None:
        return None

    async def own_routes(self) -> set[KernelRoute]:
        return set(self.routes)

    async def foreign_routes(self, prefixes: Iterable[IPv4Network]) -> set[IPv4Network]:
        return set()

    async def add_route(self, route: KernelRoute) -> None:
        self.routes.add(route)

    async def delete_route(self, route: KernelRoute) -> None:
        self.routes.discard(route)

    def close(self) -> None:
        """Nothing is open."""


def as_json(status: dict[str, object]) -> dict[str, object]:
    loaded = json.loads(json.dumps(status))
    assert loaded == status
    return status


def test_observe() -> None:
    async def read(interface: str) -> WireGuardDevice:
        return WireGuardDevice(interface, None, 51821, (WireGuardPeer("KEY"),))

    async def main() -> None:
        service = ObserveService(
            lambda facts: None, lambda devices: None, kernel=Kernel(), read=read, monitor=lambda changed: Kernel()
        )
        service.configure(["eth0"], {"vpn": "wg0", "other": "wg1"})
        await service.first()
        status = as_json(service.status())
        service.close()
        assert status["default_gateways"] == [{"address": "192.168.200.1", "interface": "eth0"}]
        assert status["interfaces"] == {
            "eth0": {"index": 2, "up": True, "mtu": 1500, "addresses": ["192.168.200.2/24"]},
            "wg0": {"index": 3, "up": True, "mtu": 1420, "addresses": ["10.0.0.2/24"]},
        }
        assert isinstance(status["vpns"], dict)
        assert status["vpns"]["vpn"]["peers"] == 1
        assert status["vpns"]["vpn"]["error"] is None
        assert status["error"] is None

    asyncio.run(main())


def test_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysctl, "read", lambda interface, name: 1)
    route = KernelRoute(IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"), "eth0")

    async def main() -> None:
        service = RoutesService(kernel=Kernel(), runtime=tmp_path)
        assert as_json(service.status()) == {"applied": False, "routes": [], "settings": []}
        await service.apply(KernelPart((route,), (Sysctl("eth0", "forwarding", 1),)))
        assert as_json(service.status()) == {
            "applied": True,
            "routes": ["10.0.0.0/24 via 192.168.200.2 dev eth0 metric 121"],
            "settings": [{"name": "net.ipv4.conf.eth0.forwarding", "wanted": 1, "value": 1}],
        }

    asyncio.run(main())


def test_dhcp(tmp_path: Path) -> None:
    async def main() -> None:
        service = DhcpService(LeaseStore(str(tmp_path / "leases.db")))
        await service.open()
        service.counters["pkt4-received"] += 1
        status = as_json(service.status())
        await service.abandon()
        assert status == {
            "counters": {**zeros(), "pkt4-received": 1},
            "lans": [],
            "store": {"path": str(tmp_path / "leases.db"), "error": None, "sync": "always", "unwritten": 0},
        }

    asyncio.run(main())
