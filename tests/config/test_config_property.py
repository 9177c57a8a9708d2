"""Whatever the data: a Config or a ConfigError, never another exception."""

import datetime
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.load import load, parse
from routerd.config.schema import Section
from routerd.config.tables import ROOT

LIKELY = [
    "wg0", "eth0", "vpn", "", "/", "\0", "\ud800", "10.0.0.0/24", "0.0.0.0/0", "192.168.200.2", "::1", "30s", "999h",
    "192.168.200.50-192.168.200.60", "192.168.200.55-192.168.200.99", "02:00:00:00:00:22", "none", "icmp", "ip", "hex",
    "domains", "serve", "unix:/x", "[::1]:80", "A" * 43 + "=",
    "80/tcp", "80-90/udp", "a:80", "10.0.0.1:65535", "[fd00::1]:80", "fd00::/64", "auto", "masquerade", "10.9.9.0/24",
    "v2", "ng", "fe80::1", "2030-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "md5", "/etc/rip.key",
]  # fmt: skip

scalars = st.one_of(
    st.sampled_from(LIKELY),
    st.text(max_size=20),
    st.integers(),
    st.sampled_from([True, False, 42, 43, 1 << 4_000, -(1 << 4_000), float("nan"), float("inf")]),
    st.floats(),
    st.none(),
    st.sampled_from([datetime.date(2024, 1, 1), datetime.time(1), datetime.datetime(2024, 1, 1)]),
    st.datetimes(timezones=st.just(datetime.UTC)),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def tables(section: Section) -> st.SearchStrategy[Any]:
    """Tables that have the keys of a section, with values that may be right or anything else."""
    optional: dict[str, Any] = {key.name: scalars | st.lists(scalars, max_size=3) | anything for key in section.keys}
    optional |= {part.name: st.one_of(sections(part), sections(part), anything) for part in section.sections}
    return st.fixed_dictionaries({}, optional=optional)


def sections(section: Section) -> st.SearchStrategy[Any]:
    return st.lists(tables(section), max_size=3) if section.many else tables(section)


def errors_of(read: Callable[[Any], object], data: Any) -> tuple[ConfigFault, ...] | None:
    try:
        read(data)
    except ConfigError as error:
        return error.errors
    return None


def judge(data: Any) -> None:
    found = errors_of(load, data)
    assert found != ()
    for fault in found or ():
        assert str(fault).isprintable()
        assert len(str(fault)) < 1000


@settings(max_examples=300, deadline=None)
@given(tables(ROOT))
def test_tables_with_known_keys(data: Any) -> None:
    judge(data)


@settings(max_examples=200, deadline=None)
@given(anything)
def test_arbitrary_data(data: Any) -> None:
    judge(data)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_arbitrary_text(text: str) -> None:
    assert errors_of(parse, text) != ()


def test_deep_nesting() -> None:
    data: Any = "x"
    for _ in range(100_000):
        data = [data]
    judge({"vpn": data, "lan": [{"interface": data, "dhcp": {"pools": data}}], "x": data})


def test_integers_that_cannot_be_printed() -> None:
    number = 1 << 100_000
    judge({"vpn": number, "lan": [number, {"interface": [number]}], "probe": {"up_after": number, "interval": -number}})


def test_many_faults_take_little_time() -> None:
    judge({f"key{index}": index for index in range(5_000)} | {"lan": [{"interface": "eth0"}] * 2_000})
