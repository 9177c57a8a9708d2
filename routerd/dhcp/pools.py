"""The addresses of one LAN by configuration: pools, reservations, addresses never leased, and the lowest one free."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

from routerd.dhcp.client import Client, Token, follows_place


class Pools:
    """Which client may hold which address, and which was never held. Addresses are numbers."""

    def __init__(self) -> None:
        self._pools: tuple[tuple[int, int], ...] = ()
        self._cursor: list[int] = []
        self._freed: list[int] = []
        self._freed_members: set[int] = set()
        self._excluded: frozenset[int] = frozenset()
        self._reserved: dict[int, Token] = {}
        self._reserved_of: dict[Token, int] = {}

    def configure(
        self, pools: Sequence[tuple[int, int]], excluded: Iterable[int], reserved: Mapping[int, Token]
    ) -> None:
        """Take over pools (first, last), addresses that are never leased, and reserved addresses with their tokens."""
        self._pools = tuple(sorted(pools))
        self._excluded = frozenset(excluded)
        self._reserved = dict(reserved)
        self._reserved_of = {token: address for address, token in reserved.items()}
        self._cursor = [first for first, _ in self._pools]
        self._freed = []
        self._freed_members = set()

    def usable(self, address: int, client: Client) -> bool:
        """May this client hold this address?"""
        if address in self._excluded:
            return False
        token = self._reserved.get(address)
        if token is not None:
            return client.is_meant(token)
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

    def takes_over(self, address: int, hardware: bytes, client: Client) -> bool:
        """Does a reserved address go from the machine that holds it to this client, for whom it is reserved?

        It follows its machine under whatever client identifier that boots, and a place whatever machine is there.
        """
        token = self._reserved.get(address)
        return token is not None and (hardware == client.hardware or follows_place(token))

    def reserved_for(self, client: Client) -> int | None:
        """The address that is reserved for this client."""
        reserved = self._reserved_of
        return next((reserved[token] for token in client.tokens() if token in reserved), None) if reserved else None

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
