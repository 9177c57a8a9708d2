"""Rules that translate nothing: forged sources, hairpin flows, the size of TCP segments. Pure."""

from collections.abc import Iterator

from routerd.model import Address
from routerd.nat.words import chain, interface, interfaces, ip, macs, networks
from routerd.nat_part import NatLan, NatPart, NatVpn

_SYN = "tcp flags & (syn | rst) == syn tcp option maxseg size set"
_HEADERS = {4: 40, 6: 60}


def guard(part: NatPart) -> list[str]:
    """Before anything is tracked: who claims to be of the VPN and did not come from there is dropped."""
    rules = [rule for vpn in part.vpns for version in (4, 6) for rule in _forged(part, vpn, version)]
    rules += [rule for vpn in part.vpns for version in (4, 6) for rule in _hairpin(part, vpn, version)]
    return chain("guard", rules, hook="filter hook prerouting priority raw - 5")


def clamp(part: NatPart) -> list[str]:
    """TCP segments fit into the tunnel, whichever side opens; the kernel never enlarges them here."""
    rules = []
    for vpn in part.vpns:
        for version in (4, 6):
            found = networks(vpn.prefixes, version)
            if not found:
                continue
            size = "rt mtu" if vpn.mtu is None else str(vpn.mtu - _HEADERS[version])
            family = f"meta nfproto ipv{version} "
            if vpn.interface is not None:
                name = interface(vpn.interface)
                rules += [f"oifname {name} {family}{_SYN} {size}", f"iifname {name} {family}{_SYN} {size}"]
            else:
                rules += [f"{ip(version)} {side} {found} {_SYN} {size}" for side in ("daddr", "saddr")]
    return chain("clamp", rules, hook="filter hook forward priority mangle")


def gateway_lans(part: NatPart, vpn: NatVpn) -> dict[str, list[bytes | None]]:
    """The LANs that gateways of the vpn are on, with the link-layer addresses of those."""
    found: dict[str, list[bytes | None]] = {}
    for address, mac in vpn.gateways:
        for lan in part.lans:
            if any(address in network for network in lan.networks):
                found.setdefault(lan.interface, []).append(mac)
    return found


def _forged(part: NatPart, vpn: NatVpn, version: int) -> Iterator[str]:
    theirs = [*vpn.prefixes, *((vpn.mapped[1],) if vpn.mapped is not None else ())]
    sources = networks(theirs, version)
    if not sources:
        return
    # A LAN inside a larger prefix of the VPN is still where it is.
    inside = [own for lan in part.lans for own in lan.networks if any(_overlap(own, prefix) for prefix in theirs)]
    match = f"{ip(version)} saddr {sources}"
    if kept := networks(inside, version):
        match += f" {ip(version)} saddr != {kept}"
    verdict = 'counter name "spoofed" drop'
    if vpn.interface is not None:
        yield f"iifname != {interfaces(['lo', vpn.interface])} {match} {verdict}"
        return
    on = gateway_lans(part, vpn)
    if not _all_found(part, vpn):
        return
    yield f"iifname != {interfaces(['lo', *on])} {match} {verdict}"
    for name, found in on.items():
        known = [mac for mac in found if mac is not None]
        if len(known) == len(found):
            yield f"iifname {interface(name)} {match} ether saddr != {macs(known)} {verdict}"


def _hairpin(part: NatPart, vpn: NatVpn, version: int) -> Iterator[str]:
    """In by a LAN and out by the same one to the gateway: answers do not pass here, so tracking sees half a flow."""
    found = networks(vpn.prefixes, version)
    if vpn.interface is not None or not found:
        return
    on = gateway_lans(part, vpn)
    for name in on:
        # The route decides only where there are several to choose from; the look-up is a kernel module of its own.
        way = f" fib daddr oifname {interface(name)}" if len(on) > 1 else ""
        yield f"iifname {interface(name)} {ip(version)} daddr {found}{way} notrack"


def _all_found(part: NatPart, vpn: NatVpn) -> bool:
    return bool(vpn.gateways) and all(_lan_of(part, address) is not None for address, _ in vpn.gateways)


def _lan_of(part: NatPart, address: Address) -> NatLan | None:
    return next((lan for lan in part.lans if any(address in network for network in lan.networks)), None)


def _overlap(one: object, other: object) -> bool:
    return getattr(one, "version", 0) == getattr(other, "version", 1) and one.overlaps(other)  # type: ignore[attr-defined]
