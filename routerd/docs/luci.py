"""The settings of LuCI, made from the one table of keys, and the template of their translations. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from routerd.config import values as kinds
from routerd.config.schema import Key, Kind
from routerd.config.uci_scheme import ENABLED, MAIN, SHAPES, Shape
from routerd.config.uci_values import NOTHING

_TITLES: Final = {
    "vpn": "VPNs",
    "peer": "Peers",
    "lan": "LANs",
    "host": "Hosts",
    "dhcp": "DHCP",
    "reservation": "Reservations",
    "dhcp_option": "DHCP options",
    "subnet": "Relayed subnets",
    "dnsmasq": "dnsmasq",
    "kea": "Kea",
    "rip": "RIP",
    "rip_key": "RIP keys",
    "forward": "Port forwards",
    "alias": "Aliases",
    "probe": "Probing of peers",
    "return_path": "Return path",
    "nat": "NAT",
    "http": "HTTP",
    "leases": "Lease file",
    "log": "Log",
}
"""The section types in the order of the page, with their headings."""

_ON_ROUTERS: Final = {("leases", "store"): "sqlite:/etc/routerd/state/leases.db", ("leases", "sync"): "bindings"}
"""Defaults that the init script sets, as /var is in memory there."""

_SPELT: Final = {
    name.lower(): name
    for name in ("VPN", "VPNs", "MAC", "ID", "DNS", "NTP", "RIP", "MTU", "NAT", "TLS", "PID", "SNAT", "LAN")
}
_DATATYPES: Final = {kinds.IPV4.name: 'ip4addr("nomask")', kinds.ADDRESS.name: 'ipaddr("nomask")'}

_HEAD: Final = """\
'use strict';
'require baseclass';

/* Made by `make docs` from routerd's table of keys; do not edit. */

return baseclass.extend({
\tSECTIONS: ["""

_CALL: Final = re.compile(r"(?<![\w$])_\(\s*'((?:[^'\\\n]|\\.)*)'")


def scheme() -> str:
    """scheme.js: every section type of /etc/config/routerd, and every option."""
    main = [_text("type", MAIN), _word("title", "routerd"), _word("text", "Whether routerd runs at all.")]
    enabled = [_text("name", ENABLED), _word("title", "Enabled"), _word("text", "Run routerd"), _text("kind", "flag")]
    first = _section([*main, "single: true", "parents: []"], [_object(enabled)])
    parts = [_shape(SHAPES[name], title) for name, title in _TITLES.items()]
    return _HEAD + ",".join([first, *parts]) + "\n\t]\n});\n"


def title_of(name: str) -> str:
    """An option's name as a label."""
    words = [_SPELT.get(word, word) for word in name.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def template(sources: Mapping[str, str]) -> str:
    """The template of translations (routerd.pot) with all texts of these files, by their paths: .js, and .json of menus
    and access lists.
    """
    places: dict[str, list[str]] = {}
    for path, source in sorted(sources.items()):
        for line, text in _texts(path, source):
            places.setdefault(text, []).append(f"{path}:{line}")
    entries = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n']
    for text, where in sorted(places.items()):
        comments = "".join(f"#: {place}\n" for place in dict.fromkeys(where))
        entries.append(f'{comments}msgid {json.dumps(text, ensure_ascii=False)}\nmsgstr ""\n')
    return "\n".join(entries)


def _texts(path: str, source: str) -> Iterable[tuple[int, str]]:
    if path.endswith(".json"):
        words: Iterable[re.Match[str]] = re.finditer(r'"(?:title|description)": ("(?:[^"\\]|\\.)*")', source)
        return ((source.count("\n", 0, found.start()) + 1, json.loads(found[1])) for found in words)
    calls = _CALL.finditer(source)
    return ((source.count("\n", 0, found.start()) + 1, re.sub(r"\\(.)", r"\1", found[1])) for found in calls)


def _shape(shape: Shape, title: str) -> str:
    section = shape.section
    facts = [_text("type", shape.type), _word("title", title), _word("text", section.text)]
    if not section.many and not shape.parents:
        facts.append("single: true")
    if any(shape.type in other.parents for other in SHAPES.values()):
        facts.append("named: true")
    facts.append(f"parents: [{_list(shape.parents)}]")
    return _section(facts, [_object(_key(shape.type, key)) for key in shape.keys.values()])


def _section(facts: list[str], keys: list[str]) -> str:
    lines = "".join(f"\t\t\t{fact},\n" for fact in facts)
    inside = ",\n".join(f"\t\t\t\t{key}" for key in keys)
    return f"\n\t\t{{\n{lines}\t\t\tkeys: [\n{inside}\n\t\t\t]\n\t\t}}"


def _key(section: str, key: Key) -> list[str]:
    facts = [_text("name", key.name), _word("title", title_of(key.name)), _word("text", _sentence(key.text))]
    if key.absent:
        facts.append(_word("absent", key.absent))
    item = key.kind.item or key.kind
    facts.append(_text("kind", _kind(key.kind)))
    if item.choices:
        facts.append(f"choices: [{_list(item.choices)}]")
    facts += _rules(item)
    default = _ON_ROUTERS.get((section, key.name), key.default)
    if default is not None:
        facts.append(_text("placeholder", _default(default)))
    if key.kind.item is not None and not key.kind.least_items:
        facts.append(_text("nothing", NOTHING))
    return [*facts, "required: true"] if key.required else facts


def _kind(kind: Kind) -> str:
    if kind.item is not None:
        return "list"
    if kind.json == "boolean":
        return "bool"
    return "choice" if kind.choices else "interface" if kind is kinds.INTERFACE else "value"


def _rules(kind: Kind) -> list[str]:
    """What LuCI can check; the rest is for `routerd check`."""
    limits = kind.limits
    facts: list[str] = []
    if "minimum" in limits:
        facts.append(_text("datatype", f"range({limits['minimum']}, {limits['maximum']})"))
    elif "maxLength" in limits:
        facts.append(_text("datatype", f"maxlength({limits['maxLength']})"))
    elif kind.name in _DATATYPES:
        facts.append(_text("datatype", _DATATYPES[kind.name]))
    # The name of an interface is resolved on the router: it may be one of /etc/config/network, which is not a device.
    elif "pattern" in limits and kind is not kinds.INTERFACE:
        facts += [_text("pattern", str(limits["pattern"])), _word("rule", kind.name)]
    return facts


def _default(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or NOTHING
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(_quoted, words))


def _text(name: str, text: str) -> str:
    return f"{name}: {_quoted(text)}"


def _word(name: str, text: str) -> str:
    return f"{name}: _({_quoted(text)})"


def _object(facts: list[str]) -> str:
    return "{ " + ", ".join(facts) + " }"
