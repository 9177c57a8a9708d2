"""What a LAN is told of now: the plan's routes, and of each peer its own, while it is reachable. Pure.

A route that comes and goes costs every router of the site: a peer that was up before must stay up for `STEADY` seconds
before it is announced again, unless it was away for more than `CALM`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from routerd.model import PeerKey
from routerd.reports import PeerState
from routerd.rip_part import RipLan, RipRoute

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

    def apply(self, lan: RipLan) -> None:
        """What the plan wants now; what is known of peers that stay is kept."""
        self._lan = lan
        kept = {(peer.vpn, peer.name) for peer in lan.peers}
        self._peers = {key: self._peers.get(key, _Peer()) for key in kept}

    def observe(self, states: Mapping[PeerKey, PeerState], now: float) -> None:
        """The states of all peers. One that is unknown, not measured yet, stays what it was here."""
        for key, peer in self._peers.items():
            state = states.get(key)
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
