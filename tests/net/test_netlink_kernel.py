"""Netlink and Monitor against the real kernel."""

import asyncio
import errno
import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface

import pytest

from routerd.model import DefaultGateway, KernelRoute
from routerd.system.monitor import Monitor
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

LAN = """
ip link add lan type veth peer far
ip addr add 192.168.200.2/24 dev lan
ip addr add 192.168.200.3/24 dev lan
ip link set lan up
ip link set far up
"""
PREFIX = IPv4Network("10.0.0.0/24")
VIA = KernelRoute(PREFIX, IPv4Address("192.168.200.1"), "lan")


async def reads_interfaces() -> None:
    kernel = Netlink()
    everything = await kernel.interfaces()
    assert set(everything) == {"lo", "lan", "far"}
    lan = everything["lan"]
    assert lan.up
    assert lan.mtu == 1500
    assert len(lan.mac) == 6
    assert lan.addresses == (IPv4Interface("192.168.200.2/24"), IPv4Interface("192.168.200.3/24"))
    assert await kernel.interfaces(["lan", "nope"]) == {"lan": lan}
    assert await kernel.kind("lan") == "veth"
    assert await kernel.kind("nope") is None
    kernel.close()
    assert (await kernel.interfaces(["lan"]))["lan"] == lan
    kernel.close()


async def reads_gateways() -> None:
    kernel = Netlink()
    assert await kernel.default_gateways() == (
        DefaultGateway(IPv4Address("192.168.200.9"), "lan"),
        DefaultGateway(IPv4Address("192.168.200.1"), "lan"),
    )
    kernel.close()


async def keeps_own_routes() -> None:
    kernel = Netlink()
    routes = {
        VIA,
        KernelRoute(PREFIX, None, "lan", 300),
        KernelRoute(PREFIX, metric=4294967295),
        KernelRoute(IPv4Network("10.0.1.0/24"), IPv4Address("192.168.200.1"), "lan"),
    }
    for route in [*routes, *routes]:
        await kernel.add_route(route)
    assert await kernel.own_routes() == routes
    # Another next hop for the same prefix and metric comes beside the old one, which is then deleted.
    other = KernelRoute(PREFIX, IPv4Address("192.168.200.7"), "lan")
    await kernel.add_route(other)
    assert await kernel.own_routes() == {*routes, other}
    for route in [*routes, *routes, other]:
        await kernel.delete_route(route)
    assert await kernel.own_routes() == set()
    kernel.close()


async def keeps_the_mtu_of_routes() -> None:
    """A route with another MTU is another route, which comes beside the old one and goes alone."""
    kernel = Netlink()
    plain, less, least = VIA, replace(VIA, mtu=1420), replace(VIA, mtu=1380)
    for old, new in ((plain, less), (less, least), (least, plain)):
        await kernel.add_route(old)
        await kernel.add_route(new)
        assert await kernel.own_routes() == {old, new}
        await kernel.delete_route(old)
        assert await kernel.own_routes() == {new}
    await kernel.delete_route(plain)
    assert await kernel.own_routes() == set()
    kernel.close()


async def reads_ipv6_addresses() -> None:
    """Those that stay: no link-local ones, and none that another machine has too."""
    kernel = Netlink()
    lan = (await kernel.interfaces(["lan"]))["lan"]
    assert lan.addresses6 == (IPv6Interface("2001:db8::1/64"), IPv6Interface("fd00:1::2/64"))
    assert (await kernel.interfaces())["lan"] == lan
    assert len(lan.addresses) == 2
    kernel.close()


async def leaves_foreign_routes_alone() -> None:
    kernel = Netlink()
    assert await kernel.foreign_routes([PREFIX, IPv4Network("10.0.0.0/25"), IPv4Network("192.168.200.0/24")]) == {
        PREFIX,
        IPv4Network("192.168.200.0/24"),
    }
    with pytest.raises(NetlinkError) as refused:
        await kernel.add_route(VIA)
    assert refused.value.code == errno.EEXIST
    await kernel.delete_route(VIA)
    assert await kernel.foreign_routes([PREFIX]) == {PREFIX}
    assert await kernel.own_routes() == set()
    kernel.close()


async def names_errors() -> None:
    kernel = Netlink()
    with pytest.raises(NetlinkError, match="ENETUNREACH"):
        await kernel.add_route(KernelRoute(PREFIX, IPv4Address("203.0.113.1")))
    with pytest.raises(NetlinkError, match="ENODEV"):
        await kernel.add_route(KernelRoute(PREFIX, interface="nope"))
    kernel.close()


async def is_refused() -> None:
    kernel = Netlink()
    assert "lan" in await kernel.interfaces()
    with pytest.raises(NetlinkError, match=r"EPERM.*CAP_NET_ADMIN") as refused:
        await kernel.add_route(VIA)
    assert refused.value.permission
    kernel.close()


async def serves_many_at_once_and_survives_cancelling() -> None:
    kernel = Netlink()
    for delay in (0.0, 0.001, 0.003):
        task = asyncio.create_task(kernel.foreign_routes([PREFIX]))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    answers = await asyncio.gather(*(kernel.own_routes() for _ in range(20)), *(kernel.interfaces() for _ in range(5)))
    assert all(answer == answers[0] for answer in answers[:20])
    kernel.close()


async def is_quick_beside_many_routes() -> None:
    kernel = Netlink()
    await kernel.own_routes()
    started = time.perf_counter()
    assert [str(gateway.address) for gateway in await kernel.default_gateways()] == ["192.168.200.1"]
    gateways = time.perf_counter() - started
    started = time.perf_counter()
    assert await kernel.own_routes() == set()
    own = time.perf_counter() - started
    assert await kernel.foreign_routes([IPv4Network("172.16.23.7/32"), PREFIX]) == {IPv4Network("172.16.23.7/32")}
    print(f"6,000 routes: default gateways {gateways * 1e3:.1f} ms, own routes {own * 1e3:.1f} ms")
    assert gateways < 0.5
    assert own < 0.1
    kernel.close()


async def hears_what_matters() -> None:
    heard = asyncio.Event()
    calls = 0

    def changed() -> None:
        nonlocal calls
        calls += 1
        heard.set()

    async def runs(command: str) -> bool:
        await asyncio.sleep(0.1)
        heard.clear()
        process = await asyncio.create_subprocess_shell(command)
        assert await process.wait() == 0
        try:
            async with asyncio.timeout(0.3):
                return await heard.wait()
        except TimeoutError:
            return False

    lost = asyncio.Event()
    monitor = Monitor(changed, unlearned=lost.set)
    assert await runs("ip link set far mtu 1400")
    assert await runs("ip addr add 192.168.201.1/24 dev lan")
    assert await runs("ip route add default via 192.168.200.1")
    assert await runs("ip route add 10.0.0.0/24 via 192.168.200.1 proto 121")
    assert await runs("ip route del 10.0.0.0/24")
    assert not await runs("ip route add 10.9.0.0/24 via 192.168.200.1")
    assert not await runs("ip route add 10.8.0.0/24 via 192.168.200.1 proto 122")
    assert not lost.is_set()
    assert not await runs("ip route del 10.8.0.0/24")
    assert lost.is_set()
    before, cpu = calls, time.process_time()
    many = "for i in $(seq 0 5999); do echo route add 172.16.$((i/250)).$((i%250)) via 192.168.200.1 proto bgp; done"
    assert not await runs(f"({many}) | ip -batch -")
    print(f"6,000 route events: {(time.process_time() - cpu) * 1e3:.1f} ms of processor time")
    assert calls == before
    assert await runs("ip link set lan down")
    monitor.close()
    monitor.close()
    assert not await runs("ip link set lan up")


@pytest.mark.parametrize(
    ("setup", "scenario"),
    [
        (LAN, reads_interfaces),
        (
            LAN + "ip route add default via 192.168.200.1 metric 50\nip route add default via 192.168.200.9",
            reads_gateways,
        ),
        (LAN, keeps_own_routes),
        (LAN, keeps_the_mtu_of_routes),
        (
            LAN + "ip addr add fd00:1::2/64 dev lan nodad\nip addr add 2001:db8::1/64 dev lan nodad\n"
            "ip addr add fd00:1::9/64 dev far nodad\nip addr add fd00:1::9/64 dev lan",
            reads_ipv6_addresses,
        ),
        (LAN + "ip route add 10.0.0.0/24 via 192.168.200.1 metric 121", leaves_foreign_routes_alone),
        (LAN, names_errors),
        # IPv6 off: its addresses change for seconds after a link came up.
        ("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6" + LAN, hears_what_matters),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_scenario(setup, scenario):
    with space(setup) as here:
        print(here.call(scenario))


MANY = (
    LAN
    + "ip route add default via 192.168.200.1\n"
    + (
        "(for i in $(seq 0 5999); do echo route add 172.16.$((i/250)).$((i%250)) via 192.168.200.9 proto bgp; done)"
        " | ip -batch -"
    )
)


@pytest.mark.parametrize("scenario", [is_quick_beside_many_routes, serves_many_at_once_and_survives_cancelling])
def test_beside_a_large_table(scenario):
    with space(MANY) as here:
        print(here.call(scenario))


def test_without_privileges_the_error_names_the_capability():
    with space(LAN) as here:
        here.call(is_refused, user="setpriv --bounding-set -all --inh-caps -all --")
