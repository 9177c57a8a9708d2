"""Which peer gets which address of a pool: the same one for ever, as far as there are addresses enough. Pure.

`now` is Unix seconds.
"""

from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.nat_part import NatPool, PoolPeer

MOST = 16384
"""So many choices are remembered at most."""

PeerKey = tuple[str, str]


class Choice(NamedTuple):
    """The address is that of the peer with this key in this vpn. `peer` is the peer's own address, by which it is known
    again when its key was changed; `gone` since when there is no such peer, None while there is one.
    """

    address: IPv4Address
    vpn: str
    key: str
    peer: IPv4Address
    gone: float | None = None


class Choices:
    """All choices that were made, of all pools, by address. `changed` until `saved` was called."""

    def __init__(self) -> None:
        self._rows: dict[IPv4Address, Choice] = {}
        self.changed = False

    def restore(self, rows: Iterable[Choice]) -> None:
        """Begin with these, which are remembered already."""
        self._rows = {row.address: row for row in rows}

    def rows(self) -> tuple[Choice, ...]:
        """What is to be remembered."""
        return tuple(self._rows[address] for address in sorted(self._rows))

    def saved(self) -> None:
        """What `rows` said is remembered."""
        self.changed = False

    def assign(
        self, pool: NatPool, occupied: Collection[IPv4Address], doubtful: Collection[IPv4Address], now: float,
        *, complete: bool = True,
    ) -> dict[IPv4Address, PoolPeer]:  # fmt: skip
        """An address for each peer of the pool, as far as they go.

        `occupied` are addresses that other machines have; `doubtful` those that they had lately, which come last. An
        address whose peer is gone is taken only when no other is left, the longest gone first, and never while not all
        peers are known (`complete` False).
        """
        inside = [address for address in self._rows if _is_in(address, pool)]
        for address in inside:
            if address in pool.barred or address in occupied:
                self._drop(address)
        found = self._known(pool, inside)
        given = set(found.values())
        free = self._free(pool, {*occupied, *pool.barred}, doubtful, found, complete=complete)
        for peer in sorted((one for one in pool.peers if one not in given), key=lambda one: (one.vpn, one.key)):
            chosen = free.choose(peer)
            if chosen is None:
                break
            self._put(Choice(chosen, peer.vpn, peer.key, peer.address))
            found[chosen] = peer
        self._mark(inside, found, now)
        return found

    def _known(self, pool: NatPool, inside: Iterable[IPv4Address]) -> dict[IPv4Address, PoolPeer]:
        """The peers that have had an address of the pool: by key, else by their own address under another key."""
        rows = [self._rows[address] for address in inside if address in self._rows]
        by_key = {(row.vpn, row.key): row for row in rows}
        by_peer = {(row.vpn, row.peer): row for row in rows}
        keys = {(peer.vpn, peer.key) for peer in pool.peers}
        found: dict[IPv4Address, PoolPeer] = {}
        for peer in pool.peers:
            row = by_key.get((peer.vpn, peer.key))
            if row is None:
                row = by_peer.get((peer.vpn, peer.address))
                if row is None or (row.vpn, row.key) in keys or row.address in found:
                    continue
            found[row.address] = peer
            self._put(Choice(row.address, peer.vpn, peer.key, peer.address, row.gone))
        return found

    def _free(
        self, pool: NatPool, barred: Collection[IPv4Address], doubtful: Collection[IPv4Address],
        found: Collection[IPv4Address], *, complete: bool,
    ) -> "_Free":  # fmt: skip
        used = {*barred, *self._rows}
        late = [address for address in sorted(doubtful) if _is_in(address, pool) and address not in used]
        left = [row for row in self._rows.values() if _is_in(row.address, pool) and row.address not in found]
        left.sort(key=lambda row: (row.gone is None, row.gone or 0.0, row.address))
        return _Free(pool, used | {*late}, [*late, *(row.address for row in left if complete)])

    def _mark(self, inside: Iterable[IPv4Address], found: Collection[IPv4Address], now: float) -> None:
        for address in {*inside, *found}:
            row = self._rows.get(address)
            if row is not None and (row.gone is None) != (address in found):
                self._put(row._replace(gone=None if address in found else now))

    def _put(self, row: Choice) -> None:
        if self._rows.get(row.address) != row:
            if len(self._rows) >= MOST and row.address not in self._rows:
                self._drop(min(self._rows, key=lambda one: self._rows[one].gone or float("inf")))
            self._rows[row.address] = row
            self.changed = True

    def _drop(self, address: IPv4Address) -> None:
        if self._rows.pop(address, None) is not None:
            self.changed = True


class _Free:
    """The addresses of a pool that nobody has, and `last` those that are taken only when there is no such one."""

    def __init__(self, pool: NatPool, used: set[IPv4Address], last: Iterable[IPv4Address]) -> None:
        self._pool, self._used, self._last = pool, used, iter(last)
        self._full = False

    def choose(self, peer: PoolPeer) -> IPv4Address | None:
        """An address that follows from the peer alone, as far as others did not take it before; None: there is none."""
        if not self._full:
            for address in _beginning_at(peer, self._pool):
                if address not in self._used:
                    self._used.add(address)
                    return address
            self._full = True
        return next(self._last, None)


def _beginning_at(peer: PoolPeer, pool: NatPool) -> Iterator[IPv4Address]:
    first, size = int(pool.addresses.first), int(pool.addresses.last) - int(pool.addresses.first) + 1
    begin = int.from_bytes(sha256(f"{peer.vpn}\0{peer.key}".encode()).digest()[:8], "big")
    return (IPv4Address(first + (begin + step) % size) for step in range(size))


def _is_in(address: IPv4Address, pool: NatPool) -> bool:
    return pool.addresses.first <= address <= pool.addresses.last
