"""The packets of RIPng (RFC 2080) on the wire. Pure. The rules are those of message.py."""

from ipaddress import IPv6Address
from struct import Struct
from typing import Final

from routerd.rip.message import ENTRY, HEADER, INFINITY, REQUEST, Message, Rte, read_header, read_request
from routerd.wire import WireError

NEXT_HOP: Final = 0xFF
LEAST_MTU: Final = 1280
HEADERS: Final = 48
"""The bytes of the headers of IPv6 and UDP."""
WHOLE_TABLE: Final = bytes((REQUEST, 1, 0, 0)) + bytes(19) + bytes((INFINITY,))

_ENTRY = Struct(">QQHBB")
_HOST_BITS: Final = tuple((1 << (128 - length)) - 1 for length in range(129))


def is_link_local(address: int) -> bool:
    """Whether it is in fe80::/10."""
    return address >> 118 == 0x3FA


def most_entries(mtu: int) -> int:
    """How many entries a packet has at most on a link of this MTU."""
    return (max(LEAST_MTU, mtu) - HEADERS - HEADER) // ENTRY


def decode(data: bytes, mtu: int = 65535) -> Message:
    """A packet as it came from a link of this MTU.

    Next-hop entries are resolved: `Rte.next_hop` is a link-local address or 0, the sender (section 2.1.1).
    """
    command, version = read_header(data, range(1, 2))
    if (len(data) - HEADER) % ENTRY:
        raise WireError(f"length {len(data)}: not a header and whole entries of 20 bytes")
    if len(data) > max(LEAST_MTU, mtu) - HEADERS:
        raise WireError(f"length {len(data)}: larger than the link's MTU of {mtu} allows")
    if command == REQUEST:
        return read_request(data, version, HEADER, len(data), _is_whole)
    found: list[Rte] = []
    why, count, bad, next_hop = None, 0, 0, 0
    for high, low, tag, length, metric in _ENTRY.iter_unpack(data[HEADER:]):
        address = high << 64 | low
        count += 1
        if metric == NEXT_HOP:
            next_hop = address if is_link_local(address) else 0
            continue
        fault = _fault(address, length, metric)
        if fault is None:
            found.append(Rte(address, length, next_hop, metric, tag))
            continue
        bad += 1
        why = why or f"entry {count}: {fault}"
    return Message(command, version, found, bad, why)


def _fault(address: int, length: int, metric: int) -> str | None:
    if not 1 <= metric <= INFINITY:
        return f"metric {metric}"
    if length > 128:
        return f"a prefix length of {length}"
    if address & _HOST_BITS[length]:
        return f"{IPv6Address(address)}/{length} has host bits"
    if address >> 120 == 0xFF:
        return f"{IPv6Address(address)}/{length} is multicast"
    if is_link_local(address):
        return f"{IPv6Address(address)}/{length} is link-local"
    if address < 2 and length == 128:
        return f"{IPv6Address(address)}/{length} is no network"
    return None


def _is_whole(entry: bytes) -> bool:
    return not any(entry[:16]) and not entry[18] and entry[19] == INFINITY


def encode_rte(rte: Rte) -> bytes:
    """One entry as it goes on the wire; its next hop has an entry of its own, before it."""
    return _ENTRY.pack(rte.address >> 64, rte.address & 0xFFFFFFFFFFFFFFFF, rte.tag, rte.length, rte.metric)


def encode_next_hop(address: int) -> bytes:
    """The entry that says the next hop of those that follow; 0: the sender."""
    return _ENTRY.pack(address >> 64, address & 0xFFFFFFFFFFFFFFFF, 0, 0, NEXT_HOP)


def prefix_asked(entry: bytes) -> tuple[int, int] | None:
    """The address and the length of the prefix that an entry of a request asks for; None: one that nobody can have."""
    high, low, _, length, _ = _ENTRY.unpack(entry)
    return (high << 64 | low, length) if length <= 128 else None


def unreachable(entry: bytes) -> bytes:
    """The answer to an entry of a request that asks for what is not known."""
    return entry[:19] + bytes((INFINITY,))
