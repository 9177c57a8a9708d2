"""ARP (RFC 826) as a host asks: who has this address? Pure."""

from ipaddress import IPv4Address
from struct import Struct

_HEAD = bytes((0, 1, 8, 0, 6, 4))
_REQUEST, _REPLY = bytes((0, 1)), bytes((0, 2))
_PACKET = Struct("!6s2s6s4s6s4s")


def ethernet(text: str) -> bytes | None:
    """The Ethernet address of hex digits with colons; None for other hardware, and for no text."""
    mac = bytes.fromhex(text.replace(":", ""))
    return mac if len(mac) == 6 and any(mac) and not mac[0] & 1 else None


def request(mac: bytes, own: bytes, target: bytes) -> bytes:
    """The question of `mac`, which has the address `own`."""
    return _PACKET.pack(_HEAD, _REQUEST, mac, own, bytes(6), target)


def read_reply(packet: bytes) -> tuple[IPv4Address, bytes] | None:
    """Who has which address; None for anything but an answer of one machine."""
    if len(packet) < _PACKET.size or packet[:6] != _HEAD:
        return None
    _, operation, mac, address, _, _ = _PACKET.unpack_from(packet)
    if operation != _REPLY or mac[0] & 1 or not any(mac):
        return None
    return IPv4Address(address), mac
