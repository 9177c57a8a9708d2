"""Who of dnsmasq's clients is told what: tags that they must have or must not have, and the router of each. Pure.

dnsmasq gives every client the tag that is the name of the interface its message came in by, also a client behind a
relay agent, and the tag that its dhcp-range sets. Of two options with one number a tagged one wins over one without a
tag, one with other tags over one with a range's tag, and what is read last over what was read before it.
A line of ours would take the place of the administrator's, so it leaves out whom theirs is for, by `tag:!…`; and its
default route must be the router that dnsmasq tells the same client, or it would take the place of that one. So must
be the static routes of option 33, which a client that takes option 121 ignores.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import NamedTuple

from routerd.beside.dnsmasq_conf import Conf, Range, RouterOption, StaticOption
from routerd.beside.static_routes import Route
from routerd.beside_part import BesidePart

Tags = tuple[str, ...]
_SELF = IPv4Address(0)
_MOST_LINES = 32
"""More lines than this for one network are not made: what is left is told to fewer clients."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a dnsmasq: the tags of its administrator's own options 121 and 249, and the like.

    `told`: the router that it was heard to tell, by LAN, and `told_statics` the routes of option 33 that it was.
    `links`: networks by the interfaces that they were seen on.
    """

    others: tuple[Tags, ...] = ()
    routers: tuple[RouterOption, ...] | None = None
    ranges: tuple[Range, ...] = ()
    told: Mapping[str, IPv4Address | None] = field(default_factory=dict)
    links: tuple[tuple[str, IPv4Network], ...] = ()
    statics: tuple[StaticOption, ...] = ()
    told_statics: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)


def known_of(
    conf: Conf | None,
    told: Mapping[str, IPv4Address | None],
    links: Iterable[tuple[str, IPv4Network]],
    served: Iterable[Tags] = (),
    told_statics: Mapping[str, tuple[Route, ...]] = MappingProxyType({}),
) -> Known:
    """What a configuration says; `served` are tags of whom dnsmasq was heard to tell other routes."""
    if conf is None:
        return Known(tuple(served), None, (), told, tuple(links), (), told_statics)
    others = dict.fromkeys((*(option.tags for option in conf.options), *served))
    ranges, statics = tuple(conf.ranges), tuple(conf.statics)
    return Known(tuple(others), tuple(conf.routers), ranges, told, tuple(links), statics, told_statics)


class Clients(NamedTuple):
    """Some clients of a network: the tags that they have, or (with !) have not, and the router that they are told.

    `statics` are the routes of the administrator's option 33 for them.
    """

    tags: Tags
    router: IPv4Address | None
    statics: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """The clients of one network. `main` are those without anything special.

    `yields`: nobody is left, because the administrator's own options are for all. `barred`: the ranges whose clients
    cannot be told from these, for which nobody is told anything. `odd`: options 3 that are not understood. `statics`:
    options 33 that keep their clients from being told: they are for some of them only, or not understood.
    """

    main: tuple[Clients, ...] = ()
    special: tuple[Clients, ...] = ()
    yields: bool = False
    barred: tuple[Range, ...] = ()
    odd: tuple[RouterOption, ...] = ()
    statics: tuple[StaticOption, ...] = ()


def clients_of(part: BesidePart, index: int, known: Known) -> Told:
    """Who of the part's network is told routes, and with which router."""
    own = part.networks[index].tag
    first = _first_tags(part, index, known)
    if isinstance(first, Told):
        return first
    statics, barring = _statics(part, index, known)
    others = [_rest(tags, own) for tags in (*known.others, *(each.tags for each in barring))]
    if () in others or not own:
        return Told(yields=True, statics=barring)
    context = {each.tag for each in known.ranges}
    # With the tag of its range an option comes after those with other tags only; else what is read last counts.
    keyed = [((not context & set(each.tags), at), each) for at, each in enumerate(known.routers or ()) if each.tags]
    base_key = max((key for key, each in keyed if not _rest(each.tags, own)), default=(False, -1))
    groups = [(_rest(each.tags, own), key, each) for key, each in keyed if key > base_key]
    special = sorted((group for group in groups if group[0]), key=lambda group: group[1])
    special = [group for group in special if _joined(first, group[0]) is not None]
    odd = [each for _, _, each in special if not each.known]
    taken = [*others, *(tags for tags, _, each in special if not each.known)]
    main = _without(first, [*others, *(tags for tags, _, _ in special)])
    # A client takes the last of what fits it, so only the first lines may be left out, and never the later ones.
    made: list[Clients] = []
    for tags, _, each in reversed(special):
        start = _joined(first, tags)
        if each.known and start is not None and len(made) < _MOST_LINES:
            router = part.address if each.router == _SELF else each.router
            made[:0] = [Clients(one, router, statics) for one in _without(start, taken)]
    base = _base_router(part, index, known)
    kept = tuple(made[-_MOST_LINES:])
    plain = tuple(Clients(tags, base, statics) for tags in main)
    return Told(plain, kept, yields=not main and not made, odd=tuple(odd), statics=barring)


def _first_tags(part: BesidePart, index: int, known: Known) -> Tags | Told:
    """The tags that tell the network's clients from those of other networks."""
    own = part.networks[index].tag
    if index != 0 or part.settings.dnsmasq.tag is not None:
        return (own,)
    # Clients behind relay agents have the interface's tag as well.
    tags = [own, *(f"!{network.tag}" for network in part.networks[1:] if network.tag)]
    strange = [each for each in known.ranges if _may_come_in(each, part, known.links)]
    ours = {each.tag for each in known.ranges if each.start in part.networks[0].network} | {own}
    barred = tuple(each for each in strange if each.tag is None or each.tag in ours)
    if barred:
        return Told(barred=barred)
    return tuple(dict.fromkeys((*tags, *(f"!{each.tag}" for each in strange))))


def _may_come_in(each: Range, part: BesidePart, links: Iterable[tuple[str, IPv4Network]]) -> bool:
    """May clients of another network have the tag of this interface?"""
    if each.start in part.networks[0].network:
        return False
    names = {name for name, network in links if each.start in network}
    return not names or part.networks[0].tag in names


def _base_router(part: BesidePart, index: int, known: Known) -> IPv4Address | None:
    """The router of clients without special tags: as dnsmasq was heard, as its configuration says, or as ours does."""
    own = part.networks[index]
    plain = [each for each in known.routers or () if not each.tags]
    tagged = [each for each in known.routers or () if each.tags and not _rest(each.tags, own.tag)]
    said = next(reversed(tagged or plain), None)
    if index == 0 and part.lan in known.told:
        heard = known.told[part.lan]
        # This machine may itself be one of those who are told another router.
        others = {each.router for each in known.routers or () if _rest(each.tags, own.tag)}
        if heard not in others or (said is not None and not said.known):
            return heard
    if said is not None and said.known:
        return part.address if said.router == _SELF and index == 0 else said.router
    if known.routers is None or index != 0 or said is not None:
        return own.router
    return part.address if int(part.address) else own.router


def _statics(part: BesidePart, index: int, known: Known) -> tuple[tuple[Route, ...], tuple[StaticOption, ...]]:
    """The routes of option 33 for the network's clients, and the options that are for some of them or not understood.

    What its configuration says counts for more than what was heard: dnsmasq leaves out what has no room in an answer.
    """
    own = part.networks[index].tag
    special = [each for each in known.statics if _rest(each.tags, own)]
    plain = [each for each in known.statics if not each.tags]
    said = next(reversed([each for each in known.statics if each.tags and each not in special] or plain), None)
    heard = known.told_statics.get(part.lan, ()) if index == 0 else ()
    if any(each.routes == heard for each in special):
        heard = ()  # This machine may itself be one of those who are told others.
    routes = said.routes if said is not None and said.known else heard
    barring = [each for each in special if each.routes != routes or not each.known]
    if said is not None and not said.known and not heard:
        barring.append(said)
    return routes, tuple(barring)


def _rest(tags: Tags, own: str) -> Tags:
    """What a client of the network must have besides its own tag."""
    return tuple(tag for tag in tags if tag != own)


def _joined(first: Tags, more: Tags) -> Tags | None:
    """Both; None where no client has both."""
    if any(opposite(tag) in first or opposite(tag) in more for tag in more):
        return None
    return tuple(dict.fromkeys((*first, *(_plain(tag) for tag in more))))


def _without(first: Tags, barred: Sequence[Tags]) -> tuple[Tags, ...]:
    """Lines for whoever has the first tags, but not all tags of any of the others: each of these lacks one of them."""
    found: list[Tags] = [first]
    for tags in sorted(dict.fromkeys(barred), key=len):
        following: list[Tags] = []
        for line in found:
            if any(opposite(tag) in line for tag in tags):
                following.append(line)
                continue
            missing = [opposite(tag) for tag in tags if _plain(tag) not in line]
            following += [(*line, tag) for tag in missing[: max(1, _MOST_LINES // max(1, len(found)))]]
        found = list(_widest(following))[:_MOST_LINES]
    return tuple(found)


def _widest(lines: Iterable[Tags]) -> Iterator[Tags]:
    """Those that no other one includes."""
    first: dict[frozenset[str], Tags] = {}
    for line in lines:
        first.setdefault(frozenset(line), line)
    for tags, line in first.items():
        if not any(other < tags for other in first):
            yield line


def _plain(tag: str) -> str:
    return f"!{tag[1:]}" if tag.startswith("#") else tag


def opposite(tag: str) -> str:
    """What a client has that lacks this tag."""
    return tag[1:] if tag.startswith(("!", "#")) else f"!{tag}"
