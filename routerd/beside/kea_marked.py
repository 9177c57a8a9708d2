"""routerd's entries in a Kea's configuration, by the place each is at: as they are, and put back as they were. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from routerd.beside.kea_barred import client_of
from routerd.beside.kea_config import (
    Map,
    comparable,
    is_ours,
    listed,
    maps_of,
    options_of,
    same_order,
    unmarked,
    with_list,
)
from routerd.beside.kea_patch import Patched

Place = tuple[str, ...]
"""From the outside in, a list's key and the name of one of it: ("subnet4", "192.168.200.0/24", "pools", "…")."""

_LISTS: Mapping[str, Callable[[Map], str]] = {
    "client-classes": lambda each: str(each.get("name")),
    "reservations": client_of,
    "shared-networks": lambda each: str(each.get("name")),
    "subnet4": lambda each: str(each.get("subnet")),
    "pools": lambda each: str(each.get("pool")),
}
_DEEPEST = 4


def marked(config: Map) -> dict[Place, list[Map]]:
    """The entries of every place that has some."""
    return dict(_walk(config, ()))


def _walk(each: Map, place: Place) -> Iterator[tuple[Place, list[Map]]]:
    own = [entry for entry in options_of(each) if is_ours(entry)]
    if own:
        yield place, own
    if len(place) < 2 * _DEEPEST:
        for key, name in _LISTS.items():
            for inner in maps_of(each, key):
                yield from _walk(inner, (*place, key, name(inner)))


def put_back(config: Map, before: Mapping[Place, list[Map]]) -> Patched:
    """The configuration with just these entries of routerd's: at places that are still there, and not beside an option
    with the same code that the administrator has set there.
    """
    made = same_order(config, _put(unmarked(config), (), before))
    return Patched(made, made != config)


def to_put_back(before: Map, given: Map, after: Map) -> Map | None:
    """What to set where Kea, which had `before` and was given `given`, has `after`; None where it kept the options.

    Where somebody else has set something in between it is theirs that stays, only without what Kea made of routerd's.
    """
    wanted, found = _flat(given), _flat(after)
    theirs = unmarked(after)
    is_ours_alone = theirs == unmarked(given)
    if all(one in wanted for one in found) and (len(found) == len(wanted) or not is_ours_alone):
        return None
    if not wanted:
        return after
    return before if is_ours_alone else theirs


def _flat(config: Map) -> list[tuple[Place, Map]]:
    return [(place, comparable(entry)) for place, own in _walk(config, ()) for entry in own]


def why_untouched(config: Map) -> str | None:
    """Why this configuration must not be set again; None where it may be."""
    control, leases = config.get("config-control"), config.get("lease-database")
    if isinstance(control, dict) and control.get("config-databases"):
        # What Kea read from there would be set as its own, and then be there twice.
        return "its configuration comes from a database (config-control), which routerd does not change"
    if isinstance(leases, dict) and leases.get("type") == "memfile" and leases.get("persist") is False:
        return (
            "it keeps its leases in memory only (`persist` of its lease-database is false), and would forget them all "
            "with every change, and then lease addresses that are in use"
        )
    return None


def _put(each: Map, place: Place, before: Mapping[Place, list[Map]]) -> Map:
    if not any(key[: len(place)] == place for key in before):
        return each
    options = listed(each)
    theirs = [entry.get("code") for entry in options_of(each)]
    own = [entry for entry in before.get(place, ()) if entry.get("code") not in theirs]
    made = {**each, "option-data": [*options, *own]} if own else each
    for key, name in _LISTS.items():
        made = with_list(made, key, _inner(place, key, name, before))
    return made


def _inner(
    place: Place, key: str, name: Callable[[Map], str], before: Mapping[Place, list[Map]]
) -> Callable[[Map], Map]:
    return lambda each: _put(each, (*place, key, name(each)), before)


def encode_marked(entries: Mapping[Place, list[Map]]) -> list[Any]:
    """As JSON has it."""
    return [[list(place), own] for place, own in entries.items()]


def decode_marked(rows: Any) -> dict[Place, list[Map]]:
    """What `encode_marked` made. Raises ValueError for anything else."""
    try:
        found = {tuple(map(str, place)): own for place, own in rows}
    except (TypeError, ValueError):
        raise ValueError("no entries of Kea's options") from None
    for own in found.values():
        if not isinstance(own, list) or not all(map(is_ours, own)):
            raise ValueError("entries of Kea's options that are not routerd's")
    return found
