"""Which address of the pools is free, and which of them is given next.

First those that were never leased, lowest first, then those of ended leases, the longest ended first, so that a client
that comes back finds its address. A few that are next are in the stock, to be asked for ahead of need; a lower one that
becomes free takes the place of the last of them as soon as it is asked for.
"""

import heapq
from collections import OrderedDict
from collections.abc import Mapping

from routerd.dhcp.lease import EXPIRED, RELEASED, Lease
from routerd.dhcp.offers import Offers
from routerd.dhcp.pools import Pools
from routerd.dhcp.stock import Stock

_AFTER_ALL_ADDRESSES = 1 << 32


class FreeAddresses:
    """The free addresses of the pools. `leases` and `offers` are those of the table, and say what is not free."""

    def __init__(self, pools: Pools, leases: Mapping[int, Lease], offers: Offers) -> None:
        self.stock = Stock()
        self._pools, self._leases, self._offers = pools, leases, offers
        self._version = pools.version
        self._range = self._cursor = 0
        # Below the cursor of their pool: never leased, or no longer known to have been.
        self._freed: list[int] = []
        self._is_freed: set[int] = set()
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._closed: list[int] = []
        """Addresses of ended leases that are not open to all clients as the pools are now."""
        self._pulled = _AFTER_ALL_ADDRESSES

    def take(self) -> int | None:
        """The address to give next, which must be claimed; None if none is free."""
        self._follow()
        address = self.stock.first() if self.stock.target else None
        if address is None:
            address = self._lowest()
        return self._first_ended() if address is None else address

    def claim(self, address: int) -> float | None:
        """The address is not free any more. When the stock knew it to be silent last; None if that is not known."""
        self._ended.pop(address, None)
        return self.stock.discard(address) if self.stock else None

    def give_back(self, address: int) -> None:
        """The address has no offer any more, and no lease, or none that holds."""
        if address in self.stock or address in self._offers:
            return
        lease = self._leases.get(address)
        if lease is not None:
            if lease.state in (RELEASED, EXPIRED):
                self._ended[address] = None
                self._ended.move_to_end(address, last=False)
        elif address not in self._is_freed and self._is_passed(address):
            self._is_freed.add(address)
            heapq.heappush(self._freed, address)

    def end(self, address: int) -> None:
        """The lease of the address has ended; all others that are free are used first."""
        self._ended[address] = None

    def forget_ended(self, address: int) -> None:
        """The address is not that of an ended lease any more."""
        self._ended.pop(address, None)

    # ------------------------------------------------------------ the stock

    def pull(self, count: int) -> list[int]:
        """Put at most `count` addresses that are given next into the stock; fewer if no more are free."""
        self._follow()
        pulled = []
        for _ in range(count):
            address = rank = self._lowest()
            if address is None:
                address = self._first_ended()
                if address is None:
                    break
                del self._ended[address]
                self._pulled = rank = self._pulled + 1
            assert rank is not None
            self.stock.add(address, rank)
            pulled.append(address)
        return pulled

    def is_overtaken(self) -> bool:
        """Has an address become free that is lower than one of the stock?"""
        last = self.stock.last() if self._freed and self._version == self._pools.version else None
        lowest = None if last is None else self._first_freed()
        return lowest is not None and last is not None and lowest < last

    def exchange(self, count: int) -> list[int]:
        """Put at most `count` lower addresses that became free into the stock, each for one that comes later."""
        pulled: list[int] = []
        while len(pulled) < count and self.is_overtaken():
            self.give_back(self.stock.drop_last())
            pulled += self.pull(1)
        return pulled

    def dissolve(self) -> None:
        """Nobody asks any more: what the stock has is free like all others."""
        self.stock.target = 0
        for address in self.stock.empty():
            self.give_back(address)

    # ------------------------------------------------------------ inside

    def _follow(self) -> None:
        """After a change of the pools everything is found again."""
        if self._version == self._pools.version:
            return
        self._version = self._pools.version
        self._range = self._cursor = 0
        self._freed, self._is_freed = [], set()
        for address in (*self.stock.empty(), *reversed(self._closed)):
            self.give_back(address)
        self._closed.clear()

    def _is_passed(self, address: int) -> bool:
        """Would the cursor not come to this address any more? (If the pools changed, it comes to all.)"""
        index = self._pools.index(address)
        return index is not None and (index < self._range or (index == self._range and address < self._cursor))

    def _lowest(self) -> int | None:
        """The lowest address without a lease."""
        ranges, address = self._pools.ranges, self._first_freed()
        if address is not None:
            self._is_freed.discard(heapq.heappop(self._freed))
            return address
        while self._range < len(ranges):
            first, last = ranges[self._range]
            cursor = max(self._cursor, first)
            while cursor <= last and not self._is_free(cursor):
                cursor += 1
            self._cursor = cursor
            if cursor <= last:
                return cursor
            self._range, self._cursor = self._range + 1, 0
        return None

    def _first_freed(self) -> int | None:
        """The lowest that became free below the cursor; it stays there."""
        freed = self._freed
        while freed and not self._is_free(freed[0]):
            self._is_freed.discard(heapq.heappop(freed))
        return freed[0] if freed else None

    def _is_free(self, address: int) -> bool:
        pools = self._pools
        return not (
            address in self._leases
            or address in self._offers
            or address in pools.excluded
            or address in pools.agents
            or address in pools.reserved
            or address in self.stock
        )

    def _first_ended(self) -> int | None:
        ended = self._ended
        while ended:
            address = next(iter(ended))
            if self._pools.open_to_all(address):
                return address
            del ended[address]
            self._closed.append(address)
        return None
