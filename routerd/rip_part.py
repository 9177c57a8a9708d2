"""The words between plan and rip/: what each LAN's RIP speakers announce, and whom they may learn from. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.config.model import Address, Network, Rip


class RipRoute(NamedTuple):
    """A prefix as a LAN is told of it. `next_hop` None: the sender of the packet itself.

    For IPv4 it is an address of the LAN, for IPv6 a link-local one. `metric` 1 to 15, `tag` 0 to 65535.
    """

    prefix: Network
    next_hop: Address | None = None
    metric: int = 1
    tag: int = 0


class RipPeer(NamedTuple):
    """The routes that are announced while one peer is reachable. `name`: as in `ProbeTarget`."""

    vpn: str
    name: str
    routes: tuple[RipRoute, ...]


@dataclass(frozen=True, slots=True)
class RipLan:
    """What RIP does on one LAN. A route that is in neither `routes` nor those of a reachable peer is withdrawn.

    `address` is where RIPv2 packets come from, `addresses` are all that this machine has there (link-local ones of IPv6
    are not known here), `networks` those of the link: senders from elsewhere do not count. `broadcast` is where
    `mode = "broadcast"` sends to. Nothing inside `barred` is ever learned: the VPN's own prefixes and the LANs.
    """

    interface: str
    index: int
    mtu: int
    address: IPv4Address
    addresses: frozenset[Address]
    networks: tuple[Network, ...]
    broadcast: IPv4Address
    settings: Rip
    routes: tuple[RipRoute, ...] = ()
    peers: tuple[RipPeer, ...] = ()
    barred: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class RipPart:
    """RIP on all LANs that have it. Empty: no socket of RIP is open."""

    lans: tuple[RipLan, ...] = ()


class RipLearned(NamedTuple):
    """A route of the site that a neighbour announced. `metric` is that of the way from here (1 more than it said).

    `gateway` is on the link of `lan`: the next hop of the entry, else the neighbour itself.
    """

    lan: str
    prefix: Network
    gateway: Address
    metric: int
    tag: int
    neighbour: Address


@dataclass(frozen=True, slots=True)
class RipNeighbour:
    """One machine that was heard, in the words of RFC 1724 (rip2PeerEntry). `last_update` is Unix time, None: never.

    `version` is that of its last packet. `last_error` says why its last bad packet or entry was not taken.
    """

    address: Address
    version: int
    last_update: float | None
    bad_packets: int
    bad_routes: int
    authentication_failures: int
    routes: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class RipReport:
    """One speaker for `/v1/status` and the metrics. The names of `counters` are those of RFC 1724, where it has one.

    `announced` are routes that are announced now, `withdrawn` those that still go out with metric 16. `last_error` is
    the last one of all neighbours.
    """

    lan: str
    version: str
    announced: int
    withdrawn: int
    learned: int
    counters: Mapping[str, int]
    neighbours: tuple[RipNeighbour, ...] = ()
    last_error: str | None = None
    key_id: int | None = None
    """The key that packets are signed with; None: they are not."""
    key_expired: bool = False
    """No key may be used now by its times; the one that ended last goes on (RFC 4822 section 5.1)."""
