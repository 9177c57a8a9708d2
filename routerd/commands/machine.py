"""What commands that work without the daemon read of this machine."""

from ipaddress import IPv4Network, IPv6Interface

from routerd.config.model import Config
from routerd.model import Facts, WireGuardDevice
from routerd.observe.service import ObserveService
from routerd.plan_through import relayed_networks
from routerd.system import learned_routes
from routerd.system.addresses import ipv6_addresses
from routerd.system.netlink_error import NetlinkError
from routerd.system.wireguard import WireGuardError, read_device


async def read_facts(config: Config) -> Facts:
    """The facts that the plan is made from, read once."""
    observe = ObserveService(lambda facts: None, lambda devices: None)
    vpns = {vpn.name: vpn.interface for vpn in config.vpns if vpn.interface is not None}
    observe.configure([lan.interface for lan in config.lans], vpns, relayed_networks(config))
    try:
        return await observe.first()
    finally:
        observe.close()


def read_ipv6(interface: str) -> tuple[IPv6Interface, ...]:
    """The IPv6 addresses of an interface; none where it is not there or has no IPv6."""
    try:
        return ipv6_addresses(interface)
    except OSError:
        return ()


def read_learned() -> tuple[IPv4Network, ...]:
    """The networks of the site that the running daemon has learned from its routers; none where they cannot be read."""
    try:
        found = {route.prefix for route in learned_routes.read() if isinstance(route.prefix, IPv4Network)}
    except NetlinkError:
        return ()
    return tuple(sorted(found))


async def read_wireguard(interface: str) -> WireGuardDevice | None:
    """The WireGuard device of this name; None where it is not there or cannot be read."""
    try:
        return await read_device(interface)
    except WireGuardError:
        return None
