"""The way back from one host to the VPN: what is known of it, and what each sign makes of that. Pure.

`now` is monotonic seconds. DESIGN section 7, "Return path": nothing counts but what was seen, and silence proves
nothing.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from routerd.reports import ReturnPath

LIFETIME = 3
"""A proof holds for this many intervals."""
HOLD, LONGEST_HOLD = 3600.0, 86400.0
"""How many seconds a host is remembered as lan-only: the first time, and at most. It doubles with each relapse."""

UNKNOWN, DIRECT, VIA_ROUTER, LAN_ONLY = (
    ReturnPath.UNKNOWN,
    ReturnPath.DIRECT,
    ReturnPath.VIA_ROUTER,
    ReturnPath.LAN_ONLY,
)


class Sign(Enum):
    """What was seen of a host."""

    OWN = "its packet to the VPN came from its own link-layer address"
    ROUTER_TCP = "its TCP came through another machine, also what that one takes for the middle of a connection"
    ROUTER_SAME = "another packet came through the machine that its TCP came through"
    ROUTER_NEW = "a packet that is no TCP proof came through another machine than its TCP did"
    FLOW = "a flow between it and the VPN was answered, and no address was changed"
    UNANSWERED = "it answers an address of the LAN, and flows from the VPN stay without an answer"
    LOST = "it answers an address of the LAN, and the VPN-side address not any more"
    EXPIRED = "what was known has become too old"
    GRANTED = "the VPN-side address is answered by what answered an address of the LAN alone"
    RESET = "it is another machine now, or was configured anew"


TABLE: dict[Sign, dict[ReturnPath, ReturnPath]] = {
    Sign.OWN: {UNKNOWN: DIRECT, DIRECT: DIRECT, VIA_ROUTER: DIRECT, LAN_ONLY: LAN_ONLY},
    Sign.ROUTER_TCP: {UNKNOWN: VIA_ROUTER, DIRECT: VIA_ROUTER, VIA_ROUTER: VIA_ROUTER, LAN_ONLY: LAN_ONLY},
    Sign.ROUTER_SAME: {UNKNOWN: UNKNOWN, DIRECT: UNKNOWN, VIA_ROUTER: VIA_ROUTER, LAN_ONLY: LAN_ONLY},
    Sign.ROUTER_NEW: {UNKNOWN: UNKNOWN, DIRECT: UNKNOWN, VIA_ROUTER: UNKNOWN, LAN_ONLY: LAN_ONLY},
    Sign.FLOW: {UNKNOWN: UNKNOWN, DIRECT: DIRECT, VIA_ROUTER: VIA_ROUTER, LAN_ONLY: LAN_ONLY},
    Sign.UNANSWERED: {UNKNOWN: UNKNOWN, DIRECT: LAN_ONLY, VIA_ROUTER: LAN_ONLY, LAN_ONLY: LAN_ONLY},
    Sign.LOST: {UNKNOWN: UNKNOWN, DIRECT: UNKNOWN, VIA_ROUTER: UNKNOWN, LAN_ONLY: LAN_ONLY},
    Sign.EXPIRED: {UNKNOWN: UNKNOWN, DIRECT: UNKNOWN, VIA_ROUTER: UNKNOWN, LAN_ONLY: UNKNOWN},
    Sign.GRANTED: {UNKNOWN: UNKNOWN, DIRECT: DIRECT, VIA_ROUTER: VIA_ROUTER, LAN_ONLY: UNKNOWN},
    Sign.RESET: {UNKNOWN: UNKNOWN, DIRECT: UNKNOWN, VIA_ROUTER: UNKNOWN, LAN_ONLY: UNKNOWN},
}
"""All states and transitions."""


class Seen(NamedTuple):
    """The newest evidence: tcp, echo, packet or flow; the link-layer source of what came, if known; and when."""

    kind: str
    next_hop: bytes | None
    at: float


@dataclass(frozen=True, slots=True)
class Path:
    """What is known of one host. `since`: the state is so since then; None: it was never measured.

    While the state is unknown, `seen` may still tell of what is no proof: an echo that came through a router.
    `relapses` counts how often in a row it turned out to be lan-only.
    """

    state: ReturnPath = UNKNOWN
    since: float | None = None
    seen: Seen | None = None
    expires: float = 0.0
    relapses: int = 0

    @property
    def proven(self) -> bool:
        """Has it shown that it has a way back?"""
        return self.state is DIRECT or self.state is VIA_ROUTER

    @property
    def tcp_proof(self) -> bool:
        """Was an answer to TCP seen? Without one no router is trusted."""
        return self.state is VIA_ROUTER or (self.proven and self.seen is not None and self.seen.kind == "tcp")


START = Path()


def came(path: Path, kind: str, source: bytes, own: bytes | None) -> Sign:
    """The sign that is in a packet of this kind from the host, by its link-layer `source`; `own` is the host's."""
    if own is not None and source == own:
        return Sign.OWN
    if kind == "tcp":
        return Sign.ROUTER_TCP
    same = path.state is VIA_ROUTER and path.seen is not None and path.seen.next_hop == source
    return Sign.ROUTER_SAME if same else Sign.ROUTER_NEW


def step(path: Path, sign: Sign, now: float, interval: float, seen: Seen | None = None) -> Path:
    """What is known after this sign. `seen` is what it rests on; without it the earlier evidence stays."""
    state = TABLE[sign][path.state]
    if sign is Sign.RESET:
        return replace(START, since=path.since if state is path.state else now)
    kept = path.seen
    if seen is not None:
        # A flow does not tell which way its packets took: that stays what it was.
        hop = seen.next_hop if seen.next_hop is not None or kept is None else kept.next_hop
        kept = seen._replace(next_hop=hop)
    since = path.since if state is path.state and path.since is not None else now
    if state is LAN_ONLY:
        if path.state is LAN_ONLY:
            return path
        hold = min(HOLD * 2**path.relapses, LONGEST_HOLD)
        return Path(state, since, kept, now + hold, min(path.relapses + 1, 16))
    if state is UNKNOWN:
        # A proof that has gone is no evidence any more; what is no proof may be shown for as long as one.
        kept = kept if seen is not None else None
        return Path(state, since, kept, now + LIFETIME * interval, path.relapses)
    return Path(state, since, kept, now + LIFETIME * interval, path.relapses)


def expired(path: Path, now: float) -> bool:
    """Is there something that holds no longer?"""
    return now >= path.expires and (path.state is not UNKNOWN or path.seen is not None)
