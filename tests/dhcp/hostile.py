"""Hostile messages by the group of what a parser must survive: UDP payloads, for tests with and without a network."""

from tests.dhcp.scene import MAC_B, SERVER, ip, message

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
KINDS = (DISCOVER, REQUEST, DECLINE, RELEASE, INFORM)
FIFTY = bytes((192, 168, 200, 50))
GOOD = message(DISCOVER, (55, bytes((1, 3, 6, 121))), (61, b"\1" + MAC_B), (12, b"endpoint-b"))

_OFFSETS = {"op": 0, "htype": 1, "hlen": 2, "chaddr": 28, "sname": 44, "file": 108, "cookie": 236}
_BEHIND, _ON_LAN = ip("192.168.201.1"), ip("192.168.200.9")


def header(**fields: bytes) -> bytes:
    """A DISCOVER with bytes of its header replaced."""
    data = bytearray(GOOD)
    for name, value in fields.items():
        data[_OFFSETS[name] : _OFFSETS[name] + len(value)] = value
    return bytes(data)


def raw(options: bytes, before: bytes = GOOD) -> bytes:
    """A DISCOVER whose options are these bytes as they are."""
    return before[:240] + b"\x35\x01\x01" + options


def option(code: int, value: bytes) -> bytes:
    """One option as it goes on the wire."""
    return bytes((code, len(value))) + value


def every(*options: tuple[int, bytes], **fields: int) -> list[bytes]:
    """The same in a message of each type that clients send."""
    return [message(kind, *options, **fields) for kind in KINDS]  # type: ignore[arg-type]


def with_values(code: int, *values: bytes, **fields: int) -> list[bytes]:
    """An option with each of these values, in a message of each type."""
    return [data for value in values for data in every((code, value), **fields)]


def number(value: int, size: int) -> bytes:
    """A number as it is in an option."""
    return value.to_bytes(size, "big")


def _lengths() -> dict[str, list[bytes]]:
    return {
        "01 a payload of every length": [GOOD[:n].ljust(n, b"\0") for n in range(301)],
        "01 a payload far too long": [GOOD.ljust(n, b"\0") for n in (1473, 4096, 65507)],
    }


def _headers() -> dict[str, list[bytes]]:
    multicast = b"\1\0\x5e\0\0\1"
    return {
        "02 op": [header(op=number(value, 1)) for value in (0, 2, 3, 255)],
        "02 htype": [header(htype=number(value, 1)) for value in (0, 6, 7, 32, 255)],
        "02 hlen": [header(hlen=number(value, 1)) for value in (0, 1, 5, 7, 15, 16, 17, 255)],
        "02 chaddr": [header(chaddr=mac) for mac in (b"\0" * 16, multicast, b"\xff" * 16, b"\xff" * 6)],
        "02 cookie": [header(cookie=b"\0\0\0\0"), header(cookie=b"\x63\x82\x53"), *(GOOD[:n] for n in range(236, 241))],
        "13 what a server sends": [header(op=b"\2"), message(ACK, (54, SERVER.packed)), message(OFFER, op=2)],
    }


def _types() -> dict[str, list[bytes]]:
    values = (b"", b"\1\1", b"\0", b"\x09", b"\x0e", b"\xff")
    return {
        "03 no message type": [message(None)],
        "03 message types": [message(None, (53, value)) for value in values],
        "03 for clients": [message(kind) for kind in (OFFER, ACK, NAK)],
        "03 two message types": [message(DISCOVER, (53, b"\3")), message(REQUEST, (53, b"\1"), (53, b"\3"))],
    }


def _options() -> dict[str, list[bytes]]:
    sized = (50, 51, 54, 55, 57, 61, 82)
    return {
        "04 past the end": [raw(bytes((code, length)) + b"x" * 3) for code in (12, 50, 82) for length in (4, 255)],
        "04 no value where one is due": [data for code in sized for data in with_values(code, b"")],
        "04 ends": [raw(end) for end in (b"\x32", b"", b"\0" * 1000, b"\xff" + b"\x32\xff" * 100, b"\0\0\x0c")],
        "04 300 options": [raw(b"".join(option(n % 254 + 1, b"\7") for n in range(300)))],
        "04 one option 50 times": [raw(option(code, b"y" * 20) * 50 + b"\xff") for code in (12, 43, 55, 61, 82)],
        "04 one empty option 700 times": [raw(option(code, b"") * 700 + b"\xff") for code in (12, 53, 55, 61, 82)],
    }


def _overload() -> dict[str, list[bytes]]:
    again = option(52, b"\3")
    fields = header(sname=again * 21, file=again * 42)
    fills = [header(sname=fill * 64, file=fill * 128) for fill in (b"\0", b"\x0c", b"x")]
    twice = option(52, b"\1") + option(52, b"\2")
    return {
        "05 overload": [raw(option(52, number(value, 1)) + b"\xff") for value in (0, 1, 2, 3, 4, 255)],
        "05 overload, wrong": [raw(options + b"\xff") for options in (twice, option(52, b""), option(52, b"\1\2"))],
        "05 overload inside": [raw(option(52, number(value, 1)) + b"\xff", fields) for value in (1, 2, 3)],
        "05 no END inside": [raw(again, filled) for filled in fills],
        "05 no NUL in sname and file": [header(sname=b"s" * 64, file=b"f" * 128)],
    }


def _lists() -> dict[str, list[bytes]]:
    lists = (b"", bytes(range(255)), b"\x79" * 255, b"\0\xff", bytes((3, 3, 121, 121)))
    sizes = (0, 1, 27, 28, 200, 575, 576, 65535)
    wants = (55, bytes((3, 6, 121)))
    return {
        "06 parameter lists": with_values(55, *lists),
        "06 sizes": [message(DISCOVER, (57, number(size, 2)), wants) for size in sizes],
        "06 sizes of a wrong size": with_values(57, b"", b"\1", b"\1\1\1", b"\xff" * 255),
    }


def _names() -> dict[str, list[bytes]]:
    names = (b"", b"...", b"--", b"a" * 255, b"a" * 64 + b".b", b"\0", b"a\nb", b"../../x", b";$(reboot)", b"\xe9")
    more = ("ж".encode(), b"\xc0\x00", b"\x1b[2J")
    return {
        "07 names": [data for code in (12, 15, 81) for data in with_values(code, *names, *more)],
        "07 pointers to themselves": [data for code in (81, 119) for data in with_values(code, b"\xc0\x00" * 100)],
    }


def _addresses() -> dict[str, list[bytes]]:
    found = []
    odd = ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "192.168.200.0", "192.168.200.255", str(SERVER))
    for address in map(ip, odd):
        for fields in ({"ciaddr": address}, {"giaddr": address}, {"ciaddr": address, "giaddr": _BEHIND}):
            found += every((50, number(address, 4)), **fields) + every(**fields)
    return {"08 addresses": found}


def _times() -> dict[str, list[bytes]]:
    times = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    return {
        "09 lease times": [data for time in times for data in every((51, number(time, 4)), (50, FIFTY))],
        "09 lease times of a wrong size": with_values(51, b"", b"\1", b"\xff" * 3, b"\xff" * 5),
    }


def _relay() -> dict[str, list[bytes]]:
    values = (b"", b"\1", b"\1\0", b"\1\xff", b"\1\5ab", b"\1\1a\2\xff", bytes((1, 253)) + b"c" * 253)
    known = (b"\5\0", b"\5\4\xff\xff\xff\xff", b"\x0b\1\1", b"\x0b\4\0\0\0\0", b"\x13\5")
    pieces = option(82, b"\1\x08circuit!") * 100
    return {
        "10 relay agent information": [
            data for giaddr in (0, _BEHIND, _ON_LAN) for data in with_values(82, *values, *known, giaddr=giaddr)
        ],
        "10 in a hundred pieces": [raw(pieces + b"\xff")],
    }


def _identifiers() -> dict[str, list[bytes]]:
    plain = (b"", b"\0", b"\1", b"x" * 255, b"\1" + MAC_B)
    duids = (b"\xff", b"\xff\0\0\0\1", b"\xff\0\0\0\1\0", b"\xff\0\0\0\1\0\1\0\1")
    return {
        "11 client identifiers": with_values(61, *plain, *duids),
        "11 longer than an option": [message(DISCOVER, *((61, b"x" * 255),) * count) for count in (2, 14)],
    }


_GROUPS = (_lengths, _headers, _types, _options, _overload, _lists, _names, _addresses, _times, _relay, _identifiers)
CASES: dict[str, list[bytes]] = {name: cases for group in _GROUPS for name, cases in group().items()}
