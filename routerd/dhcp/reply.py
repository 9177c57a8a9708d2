"""A reply, and where it goes (RFC 2131 section 4.1)."""

from routerd.dhcp.frame import BROADCAST_ADDRESS
from routerd.dhcp.leases import Row
from routerd.dhcp.message import BROADCAST_FLAG, CLIENT_PORT, SERVER_PORT, Message

ETHERNET = 1


class Reply:
    """A datagram to send. `mac` set: as a frame to that hardware address, because the client has no address yet.

    `news`: an ACK with which the client sets itself up: it has just started, or gets another address or other routes.
    """

    __slots__ = ("address", "mac", "news", "payload", "port", "rows")

    def __init__(self, payload: bytes, address: int, port: int, mac: bytes | None, rows: tuple[Row, ...]) -> None:
        self.payload = payload
        self.address = address
        self.port = port
        self.mac = mac
        self.rows = rows
        self.news = False


def lease_reply(
    message: Message, payload: bytes, rows: tuple[Row, ...], address: int, ciaddr: int, relay_port: int = 0
) -> Reply:
    """The OFFER or ACK of `address`: to the relay agent, to the address that the client has (`ciaddr`), else on the
    link to its hardware address, or to all if it wants that, has no Ethernet or is not given an address.

    `relay_port`: the UDP port of a relay agent that has one of its own (RFC 8357).
    """
    if message.giaddr:
        return Reply(payload, message.giaddr, relay_port or SERVER_PORT, None, rows)
    if ciaddr:
        return Reply(payload, ciaddr, CLIENT_PORT, None, rows)
    if message.flags & BROADCAST_FLAG or message.htype != ETHERNET or message.hlen != 6 or not address:
        return Reply(payload, BROADCAST_ADDRESS, CLIENT_PORT, None, rows)
    return Reply(payload, address, CLIENT_PORT, message.chaddr, rows)


def nak_reply(message: Message, payload: bytes, *, on_link: bool, relay_port: int = 0) -> Reply:
    """The NAK: to the relay agent, else to all; `on_link` False: the client renews through routers, which no
    broadcast passes.
    """
    if message.giaddr:
        return Reply(payload, message.giaddr, relay_port or SERVER_PORT, None, ())
    return Reply(payload, BROADCAST_ADDRESS if on_link else message.ciaddr, CLIENT_PORT, None, ())
