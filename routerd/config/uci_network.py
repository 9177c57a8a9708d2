"""What a configuration in UCI takes from /etc/config/network: a first start's interfaces, and the peers' names."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from routerd.config.logical import Network, unique_name
from routerd.config.schema import Bad
from routerd.config.uci_names import Label, Names
from routerd.config.uci_text import Section

NETWORK: Final = "network"
"""The file of the router's interfaces."""

FIRST_LAN: Final = "lan"
"""The interface that is the LAN where no section says so."""

_LISTED: Final = 12


def first_vpn(network: Network) -> Section | Bad:
    """The one WireGuard interface, or why none can be chosen."""
    found = network.wireguard()
    if len(found) == 1:
        return found[0]
    if not found:
        rule = f"says nothing of the VPN, and {NETWORK} has no interface with proto wireguard"
        return Bad(rule, "set WireGuard up there, or add `config vpn` with `list gateways` of the machine that runs it")
    names = ", ".join(section.name for section in found[:_LISTED])
    rule = f"says nothing of the VPN, and {NETWORK} has several WireGuard interfaces: {names}"
    return Bad(rule, f"add `config vpn` with `option interface '{found[0].name}'`, or another of them")


def first_lan(network: Network) -> Section | Bad:
    """The interface `lan`, or why there is none."""
    found = network.section(FIRST_LAN)
    if found is not None:
        return found
    names = ", ".join(network.names()[:_LISTED]) or "none is there"
    rule = f"says nothing of the LAN, and {NETWORK} has no interface {FIRST_LAN}"
    return Bad(rule, f"add `config lan` with `option interface` and the name of one ({names})")


def add_peers(vpns: Sequence[dict[str, Any]], interfaces: Mapping[str, str], network: Network, names: Names) -> None:
    """Name the peers by their descriptions. A `config peer` may name its peer so too, or say more about it.

    `interfaces` has the logical interface of each vpn by its path.
    """
    taken = {peer["name"] for vpn in vpns for peer in vpn.get("peer", ()) if "name" in peer}
    for index, vpn in enumerate(vpns):
        path = f"vpn[{index}]"
        listed: list[dict[str, Any]] = vpn.get("peer", [])
        by_key = {peer["public_key"]: peer for peer in listed if "public_key" in peer}
        by_name = {
            peer["name"]: peer for peer in listed if "name" in peer and not {"public_key", "address"} & set(peer)
        }
        for found in network.peers(interfaces[path]) if path in interfaces else ():
            own = by_key.get(found.public_key) or by_name.pop(found.name, None)
            if own is not None:
                own.setdefault("public_key", found.public_key)
                own.setdefault("name", found.name)
                continue
            name = unique_name(found.name, taken)
            taken.add(name)
            names.add(f"{path}.peer[{len(listed)}]", Label(NETWORK, found.section, {"name": "description"}))
            listed.append({"name": name, "public_key": found.public_key})
        if listed:
            vpn["peer"] = listed
