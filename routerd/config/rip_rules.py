"""The rules of RIP against the rest of the configuration: what is behind the VPN is never learned at the site."""

from ipaddress import IPv4Network

from routerd.config.fault import Faults
from routerd.config.model import Config
from routerd.config.walk import lans_of, vpns_of


def check_rips(config: Config, faults: Faults) -> None:
    """Add the faults of every lan.rip."""
    behind: list[tuple[str, IPv4Network]] = []
    for path, vpn in vpns_of(config, faults):
        behind += [(faults.item(f"{path}.prefixes", index), prefix) for index, prefix in enumerate(vpn.prefixes or ())]
        behind += [(f"{path}.map_to", vpn.map_to)] if vpn.map_to is not None else []
    for path, lan in lans_of(config, faults):
        for index, item in enumerate(lan.rip.imports if lan.rip is not None else ()):
            inside = (each for each in behind if isinstance(item, IPv4Network) and item.subnet_of(each[1]))
            for place, prefix in list(inside)[:1]:
                rule = f"lies behind the VPN ({place} is {prefix}), so it is never learned at the site"
                faults.add(faults.item(f"{path}.rip.import", index), str(item), rule, "remove it, or correct one")
