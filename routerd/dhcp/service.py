"""The DHCP service: sockets of every LAN, one pipeline of commits, and what is shown of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

from routerd.dhcp.intake_service import clock
from routerd.dhcp.lan_service import LanService
from routerd.dhcp.leases import OFFERED, STATE_NAMES, LeaseTable, Row
from routerd.dhcp.pipeline import Pipeline
from routerd.dhcp.responder import Reply
from routerd.dhcp.rivals import Own
from routerd.dhcp.store import CLOCK_STEP, LeaseStore, StoreError
from routerd.model import DhcpPart, Event, Problem
from routerd.reports import Check, LeaseReport, Released

log = logging.getLogger("routerd.dhcp")

_RETRY_SECONDS = 1.0
_LONGEST_NAP = 1.0
_STORED_WITHIN = 10.0


class DhcpService:
    """Serves DHCP on the LANs of the plan. Leases survive every change of the plan and every restart."""

    name = "dhcp"

    def __init__(self, store: LeaseStore, emit: Callable[[Event], None] = lambda event: None) -> None:
        self._store = store
        self._emit = emit
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="leases")
        self._pipeline: Pipeline[Reply] = Pipeline()
        self._lans: dict[str, LanService] = {}
        self._tables: dict[str, LeaseTable] = {}
        self._commit: asyncio.Future[None] | None = None
        self._finishing = False
        self._store_error: str | None = None
        self._releases: dict[tuple[str, tuple[Row, ...]], asyncio.Future[bool]] = {}
        self._offset = _wall_offset()
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
        """Keep leases in another file from now on, with all that are known and those that it holds already.

        What is known here wins. Raises `StoreError`; then nothing moved.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, store.open)
        try:
            for lan, rows in (await loop.run_in_executor(self._worker, store.load, _wall_offset())).items():
                self._table(lan).adopt(rows)
            # Commits run one after the other on the worker: from here on they go to the new file, behind the copy.
            old, self._store = self._store, store
            try:
                await loop.run_in_executor(self._worker, store.replace, self._rows(), _wall_offset())
            except StoreError:
                self._store = old
                await loop.run_in_executor(self._worker, old.commit, self._rows(), _wall_offset())
                raise
        except StoreError:
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
            self._lans.pop(name).close()
            log.info("lan %s: DHCP is no longer served here", name)
        own = Own(frozenset(int(p.address) for p in wanted.values()), frozenset(p.mac for p in wanted.values()))
        for name, part in wanted.items():
            lan = self._lans.get(name)
            if lan is None:
                lan = LanService(part, own, self._table, self.counters, self._pipeline.add, self._pump)
                self._lans[name] = lan
            else:
                lan.configure(part, own)
            lan.open(first=first)

    async def run(self) -> None:
        """End leases in time, retry what failed, until cancelled; then store what waits and close everything."""
        try:
            while True:
                await asyncio.sleep(self._nap())
                self._tick()
        finally:
            for lan in self._lans.values():
                lan.deafen()
            await self._finish()
            for lan in self._lans.values():
                lan.close()

    async def abandon(self) -> None:
        """Give everything back without having run; a lease file that was made for this start goes again."""
        for lan in self._lans.values():
            lan.close()
        await self._finish()
        self._store.discard()

    async def _finish(self) -> None:
        """Store all that waits, answer who waits for it, and close the file."""
        self._finishing = True
        loop = asyncio.get_running_loop()
        while self._commit is not None:
            await asyncio.wait([self._commit])
            await asyncio.sleep(0)
        while (rows := self._pipeline.start()) and self._store_error is None:
            try:
                await loop.run_in_executor(self._worker, self._store.commit, rows, _wall_offset())
            except StoreError as error:
                log.error("leases: %s cannot be written: %s; %d changes are lost", self._store.path, error, len(rows))
                break
            self._deliver()
        await loop.run_in_executor(self._worker, self._store.close)
        self._worker.shutdown()

    def _nap(self) -> float:
        if self._pipeline.unsaved or any(lan.waiting for lan in self._lans.values()):
            return _RETRY_SECONDS
        deadlines = [table.next_deadline() for table in self._tables.values()]
        nearest = min((d for d in deadlines if d is not None), default=None)
        return _LONGEST_NAP if nearest is None else min(_LONGEST_NAP, max(0.2, nearest - clock()))

    def _watch_clock(self) -> None:
        """After a step of the wall clock the stored ends of all leases are wrong: no lease must come first."""
        offset = _wall_offset()
        if abs(offset - self._offset) > CLOCK_STEP:
            log.warning("leases: the clock was stepped by %+.0f s; their stored times follow", offset - self._offset)
            self._offset = offset
            future = asyncio.get_running_loop().run_in_executor(self._worker, self._store.commit, (), offset)
            future.add_done_callback(self._followed)

    def _followed(self, future: "asyncio.Future[None]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            # The next commit rewrites them as well, whatever it is for.
            log.error("leases: %s cannot follow the clock: %s; the next commit will", self._store.path, error)

    def _tick(self) -> None:
        now = clock()
        self._watch_clock()
        for name, table in self._tables.items():
            self._announce(name, table.expire(now))
        for lan in self._lans.values():
            lan.open()
        self._pump()

    # ------------------------------------------------------------ commits

    def _pump(self) -> None:
        rows = self._pipeline.start()
        if rows:
            loop = asyncio.get_running_loop()
            self._commit = loop.run_in_executor(self._worker, self._store.commit, rows, _wall_offset())
            self._commit.add_done_callback(self._committed)

    def _committed(self, future: "asyncio.Future[None]") -> None:
        self._commit = None
        error = None if future.cancelled() else future.exception()
        if error is None:
            if self._store_error is not None:
                log.info("leases: %s can be written again; clients are answered again", self._store.path)
            self._store_error = None
            self._deliver()
            if not self._finishing:
                self._pump()
            return
        dropped = self._pipeline.failed()
        for stored in self._releases.values():
            stored.set_result(False)
        self._releases.clear()
        self.counters["lease-store-failed"] += 1
        if self._store_error != str(error):
            log.error("leases: %s cannot be written: %s; %d clients must ask again", self._store.path, error, dropped)
        self._store_error = str(error)

    def _deliver(self) -> None:
        for name, rows, reply in self._pipeline.done():
            lan = self._lans.get(lan_of(name))
            if lan is not None and reply is not None:
                lan.send(reply)
            self._announce(name, rows)
            stored = self._releases.pop((name, rows), None)
            if stored is not None:
                stored.set_result(True)

    async def release(self, address: IPv4Address) -> Released:
        """Forget the lease of an address, here and on disk; what the configuration reserves stays."""
        tables = [(lan, table) for lan, table in self._tables.items() if table.at(int(address)) is not None]
        if any(table.pools.is_reserved(int(address)) for table in self._tables.values()):
            return Released.RESERVED
        waits = []
        for lan, table in tables:
            rows = table.remove(int(address))
            stored = asyncio.get_running_loop().create_future()
            self._releases[lan, rows] = stored
            self._pipeline.add(lan, rows, None)
            waits.append(stored)
        if not waits:
            return Released.NONE
        log.info("leases: %s is released by an administrator", address)
        self._pump()
        done, _ = await asyncio.wait(waits, timeout=_STORED_WITHIN)
        return Released.DONE if len(done) == len(waits) and all(s.result() for s in done) else Released.UNSTORED

    def _announce(self, lan: str, rows: Iterable[Row]) -> None:
        """Events for what changed; a renewal is none."""
        offset = _wall_offset()
        for row in rows:
            if not row.renewal:
                report = _lease_report(lan, row, offset)
                data = {"lan": report.lan, "mac": report.mac, "hostname": report.hostname}
                self._emit(Event("lease", str(report.address), report.state, time.time(), data))

    def _table(self, lan: str) -> LeaseTable:
        if lan not in self._tables:
            self._tables[lan] = LeaseTable()
        return self._tables[lan]

    # ------------------------------------------------------------ what is shown

    def report(self) -> Iterator[LeaseReport]:
        """Every lease of every LAN, by LAN and address, made one by one as they are asked for.

        A lease that is not on disk yet was promised to nobody: it shows as offered.
        """
        offset, pending = _wall_offset(), self._pipeline.pending()
        addresses = {lan: table.addresses() for lan, table in self._tables.items()}
        return (
            _lease_report(lan, row._replace(state=OFFERED) if (lan, address) in pending else row, offset)
            for lan, table in self._tables.items()
            for address in addresses[lan]
            if (row := table.row(address)) is not None
        )

    def status(self) -> dict[str, object]:
        """Counters, named as Kea's statistics; the LANs that are served, and the file of the leases."""
        lans = [
            {
                "lan": name,
                "address": str(lan.part.address),
                "serving": lan.serving,
                "pools": [str(pool) for scope in lan.part.scopes for pool in scope.settings.pools],
                "leases": sum(len(self._table(scope.key)) for scope in lan.part.scopes),
            }
            for name, lan in self._lans.items()
        ]
        store = {"path": self._store.path, "error": self._store_error}
        return {"counters": dict(self.counters), "lans": lans, "store": store}

    def checks(self) -> tuple[Check, ...]:
        """Is every LAN served, and can leases be stored?"""
        checks = [lan.check() for lan in self._lans.values()]
        return (*checks, Check("leases", self._store_error is None, self._store_error or ""))

    def problems(self) -> tuple[Problem, ...]:
        """What keeps clients from being served."""
        found = [problem for lan in self._lans.values() for problem in lan.problems()]
        if self._store_error is not None:
            values = (("path", self._store.path), ("reason", self._store_error))
            found.append(Problem("lease-store", "leases", values))
        return tuple(found)


def lan_of(key: str) -> str:
    """The LAN's interface in the key of its leases, or of those of a network behind its relay agents."""
    return key.partition(" ")[0]


def _wall_offset() -> float:
    return time.time() - clock()


def _lease_report(lan: str, row: Row, offset: float) -> LeaseReport:
    return LeaseReport(
        address=IPv4Address(row.address),
        mac=row.hardware[1:].hex(":"),
        client_id=None if row.client == row.hardware else row.client.hex(":"),
        hostname=row.hostname,
        lan=lan_of(lan),
        state=STATE_NAMES[row.state],
        starts=row.starts + offset,
        expires=row.expires + offset,
    )
