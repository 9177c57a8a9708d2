"""The addresses of one LAN by configuration: pools, reservations, addresses never leased, and the lowest one free."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence


class Pools:
    """Which client may hold which address, and which was never held. Addresses are numbers."""

    def __init__(self) -> None:
        self._pools: tuple[tuple[int, int], ...] = ()
        self._cursor: list[int] = []
        self._freed: list[int] = []
        self._freed_members: set[int] = set()
        self._excluded: frozenset[int] = frozenset()
        self._reserved: dict[int, bytes] = {}
        self._reserved_of: dict[bytes, int] = {}

    def configure(
        self, pools: Sequence[tuple[int, int]], excluded: Iterable[int], reserved: Mapping[int, bytes]
    ) -> None:
        """Take over pools (first, last), addresses that are never leased, and reserved addresses by client key.

        A reservation by MAC has the key of a client without identifier.
        """
        self._pools = tuple(sorted(pools))
        self._excluded = frozenset(excluded)
        self._reserved = dict(reserved)
        self._reserved_of = {key: address for address, key in reserved.items()}
        self._cursor = [first for first, _ in self._pools]
        self._freed = []
        self._freed_members = set()

    def usable(self, address: int, client: bytes, hardware: bytes) -> bool:
        """May this client hold this address?"""
        if address in self._excluded:
            return False
        key = self._reserved.get(address)
        if key is not None:
            return key in (client, hardware)
        return self.contains(address)

    def contains(self, address: int) -> bool:
        """Is the address in a pool?"""
        return any(first <= address <= last for first, last in self._pools)

    def size(self) -> int:
        """How many addresses the pools have."""
        return sum(last - first + 1 for first, last in self._pools)

    def is_reserved(self, address: int) -> bool:
        """Is the address reserved for somebody?"""
        return address in self._reserved

    def reserved_for(self, client: bytes, hardware: bytes) -> int | None:
        """The address that is reserved for this client."""
        return self._reserved_of.get(client) or self._reserved_of.get(hardware)

    def lowest(self, taken: Callable[[int], bool]) -> int | None:
        """The lowest address of the pools that nobody has had since it was given back and that is not `taken`."""
        while self._freed:
            address = heapq.heappop(self._freed)
            self._freed_members.discard(address)
            if self._free(address, taken):
                return address
        for index, (_, last) in enumerate(self._pools):
            cursor = self._cursor[index]
            while cursor <= last and not self._free(cursor, taken):
                cursor += 1
            self._cursor[index] = cursor
            if cursor <= last:
                return cursor
        return None

    def give_back(self, address: int) -> None:
        """The address has neither lease nor offer any more."""
        if address not in self._freed_members and self.contains(address):
            self._freed_members.add(address)
            heapq.heappush(self._freed, address)

    def _free(self, address: int, taken: Callable[[int], bool]) -> bool:
        return not (address in self._excluded or address in self._reserved or taken(address))
