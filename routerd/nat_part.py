"""The words between plan, hosts/ and nat/: what the rules are made from. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.config.model import Address, AddressRange, Network
from routerd.reports import ReturnPath


class Strategy(StrEnum):
    """How a host and the VPN talk (DESIGN: auto chooses per host from what was measured)."""

    AUTO = "auto"
    SITE_GATEWAY = "site-gateway"
    MASQUERADE = "masquerade"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class NatVpn:
    """A vpn as the rules see it. `prefixes` are the real ones, of both families; what is shown is in `mapped` only.

    `interface` is set where WireGuard runs on this machine, and `addresses` are this machine's own inside the VPN, at
    most one per family: forwarded flows are masqueraded behind it. They are empty while the interface is missing.
    Else `gateways` are the machines of a LAN that lead to it, each with its link-layer address where that is known.
    `mapped`: (real, shown) IPv4 prefixes of one size; `real` is the only IPv4 prefix then. `mtu` is that of the tunnel.
    """

    name: str
    prefixes: tuple[Network, ...]
    interface: str | None = None
    addresses: tuple[Address, ...] = ()
    gateways: tuple[tuple[Address, bytes | None], ...] = ()
    mtu: int | None = None
    mapped: tuple[Network, Network] | None = None


class NatPin(NamedTuple):
    """Hosts whose strategy the configuration sets."""

    network: Network
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class NatLan:
    """A LAN as the rules see it. `networks` are its own, of both families.

    `addresses` is what masqueraded flows come from, at most one per family. `vpns` are those of the part that it takes
    part in. The first of `pins` that holds a host decides (the nearest network comes first), before `strategy`;
    `mac_pins` come after the pins of single addresses. `plan_nat.decide_host` says what holds for one host.
    """

    interface: str
    networks: tuple[Network, ...]
    addresses: tuple[Address, ...]
    vpns: tuple[str, ...]
    strategy: Strategy = Strategy.AUTO
    pins: tuple[NatPin, ...] = ()
    mac_pins: tuple[tuple[bytes, Strategy], ...] = ()


@dataclass(frozen=True, slots=True)
class NatForward:
    """A port forward: `first` to `last` of `protocol` at each of `addresses` goes to `to`, from port `to_first` on.

    `addresses` are all that this machine has on the LANs that take part in the vpn, of the family of `to`; `lan` only
    names the section that it stands in. `measured`: whether the peer's way back decides `masquerade` (source_nat =
    "auto" where WireGuard runs on this machine).

    `masquerade`: the peer sees this machine's address inside the VPN (place 2: on the LAN) instead of the host's.
    """

    lan: str
    vpn: str
    protocol: str
    first: int
    last: int
    addresses: tuple[Address, ...]
    to: Address
    to_first: int
    masquerade: bool = True
    measured: bool = False


@dataclass(frozen=True, slots=True)
class NatAlias:
    """A LAN address that stands for a whole peer, in both directions. `masquerade` as in `NatForward`, and measured."""

    lan: str
    vpn: str
    address: Address
    peer: Address
    masquerade: bool = False


class PoolPeer(NamedTuple):
    """A peer that gets an alias out of a pool. `name` is the configured name, else the public key.

    `key` is what it is remembered by: its public key, else (a machine behind another peer) its address.
    """

    vpn: str
    name: str
    address: IPv4Address
    key: str = ""


@dataclass(frozen=True, slots=True)
class NatPool:
    """The LAN addresses that become aliases, one for each of `peers`; those of `barred` are never taken.

    Which peer gets which one is decided by who claims them: they must stay the same across restarts.
    """

    lan: str
    addresses: AddressRange
    peers: tuple[PoolPeer, ...] = ()
    barred: frozenset[IPv4Address] = frozenset()


@dataclass(frozen=True, slots=True)
class NatPart:
    """Everything that the one nftables table is made from. Empty: there is no table.

    `aliases` are those that nobody else of the LAN has, `pools` where more may come from: no rule is made from these.
    """

    vpns: tuple[NatVpn, ...] = ()
    lans: tuple[NatLan, ...] = ()
    forwards: tuple[NatForward, ...] = ()
    aliases: tuple[NatAlias, ...] = ()
    pools: tuple[NatPool, ...] = ()
    keep: bool = False
    log_flows: bool = False


class HostChange(NamedTuple):
    """One item of nat/: a host of a LAN and the strategy that holds for it now; `seconds` after which a proof ends.

    `lost`: it had a way back and has none any more, so that what was answered is not answered now either.
    """

    lan: str
    address: Address
    strategy: Strategy
    seconds: float
    lost: bool = False


class HostState(NamedTuple):
    """What decides about one host, beside the configuration. `tcp_proof`: an answer to TCP from the VPN was seen.

    Without one, answers that come back via a router prove nothing: routers' firewalls pass pings and drop half-seen
    TCP.
    """

    address: Address
    mac: bytes | None = None
    return_path: ReturnPath = ReturnPath.UNKNOWN
    tcp_proof: bool = False
