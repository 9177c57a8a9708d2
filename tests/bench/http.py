"""HTTP: a peer's health under load, the list of 1,000 peers, and how long lists of thousands hold the event loop."""

import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from routerd.api.service import ApiService
from routerd.api.sources import Sources
from routerd.config.model import Http
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from routerd.hosts.known import known_hosts
from routerd.lab.lab import Lab
from routerd.lab.wireguard import Peer, add_peers
from routerd.model import WireGuardDevice, WireGuardPeer
from routerd.reports import PeerReport, PeerState
from tests.bench.load_http import _answer
from tests.net.site import Site, soon

RATE = 500
SECONDS = 15
PEERS = 1000
MANY_PEERS = 10_000
LEASES = 50_000
ASKED = 50


def _cpu(pid: int) -> tuple[float, float]:
    """Seconds that the process's main thread has computed, and that it has waited for a core."""
    computed, waited, _ = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    return int(computed) / 1e9, int(waited) / 1e9


def under_load() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the HTTP client and the DHCP clients saw, both at once; the first with the daemon's share of a core."""
    with Lab() as lab:
        site = Site(lab)
        daemon = site.start()
        soon("the peer is up", lambda: daemon.get("/v1/peers/endpoint-a/health")[0] == 200)
        argv = [sys.executable, "-m", "tests.bench.load_dhcp", "lan0", str(RATE), str(SECONDS + 3)]
        command = site.example.b.command(argv)
        dhcp = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        try:
            assert dhcp.stdout is not None
            assert dhcp.stdout.readline() == "asking\n"
            time.sleep(1.5)
            argv = [sys.executable, "-m", "tests.bench.load_http", "127.0.0.1", "8121"]
            argv += ["/v1/peers/endpoint-a/health", str(RATE), str(SECONDS)]
            before, begin = _cpu(daemon.process.pid), time.monotonic()
            done = subprocess.run(
                site.example.beta.command(argv), capture_output=True, text=True, check=True, timeout=SECONDS * 3
            )
            took = time.monotonic() - begin
            share, waited = ((now - old) / took for now, old in zip(_cpu(daemon.process.pid), before, strict=True))
            answers = dhcp.communicate(timeout=30)[0]
        finally:
            if dhcp.poll() is None:
                dhcp.kill()
                dhcp.communicate()
        return json.loads(done.stdout) | {"share": share, "waited": waited}, json.loads(answers)


def list_of_peers() -> list[float]:
    """Milliseconds of each of many requests for the list of 1,000 peers of a running daemon."""
    with Lab() as lab:
        site = Site(lab)
        keys = [base64.b64encode(os.urandom(32)).decode() for _ in range(PEERS - 1)]
        peers = [Peer(key, [f"10.64.{n >> 8}.{n & 255}/32"]) for n, key in enumerate(keys)]
        for start in range(0, len(peers), 100):
            add_peers(site.example.tunnel_beta, peers[start : start + 100])
        text = site.config.replace('name = "vpn"\n', 'name = "vpn"\nprefixes = ["10.0.0.0/24", "10.64.0.0/16"]\n', 1)
        daemon = site.start(text.replace('[probe]\ninterval = "1s"', '[probe]\ninterval = "10s"'))
        soon("all peers are shown", lambda: len(daemon.get("/v1/peers")[1]["peers"]) == PEERS)
        times = []
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(daemon.socket))
            for _ in range(ASKED):
                begin = time.monotonic()
                sock.sendall(b"GET /v1/peers HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status, _ = _answer(sock)
                times.append((time.monotonic() - begin) * 1000)
                assert status == "200"
                time.sleep(0.05)
        return sorted(times)


def _crowd() -> tuple[list[PeerReport], WireGuardDevice]:
    keys = [f"{number:043}=" for number in range(MANY_PEERS)]
    reports = [
        PeerReport(key, key, "vpn", ("10.0.0.1",), None, PeerState.UP, 1e9, 1e9, n, n, "icmp", 0.1, 1e9, 0)
        for n, key in enumerate(keys)
    ]
    networks = (ip_network("10.0.0.1/32"),)
    return reports, WireGuardDevice("wg0", keys[0], 1, tuple(WireGuardPeer(key, networks) for key in keys))


def _service(directory: str) -> ApiService:
    dhcp = DhcpService(LeaseStore(f"{directory}/leases.db"))
    rows = [
        Row(int(IPv4Address("10.0.0.0")) + n, b"\1%06d" % n, b"\1%06d" % n, f"host-{n}", BOUND, 1.0, 1e9)
        for n in range(LEASES)
    ]
    dhcp._table("lan0").load(rows)
    peers, device = _crowd()
    sources = Sources(
        peers=lambda: iter(peers),
        routes=lambda: (),
        leases=dhcp.report,
        hosts=lambda: known_hosts(dhcp.report(), ()),
        problems=lambda: (),
        checks=lambda: (),
        status=dict,
        devices=lambda: {"vpn": device},
    )
    return ApiService(sources)


def _fetch(path: str, target: str, done: Callable[[], None]) -> None:
    """Ask from another process, so that what the client does costs this one nothing."""
    argv = ["curl", "-s", "-o", "/dev/null", "--unix-socket", path, f"http://localhost{target}"]
    subprocess.run(argv, check=True, timeout=60)
    done()


async def _longest(path: str, target: str) -> float:
    """The longest that the event loop was held while `target` was answered, in milliseconds of its thread's time."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    asking = threading.Thread(target=_fetch, args=(path, target, lambda: loop.call_soon_threadsafe(asked.set)))
    asking.start()
    longest = 0.0
    while not asked.is_set():
        before = time.thread_time()
        await asyncio.sleep(0)
        # What other processes take in between is theirs.
        longest = max(longest, time.thread_time() - before)
    asking.join()
    return longest * 1000


async def _holds() -> dict[str, float]:
    """For each target the median of several runs."""
    sys.setswitchinterval(0.0005)
    targets = (
        "/v1/leases",
        "/v1/leases?limit=100",
        "/v1/hosts",
        "/v1/hosts?limit=100",
        "/v1/status",
        "/v1/peers",
        "/metrics",
    )
    with TemporaryDirectory() as directory:
        path = f"{directory}/routerd.sock"
        service = _service(directory)
        await service.apply(Http((f"unix:{path}",)))
        task = asyncio.create_task(service.run())
        try:
            while not service.addresses():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            found = {}
            for target in targets:
                await _longest(path, target)
                found[target] = statistics.median([await _longest(path, target) for _ in range(5)])
            return found
        finally:
            task.cancel()
            await asyncio.wait([task])


def measure() -> str:
    """The table."""
    http, dhcp = under_load()
    peers = list_of_peers()
    interval = sys.getswitchinterval()
    holds = asyncio.run(_holds())
    sys.setswitchinterval(interval)
    load = f"{http['rate']:.0f} requests/s {dict(http['statuses'])}; DHCP: {dhcp['rate']:.0f} whole exchanges/s, "
    load += f"ACK median {dhcp['median_ms']:.1f} ms, p99 {dhcp['p99_ms']:.1f} ms"
    # Where the machine has other things to do, delays are theirs: this says how much.
    load += f"; the daemon's loop computed {http['share']:.0%} of the time and waited {http['waited']:.0%} for a core"
    rows = [
        ("/v1/peers/NAME/health, p99, ms", http["p99_ms"], 5.0, f"median {http['median_ms']:.2f}; {load}"),
        (f"/v1/peers, {PEERS} peers, ms", statistics.median(peers), 20.0, f"{peers[0]:.1f} to {peers[-1]:.1f}"),
        ("DHCP exchanges/s meanwhile", dhcp["rate"], float(RATE), "at least"),
    ]
    for target, hold in holds.items():
        rows.append((f"{target} holds the loop, ms", hold, 10.0, f"{LEASES} leases, {MANY_PEERS} peers, median of 5"))
    lines = ["| what | median | at most | |", "|---|---|---|---|"]
    lines += [f"| {what} | {value:.2f} | {limit:g} | {note} |" for what, value, limit, note in rows]
    return "\n".join(lines)
