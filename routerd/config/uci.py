"""Sections of /etc/config/routerd as the data of a TOML file, with the names of all its places in UCI."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from routerd.config import values as kinds
from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.load import load
from routerd.config.logical import Network
from routerd.config.model import Config
from routerd.config.schema import Bad, Key
from routerd.config.uci_names import Label, Names, called, line_of, number, quoted
from routerd.config.uci_network import NETWORK, add_peers, first_lan, first_vpn
from routerd.config.uci_scheme import ENABLED, MAIN, SHAPES, Shape
from routerd.config.uci_text import Option, Section
from routerd.config.uci_values import read_bool, read_option, read_single

_LONGEST_DEVICE: Final = 15
_LONGEST_KEY: Final = 60
_LISTED: Final = 12


@dataclass
class UciConfig:
    """What the sections say. `data` is as of a TOML file; `faults` are those that have to do with UCI itself, by places
    of `data`, and `waiting` the logical interfaces whose device is not known yet.
    """

    names: Names
    data: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, ConfigFault] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    enabled: bool = False

    def load(self, read: Callable[[dict[str, Any]], Config] = load) -> Config:
        """The configuration that `read` makes of `data`; raises ConfigError with all faults, in the words of UCI."""
        found: tuple[ConfigFault, ...] = ()
        partial: Config | None
        try:
            partial = config = read(self.data)
            if not self.faults:
                return config
        except ConfigError as error:
            partial, found = error.partial, error.errors
        told = [self.names.told(fault) for fault in found if not self._is_explained(fault.path)]
        raise ConfigError(sorted([*self.faults.values(), *told], key=line_of), partial)

    def _is_explained(self, path: str) -> bool:
        return path in self.faults or path.rpartition("[")[0] in self.faults


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the data, where it is, and the section that says so; None for that of a first start."""

    data: dict[str, Any]
    path: str
    section: Section | None


def read_uci(sections: Sequence[Section], network: Network, package: str = MAIN) -> UciConfig:
    """The configuration that the sections of /etc/config/PACKAGE make on a router with this network.

    A first start has no more than `option enabled '1'`: the vpn is the one WireGuard interface then, and the LAN `lan`.
    """
    return _Reader(sections, network, package).read()


class _Reader:
    def __init__(self, sections: Sequence[Section], network: Network, package: str) -> None:
        packages = {section.package for section in sections}
        # `uci export` without a name prints all files, one after the other.
        self._sections = [each for each in sections if len(packages) == 1 or each.package == package]
        self._network, self._package = network, package
        self._made = UciConfig(Names(package))
        self._tables: dict[str, list[_Table]] = {name: [] for name in SHAPES}
        # By what an option of another section may call them: by their names, else by their interfaces.
        self._called: dict[str, dict[tuple[str, str], list[_Table]]] = {name: {} for name in SHAPES}
        self._single: set[str] = set()
        self._interfaces: dict[str, str] = {}

    def read(self) -> UciConfig:
        by_type: dict[str, list[Section]] = {}
        for section in self._sections:
            by_type.setdefault(section.type, []).append(section)
        for unknown in by_type.keys() - SHAPES.keys() - {MAIN}:
            self._unknown_type(by_type[unknown][0])
        self._main(by_type.get(MAIN, []))
        for name, shape in SHAPES.items():
            for section in by_type.get(name, []):
                self._section(shape, section)
            if name in ("vpn", "lan") and not by_type.get(name):
                self._first_start(name)
        add_peers(self._made.data.get("vpn", ()), self._interfaces, self._network, self._made.names)
        return self._made

    # ------------------------------------------------------------ sections

    def _main(self, sections: Sequence[Section]) -> None:
        for section in sections:
            label = Label(self._package, section)
            for name, option in section.options.items():
                try:
                    if name != ENABLED:
                        raise Bad("is not known", f"the only option of `config {MAIN}` is {ENABLED}")
                    self._made.enabled = read_bool(read_single(name, option))
                except Bad as bad:
                    self._fault(f"{MAIN}.{name}", label, name, bad)
        if len(sections) > 1:
            mend = f"join it with that of line {sections[0].line}"
            self._fault(MAIN, Label(self._package, sections[1]), "", Bad(f"is the second `config {MAIN}`", mend))

    def _first_start(self, kind: str) -> None:
        """Without a section of this type: the one WireGuard interface, or the interface `lan`."""
        found = first_vpn(self._network) if kind == "vpn" else first_lan(self._network)
        if isinstance(found, Bad):
            self._made.faults[kind] = ConfigFault(self._package, None, found.rule, found.mend)
            return
        path, data = f"{kind}[0]", {"interface": self._device(found.name)}
        self._made.data[kind] = [data]
        self._interfaces[path] = found.name
        self._made.names.add(path, Label(NETWORK, found))
        self._know(kind, _Table(data, path, None), {found.name, kind})

    def _know(self, kind: str, made: _Table, names: Iterable[str], interface: str | None = None) -> None:
        self._tables[kind].append(made)
        for key in (*(("", name) for name in names if name), ("interface", interface or "")):
            self._called[kind].setdefault(key, []).append(made)

    def _section(self, shape: Shape, section: Section) -> None:
        if shape.parents and not any(self._tables[parent] for parent in shape.parents):
            # Why there is none is a fault of its own.
            return
        label = Label(self._package, section)
        try:
            made = self._place(shape, section, label)
        except Bad as bad:
            name = next((parent for parent in shape.parents if parent in section.options), "")
            self._fault(str(label), label, name, bad)
            return
        self._made.names.add(made.path, label)
        self._know(shape.type, made, {section.name, number(section)}, section.value("interface"))
        keys = shape.keys
        for name, option in section.options.items():
            if name in keys:
                self._option(keys[name], option, section, made)
            elif name not in shape.parents:
                self._unknown_option(shape, label, name, made)
        if "name" in keys and section.name and "name" not in section.options:
            made.data["name"] = section.name

    def _place(self, shape: Shape, section: Section, label: Label) -> _Table:
        """A new table where the section belongs; raises Bad."""
        kind, parent = self._parent(shape, section)
        table, path = (self._made.data, "") if parent is None else (parent.data, f"{parent.path}.")
        *between, last = shape.places[kind]
        for part in between:
            table, path = table.setdefault(part.name, {}), f"{path}{part.name}."
            self._made.names.add(path[:-1], label)
        if last.many:
            rows = table.setdefault(last.name, [])
            rows.append({})
            return _Table(rows[-1], f"{path}{last.name}[{len(rows) - 1}]", section)
        path += last.name
        if path in self._single:
            raise Bad(f"is the second `config {shape.type}` of one {kind or 'file'}", "join the two")
        self._single.add(path)
        return _Table(table.setdefault(last.name, {}), path, section)

    def _parent(self, shape: Shape, section: Section) -> tuple[str, _Table | None]:
        """The type and the table that the section belongs to; raises Bad."""
        if not shape.parents:
            return "", None
        said = [name for name in shape.parents if name in section.options]
        if len(said) > 1:
            raise Bad(f"says twice where it belongs: by {' and '.join(said)}", f"keep {said[-1]}")
        kind = said[0] if said else shape.parents[0]
        known = self._tables[kind]
        if not said:
            if len(known) == 1:
                return kind, known[0]
            rule = f"must say which {kind} it belongs to"
            raise Bad(rule, f"add `option {kind}` with the name of a `config {kind}`{_list(known)}")
        wanted = read_single(kind, section.options[kind])
        # Its own name first: an interface may be called like the section of another one.
        found = self._called[kind].get(("", wanted)) or self._called[kind].get(("interface", wanted), [])
        if len(found) != 1:
            raise Bad(f"must be the name of a `config {kind}` section", f"use one that is there{_list(known)}")
        return kind, found[0]

    # ------------------------------------------------------------ options

    def _option(self, key: Key, option: Option, section: Section, made: _Table) -> None:
        try:
            value = read_option(key.kind, key.name, option, section.value("type") or "")
        except Bad as bad:
            text = " ".join(option.values)
            value = text if key.kind.item is None else [text]
            self._fault(f"{made.path}.{key.name}", Label(self._package, section), key.name, bad)
        if key.kind is kinds.INTERFACE and isinstance(value, str):
            self._interfaces[made.path] = value
            value = self._device(value)
        made.data[key.name] = value

    def _device(self, name: str) -> str:
        device = self._network.device(name)
        if device is None:
            self._made.waiting.append(name)
            # No link is called so: the daemon waits for it until the name can be resolved.
            return name[:_LONGEST_DEVICE]
        return device

    def _fault(self, path: str, label: Label, name: str, bad: Bad) -> None:
        option = label.section.options.get(name)
        value = None if option is None else " ".join(quoted(each) for each in option.values[:_LISTED])
        where = label.option(name) if name else label.whole()
        self._made.faults.setdefault(path, ConfigFault(where, value, bad.rule, bad.mend))

    def _unknown_type(self, section: Section) -> None:
        known = [MAIN, *SHAPES]
        bad = Bad("is not a known type of section", _nearest(section.type, known, "config "))
        label = Label(self._package, section)
        self._fault(str(label), label, "", bad)

    def _unknown_option(self, shape: Shape, label: Label, name: str, made: _Table) -> None:
        mend = _nearest(name, shape.options, "option ")
        self._fault(f"{made.path}.{name}", label, name, Bad(f"is not an option of `config {shape.type}`", mend))
        if len(name) <= _LONGEST_KEY:
            # So that what was meant by it is not reported as missing too.
            made.data[name] = True


def _nearest(name: str, known: Sequence[str], word: str) -> str:
    close = get_close_matches(name[:64], known, n=1)
    return f"did you mean `{word}{close[0]}`?" if close else f"known here: {', '.join(known)}"


def _list(tables: Sequence[_Table]) -> str:
    names = [called(each.section) for each in tables[:_LISTED] if each.section is not None]
    return f": {', '.join(names)}" if names else ""
