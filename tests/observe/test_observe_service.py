"""The observing service over a kernel and devices that are not real."""

import asyncio
import errno
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from routerd.health import ProblemTracker
from routerd.model import Interface, VpnFacts, WireGuardDevice, WireGuardPeer
from routerd.observe.service import ObserveService
from routerd.system.netlink_error import NetlinkError
from routerd.system.wireguard import WireGuardError

LAN = Interface("lan", 1, True, b"\2\0\0\0\0\1", 1500)
WG = Interface("wg0", 2, True, b"", 1420)
DEVICE = WireGuardDevice("wg0", None, 1, (WireGuardPeer("key", (ip_network("10.0.0.1/32"),)),))
FOUND = VpnFacts(True, (("key", (ip_network("10.0.0.1/32"),)),), (ip_network("10.0.0.1/32"),))


class World:
    """Interfaces, devices and a monitor in memory; `seen` and `devices` are what the service told."""

    def __init__(self, poll=60.0):
        self.interfaces_now, self.device, self.broken, self.reads = {"lan": LAN, "wg0": WG}, DEVICE, None, 0
        self.seen, self.devices, self.changes = asyncio.Queue(), asyncio.Queue(), 0
        self.changed, self.closed, self.monitor_error = None, 0, None
        self.service = ObserveService(
            self.seen.put_nowait,
            self.devices.put_nowait,
            on_change=self._count,
            poll=poll,
            kernel=self,
            read=self._read,
            monitor=self._watch,
        )
        self.service.configure(["lan"], {"vpn": "wg0"})

    async def interfaces(self, names=None):
        self.reads += 1
        if self.broken:
            raise self.broken
        return {name: self.interfaces_now[name] for name in names if name in self.interfaces_now}

    async def default_gateways(self):
        return ()

    async def kind(self, name):
        return "wireguard"

    def close(self):
        self.closed += 1

    def _count(self):
        self.changes += 1

    async def _read(self, interface):
        if isinstance(self.device, Exception):
            raise self.device
        if self.device is None:
            await asyncio.sleep(60)
        return self.device

    def _watch(self, changed):
        if self.monitor_error:
            raise self.monitor_error
        self.changed = changed
        return self

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.service.run())
        try:
            async with asyncio.timeout(10):
                yield
        finally:
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(result, asyncio.CancelledError)


def test_first_reads_everything_once():
    async def scenario():
        world = World()
        facts = await world.service.first()
        assert facts.interfaces == {"lan": LAN, "wg0": WG}
        assert facts.vpns == {"vpn": FOUND}
        assert world.seen.empty()
        assert world.service.facts is facts

    asyncio.run(scenario())


def test_first_does_not_wait_for_a_device_that_hangs():
    async def scenario():
        world = World()
        world.device = None
        started = time.monotonic()
        facts = await world.service.first()
        assert time.monotonic() - started < 2.0
        assert facts.vpns == {"vpn": VpnFacts(False)}
        assert "lan" in facts.interfaces

    asyncio.run(scenario())


def test_tells_only_what_differs():
    async def scenario():
        world = World()
        await world.service.first()
        async with world.running():
            assert await world.devices.get() == {"vpn": DEVICE}
            world.device = replace(DEVICE, listen_port=7)
            world.changed()
            await world.devices.get()
            assert world.seen.empty()
            assert world.changes
            world.interfaces_now = {"lan": replace(LAN, up=False), "wg0": WG}
            world.changed()
            assert not (await world.seen.get()).interfaces["lan"].up

    asyncio.run(scenario())


def test_a_steady_flow_of_changes_is_read_about_every_50_ms():
    async def scenario():
        world = World()
        await world.service.first()
        async with world.running():
            before, until = world.reads, time.monotonic() + 0.5
            while time.monotonic() < until:
                world.changed()
                await asyncio.sleep(0.005)
            assert 4 <= world.reads - before <= 12

    asyncio.run(scenario())


def test_polls_devices_by_itself():
    async def scenario():
        world = World(poll=0.01)
        async with world.running():
            for _ in range(5):
                await world.devices.get()
            world.device = replace(DEVICE, peers=())
            while (await world.seen.get()).vpns["vpn"] != VpnFacts(True):
                pass

    asyncio.run(scenario())


def test_an_unreadable_device_changes_no_fact_and_is_a_problem():
    async def scenario():
        world = World(poll=0.01)
        await world.service.first()
        async with world.running():
            world.device = WireGuardError("wg0", "the socket is closed", "Open it.")
            while await world.devices.get():
                pass
            (problem,) = world.service.problems()
            assert (problem.code, problem.subject) == ("wireguard-unreadable", "vpn vpn")
            tracker = ProblemTracker()
            tracker.update([problem], 0.0)
            (shown,) = tracker.report(10.0)
            assert "the socket is closed" in shown.text
            assert shown.mend == "Open it."
            assert world.service.facts.vpns == {"vpn": FOUND}
            assert world.seen.empty()
            world.device = DEVICE
            while not await world.devices.get():
                pass
            assert world.service.problems() == ()

    asyncio.run(scenario())


def test_an_interface_that_is_down_keeps_what_was_behind_it():
    async def scenario():
        world = World(poll=0.01)
        await world.service.first()
        async with world.running():
            world.interfaces_now = {"lan": LAN, "wg0": replace(WG, up=False)}
            world.changed()
            while (await world.seen.get()).interfaces["wg0"].up:
                pass
            world.device = replace(DEVICE, peers=())
            while (await world.seen.get()).vpns["vpn"].peers:
                pass
            assert world.service.facts.vpns["vpn"].last == FOUND.last
            world.interfaces_now = {"lan": LAN, "wg0": WG}
            world.changed()
            while (await world.seen.get()).vpns["vpn"].last:
                pass

    asyncio.run(scenario())


def test_an_interface_that_vanishes_is_a_fact_and_no_problem():
    async def scenario():
        world = World(poll=0.01)
        await world.service.first()
        async with world.running():
            world.interfaces_now = {"lan": LAN}
            world.device = WireGuardError("wg0", "no such interface", "Create it.", missing=True)
            world.changed()
            while (facts := await world.seen.get()).interfaces != {"lan": LAN}:
                pass
            # What was behind it is remembered: those routes are withdrawn now, and not forgotten.
            assert facts.vpns == {"vpn": replace(FOUND, found=False)}
            assert world.service.problems() == ()

    asyncio.run(scenario())


@pytest.mark.parametrize("where", ["broken", "monitor_error"])
def test_netlink_failures_are_retried(monkeypatch, where):
    monkeypatch.setattr("routerd.observe.service._FIRST_RETRY", 0.01)

    async def scenario():
        world = World()
        fault = NetlinkError("read", errno.EPERM) if where == "broken" else OSError(errno.EMFILE, "Too many open files")
        setattr(world, where, fault)
        assert (await world.service.first()).interfaces == {}
        (problem,) = world.service.problems()
        assert (problem.code, problem.subject) == ("netlink", "kernel")
        async with world.running():
            await asyncio.sleep(0.1)
            setattr(world, where, None)
            while "lan" not in (await world.seen.get()).interfaces:
                pass
            assert world.service.problems() == ()

    asyncio.run(scenario())


def test_configure_forgets_what_belongs_to_another_interface():
    async def scenario():
        world = World()
        await world.service.first()
        async with world.running():
            await world.devices.get()
            world.device = WireGuardError("lan", "no", "never")
            world.service.configure([], {"vpn": "lan", "more": "wg0"})
            facts = await world.seen.get()
            assert facts.vpns == {"vpn": VpnFacts(False), "more": VpnFacts(False)}
            assert set(facts.interfaces) == {"lan", "wg0"}

    asyncio.run(scenario())


def test_stopping_closes_everything():
    async def scenario():
        world = World()
        async with world.running():
            await world.devices.get()
        assert world.closed == 2

    asyncio.run(scenario())


def test_reads_that_fail_are_counted():
    async def scenario():
        world = World(poll=0.01)
        await world.service.first()
        async with world.running():
            world.device = WireGuardError("wg0", "no answer within 2 s", "Look at it.")
            while world.service.status()["vpns"]["vpn"]["failed_reads"] < 3:
                await world.devices.get()
            world.device = DEVICE
            while world.service.status()["vpns"]["vpn"]["error"] is not None:
                await world.devices.get()
            assert world.service.status()["vpns"]["vpn"]["failed_reads"] >= 3

    asyncio.run(scenario())


def test_a_device_that_takes_long_to_read_is_read_less_often():
    async def scenario():
        world, reads = World(poll=0.01), []

        async def slow(_):
            reads.append(time.monotonic())
            await asyncio.sleep(0.05)
            return DEVICE

        world.service._read = slow
        async with world.running():
            while len(reads) < 4:
                await world.devices.get()
        # Twenty times as long as reading takes, after the first facts have come.
        assert reads[3] - reads[2] >= 1.0

    asyncio.run(scenario())


@pytest.mark.parametrize(("hung", "fewest", "most"), [(False, 2, 5), (True, 8, 30)])
def test_what_takes_long_to_be_refused_is_read_less_often(hung, fewest, most):
    reads = []

    async def read(interface):
        reads.append(interface)
        await asyncio.sleep(0.02)
        raise WireGuardError(interface, "a flood", "hint", hung=hung)

    async def scenario():
        world = World(poll=0.01)
        world.service._read = read
        async with world.running():
            await asyncio.sleep(0.9)

    asyncio.run(scenario())
    assert fewest <= len(reads) <= most
