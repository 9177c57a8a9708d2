"""Which netlink messages matter, and the looks at raw route messages."""

import os
import struct
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.system.monitor import matters
from routerd.system.netlink_error import NetlinkError
from routerd.system.route_message import peek
from routerd.system.route_removal import is_own, loses_learned, removals, requester


def message(kind, body=b""):
    body = body.ljust((len(body) + 3) & ~3, b"\0")
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def route(length, protocol, *attributes):
    return struct.pack("=8BI", 2, length, 0, 0, 254, protocol, 0, 1, 0) + b"".join(
        struct.pack("=HH", 4 + len(data), kind) + data for kind, data in attributes
    )


BGP = message(24, route(24, 186))


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (message(16, bytes(16)), True),
        (message(17, bytes(16)), True),
        (message(20, bytes(8)), True),
        (message(24, route(0, 3)), True),
        (message(25, route(0, 3)), True),
        (message(24, route(24, 121)), True),
        (message(25, route(32, 121)), True),
        (BGP, False),
        (message(25, route(24, 2)), False),
        (BGP + BGP, False),
        (BGP + message(25, route(0, 3)), True),
        (b"", True),
        (BGP[:-1], True),
        (b"garbage", True),
        (message(24), True),
        (struct.pack("=IHHII", 0, 24, 0, 0, 0), True),
    ],
)
def test_matters(datagram, expected):
    assert matters(datagram) is expected


@given(st.binary(max_size=200))
def test_garbage_never_raises(datagram):
    assert matters(datagram) in (True, False)
    assert loses_learned(datagram) in (True, False)


def test_a_learned_route_that_goes_is_told_apart():
    gone = message(25, route(24, 122))
    assert loses_learned(BGP + gone)
    assert not matters(gone)
    for other in (BGP, message(24, route(24, 122)), message(25, route(24, 121)), gone[:-1], b""):
        assert not loses_learned(other)
    own = struct.pack("=IHHII", len(gone), 25, 0, 1, os.getpid()) + gone[16:]
    assert not loses_learned(own)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([(15, bytes(4)), (1, b"\x0a\0\0\0")], (24, b"\x0a\0\0\0")),
        ([(1, b"\x0a\0\0\0"), (15, bytes(4))], (24, b"\x0a\0\0\0")),
        ([(15, bytes(4))], (24, bytes(4))),
        ([(15, b"123"), (1, b"\x0a\0\0\1")], (24, bytes(4))),
    ],
)
def test_peek(attributes, expected):
    raw = b"junk" + message(24, route(24, 3, *attributes))
    assert peek(raw, 4) == expected


def test_peek_at_a_default_route():
    assert peek(message(24, route(0, 3)), 0) == (0, bytes(4))


OWN = route(24, 121, (1, b"\x0a\0\0\0"), (6, struct.pack("=I", 4294967295)))


def test_removals_of_own_routes_are_read():
    gone = message(25, OWN)[:12] + struct.pack("=I", 77) + message(25, OWN)[16:]
    found = (ip_network("10.0.0.0/24"), 4294967295)
    assert removals(BGP + gone + message(24, OWN)) == [(*found, 77)]
    assert removals(message(25, route(24, 3, (1, b"\x0a\0\0\0")))) == []
    assert removals(message(25, route(33, 121))) == []


@given(st.binary(max_size=100))
def test_garbage_is_no_removal(body):
    assert removals(body) == []
    removals(message(25, b"\x02\x18\0\0\xfe\x79" + body))


def test_who_asked_for_it():
    assert is_own(os.getpid())
    assert is_own(os.getpid() | 3 << 22)
    assert not is_own(os.getppid())
    assert requester(os.getpid()).endswith(f" (process {os.getpid()})")
    assert requester(0xFFFFF000) == requester(0) == ""
    assert "has ended" in requester(0x3FFFFF)


def test_an_error_names_what_is_missing():
    assert str(NetlinkError("add it", 1)).startswith("add it: EPERM: ")
    assert "CAP_NET_ADMIN" in str(NetlinkError("add it", 1))
    assert NetlinkError("add it", 17, "there").reason == "EEXIST: there"
    assert NetlinkError("add it", 99999).name == "errno 99999"
