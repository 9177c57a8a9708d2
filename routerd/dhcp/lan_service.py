"""One LAN that is served: its sockets, reading and answering, as far as other DHCP servers let it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator

from routerd.dhcp import options as opt
from routerd.dhcp.conflict_service import ConflictWatch
from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.intake_service import Reader, Source, clock
from routerd.dhcp.leases import BOUND, LeaseTable, Row
from routerd.dhcp.message import REQUEST, SERVER_PORT, Message, decode_message
from routerd.dhcp.reply import Reply
from routerd.dhcp.responder import Responder
from routerd.dhcp.rival_service import RivalWatch
from routerd.dhcp.rival_wire import is_question
from routerd.dhcp.rivals import Own, Phase
from routerd.model import DhcpPart, Problem
from routerd.reports import Check
from routerd.system.port_holders import Holder
from routerd.system.sockets_dhcp import DhcpSockets, SocketError, explain, overlapping
from routerd.wire import WireError, dotted

log = logging.getLogger("routerd.dhcp")

_REQUEST = bytes((REQUEST,))
_ETHERNET = 7

Keep = Callable[[str, tuple[Row, ...], Reply | None], bool]
"""Takes rows of the leases with this key to be stored, and the reply that leaves when they are. True: it may leave."""
Told = Callable[[str, int, bytes | None], None]
"""Hears of every ACK with which a client of a LAN sets itself up (`Reply.news`): its address and its Ethernet one."""


class LanService:
    """Answers the clients of one LAN. `keep` takes rows as they come, `pump` is called when a burst was read."""

    def __init__(
        self,
        part: DhcpPart,
        own: Own,
        table: Callable[[str], LeaseTable],
        counters: Counter[str],
        keep: Keep,
        pump: Callable[[], None],
        told: Told = lambda lan, address, mac: None,
    ) -> None:
        self.part, self._told = part, told
        self.responder = Responder(part, table, counters)
        self.error: SocketError | None = None
        self._own = own
        self._address, self._source = part.address.packed, str(part.address)
        self._counters, self._keep, self._pump = counters, keep, pump
        self._sockets: DhcpSockets | None = None
        self._held = False
        self._reader = Reader(part.interface, counters, self._handle, self._after_turn, self._failed)
        self._conflicts = ConflictWatch(part, table(part.own.key), own.macs, counters, keep, pump)
        # Where leases of ours run, this is the server that the LAN has had all along: a restart neither makes clients
        # wait nor leaves the LAN to a server that was plugged in meanwhile.
        ask = part.settings.authoritative is not True and not any(
            _has_clients(scope.table, clock()) for scope in self.responder.scopes
        )
        self._watch = RivalWatch(part, own, ask=ask, changed=self._found, others=self._others)

    @property
    def serving(self) -> bool:
        """Are clients answered?"""
        return self._reader.reading

    def hears(self) -> bool:
        """Are messages read that arrive? To be asked from time to time."""
        return self._reader.hears()

    @property
    def waiting(self) -> bool:
        """Is something not open that `open` should try again?"""
        return not self._watch.listening or (self._sockets is None and self._watch.phase is not Phase.REFUSING)

    # ------------------------------------------------------------ life

    def configure(self, part: DhcpPart, own: Own) -> None:
        """Serve by this part from now on; sockets survive where interface and address stay."""
        if (self.part.index, self.part.address) != (part.index, part.address):
            self.close()
        insist = part.settings.authoritative is True
        if (self.part, self._own) != (part, own):
            self._watch.configure(part, own, insist=insist)
        if self.part != part:
            self.part, self._address, self._source = part, part.address.packed, str(part.address)
            self.responder.configure(part)
        self._own = own
        self._conflicts.configure(part, own.macs)

    def open(self, *, first: bool = False) -> None:
        """Open what is not open. With `first`, a socket that waiting will not mend raises `SocketError`."""
        part = self.part
        try:
            if self._sockets is None and self._watch.phase is not Phase.REFUSING:
                self._sockets = DhcpSockets(part.interface, part.index, part.address.packed)
            try:
                self._watch.open()
            except OSError as error:
                raise explain(error, part.interface, part.index) from None
        except SocketError as error:
            if first and error.fatal:
                raise
            if self.error is None or self.error.reason != error.reason:
                text = "lan %s: DHCP cannot be served: %s; trying again; %s"
                log.warning(text, part.interface, error.reason, error.hint)
            self.error = error
        else:
            self.error = None
        if self._watch.phase is Phase.SERVING:
            self._listen()

    def close(self) -> None:
        """Give the sockets back."""
        self._watch.close()
        self._close_sockets()

    def hold(self, held: bool) -> None:
        """Answer nobody, and learn of no address, as long as this is so: what comes in waits."""
        if self._held != held:
            self._held = held
            self._reader.hold(held)
            self._heed_conflicts()

    def _heed_conflicts(self) -> None:
        if self._held:
            self._conflicts.close()
        elif self.serving:
            self._conflicts.open()

    def deafen(self) -> None:
        """Take no more messages; replies can still be sent."""
        self._watch.close()
        self._conflicts.close()
        self._reader.stop()

    def _listen(self) -> None:
        if self._sockets is not None and not self.serving:
            self._reader.start(self._sockets)
            self._heed_conflicts()
            log.info("lan %s: serving DHCP from %s", self.part.interface, self.part.address)

    def _failed(self, error: OSError) -> None:
        log.warning("lan %s: the DHCP socket failed: %s; opening it again", self.part.interface, error)
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._conflicts.close()
        self._reader.stop()
        if self._sockets is not None:
            self._sockets.close()
        self._sockets = None

    # ------------------------------------------------------------ other servers

    def _others(self) -> list[Holder]:
        return overlapping(self.part.index) if self._sockets is None else self._sockets.others()

    def _found(self) -> None:
        name, found = self.part.interface, self._watch.found()
        if self._watch.phase is Phase.REFUSING:
            self._close_sockets()
            log.warning(
                "lan %s: DHCP is not served: another server answers: %s; asking again until it is gone", name, found
            )
        elif self._watch.phase is Phase.SERVING:
            if found:
                log.warning("lan %s: another DHCP server answers too: %s; serving goes on", name, found)
            elif self.serving:
                log.info("lan %s: no other DHCP server answers any more", name)
            self.open()

    # ------------------------------------------------------------ messages

    def _after_turn(self) -> None:
        self._pump()
        self._conflicts.poke()

    def look(self) -> None:
        """Offers and leases may have ended: have what is free now asked for."""
        self._conflicts.poke()

    def _handle(self, payload: bytes, destination: bytes, source: Source, now: float) -> None:
        try:
            self._answer(payload, destination, source, now)
        except Exception:
            # A fault of ours in one message must not cost the other clients their answers.
            self._counters["pkt4-processing-failed"] += 1
            text = "lan %s: a message from %s is not answered: a fault in routerd"
            log.exception(text, self.part.interface, source[0])

    def _answer(self, payload: bytes, destination: bytes, source: Source, now: float) -> None:
        if source[0] == self._source:
            self._drop("pkt4-not-for-us")
            return
        try:
            message = decode_message(payload)
        except WireError as error:
            self._drop("pkt4-parse-failed")
            log.debug("lan %s: message from %s dropped: %s", self.part.interface, source[0], error)
            return
        if message.chaddr in self._own.macs and is_question(message):
            self._drop("pkt4-not-for-us")
            return
        if not self._reader.intake.admits_client(message, now):
            return
        if opt.SERVER_ID in message.options:
            self._notice(message)
        to_us = destination == self._address
        reply, key, rows = self.responder.respond(message, to_us, now, source[1])
        if rows:
            self._keep(key, rows, None)
        if reply is None:
            return
        if not reply.rows or self._keep(key, reply.rows, reply):
            self.send(reply)

    def _notice(self, message: Message) -> None:
        """A client that takes another server's offer says whose."""
        server = message.options.get(opt.SERVER_ID)
        if server is None or server == self._address or message.giaddr:
            return
        if message.options.get(opt.MESSAGE_TYPE) == _REQUEST:
            self._watch.requested(server)

    def _drop(self, counter: str) -> None:
        self._counters[counter] += 1
        self._counters["pkt4-receive-drop"] += 1

    def send(self, reply: Reply) -> None:
        """Send a reply, if the sockets are still there; a failure is counted."""
        sockets, part = self._sockets, self.part
        if sockets is None:
            return
        try:
            if reply.mac is None and reply.address != BROADCAST_ADDRESS:
                sockets.send_datagram(reply.payload, dotted(reply.address), reply.port)
            else:
                sockets.send_frame(_frame(reply, part))
            self._counters["pkt4-sent"] += 1
        except OSError as error:
            self._counters["pkt4-send-failed"] += 1
            log.debug("lan %s: a reply could not be sent: %s", part.interface, error)
            return
        if reply.news:
            row = reply.rows[-1]
            self._told(part.interface, row.address, row.hardware[1:] if len(row.hardware) == _ETHERNET else None)

    # ------------------------------------------------------------ what is shown

    def check(self) -> Check:
        """Are this LAN's clients served?"""
        name = f"dhcp {self.part.interface}"
        if self._watch.phase is Phase.REFUSING:
            return Check(name, False, f"another DHCP server answers: {self._watch.found()}")
        if self.error is not None and not self.serving:
            return Check(name, False, self.error.reason)
        text = "asking for other DHCP servers" if self._watch.phase is Phase.ASKING else "socket not open"
        return Check(name, self.serving, text)

    def problems(self) -> Iterator[Problem]:
        """What keeps this LAN's clients from being served well."""
        subject, rivals = f"lan {self.part.interface}", self._watch.found()
        if self.error is not None and not self.serving:
            yield Problem("dhcp-socket", subject, (("reason", self.error.reason), ("hint", self.error.hint)))
        if rivals:
            code = "dhcp-rival" if self._watch.phase is Phase.REFUSING else "dhcp-rival-beside"
            yield Problem(code, subject, (("rivals", rivals),))
        for scope in self.responder.exhausted(clock()):
            if scope.part.key == self.part.own.key:
                yield Problem("pool-exhausted", subject)
            else:
                yield Problem("pool-exhausted", f"{subject}, subnet {scope.part.network}", within=(subject,))
        yield from self._conflicts.problems()


def _has_clients(table: LeaseTable, now: float) -> bool:
    rows = (table.row(address) for address in table.addresses())
    return any(row is not None and row.state == BOUND and row.expires > now for row in rows)


def _frame(reply: Reply, part: DhcpPart) -> bytes:
    return udp_frame(
        reply.payload,
        source_mac=part.mac,
        destination_mac=reply.mac or BROADCAST_MAC,
        source=int(part.address),
        destination=reply.address,
        source_port=SERVER_PORT,
        destination_port=reply.port,
    )
