"""Learned routes against the real kernel: they follow what is learned, are adopted, and leave those of others alone."""

import asyncio
import json
import subprocess
import sys
import time
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from socket import if_nametoindex

import pytest

from routerd.model import Event, Network
from routerd.rip.kernel_service import KernelRoutes
from routerd.rip_part import RipLearned
from routerd.system.learned_routes import METRIC, LearnedRoute, change, read, remove_all
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

SITE = """
ip link add lan0 type veth peer name far
for name in lan0 far lo; do ip link set $name up; done
ip address add 192.168.200.2/24 dev lan0
ip address add fd00:1::2/64 dev lan0 nodad
"""
INNER, INNER6 = ip_network("172.16.1.0/24"), ip_network("fd00:60::/64")


def learned(prefix: Network, gateway: str, metric: int = 2) -> dict[Network, RipLearned | None]:
    address = ip_address(gateway)
    return {prefix: RipLearned("lan0", prefix, address, metric, 0, address)}


def shown(version: int = 4) -> list[str]:
    """What `ip` shows of them."""
    argv = ["ip", f"-{version}", "route", "show", "proto", "122"]
    return [" ".join(line.split()[:7]) for line in subprocess.check_output(argv, text=True).splitlines()]


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True)


async def until(*wanted: str, version: int = 4) -> None:
    """Wait until exactly these are there."""
    deadline = time.monotonic() + 10.0
    while sorted(found := shown(version)) != sorted(wanted):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


async def happened(events: list[Event], count: int) -> None:
    """Wait for so many events."""
    async with asyncio.timeout(10.0):
        while len(events) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def follows() -> None:
    events: list[Event] = []
    routes = KernelRoutes(events.append)
    task = asyncio.create_task(routes.run())
    link = if_nametoindex("lan0")
    routes.update("one", link, {**learned(INNER, "192.168.200.6"), **learned(INNER6, "fe80::6")})
    await until("172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102")
    await until("fd00:60::/64 via fe80::6 dev lan0 metric 12102", version=6)
    # What is told is told when it is so.
    await happened(events, 2)
    assert sorted((event.subject, event.what) for event in events) == [
        (str(INNER), "learned"),
        (str(INNER6), "learned"),
    ]
    # A second speaker knows a shorter way, then no more.
    routes.update("two", link, learned(INNER, "192.168.200.7", 1))
    await until("172.16.1.0/24 via 192.168.200.7 dev lan0 metric 12101")
    routes.update("two", link, {INNER: None})
    await until("172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102")
    # Another gateway with the same metric.
    routes.update("one", link, learned(INNER, "192.168.200.9"))
    await until("172.16.1.0/24 via 192.168.200.9 dev lan0 metric 12102")
    # What something took away is put back.
    ip("route", "flush", "proto", "122")
    routes.look_soon()
    await until("172.16.1.0/24 via 192.168.200.9 dev lan0 metric 12102")
    assert len(events) == 2, "another way to the same network is no event"
    routes.update("one", link, {INNER: None})
    await until()
    await happened(events, 3)
    assert (events[-1].subject, events[-1].what) == (str(INNER), "lost")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert read() == set()


def test_routes_follow_what_is_learned() -> None:
    with space() as made:
        made.sh(SITE)
        made.call(follows)


async def adopts() -> None:
    link = if_nametoindex("lan0")
    kept, barred = (
        LearnedRoute(IPv4Network(f"172.16.{n}.0/24"), ip_address("192.168.200.6"), link, METRIC + 2) for n in (1, 2)
    )
    assert change([kept, barred], ()) == {}
    assert change([kept], ()) == {}, "what is there is no failure"
    assert read() == {kept, barred}
    routes = KernelRoutes(lambda event: None)
    task = asyncio.create_task(routes.run())
    routes.adopt(lambda route: route == kept, 0.5)
    await until("172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102")
    await until()
    assert routes.problems() == ()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_routes_of_an_earlier_routerd_have_a_while_to_be_learned_again() -> None:
    with space() as made:
        made.sh(SITE)
        made.call(adopts)


async def fails() -> None:
    link = if_nametoindex("lan0")
    routes = KernelRoutes(lambda event: None)
    task = asyncio.create_task(routes.run())
    routes.update("one", link, {**learned(INNER, "192.168.200.6"), **learned(ip_network("172.16.9.0/24"), "10.9.9.9")})
    await until("172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102")
    deadline = time.monotonic() + 5.0
    while not routes.problems():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    (problem,) = routes.problems()
    assert dict(problem.values) == {"what": "the learned route 172.16.9.0/24", "reason": "Network is unreachable"}
    ip("address", "add", "10.9.9.1/24", "dev", "lan0")
    await until(
        "172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102", "172.16.9.0/24 via 10.9.9.9 dev lan0 metric 12102"
    )
    while routes.problems():
        assert time.monotonic() < deadline + 5.0
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_cannot_be_kept_is_a_problem_and_is_tried_again() -> None:
    with space() as made:
        made.sh(SITE)
        made.call(fails)


async def removes() -> None:
    link = if_nametoindex("lan0")
    rows = [
        LearnedRoute(IPv4Network((0xAC100000 + 256 * n, 24)), ip_address("192.168.200.6"), link, METRIC + 2)
        for n in range(1000)
    ]
    assert change(rows, ()) == {}
    assert read() == set(rows)
    assert len(remove_all()) == 1000
    assert read() == set()


def test_routes_of_others_stay() -> None:
    with space() as made:
        made.sh(SITE)
        made.sh("ip route add 172.16.1.0/24 via 192.168.200.1 metric 12102")
        made.sh("ip route add 172.16.2.0/24 via 192.168.200.1 proto 121")
        before = made.sh("ip route")
        made.call(removes)
        assert made.sh("ip route") == before


def test_clean_removes_them(tmp_path: Path) -> None:
    config = tmp_path / "routerd.toml"
    http = f'[http]\nlisten = ["unix:{tmp_path}/routerd.sock"]\n'
    config.write_text(f'{http}[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n')
    with space() as made:
        made.sh(SITE)
        made.sh("ip route add 172.16.1.0/24 via 192.168.200.6 proto 122 metric 12102")
        made.sh("ip -6 route add fd00:60::/64 via fe80::6 dev lan0 proto 122 metric 12102")
        said = json.loads(made.sh(f"{sys.executable} -m routerd clean --json --config {config}"))
        assert said["routes"] == [
            "172.16.1.0/24 via 192.168.200.6 dev lan0 metric 12102",
            "fd00:60::/64 via fe80::6 dev lan0 metric 12102",
        ]
        assert made.sh("ip route show proto 122; ip -6 route show proto 122") == ""
