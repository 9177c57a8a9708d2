"""A speaker on the example network's LAN, and what its neighbours send to it; time is moved by the test."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from random import Random

from routerd.model import Address
from routerd.rip import message, message_ng
from routerd.rip.auth import Key, open_packet, sign
from routerd.rip.message import RESPONSE, Message, Rte
from routerd.rip.sequence import Sequence as Numbers
from routerd.rip.speaker import Speaker
from routerd.rip.words import GROUP_NG, Datagram, Packet, Settings, To, Version
from routerd.rip_part import RipRoute

OWN, ROUTER, OTHER, HOST_BETA = (IPv4Address(f"192.168.200.{n}") for n in (2, 1, 3, 9))
OWN6, ROUTER6, BETA6 = (IPv6Address(f"fe80::{n}") for n in (2, 1, 9))
LAN, LAN6 = IPv4Network("192.168.200.0/24"), IPv6Network("fd00:200::/64")
VPN, VPN6 = IPv4Network("10.0.0.0/24"), IPv6Network("fd00:10::/64")
UNIX = 1_800_000_000.0

V2 = Settings("eth0", Version.V2, frozenset({OWN}), (LAN,))
NG = Settings("eth0", Version.NG, frozenset({OWN6}), (LAN6,), group=(To.MULTICAST, GROUP_NG))


def route(prefix: str | IPv4Network | IPv6Network, next_hop: Address | None = None, **changes: int) -> RipRoute:
    """A route that is announced."""
    return RipRoute(ip_network(prefix) if isinstance(prefix, str) else prefix, next_hop, **changes)


def rte(prefix: str, metric: int = 1, next_hop: str | None = None, tag: int = 0) -> Rte:
    """An entry, also one that breaks rules."""
    address, _, length = prefix.partition("/")
    return Rte(int(ip_address(address)), int(length), int(ip_address(next_hop)) if next_hop else 0, metric, tag)


def key(algorithm: str = "hmac-sha-256", number: int = 1, secret: bytes = b"secret", **times: float) -> Key:
    """A key of the LAN."""
    return Key(number, algorithm, secret, **times)


def response(
    *entries: Rte, key: Key | None = None, number: int = 1, version: int = 2, command: int = RESPONSE
) -> bytes:
    """A RIPv2 packet of a neighbour."""
    return sign(bytes((command, version, 0, 0)), b"".join(map(message.encode_rte, entries)), key, number, 16)


def response_ng(*parts: Rte | int) -> bytes:
    """A RIPng packet of a neighbour; a number is a next-hop entry."""
    made = [
        message_ng.encode_next_hop(each) if isinstance(each, int) else message_ng.encode_rte(each) for each in parts
    ]
    return bytes((RESPONSE, 1, 0, 0)) + b"".join(made)


class Scene:
    """A speaker with its clock. `sent` collects what left, `unix` is where the wall clock began."""

    def __init__(self, settings: Settings = V2, *routes: RipRoute, stored: int = 0, seed: int = 1, **changes: object):
        self.settings = replace(settings, **changes)  # type: ignore[arg-type]
        self.now = 1000.0
        self.unix = UNIX - self.now
        self.numbers = Numbers(stored)
        self.speaker = Speaker(self.settings, Random(seed), self.numbers, self.now)
        if routes:
            self.speaker.apply(routes, self.now)

    def due(self, seconds: float = 0.0) -> list[Packet]:
        """What leaves in the next so many seconds, each thing at its time."""
        return [packet for _, packet in self.timed(seconds)]

    def timed(self, seconds: float) -> list[tuple[float, Packet]]:
        """The same with the times, from now on."""
        begin, end, sent = self.now, self.now + seconds, []
        for _ in range(100_000):
            deadline = self.speaker.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            sent += [(self.now - begin, packet) for packet in self.speaker.on_deadline(self.now, self.unix + self.now)]
        else:
            raise AssertionError("it never comes to rest")
        self.now = end
        return sent

    def hear(
        self,
        data: bytes,
        source: Address | None = None,
        port: int | None = None,
        hop_limit: int | None = 255,
        multicast: bool = True,
    ) -> None:
        """A datagram comes in, by default from the other router's own port."""
        is_ng = self.settings.version is Version.NG
        port = (521 if is_ng else 520) if port is None else port
        datagram = Datagram(data, source or (ROUTER6 if is_ng else ROUTER), port, hop_limit, multicast)
        self.speaker.receive(datagram, self.now, self.unix + self.now)

    def read(self, packets: Iterable[Packet]) -> list[Message]:
        """Packets as a neighbour with the same keys reads them."""
        return [self.decode(packet.data) for packet in packets]

    def decode(self, data: bytes) -> Message:
        """One of them; no entry of ours may be wrong."""
        if self.settings.version is Version.NG:
            found = message_ng.decode(data, self.settings.mtu)
        else:
            opened = open_packet(data, self.settings.keys, self.unix + self.now)
            found = message.decode(data, opened.start, opened.end)
        assert not found.bad, found.why
        return found

    def told(self, packets: Iterable[Packet]) -> dict[str, int]:
        """The metric of every prefix in these packets, the last one of each."""
        return {str(self.network(each)): each.metric for found in self.read(packets) for each in found.entries}

    def network(self, entry: Rte) -> IPv4Network | IPv6Network:
        """The prefix of an entry."""
        family = IPv6Network if self.settings.version is Version.NG else IPv4Network
        return family((entry.address, entry.length))

    def learned(self) -> dict[str, tuple[str, int]]:
        """The gateway and the metric of what holds."""
        return {str(each.prefix): (str(each.gateway), each.metric) for each in self.speaker.learned()}

    def count(self, name: str) -> int:
        """One counter."""
        return self.speaker.report().counters[name]

    def error(self) -> str | None:
        """The last error of all."""
        return self.speaker.report().last_error


def numbers(packets: Sequence[Packet]) -> list[int]:
    """The sequence numbers of signed packets."""
    return [int.from_bytes(packet.data[12:16], "big") for packet in packets]
