"""What a speaker needs of the wire, in the words of each version. Pure."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from routerd.model import Address, Network
from routerd.rip import message, message_ng
from routerd.rip.message import RESPONSE, Rte
from routerd.rip.words import Port, Version


class Codec(NamedTuple):
    """One version. `address` makes an address of a number; the functions are those of message.py."""

    port: int
    number: int
    address: Callable[[int], Address]
    encode_rte: Callable[[Rte], bytes]
    prefix_asked: Callable[[bytes], tuple[int, int] | None]
    unreachable: Callable[[bytes], bytes]
    whole_table: bytes

    def network(self, prefix: tuple[int, int]) -> Network:
        """The network of an address and a length."""
        return IPv4Network(prefix) if self.address is IPv4Address else IPv6Network(prefix)

    @property
    def response(self) -> bytes:
        """The header of a response."""
        return bytes((RESPONSE, self.number, 0, 0))


CODECS = {
    Version.V2: Codec(
        Port.V2, 2, IPv4Address, message.encode_rte, message.prefix_asked, message.unreachable, message.WHOLE_TABLE
    ),
    Version.NG: Codec(
        Port.NG,
        1,
        IPv6Address,
        message_ng.encode_rte,
        message_ng.prefix_asked,
        message_ng.unreachable,
        message_ng.WHOLE_TABLE,
    ),
}


def chunks(entries: Sequence[tuple[int, bytes]], most: int) -> list[bytes]:
    """The entries of packets with at most `most` each. Entries are pairs of the next hop, which RIPng has an entry of
    its own for (0: none is needed, and these come first), and the bytes.
    """
    if not any(next_hop for next_hop, _ in entries):
        wires = [wire for _, wire in entries]
        return [b"".join(wires[at : at + most]) for at in range(0, len(wires), most)]
    made: list[bytes] = []
    packet: list[bytes] = []
    current = 0
    for next_hop, wire in sorted(entries, key=lambda entry: entry[0]):
        told = bool(packet) and next_hop == current
        if packet and len(packet) + (1 if told else 2) > most:
            made.append(b"".join(packet))
            packet, told = [], False
        if not told and next_hop:
            packet.append(message_ng.encode_next_hop(next_hop))
        current = next_hop
        packet.append(wire)
    made.append(b"".join(packet))
    return made
