"""Where forwards and aliases lead: peers by name to addresses, and which vpn an address is behind. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.allowed import Owners
from routerd.config.model import Config, Lan
from routerd.model import Address, Facts, Network, VpnFacts
from routerd.nat_part import NatVpn
from routerd.plan_peers import single_address


class PeerTarget(NamedTuple):
    """A peer. `name` is the configured name, else the public key; `address` is None where it has no single one.

    `key` is what it can be known again by under another name: its public key, else the address that it has behind
    another peer.
    """

    vpn: str
    name: str
    address: Address | None
    address4: IPv4Address | None
    key: str = ""


class Targets:
    """The peers of all vpns, and the addresses behind those that take part."""

    def __init__(self, config: Config, facts: Facts, vpns: Iterable[NatVpn]) -> None:
        self._config, self._facts = config, facts
        self.vpns = {vpn.name: vpn for vpn in vpns}
        self._named: dict[str, PeerTarget] | None = None
        self._owners: dict[tuple[str, ...], Owners] = {}

    def named(self, name: str) -> PeerTarget | None:
        """The peer of this configured name; None if there is none."""
        if self._named is None:
            self._named = {}
            for peer in self.all():
                self._named.setdefault(peer.name, peer)
        return self._named.get(name)

    def all(self) -> Iterable[PeerTarget]:
        """Every peer, those with a configured name first in each vpn."""
        for vpn in self._config.vpns:
            rest = dict(self._facts.vpns.get(vpn.name, VpnFacts(found=False)).peers)
            owners = Owners(rest.items())
            for peer in vpn.peers:
                key = peer.public_key or (owners.find(peer.address) if peer.address is not None else None)
                allowed = rest.pop(key, ()) if key is not None else ()
                single = single_address(allowed)
                four = peer.address if isinstance(peer.address, IPv4Address) else _single4(allowed)
                own = peer.public_key or (key if key is not None and peer.address == single else None)
                yield PeerTarget(vpn.name, peer.name, peer.address or single, four, own or str(peer.address))
            for key, allowed in rest.items():
                yield PeerTarget(vpn.name, key, single_address(allowed), _single4(allowed), key)

    def vpns_of(self, lan: Lan) -> list[NatVpn]:
        """The vpns that a LAN takes part in."""
        return [vpn for name, vpn in self.vpns.items() if lan.takes_part(name)]

    def names_of(self, lan: Lan) -> tuple[str, ...]:
        """The names of all vpns that a LAN takes part in, also of those that have no prefix now."""
        return tuple(vpn.name for vpn in self._config.vpns if lan.takes_part(vpn.name))

    def behind(self, lan: Lan, address: Address) -> NatVpn | None:
        """The vpn of this LAN that the address is behind; None if there is none."""
        vpns = self.vpns_of(lan)
        names = tuple(vpn.name for vpn in vpns)
        if names not in self._owners:
            self._owners[names] = Owners((vpn.name, vpn.prefixes) for vpn in vpns)
        found = self._owners[names].find(address)
        return None if found is None else self.vpns[found]


def _single4(allowed: Iterable[Network]) -> IPv4Address | None:
    found = single_address(network for network in allowed if isinstance(network, IPv4Network))
    return found if isinstance(found, IPv4Address) else None
