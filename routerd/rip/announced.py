"""What a LAN is told of now: the plan's routes, and of each peer its own, while it is reachable. Pure.

A route that comes and goes costs every router of the site: a peer that was up before must stay up for `STEADY` seconds
before it is announced again, unless it was away for more than `CALM`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from routerd.model import Network, PeerKey
from routerd.reports import PeerState
from routerd.rip_part import RipLan, RipPeer, RipRoute

STEADY = 10.0
CALM = 300.0
_UP = (PeerState.UP, PeerState.STALE)


@dataclass(slots=True)
class _Peer:
    """`up_since` None: it is not reachable now; `announce_at` counts while it is. `away_since`: when it was last."""

    up_since: float | None = None
    announce_at: float = 0.0
    away_since: float | None = None


class Announced:
    """The routes of one LAN over time. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._lan: RipLan | None = None
        self._peers: dict[PeerKey, _Peer] = {}
        self.renamed: frozenset[PeerKey] = frozenset()
        """Those of the last part that had another name before it: what is said of theirs may mean others still."""

    def apply(self, lan: RipLan) -> None:
        """What the plan wants now; what is known of peers that stay is kept, also under another name."""
        owners = _owners(() if self._lan is None else self._lan.peers)
        before = {_key(row): _former(row, owners) for row in lan.peers}
        taken = {former for former in before.values() if former is not None}
        # A name that goes on with all else changed is the same peer, unless that one has another name now.
        before = {key: former or (key if key not in taken else None) for key, former in before.items()}
        known = self._peers
        self._peers = {key: replace(known[former]) if former in known else _Peer() for key, former in before.items()}
        self.renamed = frozenset(key for key, former in before.items() if key != former)
        self._lan = lan

    def observe(self, states: Mapping[PeerKey, PeerState], now: float) -> None:
        """The states of all peers. One that is missing or unknown, not measured yet, stays what it was here."""
        for key, peer in self._peers.items():
            state = states.get(key, PeerState.UNKNOWN)
            if state is PeerState.UNKNOWN:
                continue
            if state not in _UP:
                if peer.up_since is not None:
                    peer.up_since, peer.away_since = None, now
            elif peer.up_since is None:
                restless = peer.away_since is not None and now - peer.away_since <= CALM
                peer.up_since, peer.announce_at = now, now + STEADY if restless else now

    def next_deadline(self, now: float) -> float | None:
        """When `routes` will say something else by itself; None: never, as things are."""
        due = (peer.announce_at for peer in self._peers.values() if peer.up_since is not None)
        return min((at for at in due if at > now), default=None)

    def routes(self, now: float) -> tuple[RipRoute, ...]:
        """What is announced, each prefix once."""
        if self._lan is None:
            return ()
        found = {route.prefix: route for route in self._lan.routes}
        for row in self._lan.peers:
            peer = self._peers[row.vpn, row.name]
            if peer.up_since is not None and peer.announce_at <= now:
                for route in row.routes:
                    found.setdefault(route.prefix, route)
        return tuple(found.values())


def _key(row: RipPeer) -> PeerKey:
    return row.vpn, row.name


def _owners(rows: tuple[RipPeer, ...]) -> dict[Network, dict[PeerKey, None]]:
    """Whose each prefix was."""
    found: dict[Network, dict[PeerKey, None]] = {}
    for row in rows:
        for route in row.routes:
            found.setdefault(route.prefix, {})[_key(row)] = None
    return found


def _former(row: RipPeer, owners: Mapping[Network, Mapping[PeerKey, None]]) -> PeerKey | None:
    """Who had these prefixes: best the one of this name, else who had most of them; None: nobody."""
    shared = Counter(key for route in row.routes for key in owners.get(route.prefix, ()))
    if not shared or _key(row) in shared:
        return _key(row) if shared else None
    return shared.most_common(1)[0][0]
