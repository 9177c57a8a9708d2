"""One host of the site: what is known of it, and that its way back has changed. Values only."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.hosts.return_path import START, Path, Sign
from routerd.hosts.schedule import HostKey
from routerd.nat_part import Strategy
from routerd.reports import ReturnPath

_SILENT = 2


class Move(NamedTuple):
    """A host's return path has changed."""

    host: HostKey
    before: ReturnPath
    path: Path
    strategy: Strategy
    sign: Sign


@dataclass(slots=True)
class Host:
    """One host. `gateway` is the next hop where it is behind another router; `mac` is then that one's.

    `kept`: a lease, a reservation or a pin names it. `checked`: when the link-layer address was seen last; 0: never,
    less: it must be asked for again. `hop`: whose link-layer address its own packets came from, at `hop_at`.
    `answered`: from which VPN-side addresses (bits). `silent`: so many measurements in a row had no answer though it is
    there.
    """

    key: HostKey
    mac: bytes | None = None
    checked: float = 0.0
    gateway: IPv4Address | None = None
    kept: int = 0
    last: float = 0.0
    path: Path = START
    strategy: Strategy | None = None
    pinned: bool = False
    told: float = 0.0
    hop: bytes | None = None
    hop_at: float = 0.0
    answered: int = 0
    turn: int = 0
    silent: int = 0

    @property
    def never_seen(self) -> bool:
        """Is it only named, and nothing of it was seen on the LAN?"""
        return self.mac is None and self.path.since is None

    @property
    def own(self) -> bytes | None:
        """Its own link-layer address; None where there is a router in between, or it is not known."""
        return self.mac if self.gateway is None else None

    @property
    def is_without_way_back(self) -> bool:
        """Is it routed, and there, and has not shown that it can answer the VPN?

        An echo through a router shows nothing.
        """
        if self.strategy is not Strategy.SITE_GATEWAY or self.path.proven:
            return False
        return self.silent >= _SILENT or self.path.seen is not None or self.path.state is ReturnPath.LAN_ONLY
