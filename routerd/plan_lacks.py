"""What the peers of a vpn lack by their configuration and AllowedIPs, each as a problem with its mend. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from routerd.allowed import Owners
from routerd.config.model import Config, Vpn
from routerd.config.probes import UNSENT
from routerd.model import Address, Facts, ProbeTarget, Problem, VpnFacts


def lacks(config: Config, vpn: Vpn, targets: Iterable[ProbeTarget], facts: Facts) -> Iterator[Problem]:
    """The problems of the peers of one vpn; none while its device was never read."""
    known = facts.vpns.get(vpn.name, VpnFacts(found=False))
    keys, owners = dict(known.peers), Owners(known.peers)
    names = {target.public_key: target.name for target in targets if target.public_key is not None}
    lans = _lan_networks(config, facts)
    for target in targets:
        if target.public_key in keys or vpn.interface is None:
            yield from _probe(target)
        if target.public_key is None or target.public_key not in keys:
            continue
        if not target.allowed_ips:
            yield _problem("peer-no-allowed-ips", target)
        for address in dict.fromkeys(a for a in (target.own, target.address) if a is not None):
            yield from _claims(target, address, owners, names)
        yield from _takes(target, lans)


def _probe(target: ProbeTarget) -> Iterator[Problem]:
    """The kind of probe was chosen, but there is no address to send it to."""
    if target.address is None and target.kind not in UNSENT:
        yield _problem("peer-no-address", target, probe=target.kind)


def _claims(target: ProbeTarget, address: Address, owners: Owners, names: dict[str, str]) -> Iterator[Problem]:
    """Packets to an address of the peer go to another peer, or to none."""
    owner = owners.find(address)
    if owner == target.public_key or (owner is None and not target.allowed_ips):
        return
    allowed = ",".join(map(str, (*target.allowed_ips, f"{address}/{address.max_prefixlen}")))
    if owner is None:
        yield _problem("peer-address-not-allowed", target, address=str(address), allowed=allowed)
    else:
        other = names.get(owner, owner)
        yield _problem("peer-address-claimed", target, address=str(address), other=other, allowed=allowed)


def _takes(target: ProbeTarget, lans: Iterable[tuple[str, IPv4Network]]) -> Iterator[Problem]:
    """A LAN lies inside the AllowedIPs, or these inside a LAN: its packets would go into the tunnel."""
    for lan, network in lans:
        for allowed in target.allowed_ips:
            if isinstance(allowed, IPv4Network) and allowed.prefixlen and allowed.overlaps(network):
                code = "peer-takes-lan" if network.subnet_of(allowed) else "peer-inside-lan"
                yield _problem(code, target, allowed=str(allowed), lan=lan, network=str(network))
                return


def _lan_networks(config: Config, facts: Facts) -> list[tuple[str, IPv4Network]]:
    found = [(lan.interface, facts.interfaces.get(lan.interface)) for lan in config.lans]
    return [(name, address.network) for name, known in found if known is not None for address in known.addresses]


def _problem(code: str, target: ProbeTarget, **values: str) -> Problem:
    shown = {"interface": target.interface or "?", "key": target.public_key or "?", **values}
    return Problem(code, f"peer {target.name}", tuple(shown.items()), (f"vpn {target.vpn}",))
