"""The packets of RIPv2 (RFC 2453) on the wire, and what both versions have in common. Pure.

A packet that breaks a rule is a `WireError`; an entry that does is left out and counted, and the others hold.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from routerd.wire import Reader, WireError, dotted

REQUEST, RESPONSE = 1, 2
INFINITY: Final = 16
HEADER: Final = 4
ENTRY: Final = 20
MOST_ENTRIES: Final = 25
INET, AUTHENTICATION = 2, 0xFFFF
VERSIONS: Final = range(2, 256)
"""Newer versions are read as RIPv2. Version 1 has no masks and no authentication, and is never believed."""
WHOLE_TABLE: Final = bytes((REQUEST, 2, 0, 0)) + bytes(16) + INFINITY.to_bytes(4, "big")

_ENTRY = Struct(">HHIIII")
_LENGTHS: Final = {(0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF: length for length in range(33)}
_MASKS: Final = {length: mask for mask, length in _LENGTHS.items()}


class Rte(NamedTuple):
    """A route table entry. `next_hop` 0: the sender itself. Addresses are numbers of 32 or 128 bits."""

    address: int
    length: int
    next_hop: int
    metric: int
    tag: int = 0


class Message(NamedTuple):
    """A packet that was read. `bad` counts the entries that were left out, `why` says why the first one was.

    `whole_table`: a request for everything. `asked` are the entries of any other request as they are on the wire: an
    answer keeps their order, and also those that nobody can know.
    """

    command: int
    version: int
    entries: Sequence[Rte] = ()
    bad: int = 0
    why: str | None = None
    whole_table: bool = False
    asked: tuple[bytes, ...] = ()


def read_header(data: bytes, versions: range) -> tuple[int, int]:
    """The command and the version of a packet; raises `WireError` for those that are not known."""
    reader = Reader(data)
    command, version = reader.uint8(), reader.uint8()
    reader.bytes(2)
    if version not in versions:
        raise WireError(f"offset 1: version {version}")
    if command not in (REQUEST, RESPONSE):
        raise WireError(f"offset 0: command {command}")
    return command, version


def read_request(data: bytes, version: int, start: int, end: int, is_whole: Callable[[bytes], bool]) -> Message:
    """A request whose entries lie between `start` and `end`; it is for the whole table if its only one `is_whole`."""
    asked = tuple(data[offset : offset + ENTRY] for offset in range(start, end, ENTRY))
    if len(asked) == 1 and is_whole(asked[0]):
        return Message(REQUEST, version, whole_table=True)
    return Message(REQUEST, version, asked=asked)


def decode(data: bytes, start: int = HEADER, end: int | None = None) -> Message:
    """The RIPv2 packet whose entries lie between `start` and `end`: what authentication added is left out."""
    command, version = read_header(data, VERSIONS)
    end = len(data) if end is None else end
    if not HEADER <= start <= end <= len(data) or (end - start) % ENTRY:
        raise WireError(f"length {len(data)}: not a header and whole entries of 20 bytes")
    if end - HEADER > MOST_ENTRIES * ENTRY:
        raise WireError(f"length {len(data)}: more than 25 entries")
    if command == REQUEST:
        return read_request(data, version, start, end, _is_whole)
    found: list[Rte] = []
    why, count = None, 0
    for family, tag, address, mask, next_hop, metric in _ENTRY.iter_unpack(data[start:end]):
        count += 1
        fault = _fault(family, address, mask, metric)
        if fault is None:
            found.append(Rte(address, _LENGTHS[mask], next_hop, metric, tag))
        elif why is None:
            why = f"entry {count}: {fault}"
    return Message(command, version, found, count - len(found), why)


def _fault(family: int, address: int, mask: int, metric: int) -> str | None:
    """What is wrong with an entry."""
    if family != INET:
        return "authentication that is not the first" if family == AUTHENTICATION else f"address family {family}"
    if not 1 <= metric <= INFINITY:
        return f"metric {metric}"
    length = _LENGTHS.get(mask)
    if length is None:
        return f"the mask {dotted(mask)} is not contiguous"
    if address & ~mask:
        return f"{dotted(address)}/{length} has host bits"
    first = address >> 24
    if first == 0 and length:
        return f"{dotted(address)}/{length} is in net 0"
    if first == 127:
        return f"{dotted(address)}/{length} is loopback"
    if first >= 224:
        return f"{dotted(address)}/{length} is of class D or E"
    return None


def _is_whole(entry: bytes) -> bool:
    return entry[:2] == b"\0\0" and int.from_bytes(entry[16:], "big") == INFINITY


def encode_rte(rte: Rte) -> bytes:
    """One entry as it goes on the wire."""
    return _ENTRY.pack(INET, rte.tag, rte.address, _MASKS[rte.length], rte.next_hop, rte.metric)


def prefix_asked(entry: bytes) -> tuple[int, int] | None:
    """The address and the length of the prefix that an entry of a request asks for; None: one that nobody can have."""
    family, _, address, mask, _, _ = _ENTRY.unpack(entry)
    length = _LENGTHS.get(mask)
    return None if family != INET or length is None else (address, length)


def unreachable(entry: bytes) -> bytes:
    """The answer to an entry of a request that asks for what is not known."""
    return entry[:16] + INFINITY.to_bytes(4, "big")
