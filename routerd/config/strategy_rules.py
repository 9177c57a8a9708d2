"""The rules of strategies: which ones are possible on a LAN, and hosts that are named twice."""

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import NamedTuple

from routerd.config.fault import Faults
from routerd.config.model import Config, HostPin, Lan
from routerd.config.walk import lans_of, unique

_RULE = (
    "needs WireGuard on this machine: with gateways, packets from peers reach the hosts without passing this machine"
)

MEND = "name hosts of the LAN: the strategy is about how they and the VPN talk"


class Misplaced(NamedTuple):
    """A pin that can never match: its key, its value, and the rule that it breaks."""

    key: str
    value: str
    rule: str


def check_strategies(config: Config, faults: Faults) -> None:
    """Add the faults of every LAN's strategy and of its hosts'."""
    for path, lan in lans_of(config, faults):
        hosts = [(faults.item(f"{path}.host", index), host) for index, host in enumerate(lan.hosts)]
        for key in ("address", "mac", "prefix"):
            rows = []
            for here, host in hosts:
                value = getattr(host, key)
                rows.append((f"{here}.{key}", value, value.hex(":") if isinstance(value, bytes) else str(value)))
            unique(rows, faults, "is named already at", "keep one of the two")
        for here, host in hosts:
            _check_place(config, here, host, faults)
        if not _all_elsewhere(config, lan):
            continue
        mend = 'run routerd on the gateway, or use "auto" or "none" here'
        wishes = [(f"{path}.strategy", lan.strategy), *((f"{here}.strategy", host.strategy) for here, host in hosts)]
        for where, strategy in wishes:
            if strategy == "masquerade":
                faults.add(where, strategy, _RULE, mend)


def _check_place(config: Config, where: str, host: HostPin, faults: Faults) -> None:
    """A pin is about machines of the site: what is behind a vpn never is one."""
    behind = [(vpn.name, prefix) for vpn in config.vpns for prefix in (vpn.prefixes or ())]
    found = pinned_behind(host, behind)
    if found is not None:
        faults.add(f"{where}.{found.key}", found.value, found.rule, MEND)


def pinned_behind(host: HostPin, behind: Iterable[tuple[str, IPv4Network]]) -> Misplaced | None:
    """Why a pin can never match, where all that it names lies in a prefix behind a vpn."""
    pinned = host.prefix if host.address is None else ip_network(host.address)
    for name, prefix in behind:
        if isinstance(pinned, IPv4Network) and pinned.subnet_of(prefix):
            key, value = ("prefix", str(pinned)) if host.address is None else ("address", str(host.address))
            return Misplaced(key, value, f"must be of the site, and is behind the vpn {name} ({prefix})")
    return None


def _all_elsewhere(config: Config, lan: Lan) -> bool:
    """Whether WireGuard runs on other machines for every vpn of the LAN."""
    vpns = [vpn for vpn in config.vpns if lan.takes_part(vpn.name)]
    return bool(vpns) and all(vpn.interface is None and vpn.gateways for vpn in vpns)
