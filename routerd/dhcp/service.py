"""The DHCP service: the sockets of every LAN, all leases with their way to the disk, and what is shown of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from routerd.config.model import AddressRange
from routerd.dhcp.commit_service import CommitService
from routerd.dhcp.counters import zeros
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lan_service import LanService, Told
from routerd.dhcp.leases import DELETED, EXPIRED, OFFERED, LeaseTable, Row
from routerd.dhcp.rehome_service import Rehoming
from routerd.dhcp.reply import Reply
from routerd.dhcp.report import lan_of, lease_event, lease_report, routes_status, subnet_status
from routerd.dhcp.rivals import Own
from routerd.dhcp.scope import Scope
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.dhcp.store_thread import wall_offset
from routerd.lease_records import Import, Imported
from routerd.model import DhcpPart, Event, Problem
from routerd.reports import Check, LeaseReport, Released

log = logging.getLogger("routerd.dhcp")

_LONGEST_NAP = 1.0


class DhcpService:
    """Serves DHCP on the LANs of the plan. Leases survive every change of the plan and every restart.

    `told` hears of every ACK with which a client sets itself up anew: an address, or other routes than it had.
    """

    name = "dhcp"

    def __init__(
        self,
        store: LeaseStore,
        emit: Callable[[Event], None] = lambda event: None,
        told: Told = lambda lan, address, mac: None,
    ) -> None:
        self._emit, self._told = emit, told
        self._lans: dict[str, LanService] = {}
        self._tables: dict[str, LeaseTable] = {}
        self._networks: dict[str, IPv4Network] = {}
        """The networks that are served, by the keys of their leases."""
        self.counters: Counter[str] = zeros()
        self._commits = CommitService(store, self._send, self._announce, self._rows, self.counters)
        self._rehoming = Rehoming(self._commits, self._hold)

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Open the lease file and take over what is in it. Raises `StoreError`.

        Where there is none and its disk takes none now, nothing is served until it does.
        """
        for lan, rows in (await self._commits.open(self._adopt)).items():
            self._table(lan).load(rows)

    async def move(self, store: LeaseStore) -> None:
        """Keep leases in another file from now on, with all that are known and those that it holds already.

        What is known here wins. Raises `StoreError`; then nothing moved.
        """
        await self._commits.move(store, self._adopt)

    def configure(self, sync: str) -> None:
        """Take over what is on disk before a client hears of it (`leases.sync`)."""
        self._commits.configure(sync)

    def _adopt(self, leases: dict[str, list[Row]]) -> None:
        for lan, rows in leases.items():
            self._table(lan).adopt(rows)
        self._rehome()

    def _rows(self) -> list[tuple[str, Row]]:
        return [(lan, row) for lan, table in self._tables.items() for row in table.rows() if row.state != OFFERED]

    def apply(self, parts: Iterable[DhcpPart], *, first: bool = False) -> None:
        """Serve exactly these LANs. Sockets survive where interface and address stay; with `first`, a socket that
        cannot be had and that waiting will not mend raises `SocketError`.
        """
        wanted = {part.interface: part for part in parts}
        networks = {scope.key: scope.network for part in wanted.values() for scope in part.scopes}
        if networks != self._networks:
            self._networks = networks
            self._rehome()
        for name in [name for name in self._lans if name not in wanted]:
            self._lans.pop(name).close()
            log.info("lan %s: DHCP is no longer served here", name)
        own = Own(frozenset(int(p.address) for p in wanted.values()), frozenset(p.mac for p in wanted.values()))
        for name, part in wanted.items():
            lan = self._lans.get(name)
            if lan is None:
                keep, pump = self._commits.keep, self._commits.pump
                lan = LanService(part, own, self._table, self.counters, keep, pump, self._told)
                self._lans[name] = lan
                lan.responder.promising = self._commits.promising
                lan.hold(self._rehoming.busy)
            else:
                lan.configure(part, own)
            if not self._commits.absent:
                lan.open(first=first)

    def _rehome(self) -> None:
        tables = {key: self._table(key) for key in self._networks} | self._tables
        for key, table in tables.items():
            if key not in self._networks:
                table.pools.configure((), (), {})
        self._rehoming.begin(tables, self._networks)

    def _hold(self, held: bool) -> None:
        for lan in self._lans.values():
            lan.hold(held)

    async def run(self) -> None:
        """End leases in time, retry what failed, until cancelled; then store what waits and close everything."""
        try:
            while True:
                await asyncio.sleep(self._nap())
                self._tick()
        finally:
            self._rehoming.stop()
            for lan in self._lans.values():
                lan.deafen()
            await self._commits.finish()
            for lan in self._lans.values():
                lan.close()

    async def abandon(self) -> None:
        """Give everything back without having run; a lease file that was made for this start goes again."""
        self._rehoming.stop()
        for lan in self._lans.values():
            lan.close()
        await self._commits.finish()
        self._commits.discard()

    def _nap(self) -> float:
        deadlines = [table.next_deadline() for table in self._tables.values()]
        nearest = min((d for d in deadlines if d is not None), default=None)
        return _LONGEST_NAP if nearest is None else min(_LONGEST_NAP, max(0.2, nearest - clock()))

    def _tick(self) -> None:
        now = clock()
        for name, table in self._tables.items():
            ended = table.expire(now)
            self.counters["reclaimed-leases"] += sum(row.state == EXPIRED for row in ended)
            self.counters["reclaimed-declined-addresses"] += sum(row.state == DELETED for row in ended)
            self._announce(name, ended)
        for lan in self._lans.values():
            if not self._commits.absent:
                lan.open()
            lan.look()
        self._commits.tick()

    # ------------------------------------------------------------ leases

    async def release(self, address: IPv4Address) -> Released:
        """Forget the lease of an address, here and on disk; what its client has by its reservation stays."""
        number = int(address)
        tables = [(lan, table) for lan, table in self._tables.items() if table.at(number) is not None]
        if any(table.keeps(number) for _, table in tables):
            return Released.RESERVED
        if not tables:
            reserved = any(table.pools.is_reserved(number) for table in self._tables.values())
            return Released.RESERVED if reserved else Released.NONE
        log.info("leases: %s is released by an administrator", address)
        gone = [(lan, table.remove(number)) for lan, table in tables]
        return Released.DONE if await self._commits.store(gone) else Released.UNSTORED

    async def take_over(self, asked: Import) -> Imported:
        """Take over leases of another server, here and on disk. A thousand records take some milliseconds."""
        from routerd.dhcp.importing import Place, take_over

        if self._commits.absent:
            return Imported((), stored=False)
        places = {key: Place(network, self._table(key)) for key, network in self._networks.items()}
        outcomes, changes = take_over(asked, places, clock(), wall_offset())
        return Imported(outcomes, not changes or await self._commits.store(changes))

    async def saved(self) -> bytes | None:
        """The lease file as it is now, as one SQLite database; None where it cannot be read."""
        try:
            return await self._commits.saved()
        except StoreError as error:
            log.warning("leases: no copy can be made: %s", error)
            return None

    def _send(self, key: str, reply: Reply) -> None:
        lan = self._lans.get(key) or self._lans.get(lan_of(key))
        if lan is not None:
            lan.send(reply)

    def _announce(self, lan: str, rows: Iterable[Row]) -> None:
        """Events for what changed; a renewal is none."""
        for row in rows:
            if not row.renewal:
                self._emit(lease_event(lan, row, time.time()))

    def _table(self, lan: str) -> LeaseTable:
        if lan not in self._tables:
            self._tables[lan] = LeaseTable()
        return self._tables[lan]

    # ------------------------------------------------------------ what is shown

    def report(self) -> Iterator[LeaseReport]:
        """Every lease of every LAN, by LAN and address, made one by one as they are asked for.

        A lease that is not on disk yet was promised to nobody: it shows as offered.
        """
        offset, pending = wall_offset(), self._commits.pending()
        # Copies: a reload may add a network while the rows are asked for.
        tables = [(lan, table, table.addresses()) for lan, table in self._tables.items()]
        scopes = self._scopes()
        return (
            lease_report(
                lan, row._replace(state=OFFERED) if (lan, address) in pending else row, offset, scopes.get(lan)
            )
            for lan, table, addresses in tables
            for address in addresses
            if (row := table.row(address)) is not None
        )

    def held(self, spans: Iterable[tuple[str, AddressRange]]) -> Iterator[LeaseReport]:
        """The leases that are bound now, of these addresses of LANs' own networks."""
        offset, now = wall_offset(), clock()
        for lan, span in spans:
            table = self._tables.get(lan)
            if table is None:
                continue
            first, last = int(span.first), int(span.last)
            # A range may be larger than all that is leased, or much smaller.
            few = last - first < len(table)
            for address in range(first, last + 1) if few else table.addresses():
                lease = table.at(address) if first <= address <= last else None
                if lease is not None and lease.holds(now):
                    yield lease_report(lan, lease.row(), offset, None)

    def _scopes(self) -> dict[str, Scope]:
        return {scope.part.key: scope for lan in self._lans.values() for scope in lan.responder.scopes}

    def status(self) -> dict[str, object]:
        """Counters, named as Kea's statistics; the LANs that are served, and the file of the leases.

        Of every LAN: how many of its leases have the current routes, and the addresses of each of its networks.
        """
        lans = [
            {
                "lan": name,
                "address": str(lan.part.address),
                "serving": lan.serving,
                "pools": [str(pool) for scope in lan.part.scopes for pool in scope.settings.pools],
                "leases": sum(len(self._table(scope.key)) for scope in lan.part.scopes),
                "routes": routes_status(lan.responder.scopes),
                "subnets": [subnet_status(scope) for scope in lan.responder.scopes],
            }
            for name, lan in self._lans.items()
        ]
        return {"counters": dict(self.counters), "lans": lans, "store": self._commits.status()}

    def checks(self) -> tuple[Check, ...]:
        """Is every LAN served, and can leases be stored?"""
        return (*(lan.check() for lan in self._lans.values()), self._commits.check())

    def alive(self) -> bool:
        """Does every LAN that is served read what clients send? To be asked from time to time, for the watchdog.

        A LAN that cannot be served now, for want of an interface for example, is no failure that a new start mends.
        """
        deaf = [lan for lan in self._lans.values() if not lan.hears()]
        return not deaf

    def problems(self) -> tuple[Problem, ...]:
        """What keeps clients from being served."""
        found = [problem for lan in self._lans.values() for problem in lan.problems()]
        return (*found, *self._commits.problems())
