"""Configurations in UCI for tests: written from data of TOML files, and read as on a router."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from routerd.config.logical import Network
from routerd.config.schema import Kind, Section
from routerd.config.tables import ROOT
from routerd.config.uci import UciConfig, read_uci
from routerd.config.uci_scheme import type_of
from routerd.config.uci_text import Option, parse_uci, write_uci
from routerd.config.uci_text import Section as UciSection

KEY = "4fWL0W/Sw8UxAStVz8VuMBkIyiuKMtKUQC0mKCFPpDo="
KEYS = [KEY, "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="]
MAIN = "config routerd 'main'\n\toption enabled '1'\n"
NETWORK = f"""
config interface 'loopback'
	option device 'lo'
	option proto 'static'

config interface 'lan'
	option device 'br-lan'
	option proto 'static'

config interface 'guest'
	option proto 'static'

config interface 'wg0'
	option proto 'wireguard'
	option private_key 'secret-secret-secret'

config wireguard_wg0
	option description 'endpoint-a'
	option public_key '{KEY}'
	option preshared_key 'secret-secret-secret'
	list allowed_ips '10.0.0.1/32'
"""


def network(text: str = NETWORK, **live: str) -> Network:
    """The network of a router with this /etc/config/network, and devices that netifd says."""
    return Network(parse_uci(text, "network"), live)


def read(text: str, where: Network | None = None) -> UciConfig:
    """A configuration text in UCI, on a router."""
    return read_uci(parse_uci(text, "routerd"), network() if where is None else where)


def uci_text(data: Mapping[str, Any]) -> str:
    """The data of a TOML file in UCI, written by the table of keys."""
    return MAIN + write_uci(_sections(ROOT, data, None))


def _sections(section: Section, data: Mapping[str, Any], parent: tuple[str, str] | None) -> Iterator[UciSection]:
    for part in section.sections:
        rows = data.get(part.name, [])
        for index, row in enumerate(rows if part.many else [rows] if part.name in data else []):
            kind = type_of(part)
            # Others belong to it by its name; but the name of a vpn would be the vpn's own.
            is_called = bool(part.sections) and ("name" in row or "name" not in [key.name for key in part.keys])
            name = "_".join([*((parent[1],) if parent else ()), kind, str(index)]) if is_called else ""
            made = UciSection(kind, name, 0, 0)
            if parent is not None:
                made.options[parent[0]] = Option([parent[1]], [0], False)
            for key in part.keys:
                if key.name in row:
                    made.options[key.name] = _option(row[key.name])
            if len(made.options) > (parent is not None) or part.many or not part.sections:
                yield made
            yield from _sections(part, row, (kind, name or f"@{kind}[{index}]") if part.many else parent)


def _option(value: Any) -> Option:
    if value == []:
        return Option(["none"], [0], False)
    values = [_word(item) for item in (value if isinstance(value, list) else [value])]
    return Option(values, [0] * len(values), isinstance(value, list))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def sample(section: Section) -> dict[str, Any]:
    """A table with every key of the section, and two of each table inside of it; its values need not fit together."""
    made = {key.name: value(key.kind) for key in section.keys}
    for part in section.sections:
        made[part.name] = [sample(part), sample(part)] if part.many else sample(part)
    return made


def value(kind: Kind) -> Any:
    """A value of this kind as a TOML file has it; a text that needs quotes where any would do."""
    if kind.item is not None:
        return [value(kind.item), "it's another"] if kind.item.json == "string" else [value(kind.item)]
    if kind.json == "boolean":
        return True
    if not kind.json:
        return "value"
    return 7 if kind.json == "integer" else kind.choices[0] if kind.choices else "it's one\nvalue"
