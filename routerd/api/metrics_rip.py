"""RIP's part of the metrics: every speaker as `/v1/status` shows it, with the counters of RFC 1724. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_LABELS = ("lan", "version")
_STATES = ("announced", "withdrawn", "learned")
_NEIGHBOUR_KINDS = ("RcvBadPackets", "RcvBadRoutes", "authentication-failure")

Speaker = Mapping[str, Any]


def families(speakers: Sequence[Speaker]) -> Iterator[Metric]:
    """All families; without any speaker they have no rows."""
    text = "Whether RIP is spoken, by LAN and version."
    yield _gauge("routerd_rip_speaking", text, _LABELS, ((_of(one), one["speaking"]) for one in speakers))
    text = "Routes of RIP: announced, withdrawn and still told so (metric 16), and learned."
    rows = (((*_of(one), state), one[state]) for one in speakers for state in _STATES)
    yield _gauge("routerd_rip_routes", text, (*_LABELS, "state"), rows)
    counters = CounterMetricFamily(
        "routerd_rip_counters", "Counters of RIP, named as in RFC 1724.", labels=(*_LABELS, "kind")
    )
    for one in speakers:
        for kind, value in one["counters"].items():
            counters.add_metric((*_of(one), kind), value)
    yield counters
    yield from _neighbours(speakers)


def _neighbours(speakers: Sequence[Speaker]) -> Iterator[Metric]:
    known = [(one, each) for one in speakers for each in one["neighbours"]]
    labels = (*_LABELS, "neighbour")
    text = "UNIX timestamp of the last update of a neighbour (rip2PeerLastUpdate); absent before the first."
    updates = (
        ((*_of(one), each["address"]), datetime.fromisoformat(each["last_update"]).timestamp())
        for one, each in known
        if each["last_update"] is not None
    )
    yield _gauge("routerd_rip_neighbour_last_update_seconds", text, labels, updates)
    text = "Routes that were learned from a neighbour."
    routes = (((*_of(one), each["address"]), each["routes"]) for one, each in known)
    yield _gauge("routerd_rip_neighbour_routes", text, labels, routes)
    text = "What was wrong with packets of a neighbour, named as in RFC 1724."
    counters = CounterMetricFamily("routerd_rip_neighbour_counters", text, labels=(*labels, "kind"))
    for one, each in known:
        for kind in _NEIGHBOUR_KINDS:
            counters.add_metric((*_of(one), each["address"], kind), each[kind])
    yield counters


def _of(speaker: Speaker) -> tuple[str, str]:
    return speaker["lan"], speaker["version"]


def _gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
