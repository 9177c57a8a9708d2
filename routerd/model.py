"""The shared words: facts about the machine, the plan and its parts, events and problems. Values only.

Times named `at`, `since` and `last_*` are Unix seconds (wall clock) unless a docstring says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import NamedTuple

from routerd.alias_part import AliasPart, Claimed
from routerd.beside_part import BesidePart
from routerd.config.model import Dhcp
from routerd.nat_part import NatPart
from routerd.rip_part import RipPart

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of routerd's own namespace. `up` is administrative and operational state together.

    `addresses6` are its IPv6 addresses in order, without link-local ones, temporary ones (they change every day) and
    those that cannot be used.
    """

    name: str
    index: int
    up: bool
    mac: bytes
    mtu: int
    addresses: tuple[IPv4Interface, ...] = ()
    addresses6: tuple[IPv6Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class DefaultGateway:
    """A default route of the main table, best metric first in `Facts.default_gateways`."""

    address: IPv4Address
    interface: str


@dataclass(frozen=True, slots=True)
class VpnFacts:
    """What decides about a vpn that lives on this machine: its peers' keys and AllowedIPs; never counters or keys.

    While its interface is missing (`found` is False) `peers` are those that it had last. `last` are the networks
    that were behind it when its interface was up last: they count until it is up again. `here` are the peers that are
    at the site now: the address of a LAN that their packets came from last, and their key.
    """

    found: bool
    peers: tuple[tuple[str, tuple[Network, ...]], ...] = ()
    last: tuple[IPv4Network, ...] = ()
    here: tuple[tuple[IPv4Address, str], ...] = ()


class LeasedAlias(NamedTuple):
    """An address that is an alias by the configuration, or may become one, and that a client holds by DHCP."""

    lan: str
    address: IPv4Address
    mac: str
    expires: int


class Forwarding6(StrEnum):
    """Whether the machine forwards IPv6: everywhere, nowhere, or nowhere yet but one interface at a time can.

    The latter is Linux 6.17's force_forwarding. Before, it is all interfaces or none, and those that have their own
    address from router advertisements lose it then.
    """

    ON = "on"
    BY_INTERFACE = "by-interface"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the plan is made from, besides the configuration. A change of any field makes a new plan."""

    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    default_gateways: tuple[DefaultGateway, ...] = ()
    vpns: Mapping[str, VpnFacts] = field(default_factory=dict)
    read: bool = True
    """Could the kernel's network state be read at all?"""
    all_down: frozenset[str] = frozenset()
    """The vpns of which every peer is known to be unreachable."""
    kept: frozenset[tuple[str, Address]] = frozenset()
    """The vpn and the address of what forwards and aliases lead to, where it was seen to answer addresses of all LANs
    of the vpn: the peer's AllowedIPs hold their networks."""
    link_layer: tuple[tuple[Address, bytes], ...] = ()
    """The link-layer addresses of gateways, where they are known, in order."""
    claimed: frozenset[Claimed] = frozenset()
    """The aliases that nobody else of their LAN has."""
    leased: tuple[LeasedAlias, ...] = ()
    """What would be aliases, and is leased now."""
    forwarding6: Forwarding6 = Forwarding6.ON


# ---------------------------------------------------------------- the plan and its parts


class RouteState(StrEnum):
    """State of a route towards a LAN, as `/v1/routes` shows it."""

    OFFERED = "offered"
    WITHDRAWN = "withdrawn"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True, slots=True)
class Route:
    """One prefix behind the VPN as one LAN is told of it. `gateway` is None while it is not known."""

    prefix: IPv4Network
    gateway: IPv4Address | None
    lan: str
    channels: tuple[str, ...]
    state: RouteState
    reason: str
    metric: int = 1


@dataclass(frozen=True, slots=True)
class DhcpScope:
    """One network that is served: a LAN's own, or one behind a relay agent. `key` names its leases.

    `routes` go out as option 121 (the default route is added by the encoder from `router`), already collapsed.
    `through` are hosts of the network that are peers of the VPN, each with the routes that lead through itself: it is
    not sent those. `excluded` are addresses that are never leased. `address` is the server's, `mtu` that of the LAN.
    `own_routes` are the routes of clients whose reservation has a `router` of its own, by that router (None: none),
    where they are not those of all others: for these this machine is no default router, or is one for them alone.
    """

    key: str
    address: IPv4Address
    mtu: int
    network: IPv4Network
    router: IPv4Address | None
    routes: tuple[tuple[IPv4Network, IPv4Address], ...]
    excluded: frozenset[IPv4Address]
    settings: Dhcp
    through: tuple[tuple[IPv4Address, tuple[IPv4Network, ...]], ...] = ()
    own_routes: tuple[tuple[IPv4Address | None, tuple[tuple[IPv4Network, IPv4Address], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class DhcpPart:
    """What the DHCP server serves on one LAN: its own network, and those behind relay agents that ask here."""

    interface: str
    index: int
    mac: bytes
    own: DhcpScope
    subnets: tuple[DhcpScope, ...] = ()

    @property
    def address(self) -> IPv4Address:
        """This server's address on the LAN."""
        return self.own.address

    @property
    def network(self) -> IPv4Network:
        """The LAN's own network."""
        return self.own.network

    @property
    def settings(self) -> Dhcp:
        """The settings of the LAN's own network."""
        return self.own.settings

    @property
    def router(self) -> IPv4Address | None:
        """The default gateway of the LAN's own network."""
        return self.own.router

    @property
    def routes(self) -> tuple[tuple[IPv4Network, IPv4Address], ...]:
        """The routes that the LAN's own network is told."""
        return self.own.routes

    @property
    def scopes(self) -> tuple[DhcpScope, ...]:
        """All networks that are served, the LAN's own first."""
        return (self.own, *self.subnets)


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """A route of the main table. `gateway` None and `interface` set: on-link; both None: unreachable.

    `mtu` None: that of the interface.
    """

    prefix: IPv4Network
    gateway: IPv4Address | None = None
    interface: str | None = None
    metric: int = 121
    mtu: int | None = None


FORWARDING6 = "force_forwarding"
"""The setting below net.ipv6.conf that lets one interface forward IPv6 (Linux 6.17); there is none for IPv4."""


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A setting below net.ipv4.conf, `FORWARDING6` below net.ipv6.conf: `interface`, `name`, and the value wanted.

    `at_least` True: a greater value that is there already is left alone.
    """

    interface: str
    name: str
    value: int
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class KernelPart:
    """What routes/ keeps in the kernel. Empty: nothing of routerd's is there.

    `complete` False: not everything is known yet, so what is there already from before stays. `keep`: all of it stays
    at the end, until the next start or `clean`: rules that are kept lead nowhere without forwarding and routes.
    """

    routes: tuple[KernelRoute, ...] = ()
    sysctls: tuple[Sysctl, ...] = ()
    complete: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One peer as peers/ measures it. `address` is what is probed; None: nothing is, the handshake decides.

    `name` is the configured name, else the public key. `source` and `interface` bind the probe.
    `kind` is the key `probe` as config/probes.py writes it: icmp, tcp:PORT, http://…, https://…, handshake or none.
    `interval` is in seconds. `own` is the peer's own address as configured, which finds it where no key is given.
    """

    name: str
    vpn: str
    public_key: str | None
    address: Address | None
    kind: str
    interval: float
    interface: str | None = None
    source: Address | None = None
    allowed_ips: tuple[Network, ...] = ()
    own: Address | None = None


PeerKey = tuple[str, str]
"""The vpn and the name of a peer."""


class PeerChange(NamedTuple):
    """One item of peers/: a peer that is new or changed, or (target None) gone."""

    key: PeerKey
    target: ProbeTarget | None


@dataclass(frozen=True, slots=True)
class PeersPart:
    """All peers of all vpns, how often one may fail or must succeed before its state changes, and what they lack."""

    targets: tuple[ProbeTarget, ...] = ()
    timeout: float = 2.0
    down_after: int = 3
    up_after: int = 2
    problems: "tuple[Problem, ...]" = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps routerd or a part of the site from working; `code` is declared in health.py.

    `subject` names what has it ("lan eth0", "peer endpoint-a"); `within` names what that belongs to, so that a
    problem of the whole explains one of its parts. `values` fill the declared text.
    """

    code: str
    subject: str
    values: tuple[tuple[str, str], ...] = ()
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What routerd wants, derived from configuration and facts only."""

    routes: tuple[Route, ...] = ()
    dhcp: tuple[DhcpPart, ...] = ()
    kernel: KernelPart = field(default_factory=KernelPart)
    problems: tuple[Problem, ...] = ()
    nat: NatPart = field(default_factory=NatPart)
    aliases: AliasPart = field(default_factory=AliasPart)
    rip: RipPart = field(default_factory=RipPart)
    beside: tuple[BesidePart, ...] = ()


# ---------------------------------------------------------------- WireGuard as it is read


@dataclass(frozen=True, slots=True)
class WireGuardPeer:
    """A peer as the device reports it. `last_handshake` 0.0 means never. Keys that are secret are not here."""

    public_key: str
    allowed_ips: tuple[Network, ...] = ()
    endpoint: str | None = None
    last_handshake: float = 0.0
    rx_bytes: int = 0
    tx_bytes: int = 0
    keepalive: int = 0


@dataclass(frozen=True, slots=True)
class WireGuardDevice:
    """A WireGuard interface as it is now, kernel or userspace."""

    interface: str
    public_key: str | None
    listen_port: int
    peers: tuple[WireGuardPeer, ...] = ()


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed. `kind` is lease, peer, host, route, alias, problem or daemon.

    `what` is the new state in a word, `subject` the address, name or prefix that changed; `data` are further values,
    ready for JSON.
    """

    kind: str
    subject: str
    what: str
    at: float
    data: Mapping[str, object] = field(default_factory=dict)
