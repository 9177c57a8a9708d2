"""The rules of port forwards: where they lead, and ports that two of them, or routerd itself, would listen at."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from routerd.config.fault import Faults
from routerd.config.model import Address, Config, Forward, Lan, Vpn
from routerd.config.walk import known_peers, lans_of, peers_are_clean, peers_of

DHCP_PORT = 67
_ELSEWHERE = "choose another port to listen at"


class Listening(NamedTuple):
    """A forward with its path, the family of its target (None: not known), and the vpns that it can lead to."""

    path: str
    lan: Lan
    forward: Forward
    version: int | None
    vpns: tuple[Vpn, ...]


def check_forwards(config: Config, faults: Faults) -> None:
    """Add the faults of every forward."""
    found = list(_targets(config, faults))
    for each in found:
        _check_gateways(each, faults)
        _check_own_ports(config, each, faults)
    for protocol in ("tcp", "udp"):
        _check_overlaps(config, [each for each in found if each.forward.listen.protocol == protocol], faults)


def tcp_listeners(config: Config) -> Iterator[tuple[str, Address, int]]:
    """Where routerd serves HTTP over TCP: as the file has it, the address and the port."""
    for text in config.http.listen:
        if text.startswith("unix:"):
            continue
        host, _, port = text.rpartition(":")
        address = IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
        yield text, address, int(port)


# ---------------------------------------------------------------- where they lead


def _targets(config: Config, faults: Faults) -> Iterator[Listening]:
    peers, clean = peers_of(config), peers_are_clean(config, faults)
    for lan_path, lan in lans_of(config, faults):
        vpns = tuple(vpn for vpn in config.vpns if lan.takes_part(vpn.name))
        # A vpn's name that is at fault may be the one that is meant.
        sure = faults.clean(f"{lan_path}.vpns") and all(vpn.name for vpn in config.vpns)
        for index, forward in enumerate(lan.forwards):
            path = faults.item(f"{lan_path}.forward", index)
            host = forward.to.host
            if not isinstance(host, str):
                yield Listening(path, lan, forward, host.version, _by_address(path, forward, host, vpns, sure, faults))
                continue
            vpn, peer = peers.get(host, (None, None))
            if vpn is None or peer is None:
                if clean:
                    faults.add(f"{path}.to", str(forward.to), "has no peer of this name", known_peers(peers))
                yield Listening(path, lan, forward, None, vpns)
                continue
            if vpn not in vpns:
                if sure:
                    rule = f'names a peer of the vpn "{vpn.name}", which this LAN does not take part in'
                    faults.add(f"{path}.to", str(forward.to), rule, f"add the vpn to {lan_path}.vpns")
                continue
            version = None if peer.address is None else peer.address.version
            if peer.address is not None:
                _by_address(path, forward, peer.address, (vpn,), sure, faults)
            yield Listening(path, lan, forward, version, (vpn,))


def _by_address(
    path: str, forward: Forward, address: Address, vpns: tuple[Vpn, ...], sure: bool, faults: Faults
) -> tuple[Vpn, ...]:
    """The vpns that the address can be behind; a fault where there is none."""
    behind = tuple(vpn for vpn in vpns if _may_be_behind(address, vpn))
    if behind or not sure:
        return behind or vpns
    shown = next((vpn for vpn in vpns if vpn.map_to is not None and address in vpn.map_to), None)
    where, written = f"{path}.to", str(forward.to)
    if shown is not None:
        rule = f"must be the address inside the VPN, not one of {shown.map_to}, as which the site sees it"
        faults.add(where, written, rule, "write the address that the peer itself has")
    elif address.version == 6:
        rule = "must be an IPv4 address where WireGuard does not run on this machine"
        faults.add(where, written, rule, "give the peer's IPv4 address")
    else:
        known = ", ".join(str(prefix) for vpn in vpns for prefix in vpn.prefixes or ())
        rule = f"must lead behind a vpn of this LAN ({known or 'it takes part in none'})"
        faults.add(where, written, rule, "correct it, or add its network to `prefixes` of the vpn")
    return ()


def _may_be_behind(address: Address, vpn: Vpn) -> bool:
    """Derived prefixes, and all of IPv6, are known only on the machine that WireGuard runs on."""
    if address.version == 6 or vpn.prefixes is None:
        return not vpn.gateways
    return any(address in prefix for prefix in vpn.prefixes)


def _check_gateways(each: Listening, faults: Faults) -> None:
    if each.forward.source_nat == "never" and each.vpns and all(vpn.gateways for vpn in each.vpns):
        rule = "must not be used with gateways: answers would come back past this machine"
        faults.add(f"{each.path}.source_nat", "never", rule, 'use "auto" or "always"')


# ---------------------------------------------------------------- where they listen


def _check_own_ports(config: Config, each: Listening, faults: Faults) -> None:
    listen = each.forward.listen
    where = f"{each.path}.listen"
    serves = any(lan.dhcp is not None and lan.dhcp.mode == "serve" for lan in config.lans)
    if listen.protocol == "udp" and serves and listen.first <= DHCP_PORT <= listen.last and each.version != 6:
        faults.add(where, str(listen), f"must not take port {DHCP_PORT}, which DHCP is served at", _ELSEWHERE)
    if listen.protocol != "tcp":
        return
    own = {lan.address for lan in config.lans}
    for text, address, port in tcp_listeners(config):
        same_family = each.version in (None, address.version)
        if listen.first <= port <= listen.last and same_family and (address.is_unspecified or address in own):
            rule = f'must not take port {port}, which routerd serves HTTP at (http.listen, "{text}")'
            faults.add(where, str(listen), rule, f"{_ELSEWHERE}, or serve HTTP at another one")


def _check_overlaps(config: Config, listening: Iterable[Listening], faults: Faults) -> None:
    """A forward listens at every LAN address of this machine, where the LAN takes part in its vpn."""
    lans: dict[tuple[str, ...], frozenset[int]] = {}
    reaching: list[tuple[Listening, frozenset[int]]] = []
    for each in sorted(listening, key=lambda each: each.forward.listen.first):
        listen = each.forward.listen
        key = tuple(vpn.name for vpn in each.vpns)
        if key not in lans:
            lans[key] = frozenset(i for i, lan in enumerate(config.lans) if any(map(lan.takes_part, key)))
        reaching = [other for other in reaching if other[0].forward.listen.last >= listen.first]
        for other, at in reaching:
            same_family = None in (each.version, other.version) or each.version == other.version
            if same_family and at & lans[key]:
                later, earlier = sorted((each, other), key=lambda one: (len(one.path), one.path), reverse=True)
                rule = f"must not overlap {earlier.path}.listen ({earlier.forward.listen})"
                note = ": a forward listens at every LAN address" if later.lan is not earlier.lan else ""
                faults.add(f"{later.path}.listen", str(later.forward.listen), rule + note, _ELSEWHERE)
        reaching.append((each, lans[key]))
