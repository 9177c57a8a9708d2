"""The values that a RIP speaker takes and gives, and what it promises. Values only.

`now` is monotonic time in seconds, `unix_now` the wall clock: it decides the lifetimes of keys and sequence numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, Protocol

from routerd.config.model import Address, Network
from routerd.rip.auth import Key
from routerd.rip_part import RipLearned, RipReport, RipRoute

GROUP = IPv4Address("224.0.0.9")
GROUP_NG = IPv6Address("ff02::9")


class Version(StrEnum):
    """RIPv2 (RFC 2453) or RIPng (RFC 2080)."""

    V2 = "v2"
    NG = "ng"


class Port(IntEnum):
    """The UDP port of each version."""

    V2 = 520
    NG = 521


class To(StrEnum):
    """What kind of destination a packet has; it says which socket options matter."""

    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    UNICAST = "unicast"


class Packet(NamedTuple):
    """A UDP payload to send, from the version's own port. RIPng goes out with hop limit 255, also unicast."""

    kind: To
    address: Address
    port: int
    data: bytes


class Datagram(NamedTuple):
    """A UDP payload as it came in on the speaker's link.

    `hop_limit` is asked for of RIPng only (IPV6_RECVHOPLIMIT); None: not known, and then not judged. `multicast`:
    whether it was sent to the group.
    """

    data: bytes
    source: Address
    port: int
    hop_limit: int | None = None
    multicast: bool = True


@dataclass(frozen=True, slots=True)
class Import:
    """What may be learned: routes equal to or inside one of `prefixes` (none: any but the default route), of
    `neighbours` (none: any).
    """

    prefixes: tuple[Network, ...] = ()
    neighbours: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """One speaker: one version on one link, with addresses and networks of its family only.

    `own` are all addresses of this machine there, with its link-local ones for RIPng: packets from them are looped
    back. `networks` are the link's: other sources do not count (link-local ones of RIPng always do). `group` is
    where updates go besides `neighbours`: a multicast or broadcast address, or None. `learn` None: nothing is learned.
    """

    lan: str
    version: Version
    own: frozenset[Address]
    networks: tuple[Network, ...]
    group: tuple[To, Address] | None = (To.MULTICAST, GROUP)
    neighbours: tuple[Address, ...] = ()
    update_interval: float = 30.0
    keys: tuple[Key, ...] = ()
    auth_length: int = 16
    answer_unauthenticated: bool = False
    learn: Import | None = None
    barred: tuple[Network, ...] = ()
    mtu: int = 1500


class Change(NamedTuple):
    """One item: a prefix that is announced, new or otherwise than before, or (route None) withdrawn."""

    prefix: Network
    route: RipRoute | None


class SpeakerWords(Protocol):
    """What `routerd.rip.speaker.Speaker(settings, rng, sequence, now)` does.

    Nothing is sent by itself: after every call ask `next_deadline`, and call `on_deadline` as soon as that has come
    (at once where it is not later than `now`). No method ever raises for what came from the wire.
    """

    def configure(self, settings: Settings, now: float) -> None:
        """Go on with other settings of the same version; what is announced, learned and counted stays."""

    def apply(self, routes: Iterable[RipRoute], now: float) -> None:
        """Announce exactly these. What was announced before and is not among them is withdrawn with metric 16 for 4
        update intervals. Before the first call nothing is announced, nor any request answered.
        """

    def update(self, changes: Iterable[Change], now: float) -> None:
        """The same for some prefixes; any sequence of updates equals one `apply`."""

    def receive(self, datagram: Datagram, now: float, unix_now: float) -> None:
        """Judge a datagram: learn from a response, queue the answer to a request, or count why not."""

    def next_deadline(self) -> float | None:
        """When `on_deadline` has something to do; None: never, as things are."""

    def on_deadline(self, now: float, unix_now: float) -> tuple[Packet, ...]:
        """What is to be sent now, in this order; more than a burst of packets is given piece by piece.

        `sequence.unstored` (see rip/sequence.py) is to be on disk before any of them leaves.
        """

    def farewell(self, now: float, unix_now: float) -> tuple[Packet, ...]:
        """Everything that is or was announced, with metric 16; for a stop, to be called and sent three times."""

    def learned(self) -> tuple[RipLearned, ...]:
        """The routes that hold now."""

    def learned_changes(self) -> dict[Network, RipLearned | None]:
        """What has changed of them since the last call; None: it does not hold any more."""

    def resume(self, now: float) -> None:
        """The link was away and is there again: a full update, and the question for the neighbours', are due."""

    @property
    def generation(self) -> int:
        """A number that is another one whenever `learned()` would say something else."""

    def report(self) -> RipReport:
        """Counters, neighbours and errors, made on demand."""
