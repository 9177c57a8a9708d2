"""The whole way of a message through one LAN's service, without the kernel: read, answer, encode, frame.

A fault that the service would log and survive is raised here, and every reply is checked.
"""

from collections import Counter

from routerd.dhcp.arp import read_sender
from routerd.dhcp.frame import checksum, udp_frame
from routerd.dhcp.lan_service import LanService
from routerd.dhcp.leases import LeaseTable, Row
from routerd.dhcp.message import BOOTREPLY, Message, decode_message
from routerd.dhcp.reply import Reply
from routerd.dhcp.rival_wire import read_answer
from routerd.dhcp.rivals import Own
from routerd.model import DhcpPart
from tests.dhcp.scene import SERVER, message, part, settings, subnet

BROADCAST = b"\xff" * 4
NOBODY = ("0.0.0.0", 68)
WIDE = settings("192.168.200.50-192.168.200.249", rapid_commit=True)


class Wire:
    """What was sent, in place of sockets."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, str]] = []

    def send_datagram(self, payload: bytes, address: str, port: int) -> None:
        """Note a datagram."""
        assert port in (67, 68) or 0 < port <= 0xFFFF
        assert not address.startswith(("0.", "127.", "255.", "224."))
        self.sent.append((payload, address))

    def send_frame(self, frame: bytes) -> None:
        """Note the payload of a frame, whose headers must be right."""
        assert frame[12:14] == b"\x08\x00"
        assert checksum(frame[14:34]) in (0, 0xFFFF)
        length = int.from_bytes(frame[38:40], "big")
        assert len(frame) == 34 + length == 14 + int.from_bytes(frame[16:18], "big")
        assert checksum(frame[26:34] + b"\0\x11" + frame[38:40] + frame[34:]) in (0, 0xFFFF)
        self.sent.append((frame[42:], frame[:6].hex(":")))


class Path:
    """A LAN with subnets behind relay agents. Leases count as stored at once; `now` is moved by the test."""

    def __init__(self, served: DhcpPart | None = None) -> None:
        self.part = served or part(WIDE, subnets=(subnet(201), subnet(202)))
        self.counters: Counter[str] = Counter()
        self.tables: dict[str, LeaseTable] = {}
        self.stored: list[tuple[str, Row]] = []
        self.wire = Wire()
        self.now = 1000.0
        own = Own(frozenset({int(self.part.address)}), frozenset({self.part.mac}))
        self.lan = LanService(self.part, own, self._table, self.counters, self._keep, lambda: None)
        self.lan._sockets = self.wire  # type: ignore[assignment]

    def _table(self, key: str) -> LeaseTable:
        return self.tables.setdefault(key, LeaseTable())

    def _keep(self, key: str, rows: tuple[Row, ...], reply: Reply | None) -> None:
        self.stored += [(key, row) for row in rows]
        if reply is not None:
            self.lan.send(reply)

    def receive(
        self, payload: bytes, destination: bytes = BROADCAST, source: tuple[str, int] = NOBODY
    ) -> Message | None:
        """The reply to a UDP payload; raises whatever is our fault."""
        before = len(self.wire.sent)
        if self.lan._reader.intake.admits(payload, self.now):
            self.lan._answer(payload, destination, source, self.now)
        replies = self.wire.sent[before:]
        assert len(replies) <= 1, "one message, two replies"
        return self._checked(replies[0][0], payload) if replies else None

    def overhear(self, data: bytes) -> None:
        """What else of the LAN is read: answers of other servers, and ARP."""
        frame = udp_frame(
            data,
            source_mac=b"\2" * 6,
            destination_mac=b"\xff" * 6,
            source=0xC0A8C809,
            destination=0xFFFFFFFF,
            source_port=67,
            destination_port=68,
        )
        for packet in (data, frame[14:], frame[14 : 14 + len(data)]):
            read_answer(packet)
            read_sender(packet)

    def _checked(self, reply: bytes, asked: bytes) -> Message:
        assert 300 <= len(reply) <= 1472
        decoded = decode_message(reply)
        hardware = asked[28 : 28 + min(6, asked[2])].ljust(6, b"\0")
        assert (decoded.op, reply[4:8], reply[28:34]) == (BOOTREPLY, asked[4:8], hardware)
        assert decoded.options[53] in (b"\x02", b"\x05", b"\x06")
        return decoded

    def serves(self, number: int = 0xFFFFFF) -> bool:
        """Does a client that asks only now get its OFFER?"""
        mac = b"\2\1\1" + number.to_bytes(3, "big")
        offer = self.receive(message(1, (55, bytes((1, 3, 6, 121))), mac=mac, xid=number))
        return offer is not None and offer.options[53] == b"\x02" and offer.options[54] == SERVER.packed
