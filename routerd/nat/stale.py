"""Which flows must be judged anew, because their translation works no more. All others go on as they began. Pure.

A connection of TCP is never ended because its host's way back was lost. Masqueraded from its middle it is not known to
the host, which resets it. Left alone it goes on as soon as the way is there again (tried: after 30 s), or goes on all
the time where the host answers some addresses of the VPN only, and not those that it was measured from. Whoever can
wait no longer connects anew, and is masqueraded then. What has no connections, as UDP, goes on masqueraded.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

from routerd.flows import TCP, UDP, Flow
from routerd.model import Address, Network
from routerd.nat_part import NatPart

_PROTOCOLS = {"tcp": TCP, "udp": UDP}
_SCTP, _DCCP = 132, 33
_CONNECTED = frozenset((TCP, _SCTP, _DCCP))

End = tuple[Address, int]
"""An address, and a port; 0 where the flow's own port stays."""


class Translations:
    """Where a part sends what, and what it makes of a peer's own address."""

    def __init__(self, part: NatPart) -> None:
        self._ranges: dict[tuple[int, Address], list[tuple[int, int, Address, int]]] = {}
        for forward in part.forwards:
            for address in forward.addresses:
                row = (forward.first, forward.last, forward.to, forward.to_first)
                self._ranges.setdefault((_PROTOCOLS.get(forward.protocol, 0), address), []).append(row)
        self._aliases = {alias.address: alias.peer for alias in part.aliases}
        self._sources = {(alias.peer, alias.address) for alias in part.aliases}
        self._mapped = [vpn.mapped for vpn in part.vpns if vpn.mapped is not None]

    def towards(self, protocol: int, destination: Address, port: int) -> End | None:
        """Where a flow to this destination is sent; None: it is left alone."""
        for first, last, to, to_first in self._ranges.get((protocol, destination), ()):
            if first <= port <= last:
                return to, to_first + port - first
        if destination in self._aliases:
            return self._aliases[destination], 0
        for real, shown in self._mapped:
            if destination in shown:
                return _moved(destination, shown, real), 0
        return None

    def stands_for(self, shown: Address, peer: Address) -> bool:
        """Is this address one that the peer's own flows come from?"""
        if (peer, shown) in self._sources:
            return True
        return any(peer in real and _moved(peer, real, there) == shown for real, there in self._mapped)


def concerned(old: NatPart, new: NatPart) -> list[Network]:
    """The networks whose flows a change of the part may concern; none where it cannot concern any."""
    networks: set[Network] = set()
    for forward in set(old.forwards) ^ set(new.forwards):
        networks |= {ip_network(address) for address in forward.addresses}
    for alias in set(old.aliases) ^ set(new.aliases):
        networks |= {ip_network(alias.address), ip_network(alias.peer)}
    for vpn in set(old.vpns) ^ set(new.vpns):
        networks |= set(vpn.mapped or ())
    if old.lans != new.lans or [vpn.prefixes for vpn in old.vpns] != [vpn.prefixes for vpn in new.vpns]:
        networks |= {prefix for vpn in new.vpns if vpn.interface is not None for prefix in vpn.prefixes}
    return sorted(networks, key=str)


def after_change(flows: Iterable[Flow], old: NatPart, new: NatPart) -> Iterator[Flow]:
    """The flows that a change of the part has cut off: of removed forwards, aliases and maps, and those that have no
    answer yet and would be translated otherwise now."""
    before, now = Translations(old), Translations(new)
    prefixes = [prefix for vpn in new.vpns if vpn.interface is not None for prefix in vpn.prefixes]
    for flow in flows:
        wanted = now.towards(flow.protocol, flow.destination, flow.destination_port)
        goes_to = (flow.reply_source, flow.reply_source_port)
        if flow.destination_changed:
            had = before.towards(flow.protocol, flow.destination, flow.destination_port)
            if had is not None and _is(had, goes_to, flow) and not (wanted and _is(wanted, goes_to, flow)):
                yield flow
        elif flow.source_changed and before.stands_for(flow.reply_destination, flow.source):
            if not now.stands_for(flow.reply_destination, flow.source):
                yield flow
        elif flow.opening and (wanted is not None or (not flow.source_changed and _in(flow.source, prefixes))):
            yield flow


def without_way_back(flows: Iterable[Flow], hosts: Mapping[Address, bool], part: NatPart) -> Iterator[Flow]:
    """The flows from the VPN to these hosts that keep their source, cannot be answered so, and can otherwise: those
    without an answer so far, and, where the host's way back is known to be lost (the value), all but connections."""
    prefixes = [prefix for vpn in part.vpns if vpn.interface is not None for prefix in vpn.prefixes]
    for flow in flows:
        lost = hosts.get(flow.destination)
        if lost is None or flow.source_changed or not _in(flow.source, prefixes):
            continue
        if flow.opening or (lost and flow.protocol not in _CONNECTED):
            yield flow


def _is(end: End, goes_to: End, flow: Flow) -> bool:
    return goes_to == (end[0], end[1] or flow.destination_port)


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _moved(address: Address, there: Network, here: Network) -> Address:
    """The address at the same place of another network."""
    return here.network_address + (int(address) - int(there.network_address))
