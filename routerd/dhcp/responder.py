"""What a LAN's clients are answered (RFC 2131 section 4.3): one message in, one reply or nothing out.

Pure: the lease table changes at once, and a reply that promises something carries the rows that must be on disk
before it leaves.
"""

from collections import Counter
from ipaddress import IPv4Address

from routerd.dhcp import options as opt
from routerd.dhcp.frame import BROADCAST_ADDRESS
from routerd.dhcp.leases import LeaseTable, Row, client_key
from routerd.dhcp.message import (
    ACK,
    BOOTREQUEST,
    BROADCAST_FLAG,
    CLIENT_PORT,
    DECLINE,
    DISCOVER,
    INFORM,
    OFFER,
    RELEASE,
    REQUEST,
    Message,
    encode_reply,
)
from routerd.dhcp.reply_options import ReplyOptions
from routerd.model import DhcpPart

_EXHAUSTED_SECONDS = 60.0
_NAMES = {DISCOVER: "discover", REQUEST: "request", DECLINE: "decline", RELEASE: "release", INFORM: "inform"}


class Reply:
    """A datagram to send. `mac` set: as a frame to that hardware address, because the client has no address yet."""

    __slots__ = ("address", "mac", "payload", "port", "rows")

    def __init__(self, payload: bytes, address: int, port: int, mac: bytes | None, rows: tuple[Row, ...]) -> None:
        self.payload = payload
        self.address = address
        self.port = port
        self.mac = mac
        self.rows = rows


class Responder:
    """Answers the clients of one LAN by the plan's part for it. Counters are named as Kea's statistics."""

    def __init__(self, part: DhcpPart, table: LeaseTable, counters: Counter[str]) -> None:
        self.table = table
        self.counters = counters
        self.exhausted_at: float | None = None
        self.configure(part)

    def configure(self, part: DhcpPart) -> None:
        """Serve by this part from now on; leases stay."""
        self.part = part
        self.exhausted_at = None
        self._address = int(part.address)
        self._first = int(part.network.network_address)
        self._last = int(part.network.broadcast_address)
        self._options = ReplyOptions(part)
        settings = part.settings
        reserved = {int(r.address): client_key(1, r.mac or b"", r.client_id) for r in settings.reservations}
        self._hostnames = {client_key(1, r.mac or b"", r.client_id): r.hostname for r in settings.reservations}
        pools = [(int(pool.first), int(pool.last)) for pool in settings.pools]
        excluded = {int(address) for address in part.excluded} | {self._first, self._last}
        self.table.pools.configure(pools, excluded, reserved)
        self._boot = (
            int(settings.next_server or 0),
            (settings.server_name or "").encode("ascii"),
            (settings.boot_file or "").encode("ascii"),
        )

    def exhausted(self, now: float) -> bool:
        """Did a client go without an address within the last minute?"""
        return self.exhausted_at is not None and now - self.exhausted_at < _EXHAUSTED_SECONDS

    def respond(self, message: Message, unicast: bool, now: float) -> tuple[Reply | None, tuple[Row, ...]]:
        """The reply to a client's message and the rows that it changes; a reply's own rows must be stored first.

        `unicast`: it was sent to this server's own address. Rows beside no reply are to be stored in time.
        """
        kind = message.options.get(opt.MESSAGE_TYPE, b"")
        nameless = not message.hlen and not message.options.get(opt.CLIENT_ID)
        if message.op != BOOTREQUEST or len(kind) != 1 or kind[0] not in _NAMES or nameless:
            return self._drop("pkt4-unknown-received")
        if message.giaddr:
            return self._drop("pkt4-not-for-us")
        self.counters[f"pkt4-{_NAMES[kind[0]]}-received"] += 1
        server = message.options.get(opt.SERVER_ID)
        if server is not None and server != self.part.address.packed and kind[0] != INFORM:
            if kind[0] == REQUEST:
                self.table.withdraw_offer(self._client(message)[0])
            return self._drop("pkt4-not-for-us")
        if kind[0] == DISCOVER:
            return self._discover(message, now), ()
        if kind[0] == REQUEST:
            return self._request(message, server is not None, unicast, now), ()
        if kind[0] == INFORM:
            return self._inform(message), ()
        return None, self._give_back(message, kind[0], now)

    def _drop(self, counter: str) -> tuple[None, tuple[Row, ...]]:
        self.counters[counter] += 1
        self.counters["pkt4-receive-drop"] += 1
        return None, ()

    @staticmethod
    def _client(message: Message) -> tuple[bytes, bytes]:
        hardware = bytes((message.htype,)) + message.chaddr
        return message.options.get(opt.CLIENT_ID) or hardware, hardware

    def _on_link(self, address: int) -> bool:
        return self._first < address < self._last

    # ------------------------------------------------------------ DISCOVER and REQUEST

    def _discover(self, message: Message, now: float) -> Reply | None:
        client, hardware = self._client(message)
        requested = _address_option(message, opt.REQUESTED_ADDRESS)
        address = self.table.offer(client, hardware, requested, now)
        self.exhausted_at = now if address is None else self.exhausted_at
        if address is None:
            self.counters["pkt4-allocation-failed"] += 1
            return None
        self.counters["pkt4-offer-sent"] += 1
        return self._lease_reply(message, OFFER, address, ())

    def _request(self, message: Message, selecting: bool, unicast: bool, now: float) -> Reply | None:
        requested = _address_option(message, opt.REQUESTED_ADDRESS)
        address = requested or message.ciaddr
        if not address:
            self._drop("pkt4-rfc-violation")
            return None
        client, hardware = self._client(message)
        lease = self.table.of(client)
        known = lease is not None and lease.address == address
        authoritative = self.part.settings.is_authoritative
        if not selecting and not known and not authoritative:
            # RFC 2131 section 4.3.2: no record of the client, so another server may have one. A client that holds
            # another address of ours, or asked us in person, is told.
            if lease is None and not unicast:
                return None
            return self._nak(message)
        hostname = self._hostnames.get(client) or self._hostnames.get(hardware) or _hostname(message)
        seconds = self._options.lease_seconds(message)
        rows = self.table.bind(client, hardware, address, hostname, seconds, now) if self._on_link(address) else None
        if rows is None:
            return self._nak(message)
        self.counters["pkt4-ack-sent"] += 1
        return self._lease_reply(message, ACK, address, rows)

    def _lease_reply(self, message: Message, kind: int, address: int, rows: tuple[Row, ...]) -> Reply:
        client, hardware = self._client(message)
        hostname = self._hostnames.get(client) or self._hostnames.get(hardware)
        options = self._options.encode(message, kind, address, hostname)
        siaddr, sname, file = self._boot
        payload = encode_reply(
            message,
            yiaddr=address,
            options=options,
            ciaddr=message.ciaddr if kind == ACK else 0,
            siaddr=siaddr,
            sname=sname,
            file=file,
        )
        if message.ciaddr and kind == ACK and self._on_link(message.ciaddr):
            return Reply(payload, message.ciaddr, CLIENT_PORT, None, rows)
        if message.flags & BROADCAST_FLAG or message.htype != 1 or message.hlen != 6:
            return Reply(payload, BROADCAST_ADDRESS, CLIENT_PORT, None, rows)
        return Reply(payload, address, CLIENT_PORT, message.chaddr, rows)

    def _nak(self, message: Message) -> Reply:
        self.counters["pkt4-nak-sent"] += 1
        payload = encode_reply(
            message, yiaddr=0, options=self._options.encode_nak(message), flags=message.flags | BROADCAST_FLAG
        )
        return Reply(payload, BROADCAST_ADDRESS, CLIENT_PORT, None, ())

    # ------------------------------------------------------------ the rest

    def _inform(self, message: Message) -> Reply | None:
        """RFC 2131 section 4.3.5: parameters only, to the address that the client has."""
        if not self._on_link(message.ciaddr):
            self._drop("pkt4-not-for-us")
            return None
        self.counters["pkt4-ack-sent"] += 1
        options = self._options.encode(message, ACK, message.ciaddr, None, lease=False)
        siaddr, sname, file = self._boot
        payload = encode_reply(
            message, yiaddr=0, options=options, ciaddr=message.ciaddr, siaddr=siaddr, sname=sname, file=file
        )
        return Reply(payload, message.ciaddr, CLIENT_PORT, None, ())

    def _give_back(self, message: Message, kind: int, now: float) -> tuple[Row, ...]:
        client, hardware = self._client(message)
        if kind == RELEASE:
            rows = self.table.release(client, message.ciaddr, now)
        else:
            requested = _address_option(message, opt.REQUESTED_ADDRESS)
            rows = self.table.decline(client, hardware, requested or message.ciaddr, now)
        if not rows:
            self.counters["pkt4-receive-drop"] += 1
        return rows


def _address_option(message: Message, code: int) -> int:
    value = message.options.get(code)
    return int.from_bytes(value, "big") if value is not None and len(value) == 4 else 0


def _hostname(message: Message) -> str | None:
    raw = message.options.get(opt.HOSTNAME)
    return opt.clean_hostname(raw) if raw else None


def text_address(address: int) -> str:
    """The dotted form of an address."""
    return str(IPv4Address(address))
