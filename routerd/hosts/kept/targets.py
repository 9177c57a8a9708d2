"""What forwards and aliases lead to, and from which addresses of the site it is asked. Pure.

What is to be known is whether the peer's AllowedIPs hold the networks of all LANs: then a host may come with its own
address. The peer cannot be asked for them, but WireGuard there drops every packet whose source they do not hold, and
sends an answer only to what they hold. So an answer that came to an address of a LAN proves that this address is in
them. Two addresses of each LAN are tried, and both must be answered:

- this machine's own. It alone would prove too little: many peers hold only that one, as a /32.
- the network's last address, its directed broadcast. No host has it, so no host hears of the answer, and this machine
  takes what comes in for it for its own and forwards it nowhere (RFC 2644): it drops it in silence.

A prefix that holds both holds the whole network, but for AllowedIPs put together from smaller pieces with gaps. Flows
of hosts in such a gap have no answer, which `doubts` sees.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.model import Address
from routerd.nat_part import NatLan, NatPart, NatVpn

ECHO = 0
"""The question that is no TCP port."""

Key = tuple[str, IPv4Address]
"""The vpn, and the address of what is behind it."""

_MOST_PORTS = 3


class KeptTarget(NamedTuple):
    """An address behind a vpn that forwards or aliases lead to.

    It is asked from `own`, this machine's address inside the VPN, and from `sources`, addresses of the site. The
    questions are TCP ports that forwards lead to, because a firewall there may let echoes of any source pass and TCP of
    its own networks only; where there are none it is an echo.
    """

    vpn: str
    interface: str
    address: IPv4Address
    own: IPv4Address
    sources: tuple[IPv4Address, ...]
    questions: tuple[int, ...]


def kept_targets(part: NatPart) -> dict[Key, KeptTarget]:
    """All that is measured: IPv4 targets of measured forwards, and peers that have an alias or may get one."""
    asked: dict[tuple[str, Address], dict[int, None]] = {}
    for forward in part.forwards:
        if forward.measured:
            ports = asked.setdefault((forward.vpn, forward.to), {})
            if forward.protocol == "tcp":
                ports[forward.to_first] = None
    aliases = [(alias.vpn, alias.peer) for alias in part.aliases]
    for at in (*aliases, *((peer.vpn, peer.address) for pool in part.pools for peer in pool.peers)):
        asked.setdefault(at, {})
    vpns = {vpn.name: vpn for vpn in part.vpns}
    sources = {name: tuple(dict.fromkeys(_sources(vpn, part.lans))) for name, vpn in vpns.items()}
    found = {}
    for (name, address), ports in asked.items():
        vpn = vpns.get(name)
        own = _own(vpn) if vpn is not None else None
        if vpn is None or vpn.interface is None or own is None or not sources[name]:
            continue
        if isinstance(address, IPv4Address):
            questions = tuple(ports)[:_MOST_PORTS] or (ECHO,)
            found[name, address] = KeptTarget(name, vpn.interface, address, own, sources[name], questions)
    return found


def listened_at(part: NatPart) -> list[IPv4Network]:
    """The addresses that hosts send to where a forward or an alias leads them to a target."""
    found: dict[Address, None] = {at: None for forward in part.forwards if forward.measured for at in forward.addresses}
    found |= {alias.address: None for alias in part.aliases}
    return [IPv4Network(address) for address in found if isinstance(address, IPv4Address)]


def hides(part: NatPart, key: Key) -> bool:
    """Does the part hide hosts from this target, where measuring decides?"""
    forwards = (each.masquerade for each in part.forwards if each.measured and (each.vpn, each.to) == key)
    aliases = (each.masquerade for each in part.aliases if (each.vpn, each.peer) == key)
    return all(forwards) and all(aliases)


def _sources(vpn: NatVpn, lans: Iterable[NatLan]) -> Iterator[IPv4Address]:
    for lan in lans:
        if vpn.name not in lan.vpns:
            continue
        yield from (address for address in lan.addresses if isinstance(address, IPv4Address))
        for network in lan.networks:
            if isinstance(network, IPv4Network) and network.prefixlen < 31:
                yield network.broadcast_address


def _own(vpn: NatVpn) -> IPv4Address | None:
    return next((address for address in vpn.addresses if isinstance(address, IPv4Address)), None)
