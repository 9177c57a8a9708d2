"""nftables text from values. Nothing gets into it unchecked: names are validated, all else is made from numbers."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import collapse_addresses

from routerd.model import Address, Network

TABLE = "inet routerd"
_NAME = re.compile(r"[A-Za-z0-9_.:@+#=%^-]{1,15}")
_PER_LINE = 4


class RulesetError(ValueError):
    """A value that no rule can be made from; the text says which and why."""


def interface(name: str) -> str:
    """The interface's name in quotes. Raises `RulesetError`: nft cannot quote a quote, and takes * for a wildcard."""
    if not _NAME.fullmatch(name):
        raise RulesetError(f"the interface name {name!r} cannot be written in nftables rules")
    return f'"{name}"'


def interfaces(names: Iterable[str]) -> str:
    """One name, or an anonymous set of them."""
    return choice([interface(name) for name in dict.fromkeys(names)])


def networks(found: Iterable[Network], version: int) -> str:
    """The networks of one IP version as one word or an anonymous set; "" where there are none."""
    kept = [network for network in found if network.version == version]
    return choice([str(network) for network in collapse_addresses(kept)]) if kept else ""  # type: ignore[type-var]


def macs(found: Iterable[bytes]) -> str:
    """Link-layer addresses. Raises `RulesetError` for one that is not six bytes."""
    texts = []
    for mac in dict.fromkeys(found):
        if len(mac) != 6:
            raise RulesetError(f"the link-layer address {mac.hex(':')} is not an Ethernet address")
        texts.append(mac.hex(":"))
    return choice(texts)


def choice(words: Sequence[str]) -> str:
    """One word, or an anonymous set."""
    return words[0] if len(words) == 1 else f"{{ {', '.join(words)} }}"


def seconds(value: float) -> str:
    """A time as nft takes it; at least a millisecond, because none would mean for ever."""
    return f"{max(1, round(value * 1000))}ms"


def ip(version: int) -> str:
    """The family's word in an expression."""
    return "ip" if version == 4 else "ip6"


def address_type(version: int) -> str:
    """The family's type in a set."""
    return f"ipv{version}_addr"


def named_set(kind: str, name: str, of: str, elements: Sequence[str], *, flags: str = "") -> list[str]:
    """The lines of a named set or map (`kind`), indented; nothing without elements, but a set with flags timeout."""
    if not elements and flags != "timeout":
        return []
    lines = [f"\t{kind} {name} {{", f"\t\ttype {of}"]
    if flags:
        lines.append(f"\t\tflags {flags}")
    if elements:
        rows = [", ".join(elements[at : at + _PER_LINE]) for at in range(0, len(elements), _PER_LINE)]
        lines.append("\t\telements = { " + ",\n\t\t\t".join(rows) + " }")
    return [*lines, "\t}"]


def chain(name: str, rules: Sequence[str], *, hook: str = "") -> list[str]:
    """The lines of a chain, indented; nothing without rules."""
    if not rules:
        return []
    lines = [f"\tchain {name} {{"]
    if hook:
        lines.append(f"\t\ttype {hook}; policy accept;")
    return [*lines, *(f"\t\t{rule}" for rule in rules), "\t}"]


def span(first: Address | int, last: Address | int) -> str:
    """One value or a range."""
    return str(first) if first == last else f"{first}-{last}"
