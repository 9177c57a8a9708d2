"""What an administrator has in Kea beside which routerd's options at a subnet cannot stand. Pure.

Only what concerns the clients of that subnet counts. A class's options 3 and 33 do where neither the subnet nor its
shared network has them, and the class can be assigned there; a global reservation does where `reservations-global`
holds. Kea reads what is given in hexadecimal by its administrator's definition of the option, if there is one, and
drops without a word what goes beyond it: only definitions that take any bytes leave a list of routes as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, NamedTuple

from routerd.beside.kea_config import Map, entries_of, maps_of, options_of
from routerd.beside.kea_way import ROUTER, Way, other_way, way_of
from routerd.beside.options import CODES
from routerd.beside.static_routes import STATIC_ROUTES
from routerd.beside_part import BesideNetwork

_BUILT_IN = ("ALL", "KNOWN", "UNKNOWN", "BOOTP")
_BUILT_IN_BEGIN = ("VENDOR_CLASS_", "HA_", "AFTER_", "EXTERNAL_", "SPAWN_")
_ONLY = ("only-if-required", "only-in-additional-list")
_REPLACED = {
    ROUTER: "a router of its own, which option 121 of the subnet would replace",
    STATIC_ROUTES: "static routes of its own (option 33), which option 121 of the subnet would replace",
}
_REQUIRED = ("require-client-classes", "evaluate-additional-classes")


class Conflict(NamedTuple):
    """A place in Kea's configuration that has what routerd's options cannot stand beside.

    `codes` are those that are left out of `network` for it; () where only the clients of the place itself go without.
    """

    network: IPv4Network
    place: str
    what: str
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a subnet: the whole configuration, and the shared network that it is in."""

    config: Map
    shared: Map | None = None

    def places(self, network: IPv4Network, subnet: Map) -> tuple[tuple[str, list[Map]], ...]:
        """Where Kea looks for the options of its clients, classes apart, with those options; the nearest first."""
        own = [(f"the subnet {network}", options_of(subnet))]
        if self.shared is not None:
            own.append((f"the shared network {self.shared.get('name')}", options_of(self.shared)))
        return (*own, ("the global options", options_of(self.config)))


def conflicts(told: BesideNetwork, subnet: Map, around: Around, way: Way) -> Iterator[Conflict]:
    """All of them for a subnet of that network, whose clients are told this way."""
    network = told.network
    yield from _defined(network, around.config)
    places = around.places(network, subnet)
    classes = tuple(_classes(subnet, around))
    for place, options in (*places, *classes):
        if own := own_codes(options):
            yield Conflict(network, place, own_text(own), own)
    near = [option for _, options in places[:-1] for option in options]
    counts = tuple(code for code in _REPLACED if not any(True for _ in entries_of(near, code)))
    for place, options in classes:
        for what in _replaced(options, way, counts):
            yield Conflict(network, place, what, CODES)
    if others := other_way(told, way):
        place = next(place for place, options in places if any(entries_of(options, STATIC_ROUTES)))
        yield Conflict(network, place, static_text(others), CODES)
    if _heeds_global(subnet, around):
        for each in maps_of(around.config, "reservations"):
            yield from _of_reservation(network, each, way)


def _of_reservation(network: IPv4Network, reservation: Map, way: Way) -> Iterator[Conflict]:
    place, options = f"the global reservation {client_of(reservation)}", options_of(reservation)
    own = own_codes(options)
    if own:
        yield Conflict(network, place, own_text(own))
    if len(own) < len(CODES):
        for what in _replaced(options, way, tuple(_REPLACED)):
            yield Conflict(network, place, what, tuple(code for code in CODES if code not in own))


def _replaced(options: Iterable[Map], way: Way, codes: tuple[int, ...]) -> Iterator[str]:
    """What of these options, of those codes, clients would lose that are told the other way by option 121."""
    own = way_of(options, way)
    if ROUTER in codes and own.router != way.router:
        yield _REPLACED[ROUTER]
    if STATIC_ROUTES in codes and own.statics != way.statics:
        yield _REPLACED[STATIC_ROUTES]


def _defined(network: IPv4Network, config: Map) -> Iterator[Conflict]:
    definitions = maps_of(config, "option-def")
    for code in CODES:
        for each in entries_of(definitions, code):
            if not _keeps(each):
                what = f"a definition of option {code} that does not hold every list of routes"
                yield Conflict(network, f"the option-def {each.get('name')}", what, (code,))


def _keeps(definition: Map) -> bool:
    """Does Kea keep any bytes with this definition?"""
    if definition.get("record-types") or definition.get("encapsulate"):
        return False
    kind = definition.get("type"), definition.get("array") is True
    return kind in (("binary", False), ("string", False), ("uint8", True))


def _classes(subnet: Map, around: Around) -> Iterator[tuple[str, list[Map]]]:
    """The classes that the subnet's clients can have, with their options."""
    beside = [subnet] if around.shared is None else maps_of(around.shared, "subnet4")
    hosts = [host for each in beside for host in maps_of(each, "reservations")]
    if _heeds_global(subnet, around) or around.config.get("early-global-reservations-lookup") is True:
        hosts += maps_of(around.config, "reservations")
    assigned = {name for host in hosts for name in _names(host, "client-classes")}
    places = [*beside, *(pool for each in beside for pool in maps_of(each, "pools"))]
    places += [around.shared] if around.shared is not None else []
    assigned |= {name for place in places for key in _REQUIRED for name in _names(place, key)}
    by_others = any(around.config.get(key) for key in ("hooks-libraries", "hosts-database", "hosts-databases"))
    for each in maps_of(around.config, "client-classes"):
        name = str(each.get("name"))
        tested = bool(each.get("test") or each.get("template-test")) and not any(each.get(key) is True for key in _ONLY)
        if tested or by_others or name in assigned or name in _BUILT_IN or name.startswith(_BUILT_IN_BEGIN):
            yield f"the class {name}", options_of(each)


def _names(place: Map, key: str) -> list[str]:
    found: Any = place.get(key)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _heeds_global(subnet: Map, around: Around) -> bool:
    """Do global reservations hold for the subnet's clients? The nearest place that says it counts."""
    for place in (subnet, around.shared or {}, around.config):
        known = place.get("reservations-global")
        if isinstance(known, bool):
            return known
    return False


def own_codes(options: Iterable[Map]) -> tuple[int, ...]:
    """Which of options 121 and 249 are among them."""
    known = list(options)
    return tuple(code for code in CODES if any(entries_of(known, code)))


def own_text(codes: Iterable[int]) -> str:
    """What is said of a place that has these."""
    return f"an option {' and '.join(map(str, codes))} of its own"


def static_text(networks: Iterable[IPv4Network]) -> str:
    """What is said of a place whose static routes are for a destination that is the VPN's as well."""
    return f"a static route to {', '.join(map(str, networks))} (option 33) by another router than the VPN's"


def client_of(reservation: Map) -> str:
    """Whom a reservation is for."""
    names = ("hw-address", "client-id", "circuit-id", "duid", "flex-id", "ip-address")
    return str(next((reservation[name] for name in names if reservation.get(name)), "without a name"))
