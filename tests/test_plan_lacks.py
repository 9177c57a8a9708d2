"""What peers lack by their configuration and AllowedIPs."""

from ipaddress import IPv4Interface, ip_network

import pytest

from routerd.config.load import parse
from routerd.health import ProblemTracker
from routerd.model import Facts, Interface, VpnFacts
from routerd.plan_peers import peers_part

KEYS = ["4fWL0W/Sw8UxAStVz8VuMBkIyiuKMtKUQC0mKCFPpDo=", "5fWL0W/Sw8UxAStVz8VuMBkIyiuKMtKUQC0mKCFPpDo="]
TEXT = """
[[vpn]]
interface = "wg0"
[[vpn.peer]]
name = "a"
public_key = "{key}"
{more}
[[lan]]
interface = "eth0"
"""


def problems(more: str, *allowed: str) -> list[str]:
    config = parse(TEXT.format(key=KEYS[0], more=more))
    peers = tuple(
        (key, tuple(ip_network(text) for text in texts.split())) for key, texts in zip(KEYS, allowed, strict=False)
    )
    interfaces = {
        "wg0": Interface("wg0", 7, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),)),
        "eth0": Interface("eth0", 2, True, bytes(6), 1500, (IPv4Interface("192.168.200.2/24"),)),
    }
    part = peers_part(config, Facts(interfaces=interfaces, vpns={"wg0": VpnFacts(True, peers)}))
    tracker = ProblemTracker()
    tracker.update(part.problems, 0.0)
    rows = tracker.report(100.0)
    assert not any("?" in row.text + row.mend for row in rows)
    return [f"{row.code}: {row.text}; {row.mend}" for row in rows]


@pytest.mark.parametrize(
    ("more", "allowed", "found"),
    [
        ("", ["10.0.0.1/32"], ""),
        ("", [], ""),
        ('address = "10.0.0.1"', ["10.0.0.0/24", "10.0.0.7/32"], ""),
        ("", ["0.0.0.0/0"], ""),
        ("", [""], "peer-no-allowed-ips: peer a: has no AllowedIPs"),
        ('probe = "icmp"', ["10.0.0.1/32 10.0.0.3/32"], 'peer-no-address: peer a: its probe "icmp" needs one address'),
        ('probe = "tcp:22"', ["192.168.7.0/24"], 'peer-no-address: peer a: its probe "tcp:22" needs one address'),
        ('probe = "handshake"', ["192.168.7.0/24"], ""),
        ('address = "10.0.0.9"', ["10.0.0.1/32"], "peer-address-not-allowed: peer a: 10.0.0.9 is not in its"),
        ('probe = "http://10.0.0.9/"', ["10.0.0.1/32"], "peer-address-not-allowed: peer a: 10.0.0.9 is not in its"),
        (
            'address = "10.0.0.1"',
            ["10.0.0.0/24", "10.0.0.1/32"],
            f"peer-address-claimed: peer a: 10.0.0.1 goes to another peer, {KEYS[1]}",
        ),
        ("", ["10.0.0.1/32 192.168.200.0/24"], "peer-takes-lan: peer a: its AllowedIPs hold 192.168.200.0/24"),
        ("", ["10.0.0.1/32 192.168.0.0/16"], "which takes in the LAN eth0 (192.168.200.0/24)"),
        (
            "",
            ["192.168.200.40/32"],
            "peer-inside-lan: peer a: its AllowedIPs hold 192.168.200.40/32, which is part of the LAN eth0 (192.168",
        ),
        ("", ["10.0.0.1/32 192.168.200.128/25"], "hold 192.168.200.128/25, which is part of the LAN eth0 (192.168"),
    ],
)
def test_lacks(more: str, allowed: list[str], found: str) -> None:
    rows = problems(more, *allowed)
    assert len(rows) == (1 if found else 0)
    assert found in "".join(rows)


def test_the_mend_keeps_what_is_there() -> None:
    (row,) = problems('address = "10.0.0.9"', "10.0.0.1/32")
    assert f"wg set wg0 peer {KEYS[0]} allowed-ips 10.0.0.1/32,10.0.0.9/32" in row
