"""Which peer of a device a target is."""

from ipaddress import ip_address, ip_network

import pytest

from routerd.model import ProbeTarget, WireGuardPeer
from routerd.peers.matching import match

PEERS = (
    WireGuardPeer("A", (ip_network("10.0.0.1/32"),)),
    WireGuardPeer("B", (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))),
    WireGuardPeer("C", (ip_network("0.0.0.0/0"),)),
    WireGuardPeer("D"),
)


def target(name: str, key: str | None, address: str | None) -> ProbeTarget:
    return ProbeTarget(name, "vpn", key, None if address is None else ip_address(address), "icmp", 1.0)


@pytest.mark.parametrize(
    ("key", "address", "found"),
    [
        ("A", None, "A"),
        ("D", "10.0.0.1", "D"),
        ("Z", "10.0.0.1", None),
        (None, "10.0.0.1", "A"),
        (None, "10.0.0.2", "B"),
        (None, "192.0.2.1", "C"),
        (None, "fd00::7", "B"),
        (None, "fd01::7", None),
        (None, None, None),
    ],
)
def test_match(key: str | None, address: str | None, found: str | None) -> None:
    assert match([target("x", key, address)], PEERS).get("x") == found


def test_one_peer_may_have_several_targets() -> None:
    targets = [target("x", "A", None), target("y", None, "10.0.0.1")]
    assert match(targets, PEERS) == {"x": "A", "y": "A"}
