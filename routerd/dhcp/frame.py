"""Ethernet, IPv4 and UDP around a DHCP reply, for clients that have no address yet (RFC 2131 section 4.1)."""

from struct import Struct

BROADCAST_MAC = b"\xff" * 6
BROADCAST_ADDRESS = 0xFFFFFFFF

_HEAD = Struct("!6s6sHBBHHHBBHIIHHHH")
_IP = 0x0800
_VERSION_LENGTH, _TOS, _DO_NOT_FRAGMENT, _TTL, _UDP = 0x45, 0x10, 0x4000, 64, 17
_IP_HEADER, _UDP_HEADER = 20, 8
_IP_WORDS = (_VERSION_LENGTH << 8) + _TOS + _IP_HEADER + _DO_NOT_FRAGMENT + (_TTL << 8) + _UDP


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of `data`, as a number that goes into the header as it is."""
    if len(data) % 2:
        data += b"\x00"
    # The ones' complement sum of 16-bit words is the whole number modulo 65535.
    rest = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - rest


def udp_frame(
    payload: bytes,
    *,
    source_mac: bytes,
    destination_mac: bytes,
    source: int,
    destination: int,
    source_port: int,
    destination_port: int,
) -> bytes:
    """A whole Ethernet frame that carries `payload` by UDP over IPv4; both checksums are filled in."""
    length = _UDP_HEADER + len(payload)
    # As in `checksum`: modulo 65535 a number of any size is the sum of its 16-bit words, so addresses are added whole.
    addresses = source + destination
    words = int.from_bytes(payload + b"\x00" if len(payload) % 2 else payload, "big")
    udp = words + addresses + _UDP + 2 * length + source_port + destination_port
    head = _HEAD.pack(
        destination_mac,
        source_mac,
        _IP,
        _VERSION_LENGTH,
        _TOS,
        _IP_HEADER + length,
        0,
        _DO_NOT_FRAGMENT,
        _TTL,
        _UDP,
        0xFFFF - (_IP_WORDS + length + addresses) % 0xFFFF,
        source,
        destination,
        source_port,
        destination_port,
        length,
        0xFFFF - udp % 0xFFFF,
    )
    return head + payload
