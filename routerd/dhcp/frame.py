"""Ethernet, IPv4 and UDP around a DHCP reply, for clients that have no address yet (RFC 2131 section 4.1)."""

from struct import Struct

BROADCAST_MAC = b"\xff" * 6
BROADCAST_ADDRESS = 0xFFFFFFFF

_ETHERNET = Struct("!6s6sH")
_IPV4 = Struct("!BBHHHBBHII")
_UDP = Struct("!HHHH")


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
    length = 8 + len(payload)
    pseudo = _IPV4_PSEUDO.pack(source, destination, 17, length)
    udp = _UDP.pack(source_port, destination_port, length, 0)
    total = checksum(pseudo + udp + payload) or 0xFFFF
    udp = _UDP.pack(source_port, destination_port, length, total)
    head = _IPV4.pack(0x45, 0x10, 20 + length, 0, 0x4000, 64, 17, 0, source, destination)
    head = _IPV4.pack(0x45, 0x10, 20 + length, 0, 0x4000, 64, 17, checksum(head), source, destination)
    return _ETHERNET.pack(destination_mac, source_mac, 0x0800) + head + udp + payload


_IPV4_PSEUDO = Struct("!IIHH")
