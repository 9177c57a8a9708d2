"""Port forwards: where they listen on this machine and where they lead, and those that cannot be. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from routerd.allowed import Owners
from routerd.config.forward_rules import tcp_listeners
from routerd.config.model import Config, Forward, Lan
from routerd.model import Address, Facts, Problem
from routerd.nat_part import NatForward, NatVpn
from routerd.plan_links import Link
from routerd.plan_targets import Targets


def forwards_of(
    config: Config, facts: Facts, links: Iterable[Link], targets: Targets, problems: list[Problem]
) -> Iterator[NatForward]:
    """Every forward that can work now, in the order of the file; a problem for each other one."""
    listening: dict[tuple[str, int], tuple[Address, ...]] = {}
    http = list(tcp_listeners(config))
    owners = {name: Owners(known.peers) for name, known in facts.vpns.items() if known.found}
    for lan, forward in _configured(config):
        found = _target(lan, forward, targets, problems)
        if found is None:
            continue
        vpn, to = found
        key = (vpn.name, to.version)
        if key not in listening:
            listening[key] = tuple(_addresses(links, *key))
        if not listening[key]:
            if to.version == 6:
                problems.append(_problem("forward-nowhere", lan, forward, vpn.name))
            continue
        taken = next((text for text, at, port in http if _takes(forward, port, at, listening[key])), None)
        if taken is not None:
            problems.append(_problem("forward-own-port", lan, forward, vpn.name, http=taken))
            continue
        # That a peer's own address is not in its AllowedIPs is a problem of the peer.
        why = _nowhere(vpn, to, facts, {} if isinstance(forward.to.host, str) else owners)
        if why is not None:
            problems.append(_problem("forward-leads-nowhere", lan, forward, vpn.name, why=why))
        yield _made(lan, forward, vpn, to, listening[key], facts)


def _configured(config: Config) -> Iterator[tuple[Lan, Forward]]:
    for lan in config.lans:
        for forward in lan.forwards:
            yield lan, forward


def _made(
    lan: Lan, forward: Forward, vpn: NatVpn, to: Address, addresses: tuple[Address, ...], facts: Facts
) -> NatForward:
    listen = forward.listen
    # Whether a peer answers IPv6 addresses of the site is not measured: it sees this machine's.
    auto = forward.source_nat == "auto"
    measured = auto and vpn.interface is not None and to.version == 4
    # Answers to a host's own address would come back past this machine where WireGuard runs on another one.
    always = forward.source_nat == "always" or vpn.interface is None
    masquerade = always or (auto and not (measured and (vpn.name, to) in facts.kept))
    at = (listen.protocol, listen.first, listen.last)
    return NatForward(lan.interface, vpn.name, *at, addresses, to, forward.to.port, masquerade, measured)


def _target(lan: Lan, forward: Forward, targets: Targets, problems: list[Problem]) -> tuple[NatVpn, Address] | None:
    host = forward.to.host
    if isinstance(host, str):
        peer = targets.named(host)
        if peer is None:
            return None  # The configuration has no such peer; it never gets here.
        if peer.address is None:
            problems.append(_problem("forward-no-address", lan, forward, peer.vpn, peer=host))
            return None
        name, address = peer.vpn, peer.address
    else:
        name, address = None, host
    vpn = targets.behind(lan, address)
    if vpn is None or name not in (None, vpn.name):
        names = targets.names_of(lan) if name is None else (name,)
        problems.append(_problem("forward-not-behind", lan, forward, *names, address=str(address)))
        return None
    return vpn, address


def _nowhere(vpn: NatVpn, to: Address, facts: Facts, owners: Mapping[str, Owners]) -> str | None:
    """Why nothing behind the vpn answers there, as far as this machine knows; None if something may."""
    interface = facts.interfaces.get(vpn.interface or "")
    if interface is None:
        return None
    if any(to == own.ip for own in interface.addresses) or any(to == own.ip for own in interface.addresses6):
        return f"{to} is this machine's own address inside the VPN"
    for network in (own.network for own in interface.addresses if own.network.prefixlen < 31):
        if to in (network[0], network[-1]):
            return f"{to} is the first or last address of {network}, and no machine's"
    if vpn.name in owners and owners[vpn.name].find(to) is None:
        return f"{to} is in no peer's AllowedIPs"
    return None


def _addresses(links: Iterable[Link], vpn: str, version: int) -> Iterator[Address]:
    """All that this machine has on the LANs that take part in the vpn."""
    for link in links:
        if link.lan.takes_part(vpn):
            own = link.interface.addresses if version == 4 else link.interface.addresses6
            yield from (address.ip for address in own)


def _takes(forward: Forward, port: int, at: Address, listening: tuple[Address, ...]) -> bool:
    """Whether the forward would take away from routerd what it serves itself."""
    listen = forward.listen
    if listen.protocol != "tcp" or not listen.first <= port <= listen.last:
        return False
    return at in listening or (at.is_unspecified and any(own.version == at.version for own in listening))


def _problem(code: str, lan: Lan, forward: Forward, *vpns: str, **values: str) -> Problem:
    within = (f"lan {lan.interface}", *(f"vpn {vpn}" for vpn in vpns))
    return Problem(code, f"forward {forward.listen} to {forward.to}", tuple(values.items()), within)
