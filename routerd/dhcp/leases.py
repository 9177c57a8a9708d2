"""The lease table of one LAN: which client holds which address, which are free, and what must be on disk.

Pure: `now` is seconds of a clock that never steps; addresses are numbers. A change that must be stored comes back as
rows; the table never waits for them. `hardware` is the hardware type's octet and the hardware address.
"""

from itertools import islice

from routerd.dhcp.client import Client
from routerd.dhcp.given import UNKNOWN, Given
from routerd.dhcp.lease import (
    BOUND,
    DECLINED,
    DELETED,
    EXPIRED,
    NOBODY,
    OFFERED,
    RELEASED,
    STATE_NAMES,
    Lease,
    Offer,
    Row,
)
from routerd.dhcp.lease_book import DECLINE_SECONDS, OFFER_SECONDS, LeaseBook
from routerd.dhcp.stock import FRESH

__all__ = [
    "BOUND",
    "DECLINED",
    "DECLINES_PER_CLIENT",
    "DECLINE_SECONDS",
    "DELETED",
    "EXPIRED",
    "OFFERED",
    "OFFER_SECONDS",
    "RELEASED",
    "STATE_NAMES",
    "Lease",
    "LeaseTable",
    "Row",
]

DECLINES_PER_CLIENT = 3
_MOST_DOUBTS = 4
_SEARCHED = 64


class LeaseTable(LeaseBook):
    """All leases of one LAN. An address has at most one lease and one offer; a client has at most one of each."""

    def __init__(self) -> None:
        super().__init__()
        self.doubts: dict[int, None] = {}
        """A few addresses that were just given although nobody knows whether they are in use; whoever asks, asks."""

    def free_for(self, address: int, client: Client, now: float) -> bool:
        """Could this client be given this address now: usable, and neither held by nor offered to someone else?"""
        if not self.pools.usable(address, client):
            return False
        offer = self._offers.get(address)
        others = offer is not None and offer.client != client.key and offer.until > now
        # Of all who were offered it, the first to ask gets it: else a flood of DISCOVERs, each of which takes the
        # oldest offer, would leave nobody the time to ask.
        if others and not self._offers.was_made(address, client.key, now):
            return False
        lease = self._by_address.get(address)
        if lease is None or lease.has_ended(now):
            return True
        if lease.state == DECLINED:
            # Whoever uses it may well be told so: it had it from another server, for example.
            return lease.occupied and lease.hardware == client.hardware
        return lease.client == client.key or self.pools.takes_over(address, lease.hardware, client)

    # ------------------------------------------------------------ a client asks

    def placed(self, client: Client, now: float) -> Client:
        """The client with the place that its address is reserved for: who renews says so to no relay agent."""
        if not self.pools.has_places or client.circuit is not None:
            return client
        lease = self._by_client.get(client.key)
        circuit = None if lease is None or not lease.holds(now) else self.pools.place_of(lease.address)
        return client if circuit is None else client._replace(circuit=circuit)

    def offer(self, client: Client, requested: int, now: float) -> int | None:
        """Choose an address and hold it for a client that asked for `requested` (0: none); None if all are taken.

        In this order: its reservations, the address it has or had, the one it was offered, the one it asks for, the
        one that it uses without a lease, the lowest that was never leased, the one that has been free for longest,
        the least believable of those that machines without a lease use, the oldest unanswered offer (RFC 2131
        section 4.3.1).
        """
        own = self._by_client.get(client.key)
        known = (
            *self.pools.reserved_for(client),
            own.address if own is not None else None,
            self._offers.of(client.key),
        )
        for address in known:
            if address and self.free_for(address, client, now):
                return self._hold(address, client, now, sure=True)
        if requested and self.free_for(requested, client, now):
            return self._hold(requested, client, now)
        used = self._occupied.first_of(client.hardware)
        if used and self.free_for(used, client, now):
            return self._hold(used, client, now, sure=True)
        address = self._choose(now)
        if address is None and (address := self._least_believed()) is not None:
            return self._hold(address, client, now, disputed=True)
        if address is None:
            # The oldest unanswered offer is the next client's, although its time is not over.
            address = next((each for each in self._offers if self._is_only_offered(each, client, now)), None)
        return None if address is None else self._hold(address, client, now)

    def bind(
        self, client: Client, address: int, hostname: str | None, seconds: float, now: float, given: Given = UNKNOWN
    ) -> tuple[Row, ...] | None:
        """Give `address` to the client for `seconds`; the rows must be stored before the client is told.

        `given` is what the ACK will say of routes. None: it cannot have this address, or one that is reserved for it,
        and nearer, is free. Another address that the client holds is given up in the same step.
        """
        key = client.key
        old = self._by_client.get(key)
        if old is not None and old.address == address and old.holds(now) and self._is_settled(address, client):
            return (self._promise(old, client, hostname, seconds, now, given, True),)
        if not self.free_for(address, client, now):
            return None
        reserved = self.pools.reserved_for(client)
        for nearer in reserved:
            if nearer == address:
                break
            if self.free_for(nearer, client, now):
                return None
        rows = (self._delete(old),) if old is not None and old.address != address else ()
        lease = self._by_address.get(address)
        bound = lease is not None and lease.client == key and lease.state == BOUND
        if not bound:
            self._take(address, client, now, sure=address in reserved or (lease is not None and lease.client == key))
        # This address first: it is not free, although its lease may just have ended.
        self._offers.drop(address)
        self.withdraw_offer(client)
        if lease is None or lease.client != key:
            if lease is not None:
                self._forget(lease)
            lease = Lease(Row(address, key, client.hardware, None, BOUND, now, now))
            self._by_address[address] = self._by_client[key] = lease
        elif not bound:
            lease.state, lease.starts = BOUND, now
        return (*rows, self._promise(lease, client, hostname, seconds, now, given, bound))

    def _is_settled(self, address: int, client: Client) -> bool:
        """May the holder of this address keep it, with neither it nor another one held for anybody meanwhile?"""
        if not self.pools.usable(address, client) or self._offers.concern(address, client.key):
            return False
        reserved = self.pools.reserved_for(client)
        return not reserved or reserved[0] == address

    def _promise(
        self,
        lease: Lease,
        client: Client,
        hostname: str | None,
        seconds: float,
        now: float,
        given: Given,
        renewal: bool,
    ) -> Row:
        """The bound lease of this client lasts so long from now on; `renewal`: it was bound before."""
        covered = renewal and lease.expires > now and seconds <= lease.seconds
        changed = False
        if not renewal or lease.given is not given:
            self.given.change(lease.given if renewal else None, given)
            lease.given = given
        if lease.hardware != client.hardware:
            lease.hardware, changed = client.hardware, renewal
        if hostname and hostname != lease.hostname:
            lease.hostname, changed = hostname, renewal
        lease.expires, lease.seconds = now + seconds, seconds
        if not 0.0 < lease.queued <= lease.expires:
            self._queue(lease)
        return lease.row(renewal, covered, changed)

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
        if lease is None or lease.client != client.key or not lease.holds(now):
            return ()
        mine = self._declined.of(client.hardware)
        rows = [self._delete(self._by_address[a]) for a in mine[: max(0, len(mine) + 1 - DECLINES_PER_CLIENT)]]
        most = max(1, self.pools.size() // 4)
        while len(self._declined) >= most:
            rows.append(self._delete(self._by_address[next(iter(self._declined))]))
        return (*rows, self._keep_off(Row(address, client.key, client.hardware, None, DECLINED, now, now)))

    def withdraw_offer(self, client: Client) -> None:
        """What was held for the client is free at once: it chose another server (RFC 2131 section 4.3.2)."""
        address = self._offers.of(client.key)
        if address is not None:
            self._drop_offer(address)

    # ------------------------------------------------------------ others have their say

    def remove(self, address: int) -> tuple[Row, ...]:
        """Forget the lease of an address; () if there is none."""
        lease = self._by_address.get(address)
        return () if lease is None else (self._delete(lease),)

    def occupy(self, address: int, hardware: bytes, now: float, *, asked: bool = True) -> tuple[Row, ...]:
        """A machine without a lease uses this free address: nobody else gets it for an hour, or until nothing else is
        free and more than a quarter of the pools is in use so. `asked`: it answered a question.

        () if it is not free, or if the machine uses a quarter of the pools already: more is not believed, or one that
        answers for everything would take all addresses from the clients. Nor is an absent client's address taken from
        it by who was not asked, or while a quarter of the pools is taken: anybody can claim addresses under many names.
        """
        lease, size = self._by_address.get(address), self.pools.size()
        if lease is not None:
            absent = lease.hardware != hardware
            if not lease.has_ended(now) or (absent and not (asked and len(self._occupied) < max(1, size // 4))):
                return ()
        if self._occupied.count(hardware) >= max(1, min(max(DECLINES_PER_CLIENT, size // 4), size - 1)):
            return ()
        row = self._keep_off(Row(address, NOBODY, hardware, None, DECLINED, now, now))
        self._occupied.prefer(address, last=asked)
        return (row,)

    def keep_occupied(self, address: int, now: float, *, asked: bool = True) -> None:
        """The address is still in use without a lease: nobody gets it for another hour. It need not be stored."""
        lease = self._by_address.get(address)
        if lease is not None and lease.occupied:
            lease.expires = now + DECLINE_SECONDS
            if asked:
                self._occupied.prefer(address, last=True)

    # ------------------------------------------------------------ inside

    def _choose(self, now: float) -> int | None:
        address = self.free.take()
        if address is None and self._ends and self._ends[0][0] <= now:
            address = next((each for _, each in islice(self._ends, _SEARCHED) if self._has_just_ended(each, now)), None)
        return address

    def _least_believed(self) -> int | None:
        """An address that is in use without a lease, as anyone can claim: it is not kept off any more.

        First those whose machines never answered a question, then those that answered longest ago. A quarter of the
        pools is believed in any case, as with DECLINE.
        """
        if len(self._occupied) <= self.pools.size() // 4:
            return None
        first = islice(self._occupied, _SEARCHED)
        address = next((each for each in first if self.pools.open_to_all(each)), None)
        if address is not None:
            # What is on disk needs no change: the lease will replace it, or its end.
            self._delete(self._by_address[address])
        return address

    def _has_just_ended(self, address: int, now: float) -> bool:
        """Has its lease ended, although `expire` has not come to it yet?"""
        lease = self._by_address.get(address)
        ended = lease is not None and lease.has_ended(now)
        return ended and address not in self._offers and self.pools.open_to_all(address)

    def _is_only_offered(self, address: int, client: Client, now: float) -> bool:
        lease = self._by_address.get(address)
        return (lease is None or lease.has_ended(now)) and self.pools.usable(address, client)

    def _hold(self, address: int, client: Client, now: float, *, sure: bool = False, disputed: bool = False) -> int:
        before = self._offers.get(address)
        disputed = disputed or (before is not None and before.disputed)
        if self._offers.of(client.key) != address:
            self.withdraw_offer(client)
        lease = self._by_address.get(address)
        if lease is not None and lease.client == client.key and lease.holds(now):
            self._offers.drop(address)
            return address
        self._take(address, client, now, sure=sure)
        self._offers.give_way(address, client.key, now)
        self._offers.add(address, Offer(client.key, client.hardware, now + OFFER_SECONDS, disputed))
        return address

    def _take(self, address: int, client: Client, now: float, *, sure: bool) -> None:
        """The address is the client's; note it if nobody knows whether somebody uses it, and somebody asks."""
        silent = self.free.claim(address)
        if sure or not self.free.stock.target or len(self.doubts) >= _MOST_DOUBTS:
            return
        if (silent is None or now - silent > FRESH) and self._offers.of(client.key) != address:
            self.doubts[address] = None
