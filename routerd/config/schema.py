"""What a section of the configuration may hold, as tables, and the reader that goes by them."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from routerd.config.fault import Faults, join

INVALID: Final = object()
"""Stands for a value that cannot be used; its fault is reported already."""

Make = Callable[[dict[str, Any], str, Faults], Any]


class Bad(Exception):
    """A value breaks the rule of its kind."""

    def __init__(self, rule: str, mend: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `parse` returns the parsed value or raises Bad; with `item` it is an array of that kind.

    `json` is the type in JSON's words. `blank` stands in for a required value that is missing, while the rest of
    its section is judged; None means that the section cannot be judged without it. `limits` are rules that hold for
    every value which `parse` takes, in the words of JSON schema; most kinds have more rules than these.
    """

    name: str
    parse: Callable[[Any], Any]
    json: str = "string"
    choices: tuple[str, ...] = ()
    item: "Kind | None" = None
    least_items: int = 0
    blank: Any = None
    limits: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `default` is the default as the file would write it; `absent` says in words what applies else."""

    name: str
    kind: Kind
    text: str
    default: Any = None
    absent: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table, or with `many` an array of tables. `field` is its name in the section around it once parsed.

    `make` builds the parsed section from its values, which hold only the keys that are present and usable.
    """

    path: str
    field: str
    text: str
    make: Make
    keys: tuple[Key, ...] = ()
    sections: "tuple[Section, ...]" = ()
    many: bool = False

    @property
    def name(self) -> str:
        """The key of this section in the section around it."""
        return self.path.rpartition(".")[2]

    @property
    def header(self) -> str:
        """The line that begins this section in a file."""
        return f"[[{self.path}]]" if self.many else f"[{self.path}]"


def pattern(expression: str) -> dict[str, str]:
    """The limit of a kind whose values, as a whole, match the expression."""
    return {"pattern": f"^(?:{expression})$"}


def plain(make: Callable[..., Any]) -> Make:
    """A `Section.make` that passes the values on as keyword arguments."""
    return lambda values, path, faults: make(**values)


def array(item: Kind, least_items: int = 0) -> Kind:
    """The kind of an array of `item`, no two of them equal."""

    def parse(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            hint = f"write [{_quoted(value)}]" if isinstance(value, str | int) else "write […]"
            raise Bad(f"must be an array: each item {item.name}", hint)
        if len(value) < least_items:
            raise Bad("must not be empty", "give it at least one item, or leave the key out")
        return value

    return Kind(f"array of {item.name}", parse, "array", item=item, least_items=least_items)


def _quoted(value: str | int) -> str:
    return '"…"' if isinstance(value, str) else "…"


def read_section(section: Section, data: Any, path: str, faults: Faults) -> Any:
    """The parsed section at `path`, a tuple where it is an array of tables, or INVALID; all faults are added."""
    if not section.many:
        return _read_table(section, data, path, faults)
    if isinstance(data, Mapping):
        faults.add(path, None, "must be an array of tables", f"begin it with {section.header}, not [{section.path}]")
        data = [data]
    if not isinstance(data, list | tuple):
        faults.add(path, data, "must be an array of tables", f"begin it with {section.header}")
        return INVALID
    items = [_read_table(section, item, f"{path}[{index}]", faults) for index, item in enumerate(data)]
    return _usable(items, path, faults)


def _usable(items: list[Any], path: str, faults: Faults) -> tuple[Any, ...]:
    indexes = [index for index, item in enumerate(items) if item is not INVALID]
    faults.keep(path, indexes)
    return tuple(items[index] for index in indexes)


def _read_table(section: Section, data: Any, path: str, faults: Faults) -> Any:
    if not isinstance(data, Mapping):
        faults.add(path, data, "must be a table", f"begin it with {section.header}")
        return INVALID
    _report_unknown(section, data, path, faults)
    values: dict[str, Any] = {}
    for key in section.keys:
        value = _read_key(key, data, join(path, key.name), faults)
        if value is not INVALID:
            values[key.name] = value
    for part in section.sections:
        if part.name in data:
            value = read_section(part, data[part.name], join(path, part.name), faults)
            if value is not INVALID:
                values[part.field] = value
    for key in section.keys:
        if key.required and key.name not in values:
            if key.kind.blank is None:
                return INVALID
            values[key.name] = key.kind.blank
    return section.make(values, path, faults)


def _report_unknown(section: Section, data: Mapping[Any, Any], path: str, faults: Faults) -> None:
    known = [key.name for key in section.keys] + [part.name for part in section.sections]
    for name in data:
        if name in known:
            continue
        close = difflib.get_close_matches(name[:64], known, n=1) if isinstance(name, str) else []
        where = f"in {section.header}" if section.path else "at the top of the file"
        mend = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(known)}"
        faults.add(join(path, name), None, f"is not a known key {where}", mend)
        if close and close[0] not in data:
            # What was meant is there, only misspelt: it must not be reported as missing too.
            faults.touch(join(path, close[0]))


def _read_key(key: Key, data: Mapping[Any, Any], path: str, faults: Faults) -> Any:
    if key.name in data:
        return read_value(key.kind, data[key.name], path, faults)
    if key.required and faults.clean(path):
        faults.add(path, None, "is missing", f"set {key.name}: {key.text}")
    return INVALID


def read_value(kind: Kind, value: Any, path: str, faults: Faults) -> Any:
    """The parsed value, or INVALID with the fault added. Of an array each usable item is kept."""
    try:
        parsed = kind.parse(value)
    except Bad as bad:
        faults.add(path, value, bad.rule, bad.mend)
        return INVALID
    return parsed if kind.item is None else _read_items(kind.item, parsed, path, faults)


def _read_items(kind: Kind, values: Any, path: str, faults: Faults) -> Any:
    items: list[Any] = []
    first: dict[Any, int] = {}
    for index, value in enumerate(values):
        here = f"{path}[{index}]"
        parsed = read_value(kind, value, here, faults)
        if parsed is not INVALID and first.setdefault(parsed, index) != index:
            faults.add(here, value, f"is listed twice (see {path}[{first[parsed]}])", "remove one of the two")
            parsed = INVALID
        items.append(parsed)
    return _usable(items, path, faults)
