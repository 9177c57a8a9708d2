"""The configuration as frozen values: every key of the file, its default, and nothing else.

Durations are seconds. Addresses, networks and MACs are parsed; nothing here has read the machine.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WITHDRAW = ("never", "gateway-down", "all-peers-down")
ROUTES = ("auto", "always", "never")
STRATEGIES = ("auto", "site-gateway", "masquerade", "none")
SOURCE_NAT = ("auto", "always", "never")
BESIDE_MODES = ("dnsmasq", "kea")
"""The modes of lan.dhcp where another DHCP server stays, and is kept current."""
DHCP_MODES = ("serve", *BESIDE_MODES, "off")
SUBNET_MODES = ("serve", "off")
RIP_VERSIONS = ("v2", "ng")
RIP_ANNOUNCE = ("prefixes", "peers", "none")
RIP_MODES = ("multicast", "broadcast", "unicast")
LONGEST_SECRET = {
    "plain": 16,
    "md5": 16,
    "hmac-sha-1": 20,
    "hmac-sha-256": 32,
    "hmac-sha-384": 48,
    "hmac-sha-512": 64,
}
"""The longest secret of each algorithm of RIP, in bytes; for all but plain it is the length of the digest."""
RIP_ALGORITHMS = tuple(LONGEST_SECRET)
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
SYNC = ("always", "bindings")
OPTION_TYPES = ("ip", "string", "uint8", "uint16", "uint32", "bool", "domains", "hex")


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """A named peer of a vpn. `probe` is None where the key is absent: the default depends on the facts."""

    name: str
    public_key: str | None = None
    address: Address | None = None
    probe: str | None = None
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class Vpn:
    """A WireGuard network. Exactly one of `interface` and `gateways` is set.

    `prefixes` None means: derived from the interface. `map_to` is the prefix that the site sees instead.
    """

    name: str
    interface: str | None = None
    gateways: tuple[IPv4Address, ...] = ()
    prefixes: tuple[IPv4Network, ...] | None = None
    withdraw: str = "gateway-down"
    mtu: int = 1420
    map_to: IPv4Network | None = None
    peers: tuple[PeerConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses from `first` to `last`, both included."""

    first: IPv4Address
    last: IPv4Address

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Option:
    """A DHCP option given by number; `data` is its value as it goes on the wire (any length)."""

    code: int
    data: bytes
    always: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """An address kept for one client, known by `mac`, `client_id` or relay `circuit_id` (exactly one is set).

    What follows `hostname` replaces the network's own setting for this client where it is set.
    """

    address: IPv4Address
    mac: bytes | None = None
    client_id: bytes | None = None
    circuit_id: bytes | None = None
    hostname: str | None = None
    dns: tuple[IPv4Address, ...] | None = None
    router: IPv4Address | str | None = None
    next_server: IPv4Address | None = None
    server_name: str | None = None
    boot_file: str | None = None
    options: tuple[Option, ...] = ()

    def router_on(self, network: IPv4Network, router: IPv4Address | None) -> IPv4Address | None:
        """The router that the client is told on a network with this `router`; None: none, or one that is elsewhere."""
        if self.router is None:
            return router
        return self.router if isinstance(self.router, IPv4Address) and self.router in network else None


@dataclass(frozen=True, slots=True)
class Dnsmasq:
    """A dnsmasq of this machine that stays. `tag` None means: the one that it gives clients of the LAN by itself."""

    options_file: str = "/run/routerd/dnsmasq-options"
    pid_file: str = "/run/dnsmasq/dnsmasq.pid"
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Kea:
    """A Kea of this machine that stays, and where it takes commands. `write`: its file is kept current too.

    `interval` is how often it is looked whether somebody changed its configuration, in seconds.
    `config_file` None means: the one that its process was started with, as far as that can be seen.
    """

    socket: str = "/run/kea/kea4-ctrl-socket"
    write: bool = True
    config_file: str | None = None
    interval: float = 30.0


@dataclass(frozen=True, slots=True)
class Dhcp:
    """What to serve on one LAN. `router` None means: found out; the string "none" means: no router is served.

    `authoritative` None means that it was not set: as if true, but another server on the LAN comes first. `tag` is for
    a subnet that dnsmasq serves, `dnsmasq` and `kea` are for the modes of these names.
    """

    mode: str = "serve"
    pools: tuple[AddressRange, ...] = ()
    router: IPv4Address | str | None = None
    routes: str = "auto"
    dns: tuple[IPv4Address, ...] = ()
    search: tuple[str, ...] = ()
    ntp: tuple[IPv4Address, ...] = ()
    domain: str | None = None
    lease_time: float = 3600.0
    renew_time: float | None = None
    rebind_time: float | None = None
    authoritative: bool | None = None
    next_server: IPv4Address | None = None
    server_name: str | None = None
    boot_file: str | None = None
    reservations: tuple[Reservation, ...] = ()
    options: tuple[Option, ...] = ()
    rapid_commit: bool = False
    conflict_probe: bool = True
    subnet: IPv4Network | None = None
    subnets: "tuple[Dhcp, ...]" = ()
    tag: str | None = None
    dnsmasq: Dnsmasq = field(default_factory=Dnsmasq)
    kea: Kea = field(default_factory=Kea)

    @property
    def is_authoritative(self) -> bool:
        """Are addresses that are wrong on this LAN refused?"""
        return self.authoritative is not False


@dataclass(frozen=True, slots=True)
class HostPin:
    """Hosts whose strategy is set, by exactly one of `address`, `mac` and `prefix`."""

    strategy: str
    address: Address | None = None
    mac: bytes | None = None
    prefix: Network | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of tcp or udp from `first` to `last`, both included."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{ports}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a forward leads: a peer, by name, or an address behind the VPN, and the port for the first one."""

    host: str | Address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if isinstance(self.host, IPv6Address) else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Forward:
    """A port forward: each port of `listen` goes to the port of `to` at the same offset."""

    listen: Ports
    to: Target
    source_nat: str = "auto"


@dataclass(frozen=True, slots=True)
class Alias:
    """An address of the LAN that stands for a whole peer, by name."""

    address: IPv4Address
    peer: str


@dataclass(frozen=True, slots=True)
class RipKey:
    """A key of RIPv2's authentication (RFC 4822). The times are Unix seconds; None: since ever, for ever."""

    id: int
    algorithm: str
    secret_file: str
    send_from: float | None = None
    send_to: float | None = None
    accept_from: float | None = None
    accept_to: float | None = None


@dataclass(frozen=True, slots=True)
class Rip:
    """RIP on one LAN. `imports` (the key `import`) are prefixes, and neighbours by their addresses.

    `ng_prefixes` None means: derived from the WireGuard interface; `ng_gateway` None: this machine.
    """

    versions: tuple[str, ...] = ("v2",)
    announce: str = "prefixes"
    mode: str = "multicast"
    neighbors: tuple[Address, ...] = ()
    metric: int = 1
    tag: int = 0
    update_interval: float = 30.0
    auth_length: int = 16
    answer_unauthenticated: bool = False
    learn: bool = False
    imports: tuple[Network | Address, ...] = ()
    ng_prefixes: tuple[IPv6Network, ...] | None = None
    ng_gateway: IPv6Address | None = None
    keys: tuple[RipKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Lan:
    """A LAN that takes part. `address` None means: the interface's first; `vpns` None means: all."""

    interface: str
    address: IPv4Address | None = None
    strategy: str = "auto"
    vpns: tuple[str, ...] | None = None
    alias_pool: AddressRange | None = None
    hosts: tuple[HostPin, ...] = ()
    dhcp: Dhcp | None = None
    rip: Rip | None = None
    forwards: tuple[Forward, ...] = ()
    aliases: tuple[Alias, ...] = ()

    def takes_part(self, vpn: str) -> bool:
        """Whether the vpn of this name is for this LAN."""
        return self.vpns is None or vpn in self.vpns


@dataclass(frozen=True, slots=True)
class Probe:
    """How peers are probed where a peer says nothing else."""

    interval: float = 10.0
    timeout: float = 2.0
    down_after: int = 3
    up_after: int = 2


@dataclass(frozen=True, slots=True)
class ReturnPathProbe:
    """How it is measured whether hosts of the site have a way back to the VPN."""

    interval: float = 30.0
    timeout: float = 1.0


@dataclass(frozen=True, slots=True)
class Nat:
    """What concerns all address translation."""

    keep: bool = False
    log_flows: bool = False


@dataclass(frozen=True, slots=True)
class Http:
    """Where HTTP is served: `host:port`, `[v6]:port` or `unix:/path`.

    `token_file` holds the token that is asked for where something is to be changed over TCP; it is read when used.
    `tls_cert` and `tls_key` are both set, or none: TCP is served over TLS then.
    """

    listen: tuple[str, ...] = ("127.0.0.1:8121", "unix:/run/routerd/routerd.sock")
    token_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None


@dataclass(frozen=True, slots=True)
class Leases:
    """Where leases are kept: `sqlite:/path`."""

    store: str = "sqlite:/var/lib/routerd/leases.db"
    sync: str = "always"


@dataclass(frozen=True, slots=True)
class Log:
    """How routerd logs."""

    level: str = "info"
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration that passed every check that needs no machine."""

    vpns: tuple[Vpn, ...]
    lans: tuple[Lan, ...]
    probe: Probe = field(default_factory=Probe)
    return_path: ReturnPathProbe = field(default_factory=ReturnPathProbe)
    nat: Nat = field(default_factory=Nat)
    http: Http = field(default_factory=Http)
    leases: Leases = field(default_factory=Leases)
    log: Log = field(default_factory=Log)
