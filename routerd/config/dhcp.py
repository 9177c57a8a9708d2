"""The rules inside one lan.dhcp section that concern more than one of its keys."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import Any

from routerd.config.beside import check_beside
from routerd.config.durations import format_duration
from routerd.config.fault import Faults
from routerd.config.model import AddressRange, Dhcp, Reservation
from routerd.config.options import NTP
from routerd.config.schema import INVALID

_NAMES = ("mac", "client_id", "circuit_id")
_NOT_INHERITED = frozenset(
    ("pools", "router", "reservations", "options", "subnet", "subnets", "mode", "dnsmasq", "kea", "tag")
)


def make_reservation(values: dict[str, Any], path: str, faults: Faults) -> Any:
    """The Reservation of a parsed section, or INVALID where it does not name exactly one client."""
    named = [name for name in _NAMES if name in values]
    if len(named) > 1:
        faults.add(f"{path}.{named[1]}", None, f"must not be set beside {named[0]}", "keep one of the two")
        return INVALID
    if not named:
        if all(faults.clean(f"{path}.{name}") for name in _NAMES):
            faults.add(path, None, "must name its client", "set mac, client_id or circuit_id")
        return INVALID
    return Reservation(**values)


def make_subnet(values: dict[str, Any], path: str, faults: Faults) -> dict[str, Any]:
    """The values of a subnet as they are: what is missing comes from the section around it."""
    if values.pop("conflict_probe", None) is not None:
        rule = "cannot be set here: ARP does not reach addresses behind a relay agent, so they are never probed"
        faults.add(f"{path}.conflict_probe", None, rule, "remove it")
    return values


def make_dhcp(values: dict[str, Any], path: str, faults: Faults) -> Dhcp:
    """The Dhcp of a parsed section with its subnets; faults between its keys are added."""
    inner = values.pop("subnets", ())
    check_beside(values.get("mode", "serve"), values, inner, path, faults)
    dhcp = _checked(Dhcp(**values), path, faults)
    where = f"{path}.subnet"
    for index, own in enumerate(inner):
        if dhcp.mode == "off" and own.get("mode") == "serve":
            rule, mend = f'has no effect inside {path} with mode = "off"', 'remove it, or set mode = "serve" there'
            faults.add(f"{faults.item(where, index)}.mode", "serve", rule, mend)
    subnets = [
        _checked(_inherited(dhcp, own, values), faults.item(where, index), faults) for index, own in enumerate(inner)
    ]
    _check_subnets(subnets, where, faults)
    return replace(dhcp, subnets=tuple(subnet for subnet in subnets if subnet.subnet is not None))


def _check_subnets(subnets: Sequence[Dhcp], where: str, faults: Faults) -> None:
    """An address in two networks would be leased twice."""
    known = sorted((each.subnet, index) for index, each in enumerate(subnets) if each.subnet is not None)
    # Networks that overlap contain each other: sorted, one overlaps an earlier one if it lies in the widest before it.
    widest: tuple[IPv4Network, int] | None = None
    for network, index in known:
        if widest is not None and network.overlaps(widest[0]):
            earlier, later = sorted((widest[1], index))
            rule = f"must not overlap {faults.item(where, earlier)} ({subnets[earlier].subnet})"
            faults.add(f"{faults.item(where, later)}.subnet", str(subnets[later].subnet), rule, "keep one of the two")
        else:
            widest = (network, index)


def _inherited(around: Dhcp, own: dict[str, Any], values: dict[str, Any]) -> Dhcp:
    taken = {name: value for name, value in values.items() if name not in _NOT_INHERITED}
    options = own.get("options", ())
    codes = {option.code for option in options} | ({NTP} if own.get("ntp") else set())
    kept = tuple(option for option in around.options if option.code not in codes)
    # A server that stays serves all networks of the LAN, or none. Relay agents ask on the LAN, so that where routerd
    # does not serve it, nobody hears them.
    mode = {"mode": around.mode} if around.mode != "serve" else {}
    return Dhcp(**{**taken, **own, **mode, "options": tuple(options) + kept})


def _checked(dhcp: Dhcp, path: str, faults: Faults) -> Dhcp:
    _check_times(dhcp, path, faults)
    _check_pools(dhcp, path, faults)
    _check_reservations(dhcp, path, faults)
    _check_options(dhcp, path, faults)
    if dhcp.subnet is not None:
        _check_subnet(dhcp, dhcp.subnet, path, faults)
    judged = all(faults.clean(f"{path}.{key}") for key in ("mode", "pools", "reservation", "subnet"))
    if judged and dhcp.mode == "serve" and not dhcp.pools and not dhcp.reservations:
        faults.add(path, None, "has no address to serve", 'set pools, add a reservation, or set mode = "off"')
    return dhcp


def _check_subnet(dhcp: Dhcp, network: IPv4Network, path: str, faults: Faults) -> None:
    rule, mend = f"must lie in the subnet {network}", "correct it, or `subnet`"
    for index, pool in enumerate(dhcp.pools):
        if pool.first not in network or pool.last not in network:
            faults.add(faults.item(f"{path}.pools", index), str(pool), rule, mend)
    if isinstance(dhcp.router, IPv4Address) and dhcp.router not in network:
        faults.add(f"{path}.router", str(dhcp.router), rule, mend)
    for index, reservation in enumerate(dhcp.reservations):
        here = faults.item(f"{path}.reservation", index)
        if reservation.address not in network:
            faults.add(f"{here}.address", str(reservation.address), rule, mend)
        elif network.prefixlen < 31 and reservation.address in (network.network_address, network.broadcast_address):
            edges = f"must not be the first or last address of {network}"
            faults.add(f"{here}.address", str(reservation.address), edges, "reserve another address")
        if isinstance(reservation.router, IPv4Address) and reservation.router not in network:
            faults.add(f"{here}.router", str(reservation.router), rule, mend)


def _check_times(dhcp: Dhcp, path: str, faults: Faults) -> None:
    if not all(faults.clean(f"{path}.{key}") for key in ("lease_time", "renew_time", "rebind_time")):
        return
    given = {"renew_time": dhcp.renew_time, "rebind_time": dhcp.rebind_time, "lease_time": dhcp.lease_time}
    defaults = {"renew_time": dhcp.lease_time * 0.5, "rebind_time": dhcp.lease_time * 0.875}
    times = [(name, defaults[name] if value is None else value) for name, value in given.items()]
    for (shorter, less), (longer, more) in pairwise(times):
        if less < more:
            continue
        shown = format_duration(more) + (" by default" if given[longer] is None else "")
        if given[shorter] is not None:
            value, rule = format_duration(less), f"must be shorter than {longer} ({shown})"
            faults.add(f"{path}.{shorter}", value, rule, f"shorten it, or lengthen {longer}")
        else:
            value, rule = format_duration(more), f"must be longer than {shorter} ({format_duration(less)} by default)"
            faults.add(f"{path}.{longer}", value, rule, f"lengthen it, or set {shorter} too")


def overlap(one: AddressRange, other: AddressRange) -> bool:
    """Whether two ranges have an address in common."""
    return one.first <= other.last and other.first <= one.last


def _check_pools(dhcp: Dhcp, path: str, faults: Faults) -> None:
    where = f"{path}.pools"
    ordered = sorted(enumerate(dhcp.pools), key=lambda item: (item[1].first, item[0]))
    # Sorted by first address, a pool overlaps an earlier one if it overlaps the one that reaches farthest.
    farthest: tuple[int, AddressRange] | None = None
    for index, pool in ordered:
        if farthest is not None and overlap(farthest[1], pool):
            rule = f"must not overlap {faults.item(where, farthest[0])} ({farthest[1]})"
            faults.add(faults.item(where, index), str(pool), rule, "join the two, or shorten one")
        if farthest is None or pool.last > farthest[1].last:
            farthest = (index, pool)


def _check_reservations(dhcp: Dhcp, path: str, faults: Faults) -> None:
    where = f"{path}.reservation"
    seen: dict[tuple[str, Hashable], int] = {}
    for index, reservation in enumerate(dhcp.reservations):
        shown = {
            "mac": None if reservation.mac is None else reservation.mac.hex(":"),
            "client_id": None if reservation.client_id is None else reservation.client_id.hex(":"),
            "circuit_id": None if reservation.circuit_id is None else reservation.circuit_id.hex(":"),
            "address": str(reservation.address),
        }
        if reservation.address in (dhcp.router, reservation.router):
            rule = "must not be the router's, which is never leased"
            faults.add(f"{faults.item(where, index)}.address", shown["address"], rule, "reserve another address")
        for key, value in shown.items():
            first = index if value is None else seen.setdefault((key, value), index)
            if first != index:
                rule = f"is reserved already at {faults.item(where, first)}"
                faults.add(f"{faults.item(where, index)}.{key}", value, rule, "change or remove one of the two")
    _check_machines(dhcp.reservations, where, faults)


def _check_machines(reservations: Sequence[Reservation], where: str, faults: Faults) -> None:
    """A client identifier made of an Ethernet address (RFC 2132 section 9.14) names the same client as that MAC."""
    macs = {b"\1" + each.mac: index for index, each in enumerate(reservations) if each.mac is not None}
    for index, each in enumerate(reservations):
        if each.client_id is not None and (other := macs.get(each.client_id)) is not None:
            rule = f"names the same client as the mac of {faults.item(where, other)}"
            here = f"{faults.item(where, index)}.client_id"
            faults.add(here, each.client_id.hex(":"), rule, "remove one of the two reservations")


def _check_options(dhcp: Dhcp, path: str, faults: Faults) -> None:
    where = f"{path}.option"
    seen: dict[int, int] = {}
    for index, option in enumerate(dhcp.options):
        first = seen.setdefault(option.code, index)
        if first != index:
            mend = "keep one of the two, with all values in an array"
            rule = f"is set already at {faults.item(where, first)}"
            faults.add(f"{faults.item(where, index)}.code", option.code, rule, mend)
        elif option.code == NTP and dhcp.ntp:
            here = f"{faults.item(where, index)}.code"
            faults.add(here, option.code, "must not be set beside ntp", "keep one of the two")
