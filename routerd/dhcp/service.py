"""The DHCP service: sockets of every LAN, one pipeline of commits, and what is shown of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.leases import OFFERED, STATE_NAMES, LeaseTable, Row
from routerd.dhcp.message import SERVER_PORT, decode_message
from routerd.dhcp.pipeline import Pipeline
from routerd.dhcp.responder import Reply, Responder
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.model import Check, DhcpPart, Event, LeaseReport, Problem
from routerd.system.sockets_dhcp import DhcpSockets, SocketError
from routerd.wire import WireError

log = logging.getLogger("routerd.dhcp")

_DATAGRAMS_A_WAKE_UP = 64
_RETRY_SECONDS = 1.0
_LONGEST_NAP = 10.0


def clock() -> float:
    """Seconds of a clock that never steps and goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Lan:
    """One LAN that is served: its part of the plan, its responder, and its sockets while it has them."""

    def __init__(self, part: DhcpPart, table: LeaseTable, counters: Counter[str]) -> None:
        self.part = part
        self.own = str(part.address)
        self.responder = Responder(part, table, counters)
        self.sockets: DhcpSockets | None = None
        self.error: SocketError | None = None


class DhcpService:
    """Serves DHCP on the LANs of the plan. Leases survive every change of the plan and every restart."""

    name = "dhcp"

    def __init__(self, store: LeaseStore, emit: Callable[[Event], None] = lambda event: None) -> None:
        self._store = store
        self._emit = emit
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="leases")
        self._pipeline: Pipeline[Reply] = Pipeline()
        self._lans: dict[str, _Lan] = {}
        self._tables: dict[str, LeaseTable] = {}
        self._commit: asyncio.Future[None] | None = None
        self._store_error: str | None = None
        self.counters: Counter[str] = Counter()

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Open the lease file and take over what is in it. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, self._store.open)
        stored = await loop.run_in_executor(self._worker, self._store.load, _wall_offset())
        for lan, rows in stored.items():
            self._table(lan).load(rows)

    async def move(self, store: LeaseStore) -> None:
        """Keep leases in another file from now on, with all that are known. Raises `StoreError`; then nothing moved."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, store.open)
        # Commits run one after the other on the worker: from here on they go to the new file, behind the copy.
        old, self._store = self._store, store
        try:
            await loop.run_in_executor(self._worker, store.commit, self._rows(), _wall_offset())
        except StoreError:
            self._store = old
            await loop.run_in_executor(self._worker, old.commit, self._rows(), _wall_offset())
            await loop.run_in_executor(self._worker, store.close)
            raise
        await loop.run_in_executor(self._worker, old.close)

    def _rows(self) -> list[tuple[str, Row]]:
        return [(lan, row) for lan, table in self._tables.items() for row in table.rows() if row.state != OFFERED]

    def apply(self, parts: Iterable[DhcpPart], *, first: bool = False) -> None:
        """Serve exactly these LANs. Sockets survive where interface and address stay; with `first`, a socket that
        cannot be had and that waiting will not mend raises `SocketError`.
        """
        wanted = {part.interface: part for part in parts}
        for name in [name for name in self._lans if name not in wanted]:
            self._close(self._lans.pop(name))
            log.info("lan %s: DHCP is no longer served here", name)
        for name, part in wanted.items():
            lan = self._lans.get(name)
            if lan is None:
                lan = self._lans[name] = _Lan(part, self._table(name), self.counters)
            elif lan.part != part:
                if (lan.part.index, lan.part.address) != (part.index, part.address):
                    self._close(lan)
                lan.part, lan.own = part, str(part.address)
                lan.responder.configure(part)
            self._open(lan, first=first)

    async def run(self) -> None:
        """End leases in time, retry what failed, until cancelled; then store what waits and close everything."""
        try:
            while True:
                await asyncio.sleep(self._nap())
                self._tick()
        finally:
            for lan in self._lans.values():
                if lan.sockets is not None:
                    asyncio.get_running_loop().remove_reader(lan.sockets.fileno())
            await self._finish()
            for lan in self._lans.values():
                self._close(lan)

    async def abandon(self) -> None:
        """Give everything back without having run."""
        for lan in self._lans.values():
            self._close(lan)
        await self._finish()

    async def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        while self._commit is not None:
            await asyncio.wait([self._commit])
            await asyncio.sleep(0)
        rows = self._pipeline.start()
        try:
            if rows:
                await loop.run_in_executor(self._worker, self._store.commit, rows, _wall_offset())
        except StoreError as error:
            log.error("leases: %d changes could not be stored at stop: %s", len(rows), error)
        await loop.run_in_executor(self._worker, self._store.close)
        self._worker.shutdown()

    def _nap(self) -> float:
        if self._pipeline.unsaved or any(lan.sockets is None for lan in self._lans.values()):
            return _RETRY_SECONDS
        deadlines = [table.next_deadline() for table in self._tables.values()]
        nearest = min((d for d in deadlines if d is not None), default=None)
        return _LONGEST_NAP if nearest is None else min(_LONGEST_NAP, max(0.2, nearest - clock()))

    def _tick(self) -> None:
        now = clock()
        for name, table in self._tables.items():
            self._announce(name, table.expire(now))
        for lan in self._lans.values():
            self._open(lan)
        self._pump()

    # ------------------------------------------------------------ sockets

    def _open(self, lan: _Lan, *, first: bool = False) -> None:
        if lan.sockets is not None:
            return
        try:
            lan.sockets = DhcpSockets(lan.part.interface, lan.part.index, lan.part.address.packed)
        except SocketError as error:
            if first and error.fatal:
                raise
            if lan.error is None or lan.error.reason != error.reason:
                log.warning("lan %s: DHCP cannot be served: %s", lan.part.interface, error)
            lan.error = error
            return
        lan.error = None
        asyncio.get_running_loop().add_reader(lan.sockets.fileno(), self._readable, lan)
        log.info("lan %s: serving DHCP from %s", lan.part.interface, lan.part.address)

    def _close(self, lan: _Lan) -> None:
        if lan.sockets is not None:
            asyncio.get_running_loop().remove_reader(lan.sockets.fileno())
            lan.sockets.close()
            lan.sockets = None

    def _readable(self, lan: _Lan) -> None:
        sockets = lan.sockets
        if sockets is None:
            return
        now = clock()
        for _ in range(_DATAGRAMS_A_WAKE_UP):
            try:
                payload, destination, source = sockets.receive()
            except BlockingIOError:
                break
            except OSError as error:
                log.warning("lan %s: the DHCP socket failed (%s), opening it again", lan.part.interface, error)
                self._close(lan)
                break
            self._handle(lan, payload, destination, source, now)
        self._pump()

    def _handle(self, lan: _Lan, payload: bytes, destination: bytes, source: str, now: float) -> None:
        counters = self.counters
        counters["pkt4-received"] += 1
        if source == lan.own:
            counters["pkt4-not-for-us"] += 1
            counters["pkt4-receive-drop"] += 1
            return
        try:
            message = decode_message(payload)
        except WireError as error:
            counters["pkt4-parse-failed"] += 1
            counters["pkt4-receive-drop"] += 1
            log.debug("lan %s: message from %s dropped: %s", lan.part.interface, source, error)
            return
        try:
            reply, rows = lan.responder.respond(message, destination == lan.part.address.packed, now)
        except Exception:
            # A fault of ours in one message must not cost the other clients their answers.
            counters["pkt4-processing-failed"] += 1
            log.exception("lan %s: a message from %s could not be processed", lan.part.interface, source)
            return
        if rows:
            self._pipeline.add(lan.part.interface, rows, None)
        if reply is None:
            return
        if reply.rows:
            self._pipeline.add(lan.part.interface, reply.rows, reply)
        else:
            self._send(lan, reply)

    def _send(self, lan: _Lan, reply: Reply) -> None:
        sockets, part = lan.sockets, lan.part
        if sockets is None:
            return
        try:
            if reply.mac is None and reply.address != BROADCAST_ADDRESS:
                sockets.send_datagram(reply.payload, str(IPv4Address(reply.address)), reply.port)
            else:
                sockets.send_frame(
                    udp_frame(
                        reply.payload,
                        source_mac=part.mac,
                        destination_mac=reply.mac or BROADCAST_MAC,
                        source=int(part.address),
                        destination=reply.address,
                        source_port=SERVER_PORT,
                        destination_port=reply.port,
                    )
                )
            self.counters["pkt4-sent"] += 1
        except OSError as error:
            self.counters["pkt4-send-failed"] += 1
            log.debug("lan %s: a reply could not be sent: %s", part.interface, error)

    # ------------------------------------------------------------ commits

    def _pump(self) -> None:
        rows = self._pipeline.start()
        if rows:
            future = asyncio.get_running_loop().run_in_executor(self._worker, self._store.commit, rows, _wall_offset())
            future.add_done_callback(self._committed)

    def _committed(self, future: "asyncio.Future[None]") -> None:
        self._commit = None
        error = None if future.cancelled() else future.exception()
        if error is None:
            if self._store_error is not None:
                log.info("leases: %s can be written again", self._store.path)
            self._store_error = None
            for name, rows, reply in self._pipeline.done():
                lan = self._lans.get(name)
                if lan is not None and reply is not None:
                    self._send(lan, reply)
                self._announce(name, rows)
            self._pump()
            return
        dropped = self._pipeline.failed()
        self.counters["lease-store-failed"] += 1
        if self._store_error != str(error):
            log.error("leases: %s cannot be written (%s); %d clients wait", self._store.path, error, dropped)
        self._store_error = str(error)

    def _announce(self, lan: str, rows: Iterable[Row]) -> None:
        """Events for what changed; a renewal is none."""
        offset = _wall_offset()
        for row in rows:
            if not row.renewal:
                report = _lease_report(lan, row, offset)
                data = {"lan": lan, "mac": report.mac, "hostname": report.hostname}
                self._emit(Event("lease", str(report.address), report.state, time.time(), data))

    def _table(self, lan: str) -> LeaseTable:
        if lan not in self._tables:
            self._tables[lan] = LeaseTable()
        return self._tables[lan]

    # ------------------------------------------------------------ what is shown

    def report(self) -> Iterator[LeaseReport]:
        """Every lease of every LAN, by LAN and address, made one by one as they are asked for."""
        offset = _wall_offset()
        addresses = {lan: table.addresses() for lan, table in self._tables.items()}
        return (
            _lease_report(lan, row, offset)
            for lan, table in self._tables.items()
            for address in addresses[lan]
            if (row := table.row(address)) is not None
        )

    def status(self) -> dict[str, object]:
        """Counters, named as Kea's statistics."""
        return {"counters": dict(self.counters)}

    def checks(self) -> tuple[Check, ...]:
        """Is every LAN's socket open, and can leases be stored?"""
        checks = [
            Check(f"dhcp {name}", lan.sockets is not None, lan.error.reason if lan.error else "socket not open")
            for name, lan in self._lans.items()
        ]
        return (*checks, Check("leases", self._store_error is None, self._store_error or ""))

    def problems(self) -> tuple[Problem, ...]:
        """What keeps clients from being served."""
        found = []
        for name, lan in self._lans.items():
            subject = f"lan {name}"
            if lan.error is not None and lan.sockets is None:
                values = (("reason", lan.error.reason), ("hint", lan.error.hint))
                found.append(Problem("dhcp-socket", subject, values))
            if lan.responder.exhausted:
                found.append(Problem("pool-exhausted", subject))
        if self._store_error is not None:
            values = (("path", self._store.path), ("reason", self._store_error))
            found.append(Problem("lease-store", "leases", values))
        return tuple(found)


def _wall_offset() -> float:
    return time.time() - clock()


def _lease_report(lan: str, row: Row, offset: float) -> LeaseReport:
    return LeaseReport(
        address=IPv4Address(row.address),
        mac=row.hardware[1:].hex(":"),
        client_id=None if row.client == row.hardware else row.client.hex(":"),
        hostname=row.hostname,
        lan=lan,
        state=STATE_NAMES[row.state],
        starts=row.starts + offset,
        expires=row.expires + offset,
    )
