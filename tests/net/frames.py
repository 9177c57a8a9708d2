"""Frames of every sort of damage around a DHCP message, as a LAN machine could send them. Pure."""

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, checksum, udp_frame
from tests.dhcp.scene import message

MAC = bytes.fromhex("0200000004aa")
_IP_AT, _UDP_AT, _PAYLOAD_AT = 14, 34, 42


def dhcp(payload: bytes, *, source: int = 0, port: int = 67) -> bytes:
    """A broadcast frame with this UDP payload."""
    return udp_frame(
        payload,
        source_mac=MAC,
        destination_mac=BROADCAST_MAC,
        source=source,
        destination=BROADCAST_ADDRESS,
        source_port=68,
        destination_port=port,
    )


def discover(number: int) -> bytes:
    """A DISCOVER of a client of its own."""
    return message(1, (55, bytes((1, 3, 6, 121))), mac=MAC[:4] + number.to_bytes(2, "big"), xid=number)


def with_header(frame: bytes, **fields: bytes) -> bytes:
    """The frame with bytes of its IP header replaced and the header's checksum made right."""
    offsets = {"version": 0, "length": 2, "fragment": 6, "source": 12}
    head = bytearray(frame[_IP_AT:_UDP_AT])
    for name, value in fields.items():
        head[offsets[name] : offsets[name] + len(value)] = value
    head[10:12] = b"\0\0"
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return frame[:_IP_AT] + bytes(head) + frame[_UDP_AT:]


def fragments(payload: bytes, size: int = 1480) -> list[bytes]:
    """A datagram in several frames."""
    whole = dhcp(payload)
    body = whole[_UDP_AT:]
    made = []
    for offset in range(0, len(body), size):
        part = body[offset : offset + size]
        more = 0x2000 if offset + size < len(body) else 0
        frame = whole[:_UDP_AT] + part
        fragment = (more | offset // 8).to_bytes(2, "big")
        made.append(with_header(frame, length=(20 + len(part)).to_bytes(2, "big"), fragment=fragment))
    return made


def _cut() -> list[bytes]:
    return [dhcp(discover(n))[:n] for n in range(14, 343)]


def _short() -> list[bytes]:
    return [dhcp(discover(n)[:n]) for n in range(301)]


def _lengths() -> list[bytes]:
    whole = dhcp(discover(1))
    udp = [whole[:38] + n.to_bytes(2, "big") + whole[40:] for n in (0, 7, 8, 9, 100, 300, 2000, 65535)]
    ip = [with_header(whole, length=n.to_bytes(2, "big")) for n in (0, 19, 20, 28, 100, 400, 1500, 65535)]
    return udp + ip


def _checksums() -> list[bytes]:
    whole = dhcp(discover(2))
    return [whole[:24] + b"\1\2" + whole[26:], whole[:40] + b"\1\2" + whole[42:], whole[:40] + b"\0\0" + whole[42:]]


def _ip_options() -> list[bytes]:
    whole, made = dhcp(discover(3)), []
    for words in range(6, 16):
        more = b"\1" * (words - 5) * 4
        length = (len(whole) - 14 + len(more)).to_bytes(2, "big")
        head = bytearray(whole[_IP_AT:_UDP_AT] + more)
        head[0], head[2:4], head[10:12] = 0x40 | words, length, b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
        made.append(whole[:_IP_AT] + bytes(head) + whole[_UDP_AT:])
    return made


def _versions() -> list[bytes]:
    whole = dhcp(discover(4))
    return [with_header(whole, version=bytes((value,))) for value in (0x00, 0x40, 0x44, 0x4F, 0x55, 0x65, 0xF5)]


def _fragments() -> list[bytes]:
    first, second = fragments(discover(5).ljust(3000, b"\0"))[:2]
    overlapping = with_header(second, fragment=(0x2000 | 100).to_bytes(2, "big"))
    return [first, second, second, first, overlapping, *fragments(discover(6).ljust(8000, b"\0"))[::-1]]


def _large() -> list[bytes]:
    return [part for size in (1473, 2000, 4096, 9000) for part in fragments(discover(8).ljust(size, b"\0"))]


def _tagged() -> list[bytes]:
    whole = dhcp(discover(7))
    tags = (b"\0\0", b"\0\5", b"\xff\xff")
    once = [whole[:12] + b"\x81\x00" + tag + whole[12:] for tag in tags]
    return [*once, whole[:12] + b"\x88\xa8\0\1\x81\x00\0\2" + whole[12:], whole[:12] + b"\x81\x00"]


def _answers() -> list[bytes]:
    """What servers send, to the port of clients: routerd listens for other servers."""
    offer = message(2, (54, bytes((192, 168, 200, 2))), op=2)
    whole = dhcp(offer, port=68)
    return [dhcp(offer[:n], port=68) for n in range(len(offer) + 1)] + [whole[:n] for n in range(14, len(whole))]


def _arp() -> list[bytes]:
    """Requests and answers of every length: routerd listens for who uses free addresses."""
    made = []
    for kind in (0, 1, 2, 3, 255):
        body = b"\0\1\x08\0\6\4" + kind.to_bytes(2, "big") + MAC + bytes((192, 168, 200, 250)) + bytes(6)
        body += bytes((192, 168, 200, 2))
        made += [BROADCAST_MAC + MAC + b"\x08\x06" + body[:n] for n in range(len(body) + 1)]
    return made


GROUPS = {
    "cut at every length": _cut(),
    "a payload of every length": _short(),
    "lengths that do not agree": _lengths(),
    "wrong checksums": _checksums(),
    "IP options": _ip_options(),
    "IP versions and header lengths": _versions(),
    "fragments, doubled, overlapping, backwards": _fragments(),
    "VLAN tags": _tagged(),
    "more than fits a frame": _large(),
    "from the server's own address": [dhcp(discover(9), source=0xC0A8C802), dhcp(discover(9), source=0x7F000001)],
    "answers of servers": _answers(),
    "ARP": _arp(),
}
