"""Options 121 and 249 in Kea's configuration: what is routerd's is put there or taken away, all else stays. Pure.

The configuration is the map `Dhcp4` of config-get. Kea looks for an option at the reservation, the pool, the subnet,
the shared network, the classes of the client and globally, in this order, and the first one wins. routerd's are at the
subnet, and at pools and reservations whose clients have a router of their own: option 121 replaces option 3 (RFC 3442),
so its default route is the router that Kea tells the same clients. Each is marked in its `user-context`, which Kea
keeps. The data are in hexadecimal, which needs no definition of the option: Kea 2.2 has none, later ones have one for
121 that may not be given again.

No value is longer than 255 bytes. Kea would send more in two pieces (RFC 3396), but it does not look at how long a
message its client takes (option 57): clients that take 576 bytes and no more, such as udhcpc, would get no address.

An option 121 or 249 without that mark is the administrator's. Where routerd's would win over it, it is left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from routerd.beside.kea_config import (
    Map,
    address_of,
    entries_of,
    listed,
    named,
    network_of,
    options_of,
    own_entry,
    same_order,
    unmarked,
    with_list,
)
from routerd.beside.options import CODES, fitting
from routerd.beside_part import BesideNetwork
from routerd.classless import Routes, encode_route

ROUTER = 3
ROOM = 255
_DEFAULT = IPv4Network("0.0.0.0/0")


class Conflict(NamedTuple):
    """A place in Kea's configuration that has what routerd's options cannot stand beside.

    `codes` are those that are left out of `network` for it; () where only the clients of the place itself go without.
    """

    network: IPv4Network
    place: str
    what: str
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Patched:
    """The configuration as it should be; the one given is unchanged, and shares what is the same.

    `missing` are networks that no subnet of Kea has; `held` those whose subnet carries routerd's options; `too_long`
    those that are not told all, with the prefixes for which there was no room.
    """

    config: Map
    changed: bool
    conflicts: tuple[Conflict, ...] = ()
    missing: tuple[IPv4Network, ...] = ()
    held: tuple[IPv4Network, ...] = ()
    too_long: tuple[tuple[IPv4Network, tuple[IPv4Network, ...]], ...] = ()


@dataclass(slots=True)
class _Found:
    conflicts: list[Conflict] = field(default_factory=list)
    seen: set[IPv4Network] = field(default_factory=set)
    held: list[IPv4Network] = field(default_factory=list)
    too_long: dict[IPv4Network, tuple[IPv4Network, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Around:
    """What Kea falls back to for the clients of a subnet: places with their options, the nearest first."""

    places: tuple[tuple[str, list[Map]], ...]
    classes: tuple[tuple[str, list[Map]], ...]
    reservations: tuple[tuple[str, list[Map]], ...]


def patch(config: Map, networks: Iterable[BesideNetwork]) -> Patched:
    """The configuration with exactly the options that these networks are to have; with none, nothing of routerd's."""
    wanted = {network.network: network for network in networks}
    found = _Found()
    plain = unmarked(config)
    top = options_of(plain)
    around = _Around(
        (("the global options", top),),
        tuple(named(plain, "client-classes", lambda each: f"the class {each.get('name')}")),
        tuple(named(plain, "reservations", lambda each: f"the global reservation {client_of(each)}")),
    )
    made = with_list(plain, "subnet4", lambda subnet: _subnet(subnet, around, wanted, found))
    made = with_list(made, "shared-networks", lambda shared: _shared(shared, around, wanted, found))
    missing = tuple(network for network in wanted if network not in found.seen)
    made = same_order(config, made)
    long = tuple(found.too_long.items())
    return Patched(made, made != config, tuple(found.conflicts), missing, tuple(found.held), long)


def has_marked(config: Map) -> bool:
    """Is anything of routerd's in this configuration?"""
    return unmarked(config) is not config


def _shared(shared: Map, around: _Around, wanted: dict[IPv4Network, BesideNetwork], found: _Found) -> Map:
    own = (f"the shared network {shared.get('name')}", options_of(shared))
    inner = _Around((own, *around.places), around.classes, around.reservations)
    return with_list(shared, "subnet4", lambda subnet: _subnet(subnet, inner, wanted, found))


def _subnet(subnet: Map, around: _Around, wanted: dict[IPv4Network, BesideNetwork], found: _Found) -> Map:
    network = network_of(subnet)
    told = wanted.get(network) if network is not None else None
    if network is None or told is None:
        return subnet
    found.seen.add(network)
    places = ((f"the subnet {network}", options_of(subnet)), *around.places)
    router = next((entry for _, options in places for entry in entries_of(options, ROUTER)), None)
    if not told.routes:
        return subnet
    barred = _barred(network, address_of(router), places, around, found)
    codes = tuple(code for code in CODES if code not in barred)
    value, left = fitting(replace(told, router=address_of(router)), ROOM)
    made = _added(subnet, codes, value)
    if left and codes:
        found.too_long[network] = tuple(prefix for prefix, _ in left)
    if codes:
        found.held.append(network)

    def inner(word: str, name: Callable[[Map], str]) -> Callable[[Map], Map]:
        return lambda each: _inside(
            each, f"the {word} {name(each)} of {network}", codes, told, address_of(router), found
        )

    made = with_list(made, "pools", inner("pool", lambda each: str(each.get("pool"))))
    return with_list(made, "reservations", inner("reservation", client_of))


def _barred(
    network: IPv4Network,
    router: IPv4Address | None,
    places: Iterable[tuple[str, list[Map]]],
    around: _Around,
    found: _Found,
) -> set[int]:
    """The codes that must not be put at the subnet, because they would win over what the administrator has set."""
    barred: set[int] = set()
    for place, options in (*places, *around.classes):
        codes = tuple(code for code in CODES if any(entries_of(options, code)))
        if codes:
            found.conflicts.append(Conflict(network, place, f"an option {_words(codes)} of its own", codes))
            barred.update(codes)
    for place, options in around.reservations:
        codes = tuple(code for code in CODES if any(entries_of(options, code)))
        if codes:
            found.conflicts.append(Conflict(network, place, f"an option {_words(codes)} of its own"))
    for place, options in (*around.classes, *around.reservations):
        if any(address_of(entry) != router for entry in entries_of(options, ROUTER)):
            what = "a router of its own, which option 121 of the subnet would replace"
            found.conflicts.append(Conflict(network, place, what, CODES))
            barred.update(CODES)
    return barred


def _inside(
    each: Map, place: str, codes: tuple[int, ...], told: BesideNetwork, router: IPv4Address | None, found: _Found
) -> Map:
    """A pool or reservation: its own options win over those of the subnet, so its clients need them with its router."""
    options = options_of(each)
    own = tuple(code for code in CODES if any(entries_of(options, code)))
    if own:
        found.conflicts.append(Conflict(told.network, place, f"an option {_words(own)} of its own"))
    left = tuple(code for code in codes if code not in own)
    entry = next(entries_of(options, ROUTER), None)
    nearest = router if entry is None else address_of(entry)
    # A host that is itself the gateway of a route is not sent it.
    routes = tuple(route for route in told.routes if str(route[1]) != each.get("ip-address"))
    if nearest == router and routes == told.routes:
        return each
    return _added(each, left, _value(told, routes, nearest))


def _value(told: BesideNetwork, routes: Routes, router: IPv4Address | None) -> bytes:
    """What the clients of one pool or reservation are told; at least their default route, as the subnet's has one."""
    if not routes and router is not None:
        return encode_route(_DEFAULT, router)
    return fitting(replace(told, routes=tuple(routes), router=router), ROOM)[0]


def _added(place: Map, codes: tuple[int, ...], value: bytes) -> Map:
    ours = [own_entry(code, value.hex().upper()) for code in codes] if value else []
    return {**place, "option-data": [*listed(place), *ours]} if ours else place


def client_of(reservation: Map) -> str:
    """Whom a reservation is for."""
    names = ("hw-address", "client-id", "circuit-id", "duid", "flex-id", "ip-address")
    return str(next((reservation[name] for name in names if reservation.get(name)), "without a name"))


def _words(codes: Iterable[int]) -> str:
    return " and ".join(map(str, codes))
