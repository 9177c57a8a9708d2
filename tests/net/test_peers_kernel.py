"""The peers service against a real kernel: a link that is cut, silenced, removed, made anew, or forbidden."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import pytest

from routerd.health import ProblemTracker
from routerd.model import PeersPart, ProbeTarget
from routerd.peers.service import PeersService
from routerd.reports import PeerReport
from tests.net.helpers_peers import FAR, NEAR, connect, pair, run_inside, sh

pytestmark = pytest.mark.net


def _target(address: str = FAR, source: str | None = NEAR, interval: float = 0.2) -> ProbeTarget:
    bound = None if source is None else ip_address(source)
    return ProbeTarget("far", "vpn", None, ip_address(address), "icmp", interval, "p0", bound)


@asynccontextmanager
async def _running(*targets: ProbeTarget) -> AsyncIterator[tuple[PeersService, list[tuple[float, bool | None]]]]:
    changes: list[tuple[float, bool | None]] = []
    service = PeersService(lambda: changes.append((time.monotonic(), service.reachable()["far"])))
    await service.apply(PeersPart(targets, timeout=0.2))
    task = asyncio.create_task(service.run())
    try:
        yield service, changes
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    begin = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return time.monotonic() - begin


def _far(service: PeersService) -> PeerReport:
    (report,) = service.report()
    return report


def _problems(service: PeersService) -> list[str]:
    tracker = ProblemTracker()
    tracker.update(service.problems(), 0.0)
    return [row.text for row in tracker.report(100.0)]


async def _cut_and_mend(far: str, cut: str, mend: str) -> None:
    async with _running(_target()) as (service, changes):
        await _until(lambda: _far(service).state == "up")
        assert _far(service).rtt is not None
        assert [check.ok for check in service.checks()] == [True]
        await asyncio.sleep(1.0)
        assert _far(service).failures == 0
        sh(far, *cut.split(";"))
        assert await _until(lambda: _far(service).state == "down") < 1.1
        assert _problems(service) == [f"peer far: does not answer ICMP echo to {FAR}"]
        sh(far, *mend.split(";"))
        await _until(lambda: _far(service).state == "up")
        assert _problems(service) == []
        assert [reachable for _, reachable in changes] == [True, False, True]


@pytest.mark.parametrize(
    ("cut", "mend"),
    [
        ("link set p1 down", "link set p1 up"),
        pytest.param(f"addr del {FAR}/24 dev p1", f"addr add {FAR}/24 dev p1", marks=pytest.mark.long),
        (f"route add blackhole {NEAR}/32", f"route del blackhole {NEAR}/32"),
    ],
)
def test_a_cut_is_noticed_and_so_is_its_end(cut: str, mend: str) -> None:
    with pair() as (near, far):
        run_inside(near, _cut_and_mend, far, cut, mend)


async def _ipv6(near: str) -> None:
    async with _running(_target("fd00::1", "fd00::2")) as (service, _):
        await _until(lambda: _far(service).state == "up")
        sh(near, "link set p0 down")
        await _until(lambda: _far(service).state == "down")


def test_ipv6() -> None:
    with pair() as (near, _):
        run_inside(near, _ipv6, near)


async def _made_anew(near: str, far: str) -> None:
    async with _running(_target()) as (service, _):
        await _until(lambda: _far(service).state == "up")
        sh(near, "link del p0")
        await _until(lambda: _far(service).state == "down")
        assert "vpn vpn: probes cannot be sent: p0: No such device" in _problems(service)
        assert service.checks()[0].text == "no probe socket on p0"
        connect(near, far)
        await _until(lambda: _far(service).state == "up")
        assert _problems(service) == []
        sh(near, "link del p0")
        connect(near, far)
        await asyncio.sleep(0.5)
        await _until(lambda: _far(service).state == "up" and _far(service).failures == 0)
        # So many changes within seconds are flapping, and nothing else is wrong.
        assert set(_problems(service)) <= {"peer far: its state changed more than 4 times in 5 minutes"}


def test_an_interface_that_goes_and_comes_back() -> None:
    with pair() as (near, far):
        run_inside(near, _made_anew, near, far)


async def _no_source(near: str) -> None:
    async with _running(_target()) as (service, _):
        await _until(lambda: _far(service).state == "up")
        sh(near, f"addr del {NEAR}/24 dev p0", "addr add 10.0.0.3/24 dev p0")
        await _until(lambda: _far(service).state == "down")
        await _until(
            lambda: "vpn vpn: probes cannot be sent: p0: Cannot assign requested address" in _problems(service)
        )
        sh(near, f"addr add {NEAR}/24 dev p0")
        await _until(lambda: _far(service).state == "up")


def test_a_source_address_that_goes_and_comes_back() -> None:
    with pair() as (near, _):
        run_inside(near, _no_source, near)


async def _forbidden() -> None:
    async with _running(_target()) as (service, changes):
        await asyncio.sleep(1.5)
        assert _far(service).state == "unknown"
        assert _problems(service) == ["vpn vpn: probes cannot be sent: p0: Operation not permitted"]
        assert changes == []


def test_without_the_right_to_send_nothing_is_claimed() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("needs util-linux (setpriv)")
    with pair() as (near, _):
        run_inside(near, _forbidden, user="setpriv --bounding-set -net_raw --inh-caps -net_raw")


async def _foreign_replies(near: str) -> None:
    async with _running(_target(interval=0.2)) as (service, _):
        await _until(lambda: _far(service).state == "up")
        await asyncio.to_thread(
            subprocess.run, ["ping", "-q", "-c", "20", "-i", "0.01", FAR], check=True, stdout=subprocess.DEVNULL
        )
        assert service._probes.foreign >= 20
        assert (service._probes.forged, service._probes.late) == (0, 0)
        assert _far(service).state == "up"


def test_replies_to_another_program_change_nothing() -> None:
    with pair() as (near, _):
        run_inside(near, _foreign_replies, near)
