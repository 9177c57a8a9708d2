"""The sections and options of /etc/config/routerd, made from the one table of keys.

Every table of the TOML file is a section type of its own, under its last name. One that is inside of another says where
it belongs by an option: `option lan 'NAME'` with the name of that `config lan` section.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from routerd.config.schema import Key, Section
from routerd.config.tables import ROOT

MAIN: Final = "routerd"
"""The type of the section that says whether routerd runs at all."""

ENABLED: Final = "enabled"

_TYPES: Final = {"option": "dhcp_option", "key": "rip_key"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A section type. `places`: by the type that it belongs to, "" for none, the tables from there to this one.

    Where it may belong to several types, the first is meant if nothing is said.
    """

    type: str
    section: Section
    places: Mapping[str, tuple[Section, ...]]

    @property
    def keys(self) -> dict[str, Key]:
        """Its options, without those that say where it belongs."""
        return {key.name: key for key in self.section.keys}

    @property
    def parents(self) -> tuple[str, ...]:
        """The types that it may belong to; each is an option too."""
        return tuple(place for place in self.places if place)

    @property
    def options(self) -> tuple[str, ...]:
        """All that it may say."""
        return (*self.parents, *self.keys)


def type_of(section: Section) -> str:
    """The section type of a table."""
    return _TYPES.get(section.name, section.name)


def _shapes() -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    for parent, chain in _places(ROOT, "", ()):
        name = type_of(chain[-1])
        before = found.get(name)
        places = {**(before.places if before else {}), parent: chain}
        found[name] = Shape(name, before.section if before else chain[-1], places)
    depths = {name: _depth(shape, found) for name, shape in found.items()}
    for name, shape in found.items():
        nearest = sorted(shape.places.items(), key=lambda place: depths.get(place[0], -1))
        found[name] = replace(shape, places=dict(nearest))
    return dict(sorted(found.items(), key=lambda item: depths[item[0]]))


def _places(section: Section, parent: str, chain: tuple[Section, ...]) -> Iterator[tuple[str, tuple[Section, ...]]]:
    for part in section.sections:
        yield parent, (*chain, part)
        # A table that is there once needs no name: what is inside of it belongs to what it belongs to.
        yield from _places(part, type_of(part), ()) if part.many else _places(part, parent, (*chain, part))


def _depth(shape: Shape, shapes: Mapping[str, Shape]) -> int:
    return max((1 + _depth(shapes[parent], shapes) for parent in shape.parents), default=0)


SHAPES: Final = _shapes()
"""By type, those that others belong to before these."""

TABLES: Final = {chain[-1].path: type_of(chain[-1]) for _, chain in _places(ROOT, "", ())}
"""The section type of every table of the TOML file, by its path."""
