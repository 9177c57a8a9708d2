"""The lease table of one LAN: which client holds which address, which are free, and what must be on disk.

Pure: `now` is seconds of a clock that never steps; addresses are numbers. A change that must be stored comes back as
rows; the table never waits for them. `hardware` is the hardware type's octet and the hardware address.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from routerd.dhcp.client import Client
from routerd.dhcp.given import UNKNOWN, Given, Tally
from routerd.dhcp.pools import Pools

BOUND, RELEASED, EXPIRED, DECLINED, DELETED = range(1, 6)
OFFERED = 0
STATE_NAMES = ("offered", "bound", "released", "expired", "declined", "deleted")

OFFER_SECONDS = 10.0
DECLINE_SECONDS = 3600.0
DECLINES_PER_CLIENT = 3
_SEARCHED = 64


class Row(NamedTuple):
    """A lease as it is stored and reported. A row with state DELETED removes the address.

    `renewal`: nothing but the end of a lease that was known already, and what it was given, has changed.
    """

    address: int
    client: bytes
    hardware: bytes
    hostname: str | None
    state: int
    starts: float
    expires: float
    renewal: bool = False
    given: Given = UNKNOWN


class Lease:
    """An address and the client that holds it, or held it last (then it is offered to that client first).

    `queued` is the time of its entry in the queue of ends, 0 if it has none.
    """

    __slots__ = ("address", "client", "expires", "given", "hardware", "hostname", "queued", "starts", "state")

    def __init__(self, row: Row) -> None:
        self.address, self.client, self.hardware, self.hostname, self.state, self.starts, self.expires = row[:7]
        self.given = row.given
        self.queued = 0.0

    def row(self) -> Row:
        """The lease as it is now."""
        known = (self.address, self.client, self.hardware, self.hostname, self.state, self.starts, self.expires)
        return Row(*known, False, self.given)


class Offer(NamedTuple):
    """An address held for a client that has not asked for it yet."""

    client: bytes
    hardware: bytes
    until: float


class LeaseTable:
    """All leases of one LAN. An address has at most one lease and one offer; a client has at most one of each."""

    def __init__(self) -> None:
        self._by_address: dict[int, Lease] = {}
        self._by_client: dict[bytes, Lease] = {}
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._offer_of: dict[bytes, int] = {}
        self._ends: list[tuple[float, int]] = []
        self._reusable: OrderedDict[int, None] = OrderedDict()
        self._declined: OrderedDict[int, None] = OrderedDict()
        self.pools = Pools()
        self.given = Tally()
        """What the leases that are bound were given."""

    def load(self, rows: Iterable[Row]) -> None:
        """Take over stored leases. Of several leases of one client, the one that ends last is its own."""
        for row in sorted(rows, key=lambda row: row.expires):
            lease = Lease(row)
            self._by_address[lease.address] = lease
            if lease.state == DECLINED:
                self._declined[lease.address] = None
            else:
                self._by_client[lease.client] = lease
            if lease.state == BOUND:
                self.given.change(None, lease.given)
            if lease.state in (BOUND, DECLINED):
                self._queue(lease)
            else:
                self._reusable[lease.address] = None

    def adopt(self, rows: Iterable[Row]) -> None:
        """Take over leases from elsewhere, where neither the address nor the client has one here."""
        self.load(row for row in rows if row.address not in self._by_address and row.client not in self._by_client)

    def __len__(self) -> int:
        return len(self._by_address)

    def addresses(self) -> list[int]:
        """Every address that has a lease or an offer, lowest first; a list of its own."""
        return sorted(self._by_address.keys() | self._offers.keys())

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

    def at(self, address: int) -> Lease | None:
        """The lease of an address."""
        return self._by_address.get(address)

    def of(self, client: bytes) -> Lease | None:
        """The lease that a client holds or held last."""
        return self._by_client.get(client)

    def free_for(self, address: int, client: Client, now: float) -> bool:
        """Could this client be given this address now: usable, and neither held by nor offered to someone else?"""
        if not self.pools.usable(address, client):
            return False
        offer = self._offers.get(address)
        if offer is not None and offer.client != client.key and offer.until > now:
            return False
        if self._ended(address, now):
            return True
        lease = self._by_address[address]
        if lease.state == DECLINED:
            return False
        return lease.client == client.key or self.pools.takes_over(address, lease.hardware, client)

    # ------------------------------------------------------------ changes

    def offer(self, client: Client, requested: int, now: float) -> int | None:
        """Choose an address and hold it for a client that asked for `requested` (0: none); None if all are taken.

        In this order: its reservation, the address it has or had, the one it was offered, the one it asks for, the
        lowest that was never leased, the one that has been free for longest, the oldest unanswered offer
        (RFC 2131 section 4.3.1).
        """
        own = self._by_client.get(client.key)
        wishes = (
            self.pools.reserved_for(client),
            own.address if own is not None else None,
            self._offer_of.get(client.key),
            requested,
        )
        for address in wishes:
            if address and self.free_for(address, client, now):
                break
        else:
            address = self._choose(client, now)
        if address:
            self._hold(address, client, now)
        return address or None

    def bind(
        self, client: Client, address: int, hostname: str | None, seconds: float, now: float, given: Given = UNKNOWN
    ) -> tuple[Row, ...] | None:
        """Give `address` to the client for `seconds`; the rows must be stored before the client is told.

        `given` is what the ACK will say of routes.

        None: it cannot have this address. Another address that the client holds is given up in the same step.
        """
        if not self.free_for(address, client, now):
            return None
        rows: tuple[Row, ...] = ()
        key = client.key
        old = self._by_client.get(key)
        if old is not None and old.address != address:
            rows = (self._delete(old),)
        self.withdraw_offer(client)
        self._drop_offer(address)
        lease = self._by_address.get(address)
        renewal = lease is not None and lease.client == key and lease.state == BOUND
        if lease is None or lease.client != key:
            if lease is not None:
                self._forget(lease)
            lease = Lease(Row(address, key, client.hardware, None, BOUND, now, now))
            self._by_address[address] = self._by_client[key] = lease
        elif lease.state != BOUND:
            self._reusable.pop(address, None)
            lease.state, lease.starts = BOUND, now
        self.given.change(lease.given if renewal else None, given)
        lease.given = given
        lease.hardware = client.hardware
        lease.hostname = hostname or lease.hostname
        lease.expires = now + seconds
        self._queue(lease)
        return (*rows, lease.row()._replace(renewal=renewal))

    def release(self, client: Client, address: int, now: float) -> tuple[Row, ...]:
        """The client gives its address back; it stays its own until someone else needs it. () if it was not its own."""
        lease = self._by_address.get(address)
        if lease is None or lease.client != client.key or lease.state != BOUND:
            return ()
        self._end(lease, RELEASED, now)
        return (lease.row(),)

    def decline(self, client: Client, address: int, now: float) -> tuple[Row, ...]:
        """The client found the address that it was leased in use: nobody gets it for an hour. () if it was not its own.

        One client holds back at most three addresses, and all clients together at most a quarter of the pools: the
        oldest one becomes free again. A client declines after its ACK (RFC 2131 section 3.1), so an offer is no reason.
        """
        lease = self._by_address.get(address)
        if lease is None or lease.client != client.key or lease.state != BOUND:
            return ()
        mine = [a for a in self._declined if self._by_address[a].hardware == client.hardware]
        rows = [self._delete(self._by_address[a]) for a in mine[: max(0, len(mine) + 1 - DECLINES_PER_CLIENT)]]
        most = max(1, self.pools.size() // 4)
        while len(self._declined) >= most:
            rows.append(self._delete(self._by_address[next(iter(self._declined))]))
        self._drop_offer(address)
        self._forget(lease)
        lease = Lease(Row(address, client.key, client.hardware, None, DECLINED, now, now + DECLINE_SECONDS))
        self._by_address[address] = lease
        self._declined[address] = None
        self._queue(lease)
        return (*rows, lease.row())

    def withdraw_offer(self, client: Client) -> None:
        """What was held for the client is free at once: it chose another server (RFC 2131 section 4.3.2)."""
        address = self._offer_of.get(client.key)
        if address is not None:
            self._drop_offer(address)

    def remove(self, address: int) -> tuple[Row, ...]:
        """Forget the lease of an address; () if there is none."""
        lease = self._by_address.get(address)
        return () if lease is None else (self._delete(lease),)

    def next_deadline(self) -> float | None:
        """When `expire` next may have something to do."""
        deadlines = [self._ends[0][0]] if self._ends else []
        if self._offers:
            deadlines.append(next(iter(self._offers.values())).until)
        return min(deadlines, default=None)

    def expire(self, now: float, limit: int = 1000) -> tuple[Row, ...]:
        """End at most `limit` offers, leases and quarantines whose time is over. The rows of ended leases come back.

        None of it needs storing: who reads a stored lease sees from its end that it is over.
        """
        while self._offers and limit > 0:
            address, offer = next(iter(self._offers.items()))
            if offer.until > now:
                break
            self._drop_offer(address)
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

    # ------------------------------------------------------------ inside

    def _choose(self, client: Client, now: float) -> int | None:
        address = self.pools.lowest(lambda a: a in self._by_address or a in self._offers)
        if address is not None:
            return address
        for candidate in islice(self._reusable, _SEARCHED):
            if self.free_for(candidate, client, now):
                return candidate
        for candidate in islice(self._offers, _SEARCHED):
            # The oldest unanswered offer is the next client's, although its time is not over.
            if self.pools.usable(candidate, client) and self._ended(candidate, now):
                return candidate
        return None

    def declined(self) -> tuple[int, ...]:
        """The addresses that are kept off because a client found them in use, oldest first."""
        return tuple(self._declined)

    def _ended(self, address: int, now: float) -> bool:
        lease = self._by_address.get(address)
        return lease is None or lease.state in (RELEASED, EXPIRED) or (lease.state == BOUND and lease.expires <= now)

    def _hold(self, address: int, client: Client, now: float) -> None:
        self._drop_offer(address)
        self.withdraw_offer(client)
        lease = self._by_address.get(address)
        if lease is not None and lease.state == BOUND and lease.client == client.key and lease.expires > now:
            return
        self._offers[address] = Offer(client.key, client.hardware, now + OFFER_SECONDS)
        self._offer_of[client.key] = address

    def _drop_offer(self, address: int) -> None:
        offer = self._offers.pop(address, None)
        if offer is not None:
            del self._offer_of[offer.client]
            if address not in self._by_address:
                self.pools.give_back(address)

    def _end(self, lease: Lease, state: int, when: float) -> None:
        self.given.change(lease.given, None)
        lease.state, lease.expires = state, when
        self._reusable[lease.address] = None

    def _delete(self, lease: Lease) -> Row:
        self._forget(lease)
        self.pools.give_back(lease.address)
        lease.state = DELETED
        return lease.row()

    def _forget(self, lease: Lease) -> None:
        if lease.state == BOUND:
            self.given.change(lease.given, None)
        del self._by_address[lease.address]
        if self._by_client.get(lease.client) is lease:
            del self._by_client[lease.client]
        self._reusable.pop(lease.address, None)
        self._declined.pop(lease.address, None)

    def _queue(self, lease: Lease) -> None:
        if lease.queued == 0.0 or lease.queued > lease.expires:
            lease.queued = lease.expires
            heapq.heappush(self._ends, (lease.expires, lease.address))
