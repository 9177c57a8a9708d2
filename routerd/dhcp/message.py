"""DHCPv4 messages on the wire (RFC 2131 section 2), options joined (RFC 3396), overload followed (RFC 2132).

Addresses are numbers (0 for 0.0.0.0): this is the hot path.
"""

from struct import Struct

from routerd.wire import WireError

COOKIE = 0x63825363
BOOTREQUEST = 1
BOOTREPLY = 2
BROADCAST_FLAG = 0x8000

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)

SERVER_PORT = 67
CLIENT_PORT = 68

MIN_REPLY = 300  # BOOTP's size: some relays and clients drop what is shorter (RFC 1542 2.1).

_HEADER = Struct("!BBBBIHHIIII16s64s128sI")
_HEADER_SIZE = _HEADER.size  # 240, the cookie included


class Message:
    """One decoded message. `options` maps a code to its whole value; instances of one code are joined."""

    __slots__ = (
        "chaddr",
        "ciaddr",
        "file",
        "flags",
        "giaddr",
        "hlen",
        "hops",
        "htype",
        "op",
        "options",
        "secs",
        "siaddr",
        "sname",
        "xid",
        "yiaddr",
    )

    op: int
    htype: int
    hlen: int
    hops: int
    xid: int
    secs: int
    flags: int
    ciaddr: int
    yiaddr: int
    siaddr: int
    giaddr: int
    chaddr: bytes
    sname: bytes
    file: bytes
    options: dict[int, bytes]


def decode_message(data: bytes) -> Message:
    """The message in a UDP payload. Raises `WireError` for anything that is not a DHCP message.

    The hardware address is cut to `hlen`; an `hlen` over 16 is an error.
    """
    if len(data) < _HEADER_SIZE:
        raise WireError(f"offset {len(data)}: {_HEADER_SIZE} bytes of header expected")
    message = Message()
    (
        message.op,
        message.htype,
        hlen,
        message.hops,
        message.xid,
        message.secs,
        message.flags,
        message.ciaddr,
        message.yiaddr,
        message.siaddr,
        message.giaddr,
        chaddr,
        message.sname,
        message.file,
        cookie,
    ) = _HEADER.unpack_from(data)
    if cookie != COOKIE:
        raise WireError(f"offset 236: magic cookie expected, {cookie:#010x} found")
    if hlen > 16:
        raise WireError(f"offset 2: hlen of at most 16 expected, {hlen} found")
    message.hlen = hlen
    message.chaddr = chaddr[:hlen]
    options: dict[int, bytes] = {}
    read_options(data, _HEADER_SIZE, len(data), options)
    if 52 in options:
        _follow_overload(message, options)
    message.options = options
    return message


def _follow_overload(message: Message, options: dict[int, bytes]) -> None:
    overload = options.pop(52)
    if len(overload) != 1 or not 1 <= overload[0] <= 3:
        raise WireError(f"option 52: 1, 2 or 3 expected, {overload[:4].hex()} found")
    # RFC 3396 section 7: the file field is read before sname. An overload inside an overloaded field means nothing.
    if overload[0] & 1:
        read_options(message.file, 0, 128, options)
        message.file = b""
    if overload[0] & 2:
        read_options(message.sname, 0, 64, options)
        message.sname = b""
    options.pop(52, None)


def read_options(data: bytes, offset: int, end: int, options: dict[int, bytes]) -> None:
    """Add the options in `data[offset:end]` to `options`. Raises `WireError` where a length leaves the field.

    A missing END is accepted, as clients leave it out.
    """
    while offset < end:
        code = data[offset]
        if code == 255:
            return
        if code == 0:
            offset += 1
            continue
        start = offset + 2
        if start > end:
            raise WireError(f"offset {offset}: option {code} has no length")
        offset = start + data[offset + 1]
        if offset > end:
            raise WireError(f"offset {start}: option {code} needs {data[start - 1]} bytes, {end - start} left")
        if code in options:
            options[code] += data[start:offset]
        else:
            options[code] = data[start:offset]


def encode_reply(
    request: Message,
    yiaddr: int,
    options: bytes,
    ciaddr: int = 0,
    siaddr: int = 0,
    sname: bytes = b"",
    file: bytes = b"",
    flags: int | None = None,
) -> bytes:
    """The UDP payload that answers `request`: its xid, flags, giaddr and chaddr are copied (RFC 2131 table 3).

    `options` are encoded options without END. The result is padded to 300 bytes.
    """
    head = _HEADER.pack(
        BOOTREPLY,
        request.htype,
        request.hlen,
        0,
        request.xid,
        0,
        request.flags if flags is None else flags,
        ciaddr,
        yiaddr,
        siaddr,
        request.giaddr,
        request.chaddr,
        sname,
        file,
        COOKIE,
    )
    return (head + options + b"\xff").ljust(MIN_REPLY, b"\x00")
