"""The rules of strategies: which ones are possible on a LAN, and hosts that are named twice."""

from routerd.config.fault import Faults
from routerd.config.model import Config, Lan
from routerd.config.walk import lans_of, unique

_RULE = (
    "needs WireGuard on this machine: with gateways, packets from peers reach the hosts without passing this machine"
)


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
        if not _all_elsewhere(config, lan):
            continue
        mend = 'run routerd on the gateway, or use "auto" or "none" here'
        wishes = [(f"{path}.strategy", lan.strategy), *((f"{here}.strategy", host.strategy) for here, host in hosts)]
        for where, strategy in wishes:
            if strategy == "masquerade":
                faults.add(where, strategy, _RULE, mend)


def _all_elsewhere(config: Config, lan: Lan) -> bool:
    """Whether WireGuard runs on other machines for every vpn of the LAN."""
    vpns = [vpn for vpn in config.vpns if lan.takes_part(vpn.name)]
    return bool(vpns) and all(vpn.interface is None and vpn.gateways for vpn in vpns)
