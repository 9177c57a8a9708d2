"""The routes that a speaker announces, ready for the wire, and those that it withdraws for a while yet. Pure."""

from collections.abc import Iterable, Sequence

from routerd.model import Network
from routerd.rip.codec import Codec, chunks
from routerd.rip.links import Links
from routerd.rip.message import INFINITY, Rte
from routerd.rip.words import Version
from routerd.rip_part import RipRoute

Prefix = tuple[int, int]
"""The address and the length of a prefix, as numbers."""


class _Entry:
    """One prefix. `until` is when a withdrawn one is forgotten; None: it is announced."""

    __slots__ = ("alive", "dead", "next_hop", "route", "until")

    def __init__(self, route: RipRoute) -> None:
        self.route = route
        self.until: float | None = None
        self.alive = self.dead = b""
        self.next_hop = 0

    @property
    def wire(self) -> tuple[int, bytes]:
        """The next hop that needs an entry of its own (0: none), and the bytes as they go out now."""
        return self.next_hop, self.alive if self.until is None else self.dead


def prefix_of(network: Network) -> Prefix:
    """The network as numbers."""
    return int(network.network_address), network.prefixlen


class Table:
    """All prefixes of one speaker. A triggered update has to tell what has changed, and what is to be repeated."""

    def __init__(self, version: Version, codec: Codec, links: Links) -> None:
        self._version = version
        self._codec = codec
        self._links = links
        self._entries: dict[Prefix, _Entry] = {}
        self._changed: dict[Prefix, None] = {}
        self._repeated: dict[Prefix, None] = {}
        self._chunks: tuple[int, list[bytes]] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def announced(self) -> int:
        """How many are announced."""
        return sum(entry.until is None for entry in self._entries.values())

    @property
    def is_changed(self) -> bool:
        """Whether a triggered update has something new to tell."""
        return bool(self._changed)

    @property
    def is_repeated(self) -> bool:
        """Whether one has something to tell again."""
        return bool(self._repeated)

    def __contains__(self, prefix: Prefix) -> bool:
        return prefix in self._entries

    def is_announced(self, prefix: Prefix) -> bool:
        """Whether this prefix itself is announced."""
        entry = self._entries.get(prefix)
        return entry is not None and entry.until is None

    # ------------------------------------------------------------ changes

    def configure(self, links: Links) -> None:
        """Other addresses of this machine or networks of the link: what is the next hop may be another."""
        self._links = links
        for prefix, entry in self._entries.items():
            before = entry.wire
            self._write(prefix, entry)
            if entry.wire != before:
                self._change(prefix)

    def apply(self, routes: Iterable[RipRoute], until: float) -> None:
        """Announce exactly these; those that miss are withdrawn, and forgotten at `until`."""
        wanted = {prefix_of(route.prefix): route for route in routes}
        for prefix, entry in self._entries.items():
            if prefix not in wanted:
                self._withdraw(prefix, entry, until)
        for prefix, route in wanted.items():
            self._announce(prefix, route)

    def set(self, network: Network, route: RipRoute | None, until: float) -> None:
        """Announce one, or (route None) withdraw it until then."""
        prefix = prefix_of(network)
        if route is not None:
            self._announce(prefix, route)
        elif (entry := self._entries.get(prefix)) is not None:
            self._withdraw(prefix, entry, until)

    def repeat(self, prefix: Prefix) -> None:
        """Tell this one again in a triggered update."""
        self._repeated[prefix] = None

    def expire(self, now: float) -> None:
        """Forget what was withdrawn long enough."""
        over = [prefix for prefix, entry in self._entries.items() if entry.until is not None and entry.until <= now]
        for prefix in over:
            del self._entries[prefix]
            self._changed.pop(prefix, None)
            self._repeated.pop(prefix, None)
            self._chunks = None

    def told(self) -> None:
        """All changes were sent, and all that was to be repeated."""
        self._changed.clear()
        self._repeated.clear()

    def _announce(self, prefix: Prefix, route: RipRoute) -> None:
        entry = self._entries.get(prefix)
        if entry is None:
            entry = self._entries[prefix] = _Entry(route)
        elif entry.until is None and entry.route == route:
            return
        entry.route, entry.until = route, None
        self._write(prefix, entry)
        self._change(prefix)

    def _withdraw(self, prefix: Prefix, entry: _Entry, until: float) -> None:
        if entry.until is None:
            entry.until = until
            self._change(prefix)

    def _change(self, prefix: Prefix) -> None:
        self._changed[prefix] = None
        self._chunks = None

    def _write(self, prefix: Prefix, entry: _Entry) -> None:
        route = entry.route
        next_hop = 0 if route.next_hop is None else self._links.next_hop(int(route.next_hop))
        alive = Rte(*prefix, next_hop, route.metric, route.tag)
        entry.alive = self._codec.encode_rte(alive)
        entry.dead = self._codec.encode_rte(alive._replace(metric=INFINITY))
        entry.next_hop = next_hop if self._version is Version.NG else 0

    # ------------------------------------------------------------ packets

    def whole(self, most: int) -> list[bytes]:
        """The entries of all packets of a full update, at most so many in each."""
        if self._chunks is None or self._chunks[0] != most:
            self._chunks = (most, chunks([entry.wire for entry in self._entries.values()], most))
        return self._chunks[1]

    def changes(self, most: int) -> list[bytes]:
        """The same for what has changed or is to be repeated."""
        return chunks([self._entries[prefix].wire for prefix in {**self._changed, **self._repeated}], most)

    def farewell(self, most: int) -> list[bytes]:
        """The same for all of it, withdrawn."""
        return chunks([(entry.next_hop, entry.dead) for entry in self._entries.values()], most)

    def answer(self, asked: Sequence[bytes], most: int) -> list[bytes]:
        """What is known of the prefixes that are asked for, in their order (RFC 2453 section 3.9.1)."""
        rows = []
        for entry in asked:
            prefix = self._codec.prefix_asked(entry)
            known = self._entries.get(prefix) if prefix is not None else None
            rows.append(known.wire[1] if known is not None else self._codec.unreachable(entry))
        return [b"".join(rows[at : at + most]) for at in range(0, len(rows), most)]
