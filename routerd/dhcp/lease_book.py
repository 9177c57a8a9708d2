"""The books of a lease table: every lease by address and by client, offers, ends, and what is kept off.

Pure: `now` is seconds of a clock that never steps; addresses are numbers.
"""

import heapq
from collections.abc import Iterable

from routerd.dhcp.free import FreeAddresses
from routerd.dhcp.given import Tally
from routerd.dhcp.lease import BOUND, DECLINED, DELETED, EXPIRED, OFFERED, Lease, Offer, Row
from routerd.dhcp.offers import KeptOff, Offers
from routerd.dhcp.pools import Pools

OFFER_SECONDS = 10.0
DECLINE_SECONDS = 3600.0
_MOST_AGENTS = 16
_SLACK = 64


class LeaseBook:
    """What is written down of every address, and what becomes of it as time goes by."""

    def __init__(self) -> None:
        self.pools = Pools()
        self.given = Tally()
        """What the leases that are bound were given."""
        self._by_address: dict[int, Lease] = {}
        self._by_client: dict[bytes, Lease] = {}
        self._offers = Offers()
        self._declined, self._occupied = KeptOff(), KeptOff()
        self._ends: list[tuple[float, int]] = []
        self.free = FreeAddresses(self.pools, self._by_address, self._offers)
        """The addresses that no lease and no offer holds."""

    def load(self, rows: Iterable[Row]) -> None:
        """Take over stored leases. Of several leases of one client, the one that ends last is its own."""
        for row in sorted(rows, key=lambda row: row.expires):
            lease = Lease(row)
            self.free.claim(lease.address)
            self._by_address[lease.address] = lease
            if lease.state == DECLINED:
                self._kept_off(lease).add(lease.address, lease.hardware)
            else:
                self._by_client[lease.client] = lease
            if lease.state == BOUND:
                self.given.change(None, lease.given)
            if lease.state in (BOUND, DECLINED):
                self._queue(lease)
            else:
                self.free.end(lease.address)

    def adopt(self, rows: Iterable[Row]) -> None:
        """Take over leases from elsewhere, where neither the address nor the client has one here."""
        self.load(row for row in rows if row.address not in self._by_address and row.client not in self._by_client)

    def take_in(self, row: Row, now: float) -> bool:
        """Take over a lease from another table, unless the address is somebody's here already. Was it taken?

        Of several leases of one client, the one that ends last is its own.
        """
        here, own = self._by_address.get(row.address), self._by_client.get(row.client)
        if here is not None and not here.has_ended(now):
            return False
        if here is not None:
            if own is here:
                own = None
            self._forget(here)
        self._offers.drop(row.address)
        self.load((row,))
        if own is not None and own.expires > row.expires:
            self._by_client[row.client] = own
        return True

    def lengthen(self, lease: Lease, expires: float) -> Row:
        """The lease of a client that holds it lasts longer; what its client was promised last is not known then."""
        lease.expires, lease.seconds = max(lease.expires, expires), 0.0
        return lease.row()

    # ------------------------------------------------------------ what there is

    def __len__(self) -> int:
        return len(self._by_address)

    def addresses(self) -> list[int]:
        """Every address that has a lease or an offer, lowest first; a list of its own."""
        # Not by way of a set, which would take 40 bytes for each of tens of thousands.
        found = list(self._by_address)
        found += [address for address in self._offers if address not in self._by_address]
        found.sort()
        return found

    def row(self, address: int) -> Row | None:
        """The lease of an address, else the offer; None if it has neither."""
        lease = self._by_address.get(address)
        if lease is not None:
            return lease.row()
        offer = self._offers.get(address)
        if offer is None:
            return None
        return Row(address, offer.client, offer.hardware, None, OFFERED, offer.until - OFFER_SECONDS, offer.until)

    def rows(self) -> list[Row]:
        """Every lease, and every offer of an address without one, lowest address first."""
        return [row for address in self.addresses() if (row := self.row(address)) is not None]

    def leases(self) -> Iterable[Lease]:
        """Every lease, in no order, as long as nothing changes."""
        return self._by_address.values()

    def at(self, address: int) -> Lease | None:
        """The lease of an address."""
        return self._by_address.get(address)

    def of(self, client: bytes) -> Lease | None:
        """The lease that a client holds or held last."""
        return self._by_client.get(client)

    def offered(self, address: int) -> Offer | None:
        """The offer of an address."""
        return self._offers.get(address)

    @property
    def replaced_offers(self) -> int:
        """How many offers gave way to another client's because no address was free."""
        return self._offers.replaced

    def keeps(self, address: int) -> bool:
        """Would the client that this lease is of get the address again in any case: is it reserved for that one?

        One that is kept off, or that another client had before it was reserved, is not.
        """
        lease = self._by_address.get(address)
        if lease is None or lease.state == DECLINED:
            return False
        return self.pools.is_its_own(address, lease.client, lease.hardware)

    def declined(self) -> tuple[int, ...]:
        """The addresses that are kept off because a client found them in use, oldest first."""
        return tuple(self._declined)

    def occupied(self) -> tuple[tuple[int, bytes], ...]:
        """The addresses that are kept off because a machine without a lease uses them, with its hardware address."""
        return tuple(self._occupied.items())

    # ------------------------------------------------------------ relay agents

    def note_agent(self, address: int, now: float) -> None:
        """A relay agent has this address: nobody is leased it, unless it holds it already.

        At most a quarter of the pools, and never more than a few, is kept so: anybody can write an address into a
        message. The one that was not seen for longest is free again.
        """
        agents, lease = self.pools.agents, self._by_address.get(address)
        if address in agents:
            del agents[address]
            agents[address] = None
            return
        most = min(_MOST_AGENTS, self.pools.size() // 4)
        if not most or not self.pools.open_to_all(address) or (lease is not None and lease.holds(now)):
            return
        self._drop_offer(address)
        self.free.claim(address)
        agents[address] = None
        while len(agents) > most:
            oldest = next(iter(agents))
            del agents[oldest]
            self.free.give_back(oldest)

    # ------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """When `expire` next may have something to do."""
        deadlines = [self._ends[0][0]] if self._ends else []
        oldest = self._offers.oldest()
        if oldest is not None:
            deadlines.append(oldest[1].until)
        return min(deadlines, default=None)

    def expire(self, now: float, limit: int = 1000) -> tuple[Row, ...]:
        """End at most `limit` offers, leases and quarantines whose time is over. The rows of ended leases come back.

        None of it needs storing: who reads a stored lease sees from its end that it is over.
        """
        while limit > 0 and (oldest := self._offers.oldest()) is not None and oldest[1].until <= now:
            self._drop_offer(oldest[0])
            limit -= 1
        rows: list[Row] = []
        while self._ends and self._ends[0][0] <= now and limit > 0:
            when, address = heapq.heappop(self._ends)
            limit -= 1
            lease = self._by_address.get(address)
            if lease is None or lease.queued != when:
                continue
            lease.queued = 0.0
            if lease.expires > now:
                self._queue(lease)
            elif lease.state == DECLINED:
                rows.append(self._delete(lease))
            elif lease.state == BOUND:
                self._end(lease, EXPIRED, lease.expires)
                rows.append(lease.row())
        return tuple(rows)

    # ------------------------------------------------------------ entries

    def _drop_offer(self, address: int) -> None:
        if self._offers.drop(address):
            self.free.give_back(address)

    def _end(self, lease: Lease, state: int, when: float) -> None:
        self.given.change(lease.given, None)
        lease.state, lease.expires = state, when
        if lease.address not in self._offers:
            self.free.end(lease.address)

    def _keep_off(self, row: Row) -> Row:
        """Nobody gets this address for a time, whatever it was used for."""
        self._offers.drop(row.address)
        old = self._by_address.get(row.address)
        if old is not None:
            self._forget(old)
        self.free.claim(row.address)
        lease = Lease(row._replace(expires=row.starts + DECLINE_SECONDS))
        self._by_address[row.address] = lease
        self._kept_off(lease).add(row.address, row.hardware)
        self._queue(lease)
        return lease.row()

    def _kept_off(self, lease: Lease) -> KeptOff:
        return self._occupied if lease.occupied else self._declined

    def _delete(self, lease: Lease) -> Row:
        self._forget(lease)
        self.free.give_back(lease.address)
        lease.state = DELETED
        return lease.row()

    def _forget(self, lease: Lease) -> None:
        if lease.state == BOUND:
            self.given.change(lease.given, None)
        elif lease.state == DECLINED:
            self._kept_off(lease).discard(lease.address)
        del self._by_address[lease.address]
        if self._by_client.get(lease.client) is lease:
            del self._by_client[lease.client]
        self.free.forget_ended(lease.address)

    def _queue(self, lease: Lease) -> None:
        if lease.queued == 0.0 or lease.queued > lease.expires:
            lease.queued = lease.expires
            heapq.heappush(self._ends, (lease.expires, lease.address))
            if len(self._ends) > 2 * len(self._by_address) + _SLACK:
                self._sweep()

    def _sweep(self) -> None:
        """Most entries are those of leases that are gone: a client that comes and goes would fill the memory."""
        self._ends[:] = [(lease.queued, lease.address) for lease in self._by_address.values() if lease.queued]
        heapq.heapify(self._ends)
