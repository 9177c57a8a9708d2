"""What the clients of a LAN are answered (RFC 2131 section 4.3): one message in, one reply or nothing out.

Pure: the lease table changes at once, and a reply that promises something carries the rows that must be on disk
before it leaves.
"""

from collections import Counter
from collections.abc import Callable

from routerd.dhcp import options as opt
from routerd.dhcp.client import Client
from routerd.dhcp.fields import address_option, hostname_option, is_impossible
from routerd.dhcp.leases import BOUND, LeaseTable, Row
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
    SERVER_PORT,
    Message,
    encode_reply,
)
from routerd.dhcp.relay import RelayInfo, decode_relay_info
from routerd.dhcp.reply import Reply, lease_reply, nak_reply
from routerd.dhcp.scope import Scope, Voice
from routerd.model import DhcpPart

_MOST_HOPS = 16
_LONGEST_RELAY_INFO = 600  # With the longest identifiers and host name it still fits one Ethernet frame.
_NO_RELAY = RelayInfo()
_OCTETS = tuple(bytes((value,)) for value in range(256))
_RECEIVED = {
    bytes((DISCOVER,)): (DISCOVER, "pkt4-discover-received"),
    bytes((REQUEST,)): (REQUEST, "pkt4-request-received"),
    bytes((DECLINE,)): (DECLINE, "pkt4-decline-received"),
    bytes((RELEASE,)): (RELEASE, "pkt4-release-received"),
    bytes((INFORM,)): (INFORM, "pkt4-inform-received"),
}
"""What clients send, by the value of the message type option: the type, and the counter."""

Answer = tuple[Reply | None, str, tuple[Row, ...]]
"""The reply, the key of the leases, and rows that are to be stored beside the reply's own."""


class _Asked:
    """One message with what was found out about it: its network, its client, its relay agent."""

    __slots__ = ("client", "message", "now", "relay", "scope")

    def __init__(self, message: Message, scope: Scope, client: Client, relay: RelayInfo, now: float) -> None:
        self.message = message
        self.scope = scope
        self.client = client
        self.relay = relay
        self.now = now


class Responder:
    """Answers the clients of one LAN by the plan's part for it. Counters are named as Kea's statistics."""

    def __init__(self, part: DhcpPart, table: Callable[[str], LeaseTable], counters: Counter[str]) -> None:
        self.counters = counters
        self.promising: Callable[[], bool] = lambda: True
        """Would an ACK of a new binding leave now? Rapid commit is for when it does."""
        self._table = table
        self._scopes: dict[str, Scope] = {}
        self.configure(part)

    def configure(self, part: DhcpPart) -> None:
        """Serve by this part from now on; leases stay."""
        self.part = part
        self._address, self._server = int(part.address), part.address.packed
        self._scopes = {scope.key: Scope(scope, self._table(scope.key)) for scope in part.scopes}
        self._own = self._scopes[part.own.key]
        self._subnets = tuple(self._scopes[scope.key] for scope in part.subnets)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All networks that are served, the LAN's own first."""
        return (self._own, *self._subnets)

    def exhausted(self, now: float) -> tuple[Scope, ...]:
        """The networks that have pools and in which a client went without an address within the last minute."""
        return tuple(scope for scope in self.scopes if scope.is_exhausted(now))

    def respond(self, message: Message, unicast: bool, now: float, port: int = SERVER_PORT) -> Answer:
        """The reply to a client's message and the rows that it changes; a reply's own rows must be stored first.

        `unicast`: it was sent to this server's own address; `port`: the UDP port that it was sent from. Rows beside
        no reply are to be stored in time.
        """
        options, giaddr = message.options, message.giaddr
        known, identifier = _RECEIVED.get(options.get(opt.MESSAGE_TYPE, b"")), options.get(opt.CLIENT_ID)
        if message.op != BOOTREQUEST or known is None or not (message.hlen or identifier):
            return self._drop("pkt4-unknown-received")
        kind, counter = known
        if message.hops > _MOST_HOPS or giaddr == self._address or is_impossible(message):
            return self._drop("pkt4-rfc-violation")
        relay = self._relay(message, port) if opt.RELAY_AGENT in options else _NO_RELAY
        scope = self._scope(message, relay, kind, unicast) if giaddr or self._subnets else self._own
        if scope is None:
            return self._drop("pkt4-not-for-us")
        self.counters[counter] += 1
        hardware = _OCTETS[message.htype] + message.chaddr
        client = Client(identifier or hardware, hardware, relay.circuit_id)
        if not giaddr:
            client = scope.table.placed(client, now) if scope.table.pools.has_places else client
        elif (near := next((each for each in self.scopes if each.contains(giaddr)), None)) is not None:
            near.table.note_agent(giaddr, now)
        return self._answer(_Asked(message, scope, client, relay, now), kind, unicast)

    def _relay(self, message: Message, port: int) -> RelayInfo:
        """What the relay agent says. Where none forwards the message, nobody but the client vouches for the option:
        then it says neither where the message comes from nor at whose place; it is echoed all the same.
        """
        data = message.options[opt.RELAY_AGENT]
        if len(data) > _LONGEST_RELAY_INFO:
            # RFC 3046 section 2.2: what cannot be echoed whole is not echoed at all.
            self.counters["pkt4-relay-info-left-out"] += 1
            del message.options[opt.RELAY_AGENT]
        relay = decode_relay_info(data)
        if not message.giaddr:
            return _NO_RELAY
        return relay._replace(port=port) if relay.port else relay

    def _answer(self, asked: _Asked, kind: int, unicast: bool) -> Answer:
        server = asked.message.options.get(opt.SERVER_ID)
        if server is not None and server not in (self._server, asked.relay.server) and kind != INFORM:
            if kind == REQUEST:
                asked.scope.table.withdraw_offer(asked.client)
            return self._drop("pkt4-not-for-us")
        key = asked.scope.part.key
        if kind == DISCOVER:
            return self._discover(asked), key, ()
        if kind == REQUEST:
            reply = self._request(asked, server is not None, unicast)
            return reply, key, () if reply is not None and reply.rows else self._withdrawn(asked)
        if kind == INFORM:
            return self._inform(asked), key, ()
        return None, key, self._give_back(asked, kind)

    def _drop(self, counter: str) -> Answer:
        self.counters[counter] += 1
        self.counters["pkt4-receive-drop"] += 1
        return None, "", ()

    def _scope(self, message: Message, relay: RelayInfo, kind: int, unicast: bool) -> Scope | None:
        """The network that the client is on: its link selection (RFC 3527), else its relay agent's address.

        Without a relay agent it is on the LAN, or it renews, through routers, an address behind a relay agent: then
        it asks this server in person. What it asks of all servers has passed no router.
        """
        if relay.link:
            return next((scope for scope in self.scopes if scope.is_link(relay.link)), None)
        place = message.giaddr
        if not place and (unicast if kind == REQUEST else kind in (RELEASE, INFORM)):
            place = message.ciaddr
        if not message.giaddr and not (self._subnets and place):
            return self._own
        if self._own.contains(place):
            return self._own
        found = next((scope for scope in self._subnets if scope.contains(place)), None)
        return found or (None if message.giaddr else self._own)

    # ------------------------------------------------------------ DISCOVER and REQUEST

    def _discover(self, asked: _Asked) -> Reply | None:
        message, scope, now = asked.message, asked.scope, asked.now
        lease = scope.table.of(asked.client.key)
        if scope.prefers_ipv6(message) and (lease is None or not lease.holds(now)):
            return self._offer(asked, 0)
        replaced = scope.table.replaced_offers
        address = scope.table.offer(asked.client, address_option(message, opt.REQUESTED_ADDRESS), now)
        if (address is None or scope.table.replaced_offers > replaced) and scope.table.pools.ranges:
            scope.exhausted_at = now
        if address is None:
            self.counters["v4-allocation-fail"] += 1
            return None
        if scope.settings.rapid_commit and opt.RAPID_COMMIT in message.options and self.promising():
            reply = self._acknowledge(asked, address, 0, rapid=True)
            if reply is not None:
                return reply
        return self._offer(asked, address)

    def _request(self, asked: _Asked, selecting: bool, unicast: bool) -> Reply | None:
        message, scope = asked.message, asked.scope
        address = address_option(message, opt.REQUESTED_ADDRESS) or message.ciaddr
        if not address:
            self._drop("pkt4-rfc-violation")
            return None
        if not selecting and (no := self._objects(asked, address, unicast)) is not None:
            return self._nak(asked) if no else None
        # Who asks all servers for an address by option 50 does not answer at it yet, whatever its ciaddr says.
        has = message.ciaddr if unicast or opt.REQUESTED_ADDRESS not in message.options else 0
        reply = self._acknowledge(asked, address, has) if scope.contains(address) else None
        return self._nak(asked) if reply is None else reply

    def _withdrawn(self, asked: _Asked) -> tuple[Row, ...]:
        """A client that was refused the address that it held must stop using it (RFC 2131 section 4.4.5), so that its
        lease ends with that: the address may be reserved for another client now, who waits for it.
        """
        message, table = asked.message, asked.scope.table
        lease = table.of(asked.client.key)
        if lease is None or not lease.holds(asked.now) or table.pools.usable(lease.address, asked.client):
            return ()
        if lease.address != (address_option(message, opt.REQUESTED_ADDRESS) or message.ciaddr):
            return ()
        return table.release(asked.client, lease.address, asked.now)

    def _objects(self, asked: _Asked, address: int, unicast: bool) -> bool | None:
        """Must a client that claims to have this address be refused? None: no; True: tell it; False: stay silent."""
        scope, lease = asked.scope, asked.scope.table.of(asked.client.key)
        if lease is not None and lease.address == address:
            return None
        if lease is not None and lease.state == BOUND and lease.expires > asked.now:
            # Its notion of its address is wrong (RFC 2131 section 4.3.2), unless it is one reserved for it.
            return True if address not in scope.table.pools.reserved_for(asked.client) else None
        if scope.settings.is_authoritative:
            return None
        # RFC 2131 section 4.3.2: no lease of the client, so another server may have one. A client that asked us in
        # person is told; a relay agent asks every server so.
        return unicast and not asked.message.giaddr

    def _acknowledge(self, asked: _Asked, address: int, has: int, *, rapid: bool = False) -> Reply | None:
        """Bind the address: the ACK with the rows that must be stored first. None where the client cannot have it."""
        message, voice = asked.message, asked.scope.voice(asked.client)
        own, server = voice.options, asked.relay.server
        seconds = own.lease_seconds(message)
        options, given = own.encode(message, ACK, address, voice.hostname, seconds, server, rapid)
        hostname = voice.hostname or hostname_option(message)
        lease = asked.scope.table.at(address)
        had = None if lease is None else lease.given.routes
        rows = asked.scope.table.bind(asked.client, address, hostname, seconds, asked.now, given)
        if rows is None:
            return None
        self.counters["pkt4-ack-sent"] += 1
        if not rows[-1].renewal:
            self.counters["cumulative-assigned-addresses"] += 1
        # Another address that it says to have already (0: none) is not the client's: nothing may go there.
        ciaddr = has if has == address else 0
        reply = self._lease_reply(asked, voice, address, options, rows, ciaddr)
        reply.news = given.routes != had or not (rows[-1].renewal and ciaddr)
        return reply

    def _offer(self, asked: _Asked, address: int) -> Reply:
        message, voice = asked.message, asked.scope.voice(asked.client)
        self.counters["pkt4-offer-sent"] += 1
        own, server = voice.options, asked.relay.server
        seconds = own.lease_seconds(message) if address else None
        options, _ = own.encode(message, OFFER, address, voice.hostname, seconds, server)
        return self._lease_reply(asked, voice, address, options, (), 0)

    def _lease_reply(
        self, asked: _Asked, voice: Voice, address: int, options: bytes, rows: tuple[Row, ...], ciaddr: int
    ) -> Reply:
        message = asked.message
        siaddr, sname, file = voice.boot
        payload = encode_reply(message, address, options, ciaddr, siaddr, sname, file)
        return lease_reply(message, payload, rows, address, ciaddr, asked.relay.port)

    def _nak(self, asked: _Asked) -> Reply:
        self.counters["pkt4-nak-sent"] += 1
        message, voice = asked.message, asked.scope.voice(asked.client)
        options = voice.options.encode_nak(message, asked.relay.server)
        payload = encode_reply(message, yiaddr=0, options=options, flags=message.flags | BROADCAST_FLAG)
        return nak_reply(message, payload, on_link=asked.scope is self._own, relay_port=asked.relay.port)

    # ------------------------------------------------------------ the rest

    def _inform(self, asked: _Asked) -> Reply | None:
        """RFC 2131 section 4.3.5: parameters only, to the address that the client has."""
        message, scope = asked.message, asked.scope
        if not scope.contains(message.ciaddr) or message.ciaddr == self._address:
            self._drop("pkt4-not-for-us")
            return None
        self.counters["pkt4-ack-sent"] += 1
        voice = scope.voice(asked.client)
        options, _ = voice.options.encode(message, ACK, message.ciaddr, None, seconds=None, server=asked.relay.server)
        siaddr, sname, file = voice.boot
        payload = encode_reply(
            message, yiaddr=0, options=options, ciaddr=message.ciaddr, siaddr=siaddr, sname=sname, file=file
        )
        return Reply(payload, message.ciaddr, CLIENT_PORT, None, ())

    def _give_back(self, asked: _Asked, kind: int) -> tuple[Row, ...]:
        message, table = asked.message, asked.scope.table
        if kind == RELEASE:
            rows = table.release(asked.client, message.ciaddr, asked.now)
        else:
            requested = address_option(message, opt.REQUESTED_ADDRESS)
            rows = table.decline(asked.client, requested or message.ciaddr, asked.now)
        if not rows:
            self._drop("pkt4-not-the-clients")
        return rows
