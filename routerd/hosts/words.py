"""What is said of hosts: events, the log, problems. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from routerd.hosts.host import Move
from routerd.hosts.return_path import Sign
from routerd.model import Event, Problem
from routerd.nat_part import Strategy
from routerd.reports import ReturnPath

_NAMED = 3

_TEXT = {
    ReturnPath.DIRECT: "has the way back to the VPN itself",
    ReturnPath.VIA_ROUTER: "has the way back to the VPN through {hop}",
    ReturnPath.LAN_ONLY: "answers only addresses of the LAN",
}
_WHY = {
    Sign.LOST: "has lost its way back to the VPN: it answers the LAN's address, not the VPN's",
    Sign.EXPIRED: "has shown no way back to the VPN for too long",
    Sign.GRANTED: "answers the VPN now where it answered only addresses of the LAN, and is measured anew",
    Sign.RESET: "is another machine now, or has a new lease",
}
_THEN = {
    Strategy.SITE_GATEWAY: "flows from the VPN keep their source",
    Strategy.MASQUERADE: "flows from the VPN are masqueraded",
    Strategy.NONE: "nothing is translated",
}


def event_of(move: Move, at: float) -> Event:
    """The move as an event; `at` is Unix seconds."""
    seen = move.path.seen
    hop = None if seen is None or seen.next_hop is None else seen.next_hop.hex(":")
    data = {"lan": move.host[0], "strategy": move.strategy.value, "before": move.before.value, "next_hop_mac": hop}
    return Event("host", str(move.host[1]), move.path.state.value, at, data)


def text_of(move: Move) -> str:
    """The move in words, without the host's name."""
    seen = move.path.seen
    hop = "another machine" if seen is None or seen.next_hop is None else seen.next_hop.hex(":")
    text = _TEXT.get(move.path.state) or _WHY.get(move.sign) or "answers through a machine that is no proof by itself"
    return f"{text.format(hop=hop)}; {_THEN[move.strategy]}"


def without_way_back(lan: str, found: Sequence[IPv4Address]) -> Problem | None:
    """The problem of hosts that are routed because the configuration says so, and show no way back."""
    if not found:
        return None
    named = ", ".join(map(str, sorted(found)[:_NAMED])) + (
        f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    )
    count = f"{len(found)} host{'' if len(found) == 1 else 's'}"
    return Problem("hosts-without-way-back", f"lan {lan}", (("count", count), ("hosts", named)))
