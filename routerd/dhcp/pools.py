"""The addresses of one LAN by configuration: pools, reservations, and what is never leased. Addresses are numbers."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from routerd.dhcp.client import Client, Token, follows_place


class Pools:
    """Which client may hold which address. `version` grows whenever that changes."""

    def __init__(self) -> None:
        self.version = 0
        self.ranges: tuple[tuple[int, int], ...] = ()
        """The pools (first, last), lowest first."""
        self.excluded: frozenset[int] = frozenset()
        self.agents: dict[int, None] = {}
        """Addresses that relay agents were seen to have, longest unseen first: leased to nobody unless reserved."""
        self.reserved: dict[int, Token] = {}
        self._reserved_of: dict[Token, int] = {}
        self._firsts: list[int] = []
        self.has_places = False
        """Is an address reserved for whatever machine is at a place?"""

    def configure(
        self, pools: Sequence[tuple[int, int]], excluded: Iterable[int], reserved: Mapping[int, Token]
    ) -> None:
        """Take over pools (first, last), addresses that are never leased, and reserved addresses with their tokens."""
        wanted = (tuple(sorted(pools)), frozenset(excluded), dict(reserved))
        if wanted == (self.ranges, self.excluded, self.reserved):
            return
        self.version += 1
        self.ranges, self.excluded, self.reserved = wanted
        self._reserved_of = {token: address for address, token in reserved.items()}
        self._firsts = [first for first, _ in self.ranges]
        self.has_places = any(follows_place(token) for token in reserved.values())

    def usable(self, address: int, client: Client) -> bool:
        """May this client hold this address?"""
        if address in self.excluded:
            return False
        token = self.reserved.get(address)
        if token is not None:
            return client.is_meant(token)
        return address not in self.agents and self.index(address) is not None

    def contains(self, address: int) -> bool:
        """Is the address in a pool?"""
        return self.index(address) is not None

    def index(self, address: int) -> int | None:
        """Which of `ranges` the address is in."""
        index = bisect_right(self._firsts, address) - 1
        return index if index >= 0 and address <= self.ranges[index][1] else None

    def open_to_all(self, address: int) -> bool:
        """May any client hold this address?"""
        closed = address in self.excluded or address in self.reserved or address in self.agents
        return not closed and self.contains(address)

    def size(self) -> int:
        """How many addresses the pools have."""
        return sum(last - first + 1 for first, last in self.ranges)

    def is_reserved(self, address: int) -> bool:
        """Is the address reserved for somebody?"""
        return address in self.reserved

    def takes_over(self, address: int, hardware: bytes, client: Client) -> bool:
        """Does a reserved address go from the machine that holds it to this client, for whom it is reserved?

        It follows its machine under whatever client identifier that boots. A place may have two machines, so there
        its holder keeps it until its lease has ended or was given back; another machine that is plugged in gets an
        address of the pools until then, or waits.
        """
        return address in self.reserved and hardware == client.hardware

    def place_of(self, address: int) -> bytes | None:
        """The circuit of the place that the address is reserved for."""
        token = self.reserved.get(address)
        return token[1] if token is not None and follows_place(token) else None

    def reserved_for(self, client: Client) -> tuple[int, ...]:
        """The addresses that are reserved for this client, the nearest first."""
        reserved = self._reserved_of
        return tuple([reserved[token] for token in client.tokens() if token in reserved]) if reserved else ()

    def is_its_own(self, address: int, key: bytes, hardware: bytes) -> bool:
        """Is the address reserved for the client that has it? Whoever has that of a place is taken to be there."""
        token = self.reserved.get(address)
        return token is not None and (follows_place(token) or Client(key, hardware).is_meant(token))
