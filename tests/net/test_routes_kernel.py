"""The services for observing and for routes against the real kernel."""

import asyncio
import os
import tempfile
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.model import Facts, KernelPart, KernelRoute, Sysctl, WireGuardDevice
from routerd.observe.service import ObserveService
from routerd.routes.service import RoutesService
from routerd.system import sysctl
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

SITE = """
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add lan.7 type veth peer far
ip link add wg0 type veth peer tunnel
ip addr add 192.168.200.2/24 dev lan.7
for name in lan.7 far wg0 tunnel; do ip link set $name up; done
echo 0 > /proc/sys/net/ipv4/ip_forward
for name in all lan.7 wg0; do echo 1 > /proc/sys/net/ipv4/conf/$name/send_redirects; done
for name in lan.7 wg0; do echo 1 > /proc/sys/net/ipv4/conf/$name/rp_filter; done
"""
PREFIX = IPv4Network("10.0.0.0/24")
PART = KernelPart(
    (
        KernelRoute(PREFIX, None, "wg0"),
        KernelRoute(PREFIX, metric=4294967295),
        KernelRoute(IPv4Network("10.0.1.0/24"), IPv4Address("192.168.200.1")),
    ),
    (
        Sysctl("lan.7", "forwarding", 1, at_least=True),
        Sysctl("wg0", "forwarding", 1, at_least=True),
        Sysctl("wg0", "rp_filter", 2, at_least=True),
        Sysctl("all", "send_redirects", 0),
        Sysctl("lan.7", "send_redirects", 0),
    ),
)


async def state() -> str:
    """All routes and settings of the namespace, as text."""
    process = await asyncio.create_subprocess_shell(
        "ip route show table all | sort; grep -H . /proc/sys/net/ipv4/conf/*/{forwarding,rp_filter,send_redirects}",
        stdout=asyncio.subprocess.PIPE,
        executable="/bin/bash",
    )
    output, _ = await process.communicate()
    return output.decode()


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def leaves_no_trace(folder: str) -> None:
    before = await state()
    routes = RoutesService(runtime=Path(folder))
    task = asyncio.create_task(routes.run())
    await routes.apply(PART)
    applied = await state()
    assert "unreachable 10.0.0.0/24 proto 121 metric 4294967295" in applied
    assert "10.0.0.0/24 dev wg0 proto 121" in applied
    assert "10.0.1.0/24 via 192.168.200.1 dev lan.7 proto 121" in applied
    assert [sysctl.read("lan.7", "forwarding"), sysctl.read("wg0", "rp_filter")] == [1, 2]
    assert [sysctl.read("all", "send_redirects"), sysctl.read("wg0", "send_redirects")] == [0, 1]
    assert routes.problems() == ()
    assert all(check.ok for check in routes.checks())
    await routes.apply(PART)
    assert await state() == applied
    # A successor of one that was killed adopts everything and puts it back in the end.
    successor = RoutesService(runtime=Path(folder))
    second = asyncio.create_task(successor.run())
    await successor.apply(PART)
    assert await state() == applied
    await end(second)
    assert await state() == before
    await routes.resync()
    await end(task)
    assert not os.listdir(folder)


async def puts_back_what_others_removed(folder: str) -> None:
    routes = RoutesService(runtime=Path(folder))
    running = asyncio.create_task(routes.run())
    await routes.apply(PART)
    again = asyncio.Event()
    service = ObserveService(lambda _: None, lambda _: None, on_change=again.set)
    service.configure(["lan.7"], {})
    await service.first()
    task = asyncio.create_task(service.run())
    await asyncio.sleep(0.2)
    again.clear()
    process = await asyncio.create_subprocess_shell("ip route del 10.0.1.0/24")
    await process.wait()
    async with asyncio.timeout(2):
        await again.wait()
    assert "10.0.1.0/24 via" not in await state()
    await routes.resync()
    assert "10.0.1.0/24 via 192.168.200.1 dev lan.7 proto 121" in await state()
    await end(task)
    await end(running)
    assert "proto 121" not in await state()


async def survives_an_interface_that_goes(folder: str) -> None:
    routes = RoutesService(runtime=Path(folder))
    running = asyncio.create_task(routes.run())
    await routes.apply(PART)
    process = await asyncio.create_subprocess_shell("ip link del wg0")
    await process.wait()
    await routes.resync()
    (problem,) = routes.problems()
    assert problem.code == "kernel-route"
    assert "ENODEV" in dict(problem.values)["reason"]
    assert "unreachable 10.0.0.0/24" in await state()
    await routes.apply(KernelPart())
    assert routes.problems() == ()
    await end(running)


async def observes_a_device(interface: str) -> None:
    seen: asyncio.Queue[Facts] = asyncio.Queue()
    devices: asyncio.Queue[dict[str, WireGuardDevice]] = asyncio.Queue()
    service = ObserveService(seen.put_nowait, devices.put_nowait)
    service.configure(["lan.7"], {"vpn": interface})
    facts = await service.first()
    assert facts.vpns["vpn"].found
    assert [str(network) for _, networks in facts.vpns["vpn"].peers for network in networks] == ["10.0.0.1/32"]
    task = asyncio.create_task(service.run())
    assert set(await devices.get()) == {"vpn"}
    process = await asyncio.create_subprocess_shell("ip link del far")
    await process.wait()
    async with asyncio.timeout(2):
        assert "lan.7" not in (await seen.get()).interfaces
    await end(task)


@pytest.mark.parametrize("scenario", [leaves_no_trace, puts_back_what_others_removed, survives_an_interface_that_goes])
def test_routes_service(scenario):
    with space(SITE) as here, tempfile.TemporaryDirectory() as folder:
        print(here.call(scenario, folder))


def test_observe_service():
    with space(SITE) as here, here.wireguard("10.0.0.1/32") as (name, _, _):
        print(here.call(observes_a_device, name))
