"""Builds messages and a LAN for DHCP tests, and reads replies back."""

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from routerd.config.model import AddressRange, Dhcp
from routerd.dhcp.leases import LeaseTable, Row
from routerd.dhcp.message import Message, decode_message
from routerd.dhcp.reply import Reply
from routerd.dhcp.responder import Responder
from routerd.model import DhcpPart, DhcpScope

SERVER = IPv4Address("192.168.200.2")
MAC_B = bytes.fromhex("020000000022")
VPN = (IPv4Network("10.0.0.0/24"), SERVER)


def ip(text: str) -> int:
    """An address as a number."""
    return int(IPv4Address(text))


def settings(*pools: str, **changes: Any) -> Dhcp:
    """Settings of a LAN that serves `pools` ("first-last"; default .50 to .59) with the example's router."""
    ranges = tuple(
        AddressRange(*map(IPv4Address, pool.split("-"))) for pool in pools or ("192.168.200.50-192.168.200.59",)
    )
    return replace(Dhcp(pools=ranges, router=IPv4Address("192.168.200.1")), **changes)


def part(dhcp: Dhcp | None = None, subnets: tuple[DhcpScope, ...] = (), **changes: Any) -> DhcpPart:
    """The example LAN as the plan hands it to the DHCP server; `changes` are those of its own scope."""
    own = DhcpScope(
        key="lan0",
        address=SERVER,
        mtu=1500,
        network=IPv4Network("192.168.200.0/24"),
        router=IPv4Address("192.168.200.1"),
        routes=(VPN,),
        excluded=frozenset({SERVER, IPv4Address("192.168.200.1")}),
        settings=dhcp or settings(),
    )
    return DhcpPart("lan0", 2, bytes.fromhex("020000000002"), replace(own, **changes), subnets)


def subnet(number: int, **changes: Any) -> DhcpScope:
    """The network 192.168.`number`.0/24 behind a relay agent, router .1, pool .50 to .59."""
    base = f"192.168.{number}"
    router = IPv4Address(f"{base}.1")
    served = settings(f"{base}.50-{base}.59", router=router, subnet=IPv4Network(f"{base}.0/24"), **changes)
    routes = ((VPN[0], router),)
    return DhcpScope(
        f"lan0 {base}.0/24", SERVER, 1500, IPv4Network(f"{base}.0/24"), router, routes, frozenset({router}), served
    )


def message(
    kind: int | None,
    *options: tuple[int, bytes],
    mac: bytes = MAC_B,
    xid: int = 0x12345678,
    flags: int = 0,
    ciaddr: int = 0,
    giaddr: int = 0,
    op: int = 1,
    htype: int = 1,
    hlen: int = 6,
    hops: int = 0,
) -> bytes:
    """A client's message; `options` follow the message type."""
    head = bytes((op, htype, hlen, hops)) + xid.to_bytes(4, "big") + b"\0\0" + flags.to_bytes(2, "big")
    head += ciaddr.to_bytes(4, "big") + b"\0" * 8 + giaddr.to_bytes(4, "big") + mac.ljust(16, b"\0") + b"\0" * 192
    body = b"\x63\x82\x53\x63" + (b"" if kind is None else bytes((53, 1, kind)))
    for code, value in options:
        body += bytes((code, len(value))) + value
    return head + body + b"\xff"


class Scene:
    """A responder with an empty table and a clock that the test moves."""

    def __init__(self, served: DhcpPart | None = None) -> None:
        self.tables: dict[str, LeaseTable] = {}
        self.counters: Counter[str] = Counter()
        self.responder = Responder(served or part(), self._table, self.counters)
        self.table = self.tables["lan0"]
        self.now = 1000.0
        self.rows: tuple[Row, ...] = ()
        self.key = ""

    def _table(self, key: str) -> LeaseTable:
        return self.tables.setdefault(key, LeaseTable())

    def send(self, data: bytes, *, unicast: bool = False) -> Reply | None:
        """The reply to a datagram; rows without reply are kept in `rows`."""
        reply, self.key, self.rows = self.responder.respond(decode_message(data), unicast, self.now)
        return reply

    def ask(self, data: bytes, *, unicast: bool = False) -> Message:
        """The decoded reply to a datagram; fails if there is none."""
        reply = self.send(data, unicast=unicast)
        assert reply is not None
        return decode_message(reply.payload)

    def lease(self, mac: bytes = MAC_B, *options: tuple[int, bytes]) -> int:
        """DISCOVER, OFFER, REQUEST, ACK: the address."""
        offer = self.ask(message(1, *options, mac=mac))
        ack = self.ask(message(3, (50, offer.yiaddr.to_bytes(4, "big")), (54, SERVER.packed), *options, mac=mac))
        assert ack.options[53] == b"\x05"
        return ack.yiaddr
