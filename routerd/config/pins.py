"""Hosts of a LAN whose strategy is set: the networks of both families, and the rules inside one section."""

import re
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import HostPin, Network
from routerd.config.schema import INVALID, Bad, Kind
from routerd.config.values import parse_network, text_of

_IPV6 = re.compile(r"([0-9a-fA-F:.]{2,45})/([0-9]{1,3})")
_WAYS = ("address", "mac", "prefix")


def parse_prefix(value: Any) -> Network:
    """An IPv4 or IPv6 network of hosts; raises Bad, also for host bits, and names the network then."""
    text = text_of(value, "a network", "192.168.200.128/25")
    if ":" not in text:
        return parse_network(text)
    match = _IPV6.fullmatch(text)
    try:
        address = IPv6Address(match[1] if match else text)
        network = IPv6Network((address, int(match[2]) if match else 128), strict=False)
    except ValueError:
        raise Bad("must be a network with its prefix length", 'for example "fd00:1::/64"') from None
    if address.is_multicast or address.scope_id is not None:
        raise Bad("must be a network of machines, without %interface", 'for example "fd00:1::/64"')
    if match is None:
        raise Bad("must have a prefix length", f'write "{address}/128" for one address, or the network that you mean')
    if not network.prefixlen:
        raise Bad("must not be the default route", "set `strategy` of the LAN instead")
    if network.network_address != address:
        raise Bad("has host bits set", f'write "{network}"')
    return network


def make_host(values: dict[str, Any], path: str, faults: Faults) -> Any:
    """The HostPin of a parsed section, or INVALID where it does not say in exactly one way which hosts it means."""
    named = [way for way in _WAYS if way in values]
    if len(named) > 1:
        faults.add(f"{path}.{named[1]}", None, f"must not be set beside {named[0]}", "keep one of the two")
        return INVALID
    if not named:
        if all(faults.clean(f"{path}.{way}") for way in _WAYS):
            faults.add(path, None, "must say which host it is", "set address, mac or prefix")
        return INVALID
    return HostPin(**values)


PREFIX = Kind("IPv4 or IPv6 network", parse_prefix)
