"""The packets of return-path probes, and what answers say: IPv4 with TCP (RFC 9293) and ICMP echo (RFC 792). Pure.

They go out below the machine's own netfilter, so nothing translates them, and the kernel knows nothing of them. IPv6
hosts are not probed: no strategy is chosen for them by measurement. Answers' TCP checksums are not looked at, because
a machine that shares this one's memory (a container) leaves them open; the 32-bit numbers that an answer must repeat
say more than a checksum of 16 bits.
"""

from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

SYN_ACK, RST, ACK, ECHO = "syn-ack", "rst", "ack", "echo"

_TCP, _UDP, _ICMP = 6, 17, 1
_CLOSED = bytes((3, 3))
_F_FIN, _F_SYN, _F_RST, _F_PSH, _F_ACK = 1, 2, 4, 8, 16
_IP = Struct("!BBHHHBBH4s4s")
_TCP_HEAD = Struct("!HHIIBBHHH")
_PSEUDO = Struct("!4s4sBBH")
_ICMP_HEAD = Struct("!BBHHHQ")
_TTL = 64
_WINDOW = 1024
_FAR = 1 << 30
_NO_FRAGMENT = 0x4000
_FRAGMENT = 0x3FFF
_MASK = 0xFFFFFFFF
_MSS = bytes((2, 4, 0x05, 0x64))


class Ends(NamedTuple):
    """Who sends to whom: packed IPv4 addresses, and TCP ports."""

    source: bytes
    target: bytes
    source_port: int
    target_port: int


class Answer(NamedTuple):
    """What came: its kind, from which address and port, to which; `number` is the acknowledged one, or an echo's.

    `sequence` is a TCP segment's own number.
    """

    kind: str
    source: IPv4Address
    target: IPv4Address
    source_port: int
    target_port: int
    number: int
    sequence: int = 0


def checksum(data: bytes) -> int:
    """RFC 1071; 0 where `data` holds its own right one."""
    if len(data) % 2:
        data += b"\0"
    total = sum(memoryview(data).cast("H")) if _NATIVE else sum(data[::2]) * 256 + sum(data[1::2])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    total = ~total & 0xFFFF
    return (total >> 8 | (total & 0xFF) << 8) if _NATIVE else total


_NATIVE = memoryview(b"\1\0").cast("H")[0] == 1
"""On a little-endian machine the sum of swapped words is the swapped sum (RFC 1071 section 2 B)."""


def syn(ends: Ends, number: int) -> bytes:
    """The start of a connection, `number` being its initial sequence number."""
    return _tcp(ends, number, 0, _F_SYN, _MSS)


def far_off(ends: Ends, number: int, theirs: int) -> bytes:
    """A segment that cannot belong to the connection begun by `number`, answered with `theirs`.

    A host in SYN-RECEIVED answers it with an ACK and stays where it is (RFC 9293 section 3.10.7.4): to a router in
    between, that ACK looks like the middle of a connection. No program on the host hears of it.
    """
    return _tcp(ends, number + 1 - _FAR & _MASK, theirs + 1 & _MASK, _F_ACK)


def reset(ends: Ends, number: int) -> bytes:
    """The end of a connection that was begun by `number` and never completed."""
    return _tcp(ends, number + 1 & _MASK, 0, _F_RST)


def echo(source: bytes, target: bytes, ident: int, number: int) -> bytes:
    """An echo request; its 64 bits of data are `number` twice, its sequence number the low 16 bits."""
    data = number << 32 | number
    head = _ICMP_HEAD.pack(8, 0, 0, ident, number & 0xFFFF, data)
    return _ip(source, target, _ICMP, _ICMP_HEAD.pack(8, 0, checksum(head), ident, number & 0xFFFF, data))


def read(packet: bytes) -> Answer | None:
    """The answer in an IPv4 packet; None for anything that cannot be one, whatever it is."""
    if len(packet) < 28 or packet[0] >> 4 != 4:
        return None
    start, length = (packet[0] & 15) * 4, packet[2] << 8 | packet[3]
    if start < 20 or length > len(packet) or (packet[6] << 8 | packet[7]) & _FRAGMENT:
        return None
    body = packet[start:length]
    if packet[9] == _TCP:
        return _read_tcp(packet, body)
    return _read_echo(packet, body) if packet[9] == _ICMP else None


def read_closed(packet: bytes) -> tuple[IPv4Address, int] | None:
    """The host and its UDP port, where the packet says that nothing serves it (RFC 1122 section 3.2.2.1).

    Only the host itself can say so: what a router tells of it is None, as is a refusal because of who asks.
    """
    if len(packet) < 56 or packet[0] != 0x45 or packet[9] != _ICMP or packet[20:22] != _CLOSED:
        return None
    if (packet[6] << 8 | packet[7]) & _FRAGMENT:
        return None
    start = 28 + (packet[28] & 15) * 4
    if packet[28] >> 4 != 4 or start < 48 or len(packet) < start + 4 or packet[28 + 9] != _UDP:
        return None
    if packet[28 + 16 : 28 + 20] != packet[12:16]:
        return None
    return IPv4Address(packet[12:16]), packet[start + 2] << 8 | packet[start + 3]


def read_head(packet: bytes) -> tuple[int, IPv4Address, IPv4Address] | None:
    """Protocol, source and target of an IPv4 packet, whatever is in it."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    return packet[9], IPv4Address(packet[12:16]), IPv4Address(packet[16:20])


def _read_tcp(packet: bytes, body: bytes) -> Answer | None:
    if len(body) < 20:
        return None
    source_port, target_port, sequence, number, _, flags, *_ = _TCP_HEAD.unpack_from(body)
    if flags & _F_RST:
        # A reset that acknowledges nothing answers another segment than a SYN.
        kind = RST if flags & _F_ACK and not flags & _F_SYN else None
    elif flags & _F_SYN:
        kind = SYN_ACK if flags & _F_ACK else None
    else:
        kind = ACK if flags & _F_ACK and not flags & _F_FIN else None
    if kind is None:
        return None
    ends = (IPv4Address(packet[12:16]), IPv4Address(packet[16:20]), source_port, target_port)
    return Answer(kind, *ends, number, sequence)


def _read_echo(packet: bytes, body: bytes) -> Answer | None:
    if len(body) != _ICMP_HEAD.size or checksum(body) != 0:
        return None
    kind, code, _, ident, sequence, data = _ICMP_HEAD.unpack(body)
    number = data & _MASK
    if kind or code or data >> 32 != number or sequence != number & 0xFFFF:
        return None
    return Answer(ECHO, IPv4Address(packet[12:16]), IPv4Address(packet[16:20]), 0, ident, number)


def _tcp(ends: Ends, sequence: int, acknowledged: int, flags: int, options: bytes = b"") -> bytes:
    length = _TCP_HEAD.size + len(options)
    head = [ends.source_port, ends.target_port, sequence, acknowledged, length // 4 << 4, flags, _WINDOW, 0, 0]
    pseudo = _PSEUDO.pack(ends.source, ends.target, 0, _TCP, length)
    head[7] = checksum(pseudo + _TCP_HEAD.pack(*head) + options)
    return _ip(ends.source, ends.target, _TCP, _TCP_HEAD.pack(*head) + options)


def _ip(source: bytes, target: bytes, protocol: int, body: bytes) -> bytes:
    length = _IP.size + len(body)
    head = _IP.pack(0x45, 0, length, 0, _NO_FRAGMENT, _TTL, protocol, 0, source, target)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body
