"""A small stock of free addresses of which it is known, before anybody needs one, that nobody on the LAN uses them."""

from bisect import bisect_left, insort

FRESH = 60.0
"""Seconds for which silence counts; an address that was silent longer ago is asked for once more when it is offered."""


class Stock:
    """Addresses that were taken out of the free ones to be asked for, by the rank in which they are given.

    `target` is how many there should be; 0 while nobody asks. `asked_in_vain` and `used` say what happened since they
    were set to False: an address was wanted and there was none; one was given.
    """

    def __init__(self) -> None:
        self.target = 0
        self.used = self.asked_in_vain = False
        self._unsettled: dict[int, int] = {}
        self._silent: dict[int, float] = {}
        self._ranks: dict[int, int] = {}
        self._ready: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._unsettled) + len(self._ready)

    def __contains__(self, address: int) -> bool:
        return address in self._ranks or address in self._unsettled

    def __bool__(self) -> bool:
        return bool(self._unsettled or self._ready)

    def addresses(self) -> tuple[int, ...]:
        """Every address in it."""
        return (*self._ranks, *self._unsettled)

    def add(self, address: int, rank: int) -> None:
        """Take in an address that is not known to be unused yet."""
        self._unsettled[address] = rank

    def settle(self, address: int, now: float) -> None:
        """Nobody answered for this address. It need not be in the stock any more."""
        rank = self._unsettled.pop(address, None)
        if rank is not None:
            self._ranks[address] = rank
            insort(self._ready, (rank, address))
        if address in self._ranks:
            self._silent[address] = now

    def first(self) -> int | None:
        """The address to give next: one that was silent, else one of which nothing is known yet."""
        if self._ready:
            return self._ready[0][1]
        self.asked_in_vain = True
        return min(self._unsettled, key=self._unsettled.__getitem__, default=None)

    def last(self) -> int | None:
        """The rank of the silent one that is given last."""
        return self._ready[-1][0] if self._ready else None

    def drop_last(self) -> int:
        """Take out, unused, the silent one that is given last."""
        _, address = self._ready.pop()
        del self._ranks[address], self._silent[address]
        return address

    def discard(self, address: int) -> float | None:
        """Take an address out, if it is in; when it was silent last, None if that is not known."""
        if self._unsettled.pop(address, None) is not None:
            self.used = True
            return None
        rank = self._ranks.pop(address, None)
        if rank is None:
            return None
        self.used = True
        del self._ready[bisect_left(self._ready, (rank, address))]
        return self._silent.pop(address)

    def stale(self, now: float) -> list[int]:
        """Addresses whose silence no longer counts, next to be given first."""
        return [address for _, address in self._ready if now - self._silent[address] > FRESH]

    def empty(self) -> tuple[int, ...]:
        """Take all out; those that are next to be given come last."""
        ranked = [*self._ready, *((rank, address) for address, rank in self._unsettled.items())]
        for part in (self._unsettled, self._silent, self._ranks):
            part.clear()
        self._ready.clear()
        return tuple(address for _, address in sorted(ranked, reverse=True))
