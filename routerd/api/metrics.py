"""Everything countable as Prometheus metrics, family by family; `wireguard_*` as in mdlayher's exporter. Pure.

Imported at the first scrape, because importing prometheus_client takes long.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from routerd.api import metrics_hosts, metrics_rip
from routerd.model import WireGuardDevice
from routerd.reports import PeerReport

_MESSAGE = re.compile(r"pkt4-([a-z]+)-(received|sent)")
_PACKETS = {"pkt4-received": "received", "pkt4-sent": "sent"}
_CHANGES = ("cumulative-assigned-addresses", "reclaimed-leases", "reclaimed-declined-addresses")
_CONFLICT = "conflict-"
_ASKING = {"accepting": "yes", "not_accepting": "no", "unknown": "unknown"}
_ADDRESSES = {"total-addresses": "total", "assigned-addresses": "assigned", "declined-addresses": "declined"}

Row = tuple[Sequence[str], float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one scrape is made from: values that later changes do not touch.

    `devices` are by vpn. `lans` are the LANs where DHCP is served, `rip` the speakers of RIP, `hosts` and `nat` the
    reports of those services, as `/v1/status` shows them.
    """

    version: str
    started: float
    ready: bool
    peers: Sequence[PeerReport] = ()
    devices: Mapping[str, WireGuardDevice] = field(default_factory=dict)
    leases: Mapping[tuple[str, str], int] = field(default_factory=dict)
    routes: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dhcp: Mapping[str, int] = field(default_factory=dict)
    lans: Sequence[Mapping[str, Any]] = ()
    rip: Sequence[Mapping[str, Any]] = ()
    hosts: Mapping[str, Any] = field(default_factory=dict)
    nat: Mapping[str, Any] = field(default_factory=dict)
    http: Mapping[str, int] = field(default_factory=dict)
    process: Mapping[str, object] = field(default_factory=dict)


class Families(Collector):
    """Collects the families of a snapshot, each when it is asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """All families, each one a whole."""
        yield from _own(self._snapshot)
        yield from _wireguard(self._snapshot)
        yield from _probes(self._snapshot)
        yield from _dhcp(self._snapshot)
        yield from _networks(self._snapshot)
        if self._snapshot.hosts:
            yield from metrics_hosts.families(self._snapshot.hosts, self._snapshot.nat)
        if self._snapshot.rip:
            yield from metrics_rip.families(self._snapshot.rip)
        yield from _process(self._snapshot)


class _One(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def texts(snapshot: Snapshot) -> Iterator[bytes]:
    """The text format, one family after the other: thousands of peers are never in memory as a whole."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(snapshot))
    return (generate_latest(_One(family)) for family in registry.collect())


def _gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _own(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("routerd_build_info", "The version of routerd.", ("version",), [((now.version,), 1)])
    yield _gauge("routerd_ready", "Whether routerd's own duties are met, as /readyz says it.", (), [((), now.ready)])
    leases = ((key, count) for key, count in sorted(now.leases.items()))
    yield _gauge("routerd_leases", "DHCP leases by LAN and state.", ("lan", "state"), leases)
    routes = (((state,), count) for state, count in sorted(now.routes.items()))
    yield _gauge("routerd_routes", "Routes towards the VPN by state.", ("state",), routes)
    problems = ((key, count) for key, count in sorted(now.problems.items()))
    yield _gauge("routerd_problems", "Problems that stand now, by code and severity.", ("code", "severity"), problems)
    requests = [((), now.http.get("requests", 0))]
    yield _counter("routerd_http_requests", "HTTP requests that were read.", (), requests)
    http = (((kind,), count) for kind, count in sorted(now.http.items()) if kind != "requests")
    yield _counter("routerd_http_incidents", "HTTP connections and requests that went wrong.", ("kind",), http)


def _wireguard(now: Snapshot) -> Iterator[Metric]:
    devices = (((d.interface, d.public_key or ""), 1.0) for d in now.devices.values())
    yield _gauge("wireguard_device_info", "Metadata about a device.", ("device", "public_key"), devices)
    labels: Sequence[str] = ("device", "public_key", "allowed_ips", "endpoint", "name")
    yield _gauge("wireguard_peer_info", "Metadata about a peer.", labels, _infos(now))
    labels = ("device", "public_key")
    text = "UNIX timestamp of the last handshake with a peer; 0 without one."
    rows = ((_of(now, p), p.last_handshake or 0.0) for p in _measured(now))
    yield _gauge("wireguard_peer_last_handshake_seconds", text, labels, rows)
    rows = ((_of(now, p), float(p.rx_bytes or 0)) for p in _measured(now))
    yield _counter("wireguard_peer_receive_bytes", "Number of bytes received from a peer.", labels, rows)
    rows = ((_of(now, p), float(p.tx_bytes or 0)) for p in _measured(now))
    yield _counter("wireguard_peer_transmit_bytes", "Number of bytes transmitted to a peer.", labels, rows)


def _infos(now: Snapshot) -> Iterator[Row]:
    networks = {
        (vpn, peer.public_key): peer.allowed_ips for vpn, device in now.devices.items() for peer in device.peers
    }
    for report in _measured(now):
        allowed = ",".join(map(str, networks.get((report.vpn, report.public_key or ""), ())))
        yield (*_of(now, report), allowed, report.endpoint or "", report.name), 1.0


def _measured(now: Snapshot) -> Iterator[PeerReport]:
    """The peers that a device of this machine has, which is where counters come from: each one once.

    Several configured names may be behind one of them; the first one stands for it.
    """
    seen: set[tuple[str, str | None]] = set()
    for peer in now.peers:
        key = (peer.vpn, peer.public_key)
        if peer.public_key and peer.rx_bytes is not None and peer.vpn in now.devices and key not in seen:
            seen.add(key)
            yield peer


def _of(now: Snapshot, report: PeerReport) -> tuple[str, str]:
    device = now.devices.get(report.vpn)
    return ("" if device is None else device.interface, report.public_key or "")


def _probes(now: Snapshot) -> Iterator[Metric]:
    rows: Iterable[Row] = (((*_of(now, p), p.name), float(p.reachable)) for p in now.peers if p.reachable is not None)
    labels: Sequence[str] = ("device", "public_key", "name")
    yield _gauge("wireguard_peer_up", "Whether a peer is reachable; absent while that is unknown.", labels, rows)
    labels = ("vpn", "name")
    rows = (((p.vpn, p.name), p.rtt) for p in now.peers if p.rtt is not None)
    yield _gauge("routerd_peer_probe_rtt_seconds", "Round-trip time of the last probe that was answered.", labels, rows)
    rows = (((p.vpn, p.name), float(p.failures)) for p in now.peers)
    yield _gauge("routerd_peer_probe_failures", "Probes in a row that failed.", labels, rows)


def _dhcp(now: Snapshot) -> Iterator[Metric]:
    messages: list[Row] = []
    packets: list[Row] = []
    changes: list[Row] = []
    conflicts: list[Row] = []
    incidents: list[Row] = []
    for name, count in sorted(now.dhcp.items()):
        match = _MESSAGE.fullmatch(name)
        if match is not None:
            messages.append((match.groups(), count))
        elif name in _PACKETS:
            packets.append(((_PACKETS[name],), count))
        elif name in _CHANGES:
            changes.append(((name,), count))
        elif name.startswith(_CONFLICT):
            conflicts.append(((name.removeprefix(_CONFLICT),), count))
        else:
            incidents.append(((name,), count))
    yield _counter("routerd_dhcp_messages", "DHCP messages by type.", ("type", "direction"), messages)
    yield _counter("routerd_dhcp_packets", "DHCP packets, readable or not.", ("direction",), packets)
    yield _counter("routerd_dhcp_incidents", "What became of packets, named as Kea's statistics.", ("kind",), incidents)
    text = "Addresses leased anew, and those that were got back, named as Kea's statistics."
    yield _counter("routerd_dhcp_lease_changes", text, ("kind",), changes)
    text = "Probes for addresses that are in use without a lease, and what they found."
    yield _counter("routerd_dhcp_conflicts", text, ("kind",), conflicts)


def _networks(now: Snapshot) -> Iterator[Metric]:
    current = (((lan["lan"],), lan["routes"]["current"]) for lan in now.lans)
    text = "Bound leases whose last ACK had exactly the routes that are handed out now."
    yield _gauge("routerd_leases_routes_current", text, ("lan",), current)
    asking = (((lan["lan"], word), lan["routes"][key]) for lan in now.lans for key, word in _ASKING.items())
    text = "Bound leases by whether their client asks for routes (option 121 or 249)."
    yield _gauge("routerd_leases_asking_for_routes", text, ("lan", "asking"), asking)
    addresses = (
        ((lan["lan"], subnet["subnet"], word), subnet[key])
        for lan in now.lans
        for subnet in lan["subnets"]
        for key, word in _ADDRESSES.items()
    )
    text = "Addresses of a network: those in its pools, those held by clients (declined ones too), and declined ones."
    yield _gauge("routerd_dhcp_addresses", text, ("lan", "subnet", "kind"), addresses)


def _process(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("process_start_time_seconds", "Start time as UNIX timestamp.", (), [((), now.started)])
    names = {
        "resident_bytes": ("process_resident_memory_bytes", "Resident memory in bytes."),
        "open_files": ("process_open_fds", "Number of open file descriptors."),
        "tasks": ("routerd_tasks", "Tasks of the event loop."),
    }
    for key, (name, text) in names.items():
        value = now.process.get(key)
        if isinstance(value, int):
            yield _gauge(name, text, (), [((), value)])
