"""Option values against vectors, scapy and properties."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.dhcp import options as opt
from routerd.dhcp.message import read_options
from routerd.wire import WireError

GATEWAY = IPv4Address("192.168.200.2")
ROUTER = IPv4Address("192.168.200.1")
GW = "c0a8c802"
DEFAULT = "00c0a8c801"

VECTORS = [
    ("0.0.0.0/0", "00"),
    ("10.0.0.0/8", "080a"),
    ("10.128.0.0/9", "090a80"),
    ("172.16.0.0/12", "0cac10"),
    ("10.17.0.0/16", "100a11"),
    ("10.17.128.0/17", "110a1180"),
    ("10.27.129.0/24", "180a1b81"),
    ("10.229.0.128/25", "190ae50080"),
    ("10.198.122.47/32", "200ac67a2f"),
]


@pytest.mark.parametrize(("prefix", "octets"), VECTORS)
def test_route_of_every_shape(prefix: str, octets: str) -> None:
    route = opt.encode_route(IPv4Network(prefix), GATEWAY)
    assert route.hex() == octets + GW
    assert opt.decode_classless_routes(route) == [(IPv4Network(prefix), GATEWAY)]


@pytest.mark.parametrize("width", range(33))
def test_route_of_every_width(width: int) -> None:
    prefix = IPv4Network((int(IPv4Address("255.255.255.255")) >> (32 - width) << (32 - width), width))
    route = opt.encode_route(prefix, GATEWAY)
    assert len(route) == 1 + (width + 7) // 8 + 4
    assert opt.decode_classless_routes(route) == [(prefix, GATEWAY)]


def test_the_example_network() -> None:
    entries = opt.classless_routes([(IPv4Network("10.0.0.0/24"), GATEWAY)], ROUTER)
    assert b"".join(entries).hex() == "180a0000" + GW + DEFAULT


def test_no_default_route_without_router() -> None:
    assert opt.classless_routes([(IPv4Network("10.0.0.0/24"), GATEWAY)], None)[-1].hex() == "180a0000" + GW


def test_nothing_to_hand_out_is_no_option() -> None:
    assert opt.classless_routes([], ROUTER) == ()


def _scapy_routes(data: bytes) -> list[str]:
    from scapy.layers.dhcp import DHCP

    options = DHCP(b"\x79" + bytes((len(data),)) + data + b"\xff").options
    return list(next(o for o in options if o[0] == "classless_static_routes")[1])


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 32), st.integers(1, 0xFFFFFFFF)), min_size=1, max_size=28
    )
)
def test_scapy_reads_and_builds_the_same(raw: list[tuple[int, int, int]]) -> None:
    from scapy.layers.dhcp import DHCP

    routes = [
        (IPv4Network((address >> (32 - width) << (32 - width) if width else 0, width)), IPv4Address(gateway))
        for address, width, gateway in raw
    ]
    data = b"".join(opt.classless_routes(routes, None))
    words = [f"{prefix}:{gateway}" for prefix, gateway in routes]
    assert _scapy_routes(data) == words
    built = bytes(DHCP(options=[("classless_static_routes", *words), "end"]))
    assert built == opt.encode_option(121, [data]) + b"\xff"


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 32)), min_size=1, max_size=200))
def test_long_options_are_split_between_routes(raw: list[tuple[int, int]]) -> None:
    routes = [(IPv4Network((a >> (32 - w) << (32 - w) if w else 0, w)), GATEWAY) for a, w in raw]
    entries = opt.classless_routes(routes, ROUTER)
    wire = opt.encode_option(121, entries)
    joined: dict[int, bytes] = {}
    read_options(wire, 0, len(wire), joined)
    assert joined == {121: b"".join(entries)}
    offset = 0
    while offset < len(wire):
        assert wire[offset] == 121
        length = wire[offset + 1]
        opt.decode_classless_routes(wire[offset + 2 : offset + 2 + length])
        offset += 2 + length


def test_a_part_longer_than_an_option_is_cut() -> None:
    wire = opt.encode_option(43, [b"x" * 600, b"y" * 10])
    assert [wire[i] for i in (0, 1, 257, 258, 514, 515)] == [43, 255, 43, 255, 43, 90]
    assert wire[-12:] == b"\x2b\x0a" + b"y" * 10


def test_an_empty_value_is_an_empty_option() -> None:
    assert opt.encode_option(61, [b""]) == b"\x3d\x00"


@pytest.mark.parametrize(
    "data",
    ["21" + "0a000001" + GW, "18", "180a00", "180a0000c0a8", "180a0000c0a8c8", "180a0000" + GW + "18", "080b", "ff"],
)
def test_cut_or_wrong_routes(data: str) -> None:
    with pytest.raises(WireError, match="offset"):
        opt.decode_classless_routes(bytes.fromhex(data))


def test_host_bits_are_an_error() -> None:
    with pytest.raises(WireError, match="host bits"):
        opt.decode_classless_routes(bytes.fromhex("170a000100" + GW)[:8])


@given(st.binary(max_size=300))
def test_routes_from_any_bytes(data: bytes) -> None:
    try:
        routes = opt.decode_classless_routes(data)
    except WireError:
        return
    assert b"".join(opt.encode_route(*route) for route in routes) == data


def test_domains() -> None:
    assert opt.encode_domains(["eng.example.com", "a."]) == b"\x03eng\x07example\x03com\x00\x01a\x00"
    with pytest.raises(ValueError, match="label"):
        opt.encode_domains(["a..b"])


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"endpoint-b", "endpoint-b"),
        (b"endpoint-b.site.example", "endpoint-b"),
        (b"Lena's PC\x00junk", "LenasPC"),
        (b"-\xff\xfe-", None),
        (b"...", None),
        (b"../../etc", None),
        (b";$(reboot)\n", "reboot"),
        (b"a" * 255, "a" * 63),
        ("жук".encode(), None),
    ],
)
def test_host_names_are_cleaned(raw: bytes, clean: str | None) -> None:
    assert opt.clean_hostname(raw) == clean
