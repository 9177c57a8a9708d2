"""Which free addresses somebody uses without a lease: whom to ask, when, and what answers and silence mean.

Free addresses are asked for before a client needs one (ARP probes, RFC 5227 section 2.1.1), so that no OFFER ever
waits. An address that goes out unasked, because the stock was empty or its silence is old, is asked for beside its
OFFER: an answer that comes before the client's REQUEST makes that a NAK. Nothing is asked for again while nobody needs
an address; only addresses that are in use are, to notice when they no longer are.

Pure: the service sends the questions and hands in what it hears.
"""

from collections import OrderedDict
from typing import NamedTuple

from routerd.dhcp.lease import Row
from routerd.dhcp.leases import LeaseTable

LEAST, MOST = 8, 32
"""How many addresses are kept ready: it doubles when they run out, and halves again later."""
A_ROUND = 8
"""Addresses that are asked for at a time."""
TRIES = (0.0, 0.5)
PATIENCE = 1.0
EVERY = 2.0
"""The least pause between the beginnings of two rounds: 8 packets a second in the long run."""
RECHECK = 60.0
_RECHECKS_A_ROUND = 2
_EMPTY_PAUSE = 10.0
_SHRINK_AFTER = 60.0
_LATE = 10.0
_ETHERNET = b"\x01"


class Found(NamedTuple):
    """News of an address, with the rows that are to be stored.

    `taken` True: `hardware` uses it without a lease; False: not any more; None: beside the client that has leased it.
    """

    address: int
    hardware: bytes
    taken: bool | None
    rows: tuple[Row, ...] = ()


class Conflicts:
    """The questions for one lease table. Whoever makes it asks them until `stop`."""

    def __init__(self, table: LeaseTable, now: float) -> None:
        self._table, self._stock = table, table.free.stock
        self._stock.target = LEAST
        self._grown_at = self._next_round = now
        self._asked: dict[int, None] = {}
        self._begun, self._tries = now, 0
        self._beside: OrderedDict[int, float] = OrderedDict()
        self._beside_again = now
        self._due: OrderedDict[int, float] = OrderedDict((address, now) for address, _ in table.occupied())

    def stop(self) -> None:
        """Nobody asks any more: addresses go out unasked."""
        self._table.free.dissolve()
        self._table.doubts.clear()

    def reconsider(self) -> tuple[Row, ...]:
        """After a change of the pools: what is not open to all clients any more need not be kept from them."""
        gone = [address for address, _ in self._table.occupied() if not self._table.pools.open_to_all(address)]
        return tuple(row for address in gone for row in self._table.remove(address))

    def watched(self) -> tuple[int, ...]:
        """The addresses from which any packet is of interest."""
        return (*self._stock.addresses(), *self._asked, *self._beside)

    # ------------------------------------------------------------ asking

    def next_deadline(self) -> float | None:
        """When `questions` next has something to do, None if not before somebody needs an address."""
        if self._asked:
            waits = TRIES[self._tries] if self._tries < len(TRIES) else PATIENCE
            return min(self._begun + waits, self._doubts_at())
        rounds = self._next_round if self._wants() else float("inf")
        recheck = max(self._next_round, next(iter(self._due.values()))) if self._due else float("inf")
        nearest = min(rounds, recheck, self._doubts_at())
        return None if nearest == float("inf") else nearest

    def questions(self, now: float) -> tuple[tuple[int, ...], tuple[Found, ...]]:
        """The addresses to ask for now, and what the silence of others says."""
        found: tuple[Found, ...] = ()
        ask: list[int] = []
        if self._asked and self._tries == len(TRIES) and now >= self._begun + PATIENCE:
            found = self._conclude(now)
        if not self._asked and now >= self._next_round:
            self._begin(now)
        if self._asked and self._tries < len(TRIES) and now >= self._begun + TRIES[self._tries]:
            # Asked late, it is waited for as long as if it had been in time.
            self._begun = now - TRIES[self._tries]
            self._tries += 1
            ask += self._asked
        if now >= self._doubts_at():
            ask += self._ask_beside(now)
        return tuple(ask), found

    def _doubts_at(self) -> float:
        return self._beside_again if self._table.doubts else float("inf")

    def _wants(self) -> bool:
        stock, free = self._stock, self._table.free
        return stock.used or len(stock) < stock.target or free.is_overtaken()

    def _begin(self, now: float) -> None:
        stock = self._stock
        if stock.asked_in_vain:
            stock.asked_in_vain, self._grown_at = False, now
            stock.target = min(MOST, stock.target * 2)
        elif now - self._grown_at > _SHRINK_AFTER:
            stock.target, self._grown_at = max(LEAST, stock.target // 2), now
        batch = self._due_rechecks(now)
        wanted = min(A_ROUND - len(batch), stock.target - len(stock))
        batch += self._table.free.pull(wanted)
        batch += self._table.free.exchange(A_ROUND - len(batch))
        if stock.used:
            stale = stock.stale(now)
            stock.used = len(stale) > A_ROUND - len(batch)
            batch += stale[: A_ROUND - len(batch)]
        self._asked = dict.fromkeys(batch)
        self._begun, self._tries = now, 0
        self._next_round = now + (_EMPTY_PAUSE if self._wants() and not batch else EVERY)

    def _due_rechecks(self, now: float) -> list[int]:
        due: list[int] = []
        while self._due and len(due) < _RECHECKS_A_ROUND:
            address, at = next(iter(self._due.items()))
            if at > now:
                break
            del self._due[address]
            if self._uses(address):
                self._due[address] = now + RECHECK
                due.append(address)
        return due

    def _uses(self, address: int) -> bool:
        lease = self._table.at(address)
        return lease is not None and lease.occupied

    def _ask_beside(self, now: float) -> list[int]:
        doubts = list(self._table.doubts)
        self._table.doubts.clear()
        self._beside_again = now + PATIENCE
        while self._beside and next(iter(self._beside.values())) <= now - PATIENCE:
            self._beside.popitem(last=False)
        self._beside.update((address, now) for address in doubts)
        return [address for address in doubts if address not in self._asked]

    def _conclude(self, now: float) -> tuple[Found, ...]:
        silent, self._asked = self._asked, {}
        found = []
        for address in silent:
            lease = self._table.at(address)
            if lease is not None and lease.occupied:
                self._due.pop(address, None)
                found.append(Found(address, lease.hardware, False, self._table.remove(address)))
            else:
                self._stock.settle(address, now)
        return tuple(found)

    # ------------------------------------------------------------ hearing

    def heard(self, address: int, mac: bytes, now: float) -> Found | None:
        """A packet came from this address and hardware address: news, if it is any."""
        table, hardware = self._table, _ETHERNET + mac
        if not table.pools.open_to_all(address):
            return None
        lease, offer = table.at(address), table.offered(address)
        asked = address in self._asked or now - self._beside.get(address, -_LATE) < _LATE
        if lease is not None and lease.occupied:
            table.keep_occupied(address, now, asked=asked)
            self._asked.pop(address, None)
            return None
        if lease is not None and lease.holds(now):
            asked_at = None if lease.hardware == hardware else self._beside.pop(address, None)
            return None if asked_at is None or now - asked_at > _LATE else Found(address, hardware, None)
        if offer is not None and offer.until > now and (offer.disputed or offer.hardware == hardware):
            # It asks for the address that it has already, from another server for example. A disputed one is the
            # client's to find in use: it asks by itself before it uses it.
            return None
        rows = table.occupy(address, hardware, now, asked=asked)
        if not rows:
            return None
        self._asked.pop(address, None)
        self._due[address] = now + RECHECK
        return Found(address, hardware, True, rows)
