"""The words between plan and aliases/: which LAN addresses are to stand for which peers. Values only."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.nat_part import NatPool, PoolPeer


class FixedAlias(NamedTuple):
    """An alias as the configuration sets it."""

    lan: str
    address: IPv4Address
    peer: PoolPeer


@dataclass(frozen=True, slots=True)
class AliasLan:
    """A LAN with aliases. `address` is this machine's own there, `mac` its interface's; `up`: the link is there."""

    interface: str
    index: int
    mac: bytes
    address: IPv4Address
    up: bool


@dataclass(frozen=True, slots=True)
class AliasPart:
    """What aliases/ claims. Empty: nothing, and nothing of routerd's answers for any address that is not its own.

    `own_macs` are all of this machine's: what comes from them is no other machine. `complete` False: not all peers are
    known yet. `keep`: what is claimed stays at the end, like the rules.
    """

    lans: tuple[AliasLan, ...] = ()
    aliases: tuple[FixedAlias, ...] = ()
    pools: tuple[NatPool, ...] = ()
    own_macs: frozenset[bytes] = frozenset()
    complete: bool = True
    keep: bool = False


class Claimed(NamedTuple):
    """An address that nobody else of the LAN has, so that its rules can be made. `vpn` and `key` name the peer that was
    chosen for an address of a pool; they are empty where the configuration says it.
    """

    lan: str
    address: IPv4Address
    vpn: str = ""
    key: str = ""
