"""The hosts' part of the metrics: their ways back to the VPN, and what is done to flows, as in `/v1/status`. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from routerd.reports import ReturnPath


def families(hosts: Mapping[str, Any], nat: Mapping[str, Any]) -> Iterator[Metric]:
    """All families; without any report they have no rows."""
    text = "Hosts of the site by their way back to the VPN."
    paths = GaugeMetricFamily("routerd_hosts", text, labels=("return_path",))
    for path in ReturnPath:
        if path.value in hosts:
            paths.add_metric((path.value,), hosts[path.value])
    yield paths
    text = "Flows between the VPN and the site, by what is done to their addresses, since the table was first made."
    flows = CounterMetricFamily("routerd_flows", text, labels=("strategy",))
    for strategy, count in nat.get("flows", {}).items():
        flows.add_metric((strategy,), count)
    yield flows
    text = "Packets dropped because they claimed to be of a vpn and did not come from it."
    spoofed = CounterMetricFamily("routerd_spoofed_packets", text)
    if "spoofed_packets" in nat:
        spoofed.add_metric((), nat["spoofed_packets"])
    yield spoofed
