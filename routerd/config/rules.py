"""The rules between the keys of a whole configuration that need no machine."""

from routerd.config.alias_rules import check_aliases
from routerd.config.beside import check_servers
from routerd.config.dhcp import overlap
from routerd.config.durations import format_duration
from routerd.config.fault import Faults
from routerd.config.forward_rules import check_forwards
from routerd.config.lease_rules import check_leases
from routerd.config.map_rules import check_maps
from routerd.config.model import AddressRange, Config
from routerd.config.probes import UNSENT
from routerd.config.rip_rules import check_rips
from routerd.config.strategy_rules import check_strategies
from routerd.config.walk import lans_of, pools_of, site_addresses, unique, vpns_of


def check_config(config: Config, faults: Faults) -> None:
    """Add every fault between keys; items that have a fault already are judged by what is left of them."""
    for key, items in (("vpn", config.vpns), ("lan", config.lans)):
        if not items and faults.clean(key):
            faults.add(key, None, "is missing", f"add at least one [[{key}]] section")
    _check_vpns(config, faults)
    _check_peers(config, faults)
    _check_lans(config, faults)
    check_leases(config, faults)
    _check_addresses(config, faults)
    check_servers(config, faults)
    check_maps(config, faults)
    check_strategies(config, faults)
    check_forwards(config, faults)
    check_aliases(config, faults)
    check_rips(config, faults)
    _check_probe(config, faults)
    _check_return_path(config, faults)


def _check_vpns(config: Config, faults: Faults) -> None:
    vpns = list(vpns_of(config, faults))
    names = [(f"{path}.name", vpn.name, vpn.name) for path, vpn in vpns]
    unique(names, faults, "is the name already of", "give each vpn a name of its own")
    interfaces = [(f"{path}.interface", vpn.interface, vpn.interface) for path, vpn in vpns]
    unique(interfaces, faults, "is used already by", "remove one of the two vpns")
    lans = {lan.interface: path for path, lan in lans_of(config, faults) if lan.interface}
    for path, vpn in vpns:
        if vpn.interface in lans:
            rule = f"must not be the interface of a LAN too ({lans[vpn.interface]})"
            faults.add(f"{path}.interface", vpn.interface, rule, "name the WireGuard interface here, the LAN's there")


def _check_peers(config: Config, faults: Faults) -> None:
    names = []
    for path, vpn in vpns_of(config, faults):
        peers = [(faults.item(f"{path}.peer", index), peer) for index, peer in enumerate(vpn.peers)]
        names += [(f"{here}.name", peer.name, peer.name) for here, peer in peers]
        keys = [(f"{here}.public_key", peer.public_key, peer.public_key) for here, peer in peers]
        unique(keys, faults, "is the key already of", "remove one of the two peers")
        addresses = [(f"{here}.address", peer.address, str(peer.address)) for here, peer in peers]
        unique(addresses, faults, "is the address already of", "remove one of the two peers")
    unique(names, faults, "is the name already of", "give each peer a name of its own; they count over all vpns")


def _check_lans(config: Config, faults: Faults) -> None:
    lans = list(lans_of(config, faults))
    interfaces = [(f"{path}.interface", lan.interface, lan.interface) for path, lan in lans]
    unique(interfaces, faults, "is a LAN already at", "join the two sections")
    names = [vpn.name for vpn in config.vpns]
    if not all(names) or (not names and not faults.clean("vpn")):
        return  # A name that could not be read may be the one that is meant.
    for path, lan in lans:
        for index, name in enumerate(lan.vpns or ()):
            if name not in names:
                known = ", ".join(f'"{known}"' for known in names)
                mend = f"use one of {known}" if known else "add the vpn"
                faults.add(faults.item(f"{path}.vpns", index), name, "is not the name of a vpn", mend)


def _check_addresses(config: Config, faults: Faults) -> None:
    pools = pools_of(config, faults)
    reserved = {entry.address for lan in config.lans if lan.dhcp for entry in lan.dhcp.reservations}
    for path, vpn in vpns_of(config, faults):
        for index, gateway in enumerate(vpn.gateways):
            single = AddressRange(gateway, gateway)
            for _, pool_path, pool in pools:
                if overlap(pool, single) and gateway not in reserved:
                    rule = f"must not lie in a pool, or it would be leased ({pool_path}, {pool})"
                    mend = "take it out of the pool, or reserve it for the gateway"
                    faults.add(faults.item(f"{path}.gateways", index), str(gateway), rule, mend)
    for path, lan in lans_of(config, faults):
        for index, entry in enumerate(lan.dhcp.reservations if lan.dhcp else ()):
            if entry.address == lan.address:
                where = f"{faults.item(f'{path}.dhcp.reservation', index)}.address"
                rule = f"must not be this machine's own ({path}.address)"
                faults.add(where, str(entry.address), rule, "give the client another address")
    prefixes = [
        (faults.item(f"{path}.prefixes", index), prefix, AddressRange(prefix[0], prefix[-1]))
        for path, vpn in vpns_of(config, faults)
        for index, prefix in enumerate(vpn.prefixes or ())
    ]
    for where, what, span in site_addresses(config, faults):
        for prefix_path, prefix, behind in prefixes:
            if overlap(span, behind):
                shown = str(span.first) if span.first == span.last else str(span)
                rule = f"must not lie behind the VPN: {what} belongs to a LAN, and {prefix_path} is {prefix}"
                faults.add(
                    where, shown, rule, "correct it, or the prefix; a LAN and the VPN need networks of their own"
                )


def _check_probe(config: Config, faults: Faults) -> None:
    probe = config.probe
    if faults.clean("probe.timeout") and faults.clean("probe.interval") and probe.timeout > probe.interval:
        rule = f"must not be longer than probe.interval ({format_duration(probe.interval)})"
        faults.add("probe.timeout", format_duration(probe.timeout), rule, "shorten it, or lengthen the interval")
    if not faults.clean("probe.timeout"):
        return
    for path, vpn in vpns_of(config, faults):
        for index, peer in enumerate(vpn.peers):
            if peer.interval is not None and peer.interval < probe.timeout and peer.probe not in UNSENT:
                where = f"{faults.item(f'{path}.peer', index)}.interval"
                rule = f"must not be shorter than probe.timeout ({format_duration(probe.timeout)})"
                faults.add(where, format_duration(peer.interval), rule, "lengthen it, or shorten probe.timeout")


def _check_return_path(config: Config, faults: Faults) -> None:
    times = config.return_path
    if faults.clean("return_path.timeout") and faults.clean("return_path.interval") and times.timeout > times.interval:
        rule = f"must not be longer than return_path.interval ({format_duration(times.interval)})"
        faults.add("return_path.timeout", format_duration(times.timeout), rule, "shorten it, or lengthen the interval")
