"""ICMP echo: RFC 792 for IPv4, RFC 4443 section 4 for IPv6. Requests are encoded, replies decoded, nothing else."""

import struct
from typing import NamedTuple

from routerd.wire import WireError

ECHO_REPLY = 0
ECHO_REQUEST = 8
ECHO_REQUEST6 = 128
ECHO_REPLY6 = 129
PAYLOAD = bytes(16)

_IPPROTO_ICMP = 1
_HEADER = struct.Struct("!BBHHH")


class Reply(NamedTuple):
    """An echo reply: the two numbers that say which request it answers."""

    identifier: int
    sequence: int


def checksum(data: bytes) -> int:
    """The Internet checksum of RFC 1071 over `data`; 0 where `data` holds its own right checksum."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def encode_request(identifier: int, sequence: int) -> bytes:
    """An ICMPv4 echo request with its checksum. Raises OverflowError for a number over 16 bits."""
    body = identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big") + PAYLOAD
    header = bytes((ECHO_REQUEST, 0))
    return header + checksum(header + b"\0\0" + body).to_bytes(2, "big") + body


def encode_request6(identifier: int, sequence: int) -> bytes:
    """An ICMPv6 echo request; its checksum is 0, because the kernel fills it in on a raw socket (RFC 3542, 3.1)."""
    return bytes((ECHO_REQUEST6, 0, 0, 0)) + identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big") + PAYLOAD


def decode_reply(packet: bytes) -> Reply:
    """The echo reply in an IPv4 packet as a raw socket delivers it, IP header included.

    Raises WireError for anything else, a wrong ICMP checksum included: the kernel has not checked it by then.
    """
    if len(packet) < 20:
        raise WireError(f"offset {len(packet)}: an IPv4 header expected, the packet ends")
    first, start = packet[0], (packet[0] & 0x0F) * 4
    if first >> 4 != 4 or start < 20:
        raise WireError(f"offset 0: an IPv4 header expected, got {first:#04x}")
    if packet[9] != _IPPROTO_ICMP:
        raise WireError(f"offset 9: protocol 1 expected, got {packet[9]}")
    message = packet[start:]
    if len(message) >= _HEADER.size and checksum(message) != 0:
        raise WireError(f"offset {start}: wrong ICMP checksum")
    return _reply(message, start, ECHO_REPLY)


def decode_reply6(message: bytes) -> Reply:
    """The echo reply in an ICMPv6 message as a raw socket delivers it. Raises WireError for anything else.

    The kernel has already checked the checksum, which covers addresses that are not in `message` (RFC 3542, 3.1).
    """
    return _reply(message, 0, ECHO_REPLY6)


def _reply(message: bytes, start: int, wanted: int) -> Reply:
    if len(message) < _HEADER.size:
        raise WireError(f"offset {start + len(message)}: an ICMP header expected, the packet ends")
    kind, code, _, identifier, sequence = _HEADER.unpack_from(message)
    if (kind, code) != (wanted, 0):
        raise WireError(f"offset {start}: type {wanted} code 0 expected, got type {kind} code {code}")
    return Reply(identifier, sequence)
