"""The chains that translate, and the maps that they look into. Pure.

Towards the VPN the destination decides: a forward, an alias or a mapped prefix (`to_vpn`), and then whether the peer
sees this machine instead of the host (`turned`). From the VPN the strategy that holds for the host decides
(`from_vpn`), after aliases. NAT chains see the first packet of a flow only.
"""

from collections.abc import Iterator

from routerd.nat.elements import (
    PROTOCOLS,
    alias_behind,
    alias_kept,
    alias_sources,
    forward_behind,
    forward_kept,
    pins,
    shifted,
    shifted_chains,
    single_pins,
    source_addresses,
    strategies_hold,
    strategy_elements,
    targets,
    verdict,
)
from routerd.nat.guard import gateway_lans
from routerd.nat.proofs import SETS, strategies
from routerd.nat.shifts import by_rules
from routerd.nat.words import chain, interface, interfaces, ip, networks
from routerd.nat_part import NatForward, NatPart


def chains(part: NatPart) -> list[str]:
    """The chains; what nothing leads to is left out."""
    to_vpn, turned = _to_vpn(part), _turned(part)
    leave = [f"ct status dnat oifname {interfaces(_far(part))} jump turned"] if turned else []
    leave += list(_leave(part))
    inward = [lan.interface for lan in part.lans if lan.vpns]
    lines = chain("behind", _behind(part))
    if strategies_hold(part):
        lines += chain("routed", _routed(part))
        lines += chain("hidden", ['counter name "masqueraded"', "goto behind"])
        lines += chain("from_vpn", _from_vpn(part))
    lines += chain("turned", turned)
    for name, forward in shifted_chains(part):
        lines += chain(name, _shifted(forward))
    lines += chain("to_vpn", to_vpn)
    if to_vpn and inward:
        lines += chain(
            "arrive", [f"iifname {interfaces(inward)} jump to_vpn"], hook="nat hook prerouting priority dstnat - 5"
        )
        # The same for what this machine itself sends; there is no name for -100 in this hook.
        lines += chain("local", ["jump to_vpn"], hook="nat hook output priority -105")
    return lines + chain("leave", leave, hook="nat hook postrouting priority srcnat - 5")


# ------------------------------------------------------------ chains


def _leave(part: NatPart) -> Iterator[str]:
    for vpn in part.vpns:
        outward = [lan.interface for lan in part.lans if vpn.name in lan.vpns]
        if vpn.interface is None or not outward:
            continue
        for version in (4, 6):
            if found := networks(vpn.prefixes, version):
                ways = f"iifname {interface(vpn.interface)} oifname {interfaces(outward)}"
                yield f"{ways} {ip(version)} saddr {found} goto from_vpn"


def _from_vpn(part: NatPart) -> list[str]:
    rules = []
    for version in (4, 6):
        if alias_sources(part, version):
            key = f"oifname . {ip(version)} saddr"
            rules.append(
                f'{key} @alias_peers{version} counter name "aliased" '
                f"snat {ip(version)} to {key} map @alias_sources{version}"
            )
    for version in _versions(part):
        key = f"oifname . {ip(version)} daddr"
        if single_pins(part, version):
            rules.append(f"{key} vmap @host_pins{version}")
        rules += [f"{key} @{SETS[one]}{version} {verdict(one)}" for one in strategies(part)]
        if pins(part, version):
            rules.append(f"{key} vmap @pins{version}")
    return [*rules, *(["oifname vmap @strategies"] if strategy_elements(part) else [])]


def _routed(part: NatPart) -> list[str]:
    """No address changes. Saying so with `snat` keeps the rules of other tables, which come later, from doing it."""
    rules = ['counter name "routed"']
    for vpn in part.vpns:
        if vpn.mapped is not None and vpn.interface is not None:
            real, shown = vpn.mapped
            word = ip(real.version)
            way = f"iifname {interface(vpn.interface)} {word} saddr {real}"
            rules.append(f"{way} snat {word} prefix to {word} saddr map {{ {real} : {shown} }}")
    return rules + [f"snat {ip(v)} to {ip(v)} saddr" for v in _versions(part)]


def _behind(part: NatPart) -> list[str]:
    # nft itself adds no test of the family to a rule whose map is not looked up by an address.
    rules = [
        f"meta nfproto ipv{v} snat {ip(v)} to oifname map @sources{v}" for v in (4, 6) if source_addresses(part, v)
    ]
    return [*rules, "masquerade"]


def _to_vpn(part: NatPart) -> list[str]:
    rules = []
    for version in (4, 6):
        word = ip(version)
        key = f"{word} daddr . meta l4proto . th dport"
        ports, ranges = targets(part, version)
        found = [f"forward_ports{version}"] if ports else []
        found += [f"forward_ranges{version}"] if ranges else []
        rules += [f"meta l4proto {{ tcp, udp }} dnat {word} to {key} map @{name}" for name in found]
        if shifted(part, version):
            rules.append(f"meta l4proto {{ tcp, udp }} {key} vmap @forward_shifts{version}")
        if any(alias.address.version == version for alias in part.aliases):
            rules.append(f"dnat {word} to {word} daddr map @aliases{version}")
    for vpn in part.vpns:
        if vpn.mapped is not None:
            real, shown = vpn.mapped
            word = ip(real.version)
            rules.append(f"{word} daddr {shown} dnat {word} prefix to {word} daddr map {{ {shown} : {real} }}")
    return rules


def _shifted(forward: NatForward) -> list[str]:
    """One of the rules holds for each port of the range."""
    port, to = f"{forward.protocol} dport", f"[{forward.to}]" if forward.to.version == 6 else str(forward.to)
    rules = []
    for step in by_rules(forward):
        match = f"{port} & {step.mask:#06x} == {step.value:#06x} " if step.mask else ""
        rules.append(f"{match}dnat {ip(forward.to.version)} to {to} : {port} ^ {step.flip:#06x}")
    return rules


def _turned(part: NatPart) -> list[str]:
    """What `to_vpn` has sent to a peer: count it, and hide the host's address where the peer could not answer it."""
    rules = []
    for version in (4, 6):
        key = f"ct original {ip(version)} daddr"
        if any(alias.address.version == version for alias in part.aliases):
            rules.append(f'{key} @alias_addresses{version} counter name "aliased"')
        if alias_behind(part, version):
            rules.append(f"{key} @alias_behind{version} goto behind")
        if any(targets(part, version)) or shifted(part, version):
            rules.append(f'{key} @forward_addresses{version} counter name "forwarded"')
        rules += [
            f"meta l4proto {protocol} {key} . ct original proto-dst @forward_behind_{protocol}{version} goto behind"
            for protocol in PROTOCOLS
            if forward_behind(part, version, protocol)
        ]
        rules += _unproven(part, version)
    for vpn in part.vpns:
        if vpn.mapped is not None:
            match = f"ct original {ip(vpn.mapped[1].version)} daddr {vpn.mapped[1]}"
            rules.append(f'{match} counter name "mapped"' + ("" if vpn.interface is not None else " goto behind"))
    return rules


def _unproven(part: NatPart, version: int) -> Iterator[str]:
    """What was measured is that a peer answers the LANs: who comes from beyond them is hidden all the same."""
    key = f"ct original {ip(version)} daddr"
    for vpn in part.vpns:
        near = networks((net for lan in part.lans if vpn.name in lan.vpns for net in lan.networks), version)
        if vpn.interface is None or not near:
            continue
        match = f"oifname {interface(vpn.interface)} {ip(version)} saddr != {near}"
        if alias_kept(part, version):
            yield f"{match} {key} @alias_kept{version} goto behind"
        for protocol in PROTOCOLS:
            if forward_kept(part, version, protocol):
                name = f"forward_kept_{protocol}{version}"
                yield f"{match} meta l4proto {protocol} {key} . ct original proto-dst @{name} goto behind"


def _versions(part: NatPart) -> list[int]:
    """The IP versions that come from a vpn."""
    prefixes = [prefix for vpn in part.vpns if vpn.interface is not None for prefix in vpn.prefixes]
    return sorted({prefix.version for prefix in prefixes})


def _far(part: NatPart) -> list[str]:
    """The interfaces that the peers are behind."""
    found: list[str] = []
    for vpn in part.vpns:
        found += [vpn.interface] if vpn.interface is not None else gateway_lans(part, vpn)
    return found
