"""How a probe is written."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.config.probes import Probing, parse_probe, probing
from routerd.config.schema import Bad

GOOD = {
    "icmp": Probing("icmp"),
    "handshake": Probing("handshake"),
    "none": Probing("none"),
    "tcp:22": Probing("tcp", 22),
    "http://10.0.0.1": Probing("http", 80, ip_address("10.0.0.1"), "/"),
    "http://10.0.0.1:8080/a/b?c=%20": Probing("http", 8080, ip_address("10.0.0.1"), "/a/b?c=%20"),
    "https://10.0.0.1?x": Probing("https", 443, ip_address("10.0.0.1"), "/?x"),
    "https://[fd00::1]:8443/": Probing("https", 8443, ip_address("fd00::1"), "/"),
}


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    assert parse_probe(text) == text
    assert probing(text) == GOOD[text]


def test_a_port_has_one_way_of_writing() -> None:
    assert parse_probe("tcp:0022") == "tcp:22"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "not an empty string"),
        (5, "must be a kind of probe"),
        ("ping", "must be a kind of probe"),
        ("udp:53", "must be a kind of probe"),
        ("tcp:", "port from 1 to 65535"),
        ("tcp:0", "port from 1 to 65535"),
        ("tcp:65536", "port from 1 to 65535"),
        ("tcp:ssh", "port from 1 to 65535"),
        ("tcp:+22", "port from 1 to 65535"),
        ("tcp:٢٢", "port from 1 to 65535"),
        ("http://", "IP address of one machine"),
        ("http://endpoint-a/", "IP address of one machine"),
        ("http://127.0.0.1/", "IP address of one machine"),
        ("http://fd00::1/", "URL of printable ASCII"),
        ("http://[10.0.0.1]/", "brackets"),
        ("http://[fd00::1/", "URL of printable ASCII"),
        ("http://10.0.0.1:0/", "port from 1 to 65535"),
        ("http://10.0.0.1:99999/", "port from 1 to 65535"),
        ("http://user:word@10.0.0.1/", "user, a password or a fragment"),
        ("http://10.0.0.1/#x", "user, a password or a fragment"),
        ("http://10.0.0.1/a b", "printable ASCII"),
        ("http://10.0.0.1/\r\nX: y", "printable ASCII"),
        ("http://10.0.0.1/ä", "printable ASCII"),
        ("http://10.0.0.1/" + "a" * 255, "255 characters"),
        ("ftp://10.0.0.1/", "must be a kind of probe"),
    ],
)
def test_bad(value: object, rule: str) -> None:
    with pytest.raises(Bad) as bad:
        parse_probe(value)
    assert rule in bad.value.rule
    assert bad.value.mend


@given(st.one_of(st.text(), st.from_regex(r"(tcp:|https?://).{0,40}")))
def test_whatever_passes_is_understood(text: str) -> None:
    try:
        kind = parse_probe(text)
    except Bad:
        return
    assert (probing(kind).host is not None) is kind.startswith("http")
    assert 0 < probing(kind).port < 65536 or not probing(kind).connects
