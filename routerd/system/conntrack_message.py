"""The codec of conntrack's netlink messages: only what routerd asks and reads. Pure, but for the machine's byte order.

Layout: include/uapi/linux/netfilter/nfnetlink_conntrack.h. Decoding by hand because a busy router tracks 100,000
flows, of which few matter: looking whether one does costs a hundredth of decoding it.
"""

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from routerd.flows import ICMP, ICMP6, Flow
from routerd.model import Network

IPV4, IPV6 = 2, 10
NEW, GET, DELETE = 0x100, 0x101, 0x102
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, ACK, DUMP, CREATE, DUMP_INTERRUPTED = 0x1, 0x4, 0x300, 0x400, 0x10

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NFGEN = struct.Struct("=BBH")
_ROW = _HEADER.size + _NFGEN.size
_TYPE = 0x3FFF
_NESTED = 0x8000
_ORIG, _REPLY, _STATUS, _PROTOINFO, _TIMEOUT, _ID, _ZONE = 1, 2, 3, 4, 7, 12, 18
_IP, _PROTO = 1, 2
_V4_SRC, _V4_DST, _V6_SRC, _V6_DST = 1, 2, 3, 4
_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3

Masks = dict[int, tuple[tuple[int, int], ...]]
"""Family to (mask, network) of the networks to look for."""


class MessageError(ValueError):
    """Not a message that can be read."""


def dump_request(family: int, sequence: int) -> bytes:
    """Ask for all entries of a family."""
    return _HEADER.pack(_ROW, GET, REQUEST | DUMP, sequence, 0) + _NFGEN.pack(family, 0, 0)


def delete_request(flow: Flow, sequence: int) -> bytes:
    """Ask for the end of this very entry; one that came later with the same addresses and ports stays."""
    family = IPV4 if flow.source.version == 4 else IPV6
    length = _ROW + len(flow.key)
    return _HEADER.pack(length, DELETE, REQUEST | ACK, sequence, 0) + _NFGEN.pack(family, 0, 0) + flow.key


def messages(datagram: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and body (from nfgenmsg on) of each message; ends at the first that is broken."""
    offset, end = 0, len(datagram)
    while end - offset >= _HEADER.size:
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size or length > end - offset:
            return
        yield kind, flags, sequence, datagram[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def error_code(body: bytes) -> int:
    """The errno of an NLMSG_ERROR or NLMSG_DONE; 0: no error."""
    return -int.from_bytes(body[:4], "little" if struct.pack("=H", 1)[0] else "big", signed=True)


def masks(networks: Iterable[Network]) -> Masks:
    """The networks as `concerns` takes them."""
    found: dict[int, list[tuple[int, int]]] = {IPV4: [], IPV6: []}
    for network in networks:
        family = IPV4 if isinstance(network, IPv4Network) else IPV6
        found[family].append((int(network.netmask), int(network.network_address)))
    return {family: tuple(pairs) for family, pairs in found.items()}


def concerns(body: bytes, wanted: Masks) -> bool:
    """Is the first packet's source or destination in one of the networks? True where that cannot be told cheaply."""
    family = body[0] if body else 0
    pairs = wanted.get(family)
    if pairs is None:
        return False
    # nfgenmsg, then the headers of CTA_TUPLE_ORIG and CTA_TUPLE_IP, then source and destination with a header each
    width = 4 if family == IPV4 else 16
    if len(body) < 20 + 2 * width or body[4 + 2] != _ORIG:
        return True
    source = int.from_bytes(body[16 : 16 + width], "big")
    destination = int.from_bytes(body[20 + width : 20 + 2 * width], "big")
    return any(source & mask == network or destination & mask == network for mask, network in pairs)


def decode(body: bytes) -> Flow:
    """The flow of a message's body. Raises `MessageError`."""
    try:
        found = _attributes(body, _NFGEN.size, len(body))
        first, answer = _tuple(body, found[_ORIG]), _tuple(body, found[_REPLY])
        key = b"".join(_whole(body, found[kind]) for kind in (_ORIG, _ID, _ZONE) if kind in found)
        return Flow(
            *(first[4], first[0], first[1], first[2], first[3]),
            *(answer[0], answer[1], answer[2], answer[3]),
            status=_number(body, found, _STATUS),
            tcp_state=_tcp_state(body, found),
            timeout=_number(body, found, _TIMEOUT),
            key=key,
        )
    except (KeyError, IndexError, ValueError, struct.error) as error:
        raise MessageError(f"not a flow: {error}") from None


_Span = tuple[int, int]


def _attributes(body: bytes, start: int, end: int) -> dict[int, _Span]:
    """Attribute type to where its value is."""
    found = {}
    while end - start >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if length < _ATTRIBUTE.size or length > end - start:
            raise MessageError("an attribute has an impossible length")
        found[kind & _TYPE] = (start + _ATTRIBUTE.size, start + length)
        start += (length + 3) & ~3
    return found


def _whole(body: bytes, span: _Span) -> bytes:
    """The attribute with its header, padded."""
    data = body[span[0] - _ATTRIBUTE.size : span[1]]
    return data + bytes(-len(data) % 4)


def _tuple(body: bytes, span: _Span) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address, int, int, int]:
    parts = _attributes(body, *span)
    ip, proto = _attributes(body, *parts[_IP]), _attributes(body, *parts[_PROTO])
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    if _V4_SRC in ip:
        source, destination = IPv4Address(body[slice(*ip[_V4_SRC])]), IPv4Address(body[slice(*ip[_V4_DST])])
    else:
        source, destination = IPv6Address(body[slice(*ip[_V6_SRC])]), IPv6Address(body[slice(*ip[_V6_DST])])
    protocol = body[proto[_NUM][0]]
    ports = (0, 0)
    if protocol not in (ICMP, ICMP6):
        ports = (_number(body, proto, _SRC_PORT), _number(body, proto, _DST_PORT))
    return source, destination, *ports, protocol


def _number(body: bytes, found: dict[int, _Span], kind: int) -> int:
    span = found.get(kind)
    return 0 if span is None else int.from_bytes(body[span[0] : span[1]], "big")


def _tcp_state(body: bytes, found: dict[int, _Span]) -> int | None:
    if _PROTOINFO not in found:
        return None
    for kind, span in _attributes(body, *found[_PROTOINFO]).items():
        if kind == 1:
            state = _attributes(body, *span).get(1)
            return None if state is None else body[state[0]]
    return None
