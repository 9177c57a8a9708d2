"""The chains that translate, and the maps that they look into. Pure.

Towards the VPN the destination decides: a forward, an alias or a mapped prefix (`to_vpn`), and then whether the peer
sees this machine instead of the host (`turned`). From the VPN the strategy that holds for the host decides
(`from_vpn`), after aliases. NAT chains see the first packet of a flow only.
"""

from collections.abc import Iterable, Iterator

from routerd.model import Address
from routerd.nat.guard import gateway_lans
from routerd.nat.proofs import SETS, strategies
from routerd.nat.spans import merged, pinned
from routerd.nat.words import address_type, chain, interface, interfaces, ip, named_set, networks, span
from routerd.nat_part import NatForward, NatPart, Strategy

GOTO = {Strategy.AUTO: "hidden", Strategy.SITE_GATEWAY: "routed", Strategy.MASQUERADE: "hidden"}
"""The chain of each strategy where nothing was measured; none has none."""

_PROTOCOLS = ("tcp", "udp")


def maps(part: NatPart) -> list[str]:
    """The sets and maps of the chains below."""
    lines = []
    for version in (4, 6):
        lines += _sources(part, version)
        lines += _forwards(part, version)
        lines += _aliases(part, version)
    return lines


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
    lines += chain("to_vpn", to_vpn)
    if to_vpn and inward:
        lines += chain(
            "arrive", [f"iifname {interfaces(inward)} jump to_vpn"], hook="nat hook prerouting priority dstnat - 5"
        )
        # The same for what this machine itself sends; there is no name for -100 in this hook.
        lines += chain("local", ["jump to_vpn"], hook="nat hook output priority -105")
    return lines + chain("leave", leave, hook="nat hook postrouting priority srcnat - 5")


def strategies_hold(part: NatPart) -> bool:
    """Does traffic from a vpn to a LAN pass this machine at all?"""
    return any(vpn.interface is not None and vpn.name in lan.vpns for vpn in part.vpns for lan in part.lans)


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
        if _alias_sources(part, version):
            key = f"oifname . {ip(version)} saddr"
            rules.append(
                f'{key} @alias_peers{version} counter name "aliased" '
                f"snat {ip(version)} to {key} map @alias_sources{version}"
            )
    for version in (4, 6):
        key = f"oifname . {ip(version)} daddr"
        if _single_pins(part, version):
            rules.append(f"{key} vmap @host_pins{version}")
        rules += [f"{key} @{SETS[one]}{version} {_verdict(one)}" for one in strategies(part)]
        if _pins(part, version):
            rules.append(f"{key} vmap @pins{version}")
    return [*rules, *(["oifname vmap @strategies"] if _has_strategy(part) else [])]


def _routed(part: NatPart) -> list[str]:
    """No address changes. Saying so with `snat` keeps the rules of other tables, which come later, from doing it."""
    rules = ['counter name "routed"']
    for vpn in part.vpns:
        if vpn.mapped is not None and vpn.interface is not None:
            real, shown = vpn.mapped
            word = ip(real.version)
            way = f"iifname {interface(vpn.interface)} {word} saddr {real}"
            rules.append(f"{way} snat {word} prefix to {word} saddr map {{ {real} : {shown} }}")
    return [*rules, "snat ip to ip saddr", "snat ip6 to ip6 saddr"]


def _behind(part: NatPart) -> list[str]:
    # nft itself adds no test of the family to a rule whose map is not looked up by an address.
    rules = [
        f"meta nfproto ipv{v} snat {ip(v)} to oifname map @sources{v}" for v in (4, 6) if _source_addresses(part, v)
    ]
    return [*rules, "masquerade"]


def _to_vpn(part: NatPart) -> list[str]:
    rules = []
    for version in (4, 6):
        word = ip(version)
        key = f"{word} daddr . meta l4proto . th dport"
        ports, ranges = _targets(part, version)
        found = [f"forward_ports{version}"] if ports else []
        found += [f"forward_ranges{version}"] if ranges else []
        rules += [f"meta l4proto {{ tcp, udp }} dnat {word} to {key} map @{name}" for name in found]
        if any(alias.address.version == version for alias in part.aliases):
            rules.append(f"dnat {word} to {word} daddr map @aliases{version}")
    for vpn in part.vpns:
        if vpn.mapped is not None:
            real, shown = vpn.mapped
            word = ip(real.version)
            rules.append(f"{word} daddr {shown} dnat {word} prefix to {word} daddr map {{ {shown} : {real} }}")
    return rules


def _turned(part: NatPart) -> list[str]:
    """What `to_vpn` has sent to a peer: count it, and hide the host's address where the peer could not answer it."""
    rules = []
    for version in (4, 6):
        key = f"ct original {ip(version)} daddr"
        if any(alias.address.version == version for alias in part.aliases):
            rules.append(f'{key} @alias_addresses{version} counter name "aliased"')
        if _alias_behind(part, version):
            rules.append(f"{key} @alias_behind{version} goto behind")
        if any(_targets(part, version)):
            rules.append(f'{key} @forward_addresses{version} counter name "forwarded"')
        rules += [
            f"meta l4proto {protocol} {key} . ct original proto-dst @forward_behind_{protocol}{version} goto behind"
            for protocol in _PROTOCOLS
            if _forward_behind(part, version, protocol)
        ]
    for vpn in part.vpns:
        if vpn.mapped is not None:
            match = f"ct original {ip(vpn.mapped[1].version)} daddr {vpn.mapped[1]}"
            rules.append(f'{match} counter name "mapped"' + ("" if vpn.interface is not None else " goto behind"))
    return rules


# ------------------------------------------------------------ sets and maps


def _sources(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    lines = named_set("map", f"sources{version}", f"ifname : {of}", _source_addresses(part, version))
    if not strategies_hold(part):
        return lines
    key = f"ifname . {of} : verdict"
    lines += named_set("map", f"host_pins{version}", key, _single_pins(part, version))
    return lines + named_set("map", f"pins{version}", key, _pins(part, version), flags="interval")


def _source_addresses(part: NatPart, version: int) -> list[str]:
    """What hidden flows come from, by the interface that they leave by."""
    found: dict[str, Address] = {}
    for vpn in part.vpns:
        for address in vpn.addresses:
            if vpn.interface is not None and address.version == version:
                found.setdefault(vpn.interface, address)
    for lan in part.lans:
        for address in lan.addresses:
            if address.version == version:
                found.setdefault(lan.interface, address)
    return [f"{interface(name)} : {address}" for name, address in found.items()]


def _single_pins(part: NatPart, version: int) -> list[str]:
    """Pins of one address, which come before what was measured (that includes pins by MAC)."""
    found: dict[str, str] = {}
    for lan in part.lans:
        for pin in lan.pins:
            if pin.network.version == version and pin.network.num_addresses == 1:
                found.setdefault(f"{interface(lan.interface)} . {pin.network.network_address}", _verdict(pin.strategy))
    return [f"{key} : {verdict}" for key, verdict in found.items()]


def _pins(part: NatPart, version: int) -> list[str]:
    return [
        f"{interface(lan.interface)} . {span(first, last)} : {_verdict(strategy)}"
        for lan in part.lans
        for first, last, strategy in pinned((pin for pin in lan.pins if pin.network.num_addresses > 1), version)
    ]


def _verdict(strategy: Strategy) -> str:
    return f"goto {GOTO[strategy]}" if strategy in GOTO else "return"


def _has_strategy(part: NatPart) -> bool:
    return any(lan.strategy is not Strategy.NONE for lan in part.lans)


def _forwards(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    ports, ranges = _targets(part, version)
    key = f"{of} . inet_proto . inet_service"
    here = sorted({at for forward in part.forwards for at in _addresses(forward, version)}, key=int)
    lines = named_set("map", f"forward_ports{version}", f"{key} : {of} . inet_service", ports)
    lines += named_set("map", f"forward_ranges{version}", f"{key} : {of}", ranges, flags="interval")
    lines += named_set("set", f"forward_addresses{version}", of, [str(address) for address in here])
    for protocol in _PROTOCOLS:
        found = _forward_behind(part, version, protocol)
        name = f"forward_behind_{protocol}{version}"
        lines += named_set("set", name, f"{of} . inet_service", found, flags="interval")
    return lines


def _targets(part: NatPart, version: int) -> tuple[list[str], list[str]]:
    """Elements by port, and those by range, which keep the port. nftables cannot shift a range: it goes by port."""
    ports: dict[tuple[str, int, int], str] = {}
    ranges: dict[tuple[str, int, int, int], str] = {}
    for forward in part.forwards:
        for address in _addresses(forward, version):
            if forward.first != forward.last and forward.first == forward.to_first:
                key = (forward.protocol, int(address), forward.first, forward.last)
                ranges.setdefault(key, f"{address} . {_port_key(forward)} : {forward.to}")
                continue
            for offset in range(forward.last - forward.first + 1):
                port, to = forward.first + offset, forward.to_first + offset
                text = f"{address} . {forward.protocol} . {port} : {forward.to} . {to}"
                ports.setdefault((forward.protocol, int(address), port), text)
    return list(ports.values()), list(ranges.values())


def _port_key(forward: NatForward) -> str:
    return f"{forward.protocol} . {span(forward.first, forward.last)}"


def _forward_behind(part: NatPart, version: int, protocol: str) -> list[str]:
    """Original destinations of forwards that hide the host. They must not overlap, so they are merged."""
    always = {vpn.name for vpn in part.vpns if vpn.interface is None}
    found: dict[Address, list[tuple[int, int]]] = {}
    for forward in part.forwards:
        if forward.protocol == protocol and (forward.masquerade or forward.vpn in always):
            for address in _addresses(forward, version):
                found.setdefault(address, []).append((forward.first, forward.last))
    return [f"{address} . {span(*ports)}" for address, spans in found.items() for ports in merged(spans)]


def _addresses(forward: NatForward, version: int) -> Iterable[Address]:
    """Where it listens, in the family of its target."""
    return [at for at in forward.addresses if at.version == forward.to.version == version]


def _aliases(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    kept = [alias for alias in part.aliases if alias.address.version == alias.peer.version == version]
    sources = _alias_sources(part, version)
    lines = named_set("map", f"aliases{version}", f"{of} : {of}", [f"{one.address} : {one.peer}" for one in kept])
    lines += named_set("set", f"alias_addresses{version}", of, [str(one.address) for one in kept])
    lines += named_set("set", f"alias_behind{version}", of, _alias_behind(part, version))
    lines += named_set("set", f"alias_peers{version}", f"ifname . {of}", list(sources))
    elements = [f"{key} : {address}" for key, address in sources.items()]
    return lines + named_set("map", f"alias_sources{version}", f"ifname . {of} : {of}", elements)


def _alias_behind(part: NatPart, version: int) -> list[str]:
    always = {vpn.name for vpn in part.vpns if vpn.interface is None}
    return [
        str(alias.address)
        for alias in part.aliases
        if alias.address.version == version and (alias.masquerade or alias.vpn in always)
    ]


def _alias_sources(part: NatPart, version: int) -> dict[str, Address]:
    """What a peer's own flows come from, by LAN and peer: of several aliases of a peer on a LAN the first."""
    found: dict[str, Address] = {}
    for alias in part.aliases:
        if alias.address.version == alias.peer.version == version:
            found.setdefault(f"{interface(alias.lan)} . {alias.peer}", alias.address)
    return found


def _far(part: NatPart) -> list[str]:
    """The interfaces that the peers are behind."""
    found: list[str] = []
    for vpn in part.vpns:
        found += [vpn.interface] if vpn.interface is not None else gateway_lans(part, vpn)
    return found
