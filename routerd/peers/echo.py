"""ICMP echo: RFC 792 for IPv4, RFC 4443 section 4 for IPv6. Requests are encoded, replies decoded, nothing else."""

import struct
from dataclasses import dataclass

from routerd.wire import Reader, WireError

ECHO_REPLY = 0
ECHO_REQUEST = 8
ECHO_REQUEST6 = 128
ECHO_REPLY6 = 129
PAYLOAD = bytes(16)

_IPPROTO_ICMP = 1
_HEADER_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Reply:
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
    reader = Reader(packet)
    first = reader.uint8()
    header_length = (first & 0x0F) * 4
    if first >> 4 != 4 or header_length < 20:
        raise WireError(f"offset 0: an IPv4 header expected, got {first:#04x}")
    reader.bytes(8)
    if (protocol := reader.uint8()) != _IPPROTO_ICMP:
        raise WireError(f"offset 9: protocol 1 expected, got {protocol}")
    reader.bytes(header_length - 10)
    message = reader.bytes(reader.left)
    if len(message) >= _HEADER_LENGTH and checksum(message) != 0:
        raise WireError(f"offset {header_length}: wrong ICMP checksum")
    return _reply(Reader(message), ECHO_REPLY)


def decode_reply6(message: bytes) -> Reply:
    """The echo reply in an ICMPv6 message as a raw socket delivers it. Raises WireError for anything else.

    The kernel has already checked the checksum, which covers addresses that are not in `message` (RFC 3542, 3.1).
    """
    return _reply(Reader(message), ECHO_REPLY6)


def _reply(reader: Reader, wanted: int) -> Reply:
    start = reader.offset
    kind, code = reader.uint8(), reader.uint8()
    if (kind, code) != (wanted, 0):
        raise WireError(f"offset {start}: type {wanted} code 0 expected, got type {kind} code {code}")
    reader.uint16()
    return Reply(reader.uint16(), reader.uint16())
