"""Options 121 and 249 in Kea's configuration: what is routerd's is put there or taken away, all else stays. Pure.

The configuration is the map `Dhcp4` of config-get. Kea looks for an option at the reservation, the pool, the subnet,
the shared network, the classes of the client and globally, in this order, and the first one wins. routerd's are at the
subnet, and at pools and reservations whose clients have a router or static routes of their own: option 121 replaces
options 3 and 33 (RFC 3442), so it has the router and the static routes that Kea tells the same clients. Each is marked
in its `user-context`, which Kea keeps. The data are in hexadecimal, which needs no definition of the option: Kea 2.2
has none, later ones have one for 121 that may not be given again.

No value is longer than 255 bytes. Kea would send more in two pieces (RFC 3396), but it does not look at how long a
message its client takes (option 57): clients that take 576 bytes and no more, such as udhcpc, would get no address.

An option 121 or 249 without that mark is the administrator's. Where routerd's would win over it, it is left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from routerd.beside.kea_barred import Around, Conflict, client_of, conflicts, own_codes, own_text, static_text
from routerd.beside.kea_config import (
    Map,
    listed,
    network_of,
    options_of,
    own_entry,
    pool_options,
    same_order,
    unmarked,
    with_list,
)
from routerd.beside.kea_way import Way, other_way, value_for, value_within, way_of
from routerd.beside.options import CODES
from routerd.beside_part import BesideNetwork


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


def patch(config: Map, networks: Iterable[BesideNetwork]) -> Patched:
    """The configuration with exactly the options that these networks are to have; with none, nothing of routerd's."""
    wanted = {network.network: network for network in networks}
    found = _Found()
    plain = unmarked(config)
    around = Around(plain)
    made = with_list(plain, "subnet4", lambda subnet: _subnet(subnet, around, wanted, found))
    made = with_list(made, "shared-networks", lambda shared: _shared(shared, around, wanted, found))
    missing = tuple(network for network in wanted if network not in found.seen)
    made = same_order(config, made)
    long = tuple(found.too_long.items())
    return Patched(made, made != config, tuple(found.conflicts), missing, tuple(found.held), long)


def has_marked(config: Map) -> bool:
    """Is anything of routerd's in this configuration?"""
    return unmarked(config) is not config


def _shared(shared: Map, around: Around, wanted: dict[IPv4Network, BesideNetwork], found: _Found) -> Map:
    inner = Around(around.config, shared)
    return with_list(shared, "subnet4", lambda subnet: _subnet(subnet, inner, wanted, found))


def _subnet(subnet: Map, around: Around, wanted: dict[IPv4Network, BesideNetwork], found: _Found) -> Map:
    network = network_of(subnet)
    told = wanted.get(network) if network is not None else None
    if network is None or told is None:
        return subnet
    found.seen.add(network)
    if not told.routes:
        return subnet
    way = Way()
    for _, options in reversed(around.places(network, subnet)):
        way = way_of(options, way)
    barring = tuple(conflicts(told, subnet, around, way))
    found.conflicts += barring
    barred = {code for each in barring for code in each.codes}
    codes = tuple(code for code in CODES if code not in barred)
    value, left = value_for(told, way)
    if left and codes:
        found.too_long[network] = tuple(prefix for prefix, _ in left)
    codes = codes if value else ()
    if codes:
        found.held.append(network)
    made = _added(subnet, codes, value)

    def inner(word: str, name: Callable[[Map], str]) -> Callable[[Map], Map]:
        def change(each: Map) -> Map:
            pool = [] if word == "pool" else pool_options(subnet, each)
            left = tuple(code for code in codes if code not in own_codes(pool))
            return _inside(each, f"the {word} {name(each)} of {network}", left, told, way_of(pool, way), found)

        return change

    made = with_list(made, "pools", inner("pool", lambda each: str(each.get("pool"))))
    return with_list(made, "reservations", inner("reservation", client_of))


def _inside(each: Map, place: str, codes: tuple[int, ...], told: BesideNetwork, outer: Way, found: _Found) -> Map:
    """A pool or reservation: its own options win over those of the subnet, so its clients need them with its way."""
    options = options_of(each)
    own = own_codes(options)
    if own:
        found.conflicts.append(Conflict(told.network, place, own_text(own)))
    left = tuple(code for code in codes if code not in own)
    way = way_of(options, outer)
    # A host that is itself the gateway of a route is not sent it.
    statics = tuple(route for route in way.statics if str(route[1]) != each.get("ip-address"))
    routes = tuple(route for route in told.routes if str(route[1]) != each.get("ip-address"))
    way = Way(way.router, statics)
    if not left or (way == outer and routes == told.routes):
        return each
    sent = replace(told, routes=routes)
    value, is_whole = value_within(sent, way)
    if others := other_way(sent, way):
        found.conflicts.append(Conflict(told.network, place, static_text(others)))
    if not is_whole:
        found.conflicts.append(Conflict(told.network, place, "more static routes (option 33) than there is room for"))
    return _added(each, left, value)


def _added(place: Map, codes: tuple[int, ...], value: bytes) -> Map:
    ours = [own_entry(code, value.hex().upper()) for code in codes] if value else []
    return {**place, "option-data": [*listed(place), *ours]} if ours else place
