"""What services report: the values behind `/v1/…`, `/readyz` and the metrics. Immutable, made on demand.

Times named `at`, `since` and `last_*` are Unix seconds (wall clock) unless a docstring says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.config.fault import ConfigFault


class PeerState(StrEnum):
    """State of a peer, as `/v1/peers` shows it; the rules are in peers/status.py."""

    UP = "up"
    STALE = "stale"
    DOWN = "down"
    IDLE = "idle"
    NEVER = "never"
    UNKNOWN = "unknown"


REACHABLE: Mapping[PeerState, bool | None] = {
    PeerState.UP: True,
    PeerState.STALE: True,
    PeerState.DOWN: False,
    PeerState.IDLE: None,
    PeerState.NEVER: None,
    PeerState.UNKNOWN: None,
}


class Evidence(NamedTuple):
    """When a peer last gave a sign of life of this kind; None: never.

    `kind` is probe (its last answer), handshake (its last one) or traffic (bytes that came from it, as its device
    counts them, the answers to probes left out).
    """

    kind: str
    at: float | None


class PeerReport(NamedTuple):
    """One peer as `/v1/peers` shows it. `rtt` is in seconds; `failure` says why the last probe failed, if it did.

    `flapping`: more than 4 changes of state in 5 minutes.
    """

    name: str
    public_key: str | None
    vpn: str
    addresses: tuple[str, ...]
    endpoint: str | None
    state: PeerState
    since: float
    last_handshake: float | None
    rx_bytes: int | None
    tx_bytes: int | None
    probe_kind: str
    rtt: float | None
    last_success: float | None
    failures: int
    evidence: tuple[Evidence, ...] = ()
    flapping: bool = False
    failure: str | None = None

    @property
    def reachable(self) -> bool | None:
        """True in up and stale, False in down, None where nobody knows."""
        return REACHABLE[self.state]


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """One lease as `/v1/leases` shows it. MACs and client identifiers are lower case hex with colons.

    `accepts_routes`: does its client ask for classless routes (options 121 and 249)? None where that is not known.
    `routes_current`: did its last ACK carry exactly the routes that are handed out now? None unless it is bound.
    """

    address: IPv4Address
    mac: str
    client_id: str | None
    hostname: str | None
    lan: str
    state: str
    starts: float
    expires: float
    accepts_routes: bool | None = None
    routes_current: bool | None = None


class ReturnPath(StrEnum):
    """The way of packets from a host to the VPN, as `/v1/hosts` shows it."""

    DIRECT = "direct"
    VIA_ROUTER = "via-router"
    LAN_ONLY = "lan-only"
    UNKNOWN = "unknown"


class HostEvidence(NamedTuple):
    """What the return path of a host is known by: the kind of evidence, where its packets went, and when."""

    kind: str
    next_hop_mac: str | None
    at: float


class HostLease(NamedTuple):
    """The lease of a host: when it ends, and whether its last ACK carried the routes that are handed out now."""

    expires: float
    routes_current: bool


class HostReport(NamedTuple):
    """One machine of the site as `/v1/hosts` shows it.

    `accepts_routes` is that of its lease, None without one. `strategy` is how it and the VPN talk now; `pinned`: the
    configuration says so. `since`: the return path has been so since then; while it was never measured, the host has
    had its lease since then; None where neither is known.
    """

    address: IPv4Address
    mac: str | None
    hostname: str | None
    lan: str
    lease: HostLease | None
    accepts_routes: bool | None
    return_path: ReturnPath
    evidence: HostEvidence | None
    strategy: str
    pinned: bool
    since: float | None


class Released(Enum):
    """How releasing a lease ended."""

    DONE = "done"
    """It is gone, also from the disk."""
    NONE = "none"
    """There is no lease of this address."""
    RESERVED = "reserved"
    """The address is kept for its client by the configuration."""
    UNSTORED = "unstored"
    """It is gone here, but the lease file could not be written: a restart before it can would bring it back."""


class Confirmed(Enum):
    """How confirming a configuration that is on trial ended."""

    DONE = "done"
    """It stays in force."""
    NOTHING = "nothing"
    """None is on trial, or not any more."""
    UNSTORED = "unstored"
    """The mark of the trial cannot be removed, so it will be taken back."""


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """Whether a new configuration was taken over, and why not."""

    ok: bool
    errors: tuple[ConfigFault, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """Where the configuration comes from, since when it is in use (Unix seconds), and the faults of a refused one."""

    path: str
    loaded: float
    errors: tuple[ConfigFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One of routerd's own duties for `/readyz`."""

    name: str
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProblemReport:
    """A problem as `/v1/problems` shows it: since when, how bad, what to do, and whether another one explains it."""

    code: str
    subject: str
    severity: str
    text: str
    mend: str
    since: float
    caused_by: str | None = None


@dataclass(frozen=True, slots=True)
class NatReport:
    """The table of rules. `hosts` have proven their way back; `flows` counts those of each strategy since the table
    was first made, `spoofed` the packets that were dropped because they claimed to be of a vpn.
    """

    installed: bool
    hosts: int
    flows: Mapping[str, int]
    spoofed: int
