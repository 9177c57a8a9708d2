"""The rules of vpn.map_to: the prefix under which the site sees a vpn."""

from ipaddress import IPv4Network

from routerd.config.dhcp import overlap
from routerd.config.fault import Faults
from routerd.config.model import AddressRange, Config, Vpn
from routerd.config.walk import site_addresses, vpns_of


def check_maps(config: Config, faults: Faults) -> None:
    """Add the faults of every map_to: its size, where it is possible, and what it overlaps."""
    earlier: list[tuple[str, IPv4Network]] = []
    for path, vpn in vpns_of(config, faults):
        if vpn.map_to is None:
            continue
        where = f"{path}.map_to"
        if vpn.interface is None and vpn.gateways:
            rule = "must not be used with gateways: addresses are mapped where WireGuard runs"
            faults.add(where, str(vpn.map_to), rule, "run routerd there, and set it there")
            continue
        _check_size(path, vpn, vpn.map_to, faults)
        _check_vpns(config, where, vpn.map_to, earlier, faults)
        _check_site(config, where, vpn.map_to, faults)
        earlier.append((where, vpn.map_to))


def _check_size(path: str, vpn: Vpn, shown: IPv4Network, faults: Faults) -> None:
    if vpn.prefixes is None or not faults.clean(f"{path}.prefixes"):
        return  # Derived ones are known only on the machine.
    if len(vpn.prefixes) != 1:
        rule = f"must stand for a single prefix, and {path}.prefixes has {len(vpn.prefixes)}"
        faults.add(f"{path}.map_to", str(shown), rule, "make a vpn of its own of each, or leave it out")
    elif vpn.prefixes[0].prefixlen != shown.prefixlen:
        rule = f"must be of the same size as {path}.prefixes ({vpn.prefixes[0]})"
        faults.add(f"{path}.map_to", str(shown), rule, f"choose a /{vpn.prefixes[0].prefixlen}")


def _check_vpns(
    config: Config, where: str, shown: IPv4Network, earlier: list[tuple[str, IPv4Network]], faults: Faults
) -> None:
    """What the site sees must be one thing: no prefix of a vpn, shown or real."""
    real = [
        (faults.item(f"{path}.prefixes", index), prefix)
        for path, vpn in vpns_of(config, faults)
        for index, prefix in enumerate(vpn.prefixes or ())
    ]
    for other, prefix in (*real, *earlier):
        if prefix.overlaps(shown):
            rule = f"must not overlap {other} ({prefix})"
            faults.add(where, str(shown), rule, "choose a prefix that nothing else uses")
            return


def _check_site(config: Config, where: str, shown: IPv4Network, faults: Faults) -> None:
    span = AddressRange(shown[0], shown[-1])
    for other, what, addresses in site_addresses(config, faults):
        if overlap(span, addresses):
            known = str(addresses.first) if addresses.first == addresses.last else str(addresses)
            rule = f"must not overlap a LAN, which {what} belongs to ({other}, {known})"
            faults.add(where, str(shown), rule, "choose a prefix that nothing else uses")
            return
