"""`/metrics`: names and labels as dashboards use them, clean by promtool, and no burden for the event loop."""

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from routerd.api import metrics
from routerd.model import WireGuardDevice, WireGuardPeer
from routerd.reports import Check, PeerReport, PeerState, ProblemReport
from tests.api.scene import AT, KEY, Client, Daemon, peer, with_client

UNPACKED = Path(__file__).parents[2] / ".cache/prometheus/usr/bin/promtool"
OWN_KEY = "O" * 42 + "A="


def _speaker(version: str) -> dict[str, object]:
    own: dict[str, object] = {"lan": "eth0", "version": version, "speaking": True}
    row = {"address": "fe80::6" if version == "ng" else "192.168.200.6", "last_update": "2026-11-22T12:00:00.500Z"}
    row |= {"routes": 2, "RcvBadPackets": 3, "RcvBadRoutes": 4, "authentication-failure": 1}  # type: ignore[dict-item]
    silent = {**row, "address": f"{row['address']}1", "last_update": None}
    counters = {"rip2GlobalRouteChanges": 7, "RcvBadPackets": 3}
    return {**own, "announced": 1, "withdrawn": 0, "learned": 2, "counters": counters, "neighbours": [row, silent]}


def _daemon() -> Daemon:
    up = PeerReport(
        'a "b"', KEY, "vpn", ("10.0.0.1",), "203.0.113.1:51821", PeerState.UP, AT, AT - 60, 7, 8, "icmp", 0.025, AT, 0
    )
    networks = (ip_network("10.0.0.1/32"), ip_network("2001:db8::/64"))
    device = WireGuardDevice("wg0", OWN_KEY, 51822, (WireGuardPeer(KEY, networks),))
    unknown = peer("far", PeerState.UNKNOWN)._replace(vpn="remote")
    down = peer("gone", PeerState.DOWN)._replace(vpn="remote", failures=4)
    counters = {"pkt4-received": 9, "pkt4-discover-received": 5, "pkt4-offer-sent": 4, "pkt4-parse-failed": 1}
    counters |= {"reclaimed-leases": 0, "v4-allocation-fail": 0, "conflict-probe-sent": 3}
    routes = {"handed_out": 1, "leases": 43, "current": 41, "accepting": 40, "not_accepting": 2, "unknown": 1}
    subnet = {"subnet": "10.0.0.0/24", "total-addresses": 100, "assigned-addresses": 44, "declined-addresses": 1}
    return Daemon(
        peers=(up, unknown, down),
        leases=3,
        devices={"vpn": device},
        problems=(ProblemReport("peer-down", "peer gone", "warning", "t", "m", AT),),
        services={
            "dhcp": {"counters": counters, "lans": [{"lan": "eth0", "routes": routes, "subnets": [subnet]}]},
            "hosts": {"known": 6, "direct": 2, "via-router": 1, "lan-only": 0, "unknown": 3},
            "nat": {"flows": {"masquerade": 4, "site-gateway": 9}, "spoofed_packets": 1},
            "process": {"resident_bytes": 50_000_000, "open_files": 20, "tasks": 12},
        },
    )


def _with_rip() -> Daemon:
    daemon = _daemon()
    daemon.services = {**daemon.services, "rip": {"speakers": [_speaker("v2"), _speaker("ng")]}}
    return daemon


_INFO = (
    'wireguard_peer_info{allowed_ips="10.0.0.1/32,2001:db8::/64",device="wg0",endpoint="203.0.113.1:51821",'
    f'name="a \\"b\\"",public_key="{KEY}"}} 1.0'
)
EXPECTED = f"""
routerd_build_info{{version="0.1.0"}} 1.0
routerd_ready 1.0
routerd_leases{{lan="eth0",state="bound"}} 3.0
routerd_routes{{state="offered"}} 1.0
routerd_problems{{code="peer-down",severity="warning"}} 1.0
routerd_http_requests_total 2.0
routerd_http_incidents_total{{kind="refused-requests"}} 1.0
wireguard_device_info{{device="wg0",public_key="{OWN_KEY}"}} 1.0
{_INFO}
wireguard_peer_last_handshake_seconds{{device="wg0",public_key="{KEY}"}} 1.79534154e+09
wireguard_peer_receive_bytes_total{{device="wg0",public_key="{KEY}"}} 7.0
wireguard_peer_transmit_bytes_total{{device="wg0",public_key="{KEY}"}} 8.0
wireguard_peer_up{{device="wg0",name="a \\"b\\"",public_key="{KEY}"}} 1.0
wireguard_peer_up{{device="",name="gone",public_key=""}} 0.0
routerd_peer_probe_rtt_seconds{{name="a \\"b\\"",vpn="vpn"}} 0.025
routerd_peer_probe_failures{{name="a \\"b\\"",vpn="vpn"}} 0.0
routerd_peer_probe_failures{{name="far",vpn="remote"}} 0.0
routerd_peer_probe_failures{{name="gone",vpn="remote"}} 4.0
routerd_dhcp_messages_total{{direction="received",type="discover"}} 5.0
routerd_dhcp_messages_total{{direction="sent",type="offer"}} 4.0
routerd_dhcp_packets_total{{direction="received"}} 9.0
routerd_dhcp_incidents_total{{kind="pkt4-parse-failed"}} 1.0
routerd_dhcp_incidents_total{{kind="v4-allocation-fail"}} 0.0
routerd_dhcp_lease_changes_total{{kind="reclaimed-leases"}} 0.0
routerd_dhcp_conflicts_total{{kind="probe-sent"}} 3.0
routerd_leases_routes_current{{lan="eth0"}} 41.0
routerd_leases_asking_for_routes{{asking="yes",lan="eth0"}} 40.0
routerd_leases_asking_for_routes{{asking="no",lan="eth0"}} 2.0
routerd_leases_asking_for_routes{{asking="unknown",lan="eth0"}} 1.0
routerd_dhcp_addresses{{kind="total",lan="eth0",subnet="10.0.0.0/24"}} 100.0
routerd_dhcp_addresses{{kind="assigned",lan="eth0",subnet="10.0.0.0/24"}} 44.0
routerd_dhcp_addresses{{kind="declined",lan="eth0",subnet="10.0.0.0/24"}} 1.0
routerd_hosts{{return_path="direct"}} 2.0
routerd_hosts{{return_path="via-router"}} 1.0
routerd_hosts{{return_path="lan-only"}} 0.0
routerd_hosts{{return_path="unknown"}} 3.0
routerd_flows_total{{strategy="masquerade"}} 4.0
routerd_flows_total{{strategy="site-gateway"}} 9.0
routerd_spoofed_packets_total 1.0
process_start_time_seconds 1.7953416e+09
process_resident_memory_bytes 5e+07
process_open_fds 20.0
routerd_tasks 12.0
"""


def test_names_labels_and_values() -> None:
    async def test(client: Client) -> None:
        assert (await client.ask("/livez", headers={"Host": "evil.example"})).status == 421
        answer = await client.ask("/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
        assert lines == EXPECTED.strip().splitlines()
        head = await client.ask("/metrics", "HEAD")
        assert (head.status, head.body) == (200, b"")

    with_client(test, _daemon())


def test_nothing_at_all() -> None:
    async def test(client: Client) -> None:
        text = (await client.ask("/metrics")).body.decode()
        assert "routerd_ready 0.0\n" in text

    with_client(test, Daemon(peers=(), leases=0, routes=(), services={}, checks=(Check("x", False),)))


def _promtool() -> str:
    found = shutil.which("promtool") or (str(UNPACKED) if UNPACKED.exists() else None)
    if found is None:
        pytest.skip("needs promtool: scripts/setup test")
    return found


def test_promtool_has_no_complaint() -> None:
    promtool = _promtool()

    async def test(client: Client) -> None:
        text = (await client.ask("/metrics")).body
        done = await asyncio.to_thread(
            subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    with_client(test, _with_rip())


def test_every_series_is_there_once() -> None:
    daemon = _daemon()
    # Several names behind one peer of a device, and the same key on another device.
    named = [daemon.peers[0]._replace(name=name) for name in ("b", "c")]
    daemon.peers = (*daemon.peers, *named, daemon.peers[0]._replace(vpn="vpn2"))
    daemon.devices = {**daemon.devices, "vpn2": replace(daemon.devices["vpn"], interface="wg1")}

    async def test(client: Client) -> None:
        text = (await client.ask("/metrics")).body.decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        series = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
        assert sorted(set(series)) == sorted(series)
        names = Counter(sample.name for sample in samples)
        assert names["wireguard_peer_receive_bytes_total"] == names["wireguard_peer_info"] == 2
        assert [s.labels["name"] for s in samples if s.name == "wireguard_peer_info"] == ['a "b"', 'a "b"']
        assert names["wireguard_peer_up"] == 5

    with_client(test, daemon)


def test_at_most_a_few_scrapes_at_once() -> None:
    daemon = _daemon()
    daemon.leases = 50_000

    async def test(client: Client) -> None:
        answers = await asyncio.gather(*(client.ask("/metrics") for _ in range(12)))
        statuses = {answer.status for answer in answers}
        assert statuses <= {200, 503}
        assert 200 in statuses
        assert all("Retry-After" in answer.headers for answer in answers if answer.status == 503)
        assert (await client.ask("/metrics")).status == 200

    with_client(test, daemon)


def test_ten_thousand_peers_do_not_hold_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    interval = sys.getswitchinterval()
    peers = tuple(
        PeerReport(f"peer-{n}", f"{n:043}=", "vpn", ("10.0.0.1",), None, PeerState.UP, AT, AT, n, n, "icmp", 0.1, AT, 0)
        for n in range(10_000)
    )
    networks = (ip_network("10.0.0.1/32"),)
    device = WireGuardDevice("wg0", OWN_KEY, 1, tuple(WireGuardPeer(f"{n:043}=", networks) for n in range(10_000)))
    daemon = Daemon(peers=peers, leases=0, devices={"vpn": device})

    async def test(client: Client) -> None:
        await client.ask("/metrics")
        asking = asyncio.create_task(client.ask("/metrics"))
        longest = 0.0
        while not asking.done():
            before = time.thread_time()
            await asyncio.sleep(0)
            # The CPU time of this thread: what the other threads take in between does not count.
            longest = max(longest, time.thread_time() - before)
        text = (await asking).body
        assert text.count(b"\nwireguard_peer_up{") == 10_000
        assert longest < 0.010
        assert threading.active_count() < 40

    try:
        sys.setswitchinterval(0.0005)
        with_client(test, daemon)
    finally:
        sys.setswitchinterval(interval)


def test_it_is_imported_at_the_first_scrape() -> None:
    code = "import sys, routerd.api.server; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_families_are_made_one_by_one() -> None:
    snapshot = metrics.Snapshot("0.1.0", AT, True)
    pieces = list(metrics.texts(snapshot))
    assert all(piece.startswith(b"# HELP ") and piece.count(b"# HELP ") == 1 for piece in pieces)


def test_rip_is_counted_by_speaker_and_neighbour() -> None:
    lines = """
routerd_rip_speaking{lan="eth0",version="v2"} 1.0
routerd_rip_routes{lan="eth0",state="learned",version="v2"} 2.0
routerd_rip_counters_total{kind="rip2GlobalRouteChanges",lan="eth0",version="v2"} 7.0
routerd_rip_neighbour_last_update_seconds{lan="eth0",neighbour="192.168.200.6",version="v2"} 1.7953488005e+09
routerd_rip_neighbour_routes{lan="eth0",neighbour="192.168.200.61",version="v2"} 2.0
routerd_rip_neighbour_counters_total{kind="RcvBadRoutes",lan="eth0",neighbour="fe80::6",version="ng"} 4.0
"""

    async def test(client: Client) -> None:
        said = (await client.ask("/metrics")).body.decode().splitlines()
        assert [line for line in lines.strip().splitlines() if line not in said] == []
        known = [line for line in said if line.startswith("routerd_rip_neighbour_last_update_seconds{")]
        assert len(known) == 2, "absent before the first update"

    with_client(test, _with_rip())
