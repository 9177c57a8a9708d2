"""The question to another DHCP server, and what its answer says: IPv4 packets as they are on the LAN."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from struct import Struct

from routerd.dhcp import options as opt
from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.message import (
    ACK,
    BOOTREPLY,
    BOOTREQUEST,
    BROADCAST_FLAG,
    CLIENT_PORT,
    COOKIE,
    DISCOVER,
    INFORM,
    NAK,
    OFFER,
    SERVER_PORT,
    Message,
    decode_message,
)
from routerd.wire import WireError

MARK = b"\x00routerd asks\x00"
"""How the client identifier of a question begins; the asking MAC address follows."""

_HEADER = Struct("!BBBBIHHI12x16s192xI")
_ETHERNET_SIZE = 14
_ANSWERS = (OFFER, ACK, NAK)


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's message to a client: who sent it, and in which exchange. `server` is an address as a number."""

    server: int
    xid: int


def questions(
    mac: bytes, address: IPv4Address, xid: int, codes: Iterable[int] = (opt.SUBNET_MASK, opt.ROUTER)
) -> tuple[bytes, bytes]:
    """The packets that ask: a DISCOVER as of a client without address, and an INFORM from `address`.

    Servers that try an address before they offer it answer a DISCOVER after seconds (dnsmasq: three), but an INFORM
    at once; other servers do not know INFORM.
    """
    return _packet(_message(DISCOVER, mac, xid, 0, codes), 0), inform(mac, address, xid, codes)


def inform(mac: bytes, address: IPv4Address, xid: int, codes: Iterable[int]) -> bytes:
    """The packet that asks, from `address`, for these options, and leaves no trace in a server."""
    own = int(address)
    return _packet(_message(INFORM, mac, xid, own, codes), own)


def is_question(message: Message) -> bool:
    """Is this client's message a question of some routerd?"""
    return message.options.get(opt.CLIENT_ID, b"").startswith(MARK)


def read_answer(packet: bytes) -> Answer | None:
    """What a server's OFFER, ACK or NAK says; None for any other packet. `packet` begins with its IP header."""
    message = read_reply(packet)
    if message is None:
        return None
    if message.options[opt.MESSAGE_TYPE][0] == OFFER and not message.yiaddr:
        return None  # It offers no address: a boot server beside the DHCP server (PXE), and no rival.
    number = server_of(message, packet)
    return Answer(number, message.xid) if number else None


def read_reply(packet: bytes) -> Message | None:
    """A server's OFFER, ACK or NAK; None for any other packet. `packet` begins with its IP header."""
    payload = _udp_payload(packet)
    if payload is None:
        return None
    try:
        message = decode_message(payload)
    except WireError:
        return None
    kind = message.options.get(opt.MESSAGE_TYPE, b"")
    return message if message.op == BOOTREPLY and len(kind) == 1 and kind[0] in _ANSWERS else None


def server_of(message: Message, packet: bytes) -> int:
    """The address of the server that sent the reply, as a number: as it calls itself, else where it came from."""
    server = message.options.get(opt.SERVER_ID, b"")
    return int.from_bytes(server if len(server) == 4 and any(server) else packet[12:16], "big")


def _message(
    kind: int, mac: bytes, xid: int, ciaddr: int, codes: Iterable[int] = (opt.SUBNET_MASK, opt.ROUTER)
) -> bytes:
    head = _HEADER.pack(BOOTREQUEST, 1, 6, 0, xid, 0, BROADCAST_FLAG, ciaddr, mac, COOKIE)
    options = opt.encode_option(opt.MESSAGE_TYPE, [bytes((kind,))])
    options += opt.encode_option(opt.CLIENT_ID, [MARK + mac])
    options += opt.encode_option(opt.PARAMETER_LIST, [bytes(codes)])
    return (head + options + b"\xff").ljust(300, b"\x00")


def _packet(payload: bytes, source: int) -> bytes:
    frame = udp_frame(
        payload,
        source_mac=b"",
        destination_mac=BROADCAST_MAC,
        source=source,
        destination=BROADCAST_ADDRESS,
        source_port=CLIENT_PORT,
        destination_port=SERVER_PORT,
    )
    return frame[_ETHERNET_SIZE:]


def _udp_payload(packet: bytes) -> bytes | None:
    """The payload of an unfragmented UDP datagram to a DHCP client; checksums may be left to the hardware."""
    start = (packet[0] & 0x0F) * 4 if packet else 0
    if start < 20 or len(packet) < start + 8 or packet[9] != 17:
        return None
    length = int.from_bytes(packet[start + 4 : start + 6], "big")
    if int.from_bytes(packet[start + 2 : start + 4], "big") != CLIENT_PORT or length < 8:
        return None
    return packet[start + 8 : start + length]
