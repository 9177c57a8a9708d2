"""What the places of a configuration are called in /etc/config: faults in UCI's words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from routerd.config.fault import ConfigError, ConfigFault, escape
from routerd.config.uci_scheme import TABLES
from routerd.config.uci_text import Option, Section

_SHOWN: Final = 60
_END: Final = re.compile(r"[.\[][^.\[]*\Z")
_PLACE: Final = re.compile(r"\b[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)+|\b(?:vpn|lan)\[\d+\]")
_HEADER: Final = re.compile(r"\[\[?([a-z_.]+)\]\]?( section)?")
_SETTING: Final = re.compile(r'\b([a-z_]+) = "([^"]*)"')
_ARRAY: Final = re.compile(r'\["([^"\]]*)"\]')
_INDEX: Final = re.compile(r"\[\d+\]")
_LAST: Final = re.compile(r"\[(\d{1,9})\]\Z")
_LINE: Final = re.compile(r"\(line (\d+)\)\Z")


@dataclass(frozen=True, slots=True)
class Label:
    """A section as UCI names it, and what its options are called where that is not their key."""

    package: str
    section: Section
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.package}.{called(self.section)}"

    def option(self, name: str, index: int = 0) -> str:
        """One of its options, with the line of one of its values, or else that of the section."""
        name = self.options.get(name, name)
        found = self.section.options.get(name)
        lines = found.lines if found else [self.section.line]
        return f"{self}.{name} (line {lines[index if index < len(lines) else 0]})"

    def whole(self) -> str:
        """The section with its line."""
        return f"{self} (line {self.section.line})"


class Names:
    """Which section of /etc/config each place of a configuration is from. `package` is the file's name."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._labels: dict[str, Label] = {}

    def add(self, path: str, label: Label) -> None:
        """The table at `path` is from this section; the first one counts."""
        self._labels.setdefault(path, label)

    def told(self, fault: ConfigFault) -> ConfigFault:
        """The fault with the words of UCI for places, values and settings."""
        if fault.path.startswith((f"{self.package} line ", "/")):
            return fault
        label, key = self._find(fault.path)
        option = label.section.options.get(label.options.get(key, key)) if label and key else None
        value = fault.value if option is None or fault.value is None else _original(option, fault.path)
        return ConfigFault(self.place(fault.path), value, self._words(fault.rule), self._words(fault.mend))

    def error(self, error: ConfigError) -> ConfigError:
        """The error with all its faults in the words of UCI."""
        return ConfigError([self.told(fault) for fault in error.errors], error.partial)

    def place(self, path: str) -> str:
        """What UCI calls a place, with its line where it is written."""
        label, key = self._find(path)
        if label is not None:
            return label.option(key, _number(path)) if key else label.whole()
        plain = _INDEX.sub("", path)
        table, _, key = plain.rpartition(".")
        if plain in TABLES:
            return self.package
        return f"{self.package}.@{TABLES[table]}[0].{key}" if table in TABLES else path

    def _find(self, path: str) -> tuple[Label | None, str]:
        """The innermost section around a place, and the option there; "" for the section itself."""
        prefix = path
        while prefix:
            if prefix in self._labels:
                rest = _INDEX.sub("", path[len(prefix) :]).lstrip(".")
                return self._labels[prefix], rest.partition(".")[0]
            cut = _END.search(prefix)
            prefix = prefix[: cut.start()] if cut else ""
        return None, ""

    def _words(self, text: str) -> str:
        text = _HEADER.sub(lambda match: self._header(match), text)
        text = _SETTING.sub(r"option \1 '\2'", _ARRAY.sub(r"'\1'", text))
        return _PLACE.sub(lambda match: self._mentioned(match[0]), text)

    def _header(self, match: re.Match[str]) -> str:
        kind = TABLES.get(match[1])
        return match[0] if kind is None else f"`config {kind}`{match[2] or ''}"

    def _mentioned(self, path: str) -> str:
        """A place that is mentioned in a text: a table or key of the TOML file, or a place of this configuration."""
        plain = _INDEX.sub("", path)
        table, _, key = plain.rpartition(".")
        if plain != path and (plain in TABLES or table in TABLES):
            return self.place(path)
        if plain in TABLES:
            return f"`config {TABLES[plain]}`"
        return f"`{key}` of `config {TABLES[table]}`" if table in TABLES else path


def _original(option: Option, path: str) -> str:
    """The value as the file has it; of several the one that the path ends with."""
    values = option.values if option.is_list else option.values[0].split()
    if path.endswith("]") and _number(path) < len(values):
        return quoted(values[_number(path)])
    return " ".join(quoted(value) for value in option.values[:_SHOWN])[: 2 * _SHOWN]


def _number(path: str) -> int:
    """The number that a place ends with, 0 where it has none."""
    match = _LAST.search(path)
    return int(match[1]) if match else 0


def line_of(fault: ConfigFault) -> int:
    """The line of the file that a fault is in, 0 for none."""
    match = _LINE.search(fault.path)
    return int(match[1]) if match else 0


def quoted(value: str) -> str:
    """The value in UCI's quotes on one line, 60 characters at most."""
    shown = escape(value[: _SHOWN + 1]).replace('\\"', '"').replace("'", "'\\''")
    return f"'{shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + '…'}'"


def number(section: Section) -> str:
    """A section by its number among those of its type, as `uci show` has it."""
    return f"@{section.type}[{section.index}]"


def called(section: Section) -> str:
    """A section by its name, else by its number."""
    return section.name or number(section)
