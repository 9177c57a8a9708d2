"""Kea's configuration as config-get has it: which entries are routerd's, and how it is read. Pure."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from routerd.beside.options import CODES

MARK = "routerd"
_NOTE = "kept current by routerd; changes made here are undone"
_SPACE = "dhcp4"

Map = dict[str, Any]


def own_entry(code: int, data: str) -> Map:
    """In the words of config-get. It goes to who asks for it: `always-send` is for who does not."""
    entry = {"always-send": False, "code": code, "csv-format": False, "data": data, "space": _SPACE}
    return {**entry, "user-context": {MARK: _NOTE}}


def is_ours(entry: Any) -> bool:
    """Is this entry of `option-data` routerd's?"""
    context = entry.get("user-context") if isinstance(entry, dict) else None
    return isinstance(context, dict) and MARK in context and entry.get("code") in CODES


def unmarked(config: Map) -> Map:
    """The configuration without routerd's entries, wherever somebody may have copied them to."""
    made = _bare(config)
    for key in ("client-classes", "reservations"):
        made = with_list(made, key, _bare)
    made = with_list(made, "subnet4", _bare_subnet)
    return with_list(made, "shared-networks", lambda each: with_list(_bare(each), "subnet4", _bare_subnet))


def _bare_subnet(subnet: Map) -> Map:
    return with_list(with_list(_bare(subnet), "pools", _bare), "reservations", _bare)


def _bare(place: Map) -> Map:
    options = place.get("option-data")
    if not isinstance(options, list) or not any(map(is_ours, options)):
        return place
    return {**place, "option-data": [entry for entry in options if not is_ours(entry)]}


def same_order(before: Map, made: Map) -> Map:
    """`before` itself where both say the same: Kea lists the options of a place in an order of its own."""
    return before if made == before or _sorted(made) == _sorted(before) else made


def _sorted(config: Map) -> Map:
    def place(each: Map) -> Map:
        options = each.get("option-data")
        if not isinstance(options, list) or not any(map(is_ours, options)):
            return each
        ours = sorted(filter(is_ours, options), key=lambda entry: int(entry["code"]))
        return {**each, "option-data": [[e for e in options if not is_ours(e)], [comparable(e) for e in ours]]}

    def subnet(each: Map) -> Map:
        return with_list(with_list(place(each), "pools", place), "reservations", place)

    made = with_list(config, "subnet4", subnet)
    return with_list(made, "shared-networks", lambda each: with_list(each, "subnet4", subnet))


def comparable(entry: Map) -> Map:
    """Later Keas add keys to what they were given (`never-send`, `name`); what is false by default does not count."""
    kept = {key: value for key, value in entry.items() if value not in (False, [], "") and key != "name"}
    return {**kept, "data": str(entry.get("data", "")).upper().removeprefix("0X")}


def with_list(place: Map, key: str, change: Callable[[Map], Map]) -> Map:
    """The place with every map of this list changed; itself where nothing changes."""
    found = place.get(key)
    if not isinstance(found, list):
        return place
    made = [change(each) if isinstance(each, dict) else each for each in found]
    return {**place, key: made} if any(a is not b for a, b in zip(made, found, strict=True)) else place


def subnets_of(config: Map) -> tuple[str, ...]:
    """What Kea serves, also in shared networks, in its own words."""
    found = []
    for each in (config, *maps_of(config, "shared-networks")):
        found += [str(subnet.get("subnet")) for subnet in maps_of(each, "subnet4")]
    return tuple(found)


def maps_of(place: Map, key: str) -> list[Map]:
    """The maps in one of its lists; none where it has no such list."""
    found = place.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def options_of(place: Map) -> list[Map]:
    """The options that are set at a place: globally, or at a shared network, subnet, pool, class or reservation."""
    return [entry for entry in listed(place) if isinstance(entry, dict)]


def listed(place: Map) -> list[Any]:
    """Its `option-data` as it is."""
    options = place.get("option-data")
    return options if isinstance(options, list) else []


def entries_of(options: Iterable[Map], code: int) -> Iterator[Map]:
    """Those of one code, without options inside of others (another `space`)."""
    return (entry for entry in options if entry.get("code") == code and entry.get("space", _SPACE) == _SPACE)


def network_of(subnet: Map) -> IPv4Network | None:
    """What a subnet4 is for; None where that is no network."""
    try:
        return IPv4Network(str(subnet.get("subnet")), strict=False)
    except ValueError:
        return None


def pool_options(subnet: Map, reservation: Map) -> list[Map]:
    """The options of the pool that the reserved address is in: its client has these, too."""
    try:
        address = IPv4Address(str(reservation.get("ip-address")))
    except AddressValueError:
        return []
    known = ((str(pool.get("pool")), options_of(pool)) for pool in maps_of(subnet, "pools"))
    return next((options for pool, options in known if options and _is_in(address, pool)), [])


def _is_in(address: IPv4Address, pool: str) -> bool:
    first, dash, last = (word.strip() for word in pool.partition("-"))
    try:
        return IPv4Address(first) <= address <= IPv4Address(last) if dash else address in IPv4Network(first)
    except ValueError:
        return False


def address_of(entry: Map | None) -> IPv4Address | None:
    """The first router of an option 3; None where it names none."""
    if entry is None or entry.get("never-send") is True:
        return None
    data = str(entry.get("data", "")).strip()
    try:
        if entry.get("csv-format", True):
            return IPv4Address(data.partition(",")[0].strip())
        return IPv4Address(bytes.fromhex(data.removeprefix("0x").replace(":", " "))[:4])
    except (AddressValueError, ValueError):
        return None
