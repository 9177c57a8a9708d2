"""The words between plan and beside/: what another DHCP server of this machine is to hand out. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.config.model import Dhcp

_NO_ADDRESS = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class BesideNetwork:
    """One network that the other server serves: a LAN's own, or one behind a relay agent.

    `routes` are those that are offered now, collapsed, with the next hop of this network's clients; option 121 also
    carries 0.0.0.0/0 via `router` where there are any. `tag` is what dnsmasq tells the network's clients by.
    """

    network: IPv4Network
    tag: str
    routes: tuple[tuple[IPv4Network, IPv4Address], ...]
    router: IPv4Address | None


@dataclass(frozen=True, slots=True)
class BesidePart:
    """What the server of one LAN is to hand out. `networks`: the LAN's own first, then those behind relay agents.

    `mode` is dnsmasq or kea. `index`, `mac` and `address` are this machine's on the LAN: it asks from there.
    """

    lan: str
    mode: str
    settings: Dhcp
    networks: tuple[BesideNetwork, ...]
    index: int = 0
    mac: bytes = b""
    address: IPv4Address = _NO_ADDRESS


class Told(NamedTuple):
    """What a DHCP server answered to a question: whole options, by their codes. `local`: it is on this machine."""

    server: IPv4Address
    local: bool
    options: Mapping[int, bytes]
