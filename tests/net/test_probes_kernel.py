"""Probes through a real kernel: connections, GETs, on demand, and answers from where they should not come."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from routerd.config.probes import probing
from routerd.health import ProblemTracker
from routerd.model import PeersPart, ProbeTarget
from routerd.peers.service import PeersService
from routerd.reports import PeerReport
from tests.net.helpers_peers import FAR, NEAR, pair, run_inside, sh

pytestmark = pytest.mark.net
SERVICES = Path(__file__).with_name("far_services.py")


def target(name: str, kind: str, address: str = FAR, source: str | None = NEAR, interval: float = 0.2) -> ProbeTarget:
    bound = None if source is None else ip_address(source)
    return ProbeTarget(name, "vpn", None, probing(kind).host or ip_address(address), kind, interval, "p0", bound)


@asynccontextmanager
async def running(*targets: ProbeTarget, timeout: float = 0.2) -> AsyncIterator[PeersService]:
    service = PeersService(lambda: None)
    await service.apply(PeersPart(targets, timeout=timeout, down_after=2))
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def far_services(space: str, certificate: str = "") -> Iterator[None]:
    command = ["ip", "netns", "exec", space, sys.executable, str(SERVICES), certificate]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        yield
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def peer(service: PeersService, name: str) -> PeerReport:
    found = service.find(name)
    assert found is not None
    return found


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def become(service: PeersService, expected: dict[str, tuple[str, str]]) -> None:
    """Wait until every peer has its state and a failure that begins so; what is different is shown."""

    def wrong() -> list[tuple[str, str, str | None]]:
        reports = [(peer(service, name), *end) for name, end in expected.items()]
        return [
            (report.name, report.state.value, report.failure)
            for report, state, failure in reports
            if report.state != state or not (report.failure or "").startswith(failure)
        ]

    with suppress(TimeoutError):
        await until(lambda: not wrong())
    assert wrong() == []


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


REFUSED = "connection refused: the machine is there, but nothing listens"
EXPECTED = {
    "tcp:8001": ("up", ""),
    "tcp:9999": ("down", REFUSED),
    "http://10.0.0.1:8001/": ("up", ""),
    "http://10.0.0.1:8007/": ("up", ""),
    "http://10.0.0.1:8002/": ("down", "status 503"),
    "http://10.0.0.1:8003/": ("down", "the answer is not HTTP"),
    "http://10.0.0.1:8004/": ("down", "closed before it answered"),
    "http://10.0.0.1:8005/": ("down", "no answer"),
    "http://10.0.0.9:8001/": ("down", ""),
    "http://[fd00::1]:8001/": ("up", ""),
}


async def _connections() -> None:
    before = open_files()
    async with running(*(target(kind, kind, source=None) for kind in EXPECTED)) as service:
        await become(service, EXPECTED)
        assert peer(service, "tcp:8001").rtt is not None
        assert service.checks()[0].ok
        await service.apply(PeersPart())
    assert open_files() == before


def test_connections() -> None:
    with pair() as (near, far), far_services(far):
        run_inside(near, _connections)


async def _tls() -> None:
    # Verified like any other: the second address is not that of the certificate, the third port knows no TLS.
    ends = {
        "https://10.0.0.1:8443/": ("up", ""),
        "https://10.0.0.7:8443/": ("down", "the certificate is not trusted: "),
        "https://10.0.0.1:8006/": ("down", "TLS failed: "),
    }
    async with running(*(target(name, name, interval=1.0) for name in ends), timeout=1.0) as service:
        await become(service, ends)


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=far"
    names = ["-addext", "subjectAltName=IP:10.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pair() as (near, far), far_services(far, str(both)):
        sh(far, "addr add 10.0.0.7/24 dev p1")
        run_inside(near, _tls)


async def _ends() -> None:
    before = open_files()
    names = [f"p{number}" for number in range(100)]
    targets = [target(name, "http://10.0.0.1:8005/", interval=1.0) for name in names]
    async with running(*targets, timeout=1.0) as service:
        await until(lambda: open_files() - before >= 64)
        assert open_files() - before <= 64 + 8
        await become(service, dict.fromkeys(names, ("down", "no answer")))
        assert open_files() - before <= 64 + 8
    assert open_files() == before


@pytest.mark.long
def test_connections_that_hang_are_bounded_and_leave_nothing() -> None:
    with pair() as (near, far), far_services(far):
        run_inside(near, _ends)


async def _own_addresses(near: str) -> None:
    targets = (target("four", "icmp", source=None), target("six", "icmp", "fd00::1", None))
    async with running(*targets) as service:
        await become(service, {"four": ("up", ""), "six": ("up", "")})
        # Another interface's address would lead there as well: without one of its own, nothing is sent or known.
        sh(near, "addr flush dev p0", "addr add 10.0.0.8/32 dev lo", "addr add fd00::8/128 dev lo")
        sh(near, "route add 10.0.0.0/24 dev p0", "-6 route add fd00::/64 dev p0")
        await become(service, {"four": ("unknown", ""), "six": ("unknown", "")})
        assert service.checks()[0].ok
        sh(near, "addr add fd00::2/64 dev p0 nodad")
        await become(service, {"four": ("unknown", ""), "six": ("up", "")})


def test_probes_come_from_the_interface_s_own_address_or_not_at_all() -> None:
    with pair() as (near, _):
        run_inside(near, _own_addresses, near)


async def _one_family(near: str) -> None:
    sh(near, "-6 addr flush dev p0")
    kinds = ("icmp", "tcp:8001", "http://[fd00::1]:8001/")
    sixes = [target(kind, kind, "fd00::1", None) for kind in kinds]
    async with running(target("four", "icmp"), *sixes) as service:
        await become(service, {"four": ("up", "")})
        # Each of them had its turns by then: the last probe of a round comes before the second of the first.
        await until(lambda: (peer(service, "four").last_success or 0) - peer(service, "four").since > 1.5)
        assert {peer(service, kind).state.value for kind in kinds} == {"unknown"}
        assert service.checks()[0].ok
        tracker = ProblemTracker()
        tracker.update(service.problems(), 0.0)
        (row,) = tracker.report(10.0)
        assert row.text == "vpn vpn: peers with IPv6 addresses are not probed, because p0 has no IPv6 address"
        assert 'ip address add ADDRESS/PREFIX dev p0; or set `probe` of these peers to "handshake"' in row.mend


def test_peers_of_a_family_that_the_interface_lacks_are_unknown_and_keep_nothing_from_being_ready() -> None:
    with pair() as (near, far), far_services(far):
        run_inside(near, _one_family, near)


async def _from_elsewhere(far: str) -> None:
    async with running(target("far", "icmp")) as service:
        await become(service, {"far": ("up", "")})
        chain = "chain c { type filter hook output priority 0; ip protocol icmp ip saddr set 10.0.0.66; }"
        command = ["ip", "netns", "exec", far, "nft", f"table ip t {{ {chain}; }}"]
        await asyncio.to_thread(subprocess.run, command, check=True)
        await become(service, {"far": ("down", "no answer")})
        ignored = service.status()["ignored_replies"]
        assert isinstance(ignored, dict)
        assert ignored["forged"] >= 2


def test_an_answer_from_another_address_is_none() -> None:
    with pair() as (near, far):
        run_inside(near, _from_elsewhere, far)


async def _on_demand(far: str) -> None:
    async with running(target("far", "icmp", interval=600.0), target("port", "tcp:9999", interval=600.0)) as service:
        await become(service, {"far": ("up", ""), "port": ("down", REFUSED)})
        first = peer(service, "far").last_success
        assert first is not None
        reports = await asyncio.gather(*(service.probe_now("far") for _ in range(50)))
        assert len({report.last_success for report in reports if report is not None}) == 1
        second = peer(service, "far").last_success
        assert second is not None
        assert second > first
        assert await service.probe_now("nobody") is None
        # Within the second nothing is sent; what is known is said.
        again = await service.probe_now("far")
        assert again is not None
        assert again.last_success == second
        failed = await service.probe_now("port")
        assert failed is not None
        assert failed.failure == REFUSED
        sh(far, "link set p1 down")
        await asyncio.sleep(1.0)
        lost = await service.probe_now("far")
        assert lost is not None
        assert (lost.state, lost.failures) == ("stale", 1)
        await service.apply(PeersPart())
        assert await service.probe_now("far") is None


def test_on_demand() -> None:
    with pair() as (near, far):
        run_inside(near, _on_demand, far)
