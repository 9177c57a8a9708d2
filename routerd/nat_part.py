"""The words between plan, hosts/ and nat/: what the rules are made from. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from routerd.model import Address, Network


class Strategy(StrEnum):
    """How a host and the VPN talk (DESIGN: auto chooses per host from what was measured)."""

    AUTO = "auto"
    SITE_GATEWAY = "site-gateway"
    MASQUERADE = "masquerade"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class NatVpn:
    """A vpn as the rules see it.

    `interface` is set where WireGuard runs on this machine, and `addresses` are this machine's own inside the VPN, at
    most one per family: forwarded flows are masqueraded behind it. Else `gateways` are the machines of a LAN that
    lead to it, each with its link-layer address where that is known. `mapped`: (real, shown) prefixes of one size.
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
    """A LAN as the rules see it: `networks` are its own, `address` is what masqueraded flows come from."""

    interface: str
    networks: tuple[Network, ...]
    addresses: tuple[Address, ...]
    vpns: tuple[str, ...]
    strategy: Strategy = Strategy.AUTO
    pins: tuple[NatPin, ...] = ()


@dataclass(frozen=True, slots=True)
class NatForward:
    """A port forward: `first` to `last` of `protocol` at each of `addresses` goes to `to`, from port `to_first` on.

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


@dataclass(frozen=True, slots=True)
class NatAlias:
    """A LAN address that stands for a whole peer, in both directions."""

    lan: str
    vpn: str
    address: Address
    peer: Address


@dataclass(frozen=True, slots=True)
class NatPart:
    """Everything that the one nftables table is made from. Empty: there is no table."""

    vpns: tuple[NatVpn, ...] = ()
    lans: tuple[NatLan, ...] = ()
    forwards: tuple[NatForward, ...] = ()
    aliases: tuple[NatAlias, ...] = ()
    keep: bool = False
    log_flows: bool = False


class HostChange(NamedTuple):
    """One item of nat/: a host of a LAN and the strategy that holds for it now; `seconds` after which a proof ends."""

    lan: str
    address: Address
    strategy: Strategy
    seconds: float
