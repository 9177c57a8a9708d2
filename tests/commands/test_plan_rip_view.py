"""RIP in `routerd plan`."""

from ipaddress import IPv4Address, IPv4Network

from routerd.commands.plan_rip_view import rip_json, rip_text
from routerd.commands.table import Paper
from routerd.config.model import Rip
from routerd.rip_part import RipLan, RipPart, RipPeer, RipRoute

NETWORK = IPv4Network("192.168.200.0/24")
BETA = IPv4Address("192.168.200.9")
LAN = RipLan(
    interface="eth0",
    index=2,
    mtu=1500,
    address=IPv4Address("192.168.200.2"),
    addresses=frozenset(),
    networks=(NETWORK,),
    broadcast=NETWORK.broadcast_address,
    settings=Rip(learn=True, imports=(IPv4Network("172.16.0.0/12"),)),
    routes=(RipRoute(IPv4Network("10.0.0.0/24"), BETA, 2),),
    peers=(RipPeer("vpn", "endpoint-a", (RipRoute(IPv4Network("10.0.0.1/32")),)),),
)


def test_the_table() -> None:
    head, names, row, _ = rip_text(RipPart((LAN,)), Paper(200))
    assert head == "RIP:"
    assert names.split() == ["LAN", "VERSIONS", "FROM", "ANNOUNCED", "LEARNED"]
    announced = "10.0.0.0/24 via 192.168.200.9, 10.0.0.1/32 while endpoint-a is up"
    assert [word.strip() for word in row.split("  ") if word] == [
        *("eth0", "v2", "192.168.200.2"),
        *(announced, "172.16.0.0/12"),
    ]
    assert rip_text(RipPart(), Paper(200)) == []


def test_the_values() -> None:
    (said,) = rip_json(RipPart((LAN,)))
    assert said["announced"] == [{"prefix": "10.0.0.0/24", "next_hop": "192.168.200.9", "metric": 2, "tag": 0}]
    peers = [{"vpn": "vpn", "name": "endpoint-a", "announced": [_route("10.0.0.1/32")]}]
    assert said["peers"] == peers
    assert said["learned"] == ["172.16.0.0/12"]


def _route(prefix: str) -> dict[str, object]:
    return {"prefix": prefix, "next_hop": None, "metric": 1, "tag": 0}
