"""Which addresses are on the speaker's link, and which are this machine's own: asked first, and cheap. Pure."""

from collections.abc import Iterable

from routerd.model import Address, Network
from routerd.rip.message_ng import is_link_local
from routerd.rip.words import Version


class Links:
    """The link of one speaker, in numbers of its version."""

    def __init__(self, version: Version, own: Iterable[Address], networks: Iterable[Network]) -> None:
        family = 4 if version is Version.V2 else 6
        self._own = frozenset(int(address) for address in own if address.version == family)
        kept = [network for network in networks if network.version == family]
        self._spans = [(int(network.network_address), int(network.broadcast_address)) for network in kept]
        self._edges = frozenset(
            int(edge)
            for network in kept
            if family == 4 and network.prefixlen < 31
            for edge in (network.network_address, network.broadcast_address)
        )
        self._is_ng = version is Version.NG

    def is_own(self, address: int) -> bool:
        """Whether it is one of this machine's."""
        return address in self._own

    def is_on_link(self, address: int) -> bool:
        """Whether a machine of the link can have it; link-local ones of IPv6 always can."""
        if self._is_ng and is_link_local(address):
            return True
        return address not in self._edges and any(first <= address <= last for first, last in self._spans)

    def next_hop(self, address: int) -> int:
        """The address as a next hop (RFC 2453 section 4.4, RFC 2080 section 2.1.1): itself where another machine of the
        link can have it, else 0, the sender.
        """
        if not address or address in self._own:
            return 0
        return address if (is_link_local(address) if self._is_ng else self.is_on_link(address)) else 0
