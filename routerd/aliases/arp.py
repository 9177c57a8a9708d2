"""ARP (RFC 826) as far as a claim needs it: probes and announcements of RFC 5227, questions and answers. Pure."""

from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

_HEAD = bytes((0, 1, 8, 0, 6, 4))
_REQUEST, _REPLY = bytes((0, 1)), bytes((0, 2))
_PACKET = Struct("!6s2s6s4s6s4s")
_NOBODY, _UNKNOWN = bytes(4), bytes(6)


class Heard(NamedTuple):
    """A packet of another machine. `sender` is its protocol address, None where it asks without having one (a probe).

    `asks`: it is a request.
    """

    mac: bytes
    sender: IPv4Address | None
    target: IPv4Address
    asks: bool


def probe(mac: bytes, address: IPv4Address) -> bytes:
    """Does anybody use this address? It does not say that the asker does (RFC 5227 section 2.1.1)."""
    return _PACKET.pack(_HEAD, _REQUEST, mac, _NOBODY, _UNKNOWN, address.packed)


def question(mac: bytes, own: IPv4Address, address: IPv4Address) -> bytes:
    """The same as every host asks: machines that answer for others are silent to probes."""
    return _PACKET.pack(_HEAD, _REQUEST, mac, own.packed, _UNKNOWN, address.packed)


def announcement(mac: bytes, address: IPv4Address) -> bytes:
    """This machine has the address now (RFC 5227 section 2.3)."""
    return _PACKET.pack(_HEAD, _REQUEST, mac, address.packed, _UNKNOWN, address.packed)


def answer(mac: bytes, address: IPv4Address, heard: Heard) -> bytes:
    """The answer to who asked for the address."""
    asker = _NOBODY if heard.sender is None else heard.sender.packed
    return _PACKET.pack(_HEAD, _REPLY, mac, address.packed, heard.mac, asker)


def read(packet: bytes) -> Heard | None:
    """What a packet says; None where it tells of no single machine, or is no question and no answer."""
    if len(packet) < _PACKET.size or packet[:6] != _HEAD:
        return None
    _, operation, mac, sender, _, target = _PACKET.unpack_from(packet)
    if operation not in (_REQUEST, _REPLY) or mac[0] & 1 or not any(mac):
        return None
    return Heard(mac, IPv4Address(sender) if any(sender) else None, IPv4Address(target), operation == _REQUEST)
