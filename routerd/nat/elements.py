"""What the chains look into: sets and maps, and their elements. Pure."""

from collections.abc import Iterable, Iterator

from routerd.model import Address
from routerd.nat.shifts import by_rules
from routerd.nat.spans import merged, pinned
from routerd.nat.words import address_type, interface, named_set, span
from routerd.nat_part import NatForward, NatPart, Strategy

GOTO = {Strategy.AUTO: "hidden", Strategy.SITE_GATEWAY: "routed", Strategy.MASQUERADE: "hidden"}
"""The chain of each strategy where nothing was measured; none has none."""

PROTOCOLS = ("tcp", "udp")


def maps(part: NatPart) -> list[str]:
    """The sets and maps of the chains below."""
    lines = named_set("map", "strategies", "ifname : verdict", strategy_elements(part))
    for version in (4, 6):
        lines += _sources(part, version)
        lines += _forwards(part, version)
        lines += _aliases(part, version)
    return lines


def strategies_hold(part: NatPart) -> bool:
    """Does traffic from a vpn to a LAN pass this machine at all?"""
    return any(vpn.interface is not None and vpn.name in lan.vpns for vpn in part.vpns for lan in part.lans)


def _sources(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    lines = named_set("map", f"sources{version}", f"ifname : {of}", source_addresses(part, version))
    if not strategies_hold(part):
        return lines
    key = f"ifname . {of} : verdict"
    lines += named_set("map", f"host_pins{version}", key, single_pins(part, version))
    return lines + named_set("map", f"pins{version}", key, pins(part, version), flags="interval")


def source_addresses(part: NatPart, version: int) -> list[str]:
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


def single_pins(part: NatPart, version: int) -> list[str]:
    """Pins of one address, which come before what was measured (that includes pins by MAC)."""
    found: dict[str, str] = {}
    for lan in part.lans:
        for pin in lan.pins:
            if pin.network.version == version and pin.network.num_addresses == 1:
                found.setdefault(f"{interface(lan.interface)} . {pin.network.network_address}", verdict(pin.strategy))
    return [f"{key} : {verdict}" for key, verdict in found.items()]


def pins(part: NatPart, version: int) -> list[str]:
    return [
        f"{interface(lan.interface)} . {span(first, last)} : {verdict(strategy)}"
        for lan in part.lans
        for first, last, strategy in pinned((pin for pin in lan.pins if pin.network.num_addresses > 1), version)
    ]


def verdict(strategy: Strategy) -> str:
    return f"goto {GOTO[strategy]}" if strategy in GOTO else "return"


def strategy_elements(part: NatPart) -> list[str]:
    """What holds for the hosts of a LAN by itself; nothing for strategy none."""
    return [
        f"{interface(lan.interface)} : {verdict(lan.strategy)}"
        for lan in part.lans
        if lan.strategy is not Strategy.NONE and strategies_hold(part)
    ]


def _forwards(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    ports, ranges = targets(part, version)
    key = f"{of} . inet_proto . inet_service"
    here = sorted({at for forward in part.forwards for at in _addresses(forward, version)}, key=int)
    lines = named_set("map", f"forward_ports{version}", f"{key} : {of} . inet_service", ports)
    lines += named_set("map", f"forward_ranges{version}", f"{key} : {of}", ranges, flags="interval")
    lines += named_set("map", f"forward_shifts{version}", f"{key} : verdict", shifted(part, version), flags="interval")
    lines += named_set("set", f"forward_addresses{version}", of, [str(address) for address in here])
    for protocol in PROTOCOLS:
        for name, found in (
            (f"forward_behind_{protocol}{version}", forward_behind(part, version, protocol)),
            (f"forward_kept_{protocol}{version}", forward_kept(part, version, protocol)),
        ):
            lines += named_set("set", name, f"{of} . inet_service", found, flags="interval")
    return lines


def targets(part: NatPart, version: int) -> tuple[list[str], list[str]]:
    """Elements by port, and those by range, which keep the port."""
    ports: dict[tuple[str, int, int], str] = {}
    ranges: dict[tuple[str, int, int, int], str] = {}
    for forward in part.forwards:
        for address in _addresses(forward, version):
            if forward.first != forward.last and forward.first == forward.to_first:
                key = (forward.protocol, int(address), forward.first, forward.last)
                ranges.setdefault(key, f"{address} . {_port_key(forward)} : {forward.to}")
                continue
            if by_rules(forward):
                break
            for offset in range(forward.last - forward.first + 1):
                port, to = forward.first + offset, forward.to_first + offset
                text = f"{address} . {forward.protocol} . {port} : {forward.to} . {to}"
                ports.setdefault((forward.protocol, int(address), port), text)
    return list(ports.values()), list(ranges.values())


def shifted(part: NatPart, version: int) -> list[str]:
    """The ranges that rules shift, each with its chain."""
    return [
        f"{address} . {_port_key(forward)} : goto {name}"
        for name, forward in shifted_chains(part)
        for address in _addresses(forward, version)
    ]


def shifted_chains(part: NatPart) -> list[tuple[str, NatForward]]:
    """The forwards that rules shift, each with the name of the chain that they are in."""
    found = [forward for forward in part.forwards if by_rules(forward)]
    return [(f"shifted{number}", forward) for number, forward in enumerate(found)]


def _port_key(forward: NatForward) -> str:
    return f"{forward.protocol} . {span(forward.first, forward.last)}"


def forward_behind(part: NatPart, version: int, protocol: str) -> list[str]:
    """Original destinations of forwards that hide the host. They must not overlap, so they are merged."""
    always = _far_vpns(part)
    return _merged((each for each in _of(part, protocol) if each.masquerade or each.vpn in always), version)


def forward_kept(part: NatPart, version: int, protocol: str) -> list[str]:
    """Original destinations of forwards that keep the source because the peer was seen to answer the LANs'."""
    always = _far_vpns(part)
    kept = (each for each in _of(part, protocol) if each.measured and not each.masquerade and each.vpn not in always)
    return _merged(kept, version)


def _of(part: NatPart, protocol: str) -> Iterator[NatForward]:
    return (forward for forward in part.forwards if forward.protocol == protocol)


def _far_vpns(part: NatPart) -> set[str]:
    return {vpn.name for vpn in part.vpns if vpn.interface is None}


def _merged(forwards: Iterable[NatForward], version: int) -> list[str]:
    found: dict[Address, list[tuple[int, int]]] = {}
    for forward in forwards:
        for address in _addresses(forward, version):
            found.setdefault(address, []).append((forward.first, forward.last))
    return [f"{address} . {span(*ports)}" for address, spans in found.items() for ports in merged(spans)]


def _addresses(forward: NatForward, version: int) -> Iterable[Address]:
    """Where it listens, in the family of its target."""
    return [at for at in forward.addresses if at.version == forward.to.version == version]


def _aliases(part: NatPart, version: int) -> list[str]:
    of = address_type(version)
    kept = [alias for alias in part.aliases if alias.address.version == alias.peer.version == version]
    sources = alias_sources(part, version)
    lines = named_set("map", f"aliases{version}", f"{of} : {of}", [f"{one.address} : {one.peer}" for one in kept])
    lines += named_set("set", f"alias_addresses{version}", of, [str(one.address) for one in kept])
    lines += named_set("set", f"alias_behind{version}", of, alias_behind(part, version))
    lines += named_set("set", f"alias_kept{version}", of, alias_kept(part, version))
    lines += named_set("set", f"alias_peers{version}", f"ifname . {of}", list(sources))
    elements = [f"{key} : {address}" for key, address in sources.items()]
    return lines + named_set("map", f"alias_sources{version}", f"ifname . {of} : {of}", elements)


def alias_behind(part: NatPart, version: int) -> list[str]:
    """Aliases that hide the host from the peer."""
    always = _far_vpns(part)
    hidden = (alias for alias in part.aliases if alias.masquerade or alias.vpn in always)
    return [str(alias.address) for alias in hidden if alias.address.version == version]


def alias_kept(part: NatPart, version: int) -> list[str]:
    """Aliases that do not."""
    hidden = set(alias_behind(part, version))
    found = (str(alias.address) for alias in part.aliases if alias.address.version == version)
    return [address for address in found if address not in hidden]


def alias_sources(part: NatPart, version: int) -> dict[str, Address]:
    """What a peer's own flows come from, by LAN and peer: of several aliases of a peer on a LAN the first."""
    found: dict[str, Address] = {}
    for alias in part.aliases:
        if alias.address.version == alias.peer.version == version:
            found.setdefault(f"{interface(alias.lan)} . {alias.peer}", alias.address)
    return found
