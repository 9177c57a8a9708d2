"""What is sent, through what, and how it ended: the words of the schedule of probes. Pure."""

from typing import NamedTuple

from routerd.config.probes import UNSENT
from routerd.model import Address, PeerKey, ProbeTarget


class Link(NamedTuple):
    """What one probe socket is bound to; `version` is 4 or 6."""

    interface: str | None
    source: Address | None
    version: int


class Send(NamedTuple):
    """A probe that is to leave now: an echo request, or a connection if its `kind` says so."""

    key: PeerKey
    link: Link
    address: Address
    sequence: int
    kind: str = "icmp"


class Outcome(NamedTuple):
    """How a probe ended: `rtt` in seconds, None where it failed; `reason` says why if it was not for lack of answer."""

    key: PeerKey
    rtt: float | None
    reason: str = ""


def key_of(target: ProbeTarget) -> PeerKey:
    """The key of a target."""
    return (target.vpn, target.name)


def link_of(target: ProbeTarget) -> Link | None:
    """What the target's probes are sent through; None for a target that is not probed."""
    if target.kind in UNSENT or target.address is None:
        return None
    return Link(target.interface, target.source, target.address.version)
