"""Conntrack against the real kernel: both families, events, and the end of single flows."""

import asyncio
import socket
import time
from ipaddress import ip_network

import pytest

from routerd.system.conntrack import Conntrack, ConntrackEvents, events_are_on
from routerd.system.netlink_error import NetlinkError
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

SITE = """
ip address add 10.0.0.1/24 dev lo
ip address add fd00:9::1/64 dev lo nodad
nft -f - <<'EOF'
table inet track {
    chain pre {
        type nat hook output priority -100
        ip daddr 10.0.0.9 udp dport 53 dnat ip to 10.0.0.1:99
    }
    chain every {
        type filter hook prerouting priority 0
        ct state new counter
    }
}
EOF
"""
EVERYWHERE = [ip_network("0.0.0.0/0"), ip_network("::/0")]


def send(address: str, *ports: int) -> None:
    """One datagram to each port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for port in ports:
            sender.sendto(b"x", (address, port))


async def reads_ends_and_hears() -> None:
    kernel, heard = Conntrack(), []
    events = ConntrackEvents(
        [ip_network("10.0.0.0/24")], lambda what, flow: heard.append((what, flow.destination_port)), ended=True
    )
    assert events_are_on()
    send("10.0.0.9", 53)
    send("10.0.0.1", 54)
    send("fd00:9::1", 55)
    send("127.0.0.1", 56)
    found = {flow.destination_port: flow for flow in await kernel.flows(EVERYWHERE)}
    assert {53, 54, 55, 56} <= set(found)
    assert (str(found[53].reply_source), found[53].reply_source_port) == ("10.0.0.1", 99)
    assert [flow.destination_port for flow in await kernel.flows([ip_network("fd00:9::/64")])] == [55]
    assert [flow.destination_port for flow in await kernel.flows([ip_network("10.0.0.9/32")])] == [53]
    assert await kernel.flows([]) == []
    assert await kernel.delete([found[53], found[55]]) == 2
    assert await kernel.delete([found[53]]) == 0
    assert {flow.destination_port for flow in await kernel.flows(EVERYWHERE)}.isdisjoint({53, 55})
    deadline = time.monotonic() + 2
    while ("ended", 53) not in heard:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert heard == [("new", 53), ("new", 54), ("ended", 53)]
    events.close()
    events.close()


async def finds_one_among_many() -> None:
    for last in range(1, 21):
        send(f"127.0.0.{last}", *range(1000, 1250))
    send("10.0.0.9", 53)
    (one,) = await Conntrack().flows([ip_network("10.0.0.9/32")])
    assert one.destination_port == 53
    assert len(await Conntrack().flows([ip_network("127.0.0.0/8")])) >= 5000


async def says_what_is_missing() -> None:
    with pytest.raises(NetlinkError, match="CAP_NET_ADMIN"):
        await Conntrack().flows(EVERYWHERE)


@pytest.mark.parametrize("function", [reads_ends_and_hears, finds_one_among_many])
def test_conntrack(function) -> None:
    with space(SITE) as here:
        here.call(function)


def test_without_rights() -> None:
    with space(SITE) as here:
        here.call(says_what_is_missing, user="setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all")
