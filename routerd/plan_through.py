"""Which routes are not sent to a host of the site because they lead through that host. Pure."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from routerd.allowed import Owners
from routerd.config.model import Config, Vpn
from routerd.model import DhcpScope, Facts, Network, VpnFacts

Through = tuple[tuple[IPv4Address, tuple[IPv4Network, ...]], ...]


def relayed_networks(config: Config) -> list[IPv4Network]:
    """The networks of the site that are behind relay agents."""
    dhcps = [lan.dhcp for lan in config.lans if lan.dhcp is not None]
    return [subnet.subnet for dhcp in dhcps for subnet in dhcp.subnets if subnet.subnet is not None]


def through(scope: DhcpScope, vpns: Iterable[Vpn], facts: Facts, real: Mapping[IPv4Network, IPv4Network]) -> Through:
    """The hosts of this network that are peers of these vpns now, each with the routes that lead through itself.

    A peer is at the site where WireGuard had its last packet from an address of the site: a laptop that is at home, or
    a second router with a tunnel of its own. A route leads through it where its AllowedIPs have all of the prefix: the
    gateway sends such packets into the tunnel, back to that host. It is told all other routes, as any host is: the
    prefix of the whole VPN, say, which holds its own address too, but leads to the other peers.

    An endpoint that is no longer true does no harm: until the peer is heard from elsewhere, nobody reaches what is
    behind it. Where WireGuard runs on another machine nothing is known of endpoints, and no host is found.
    """
    barred: dict[IPv4Address, dict[IPv4Network, None]] = {}
    for vpn in vpns:
        known = facts.vpns.get(vpn.name, VpnFacts(found=False))
        here = [(address, key) for address, key in known.here if address in scope.network]
        if here:
            owners = Owners((key, _ipv4(networks)) for key, networks in known.peers)
            told = (scope.routes, *(routes for _, routes in scope.own_routes))
            prefixes = dict.fromkeys(prefix for routes in told for prefix, _ in routes)
            owned = [(prefix, owners.whole(real.get(prefix, prefix))) for prefix in prefixes]
            for address, key in here:
                behind = [prefix for prefix, owner in owned if owner == key]
                if behind:
                    barred.setdefault(address, {}).update(dict.fromkeys(behind))
    return tuple((address, tuple(prefixes)) for address, prefixes in sorted(barred.items()))


def _ipv4(networks: Iterable[Network]) -> Iterable[IPv4Network]:
    """Collapsed, as the routes are that are handed out."""
    return collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
