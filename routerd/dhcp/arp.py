"""ARP (RFC 826) as far as it tells whether an address is in use: the probe of RFC 5227, and who sent a packet."""

from struct import Struct

_HEAD = bytes((0, 1, 8, 0, 6, 4))
_REQUEST = bytes((0, 1))
_PROBE = Struct("!6s2s6sI6sI")
_SENDER = Struct("!8x6sI10x")


def encode_probe(mac: bytes, address: int) -> bytes:
    """The packet that asks who uses an address, without saying that anybody does (RFC 5227 section 2.1.1)."""
    return _PROBE.pack(_HEAD, _REQUEST, mac, 0, bytes(6), address)


def read_sender(packet: bytes) -> tuple[int, bytes] | None:
    """The protocol and the hardware address of who sent a packet; None where it tells of no single machine."""
    if len(packet) < _SENDER.size or packet[:6] != _HEAD:
        return None
    mac, address = _SENDER.unpack_from(packet)
    return None if not address or mac[0] & 1 or not any(mac) else (address, mac)
