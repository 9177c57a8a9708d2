"""What `nft list table` says of routerd's table: is it the one that was made, what has it counted, what is in its sets.

The text, because nft on small routers is built without JSON. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import NamedTuple

from routerd.nat.proofs import SETS, Host
from routerd.nat.ruleset import COUNTERS
from routerd.nat_part import Strategy

_COUNTER = re.compile(r"counter (\S+) \{\s*packets (\d+) bytes (\d+)\s*\}")
_BLOCK = re.compile(r"^\t(set|map|chain|counter|\w+) (\S+) \{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_ELEMENTS = re.compile(r"elements = \{(.*)\}", re.DOTALL)
_ABOUT = re.compile(r'comment "text ([0-9a-f]+)(?: listing ([0-9a-f]+))?"')
_HOST = re.compile(r'"([^"]*)" \. ([^\s,]+)(?: timeout ([^\s,]+))?(?: expires ([^\s,]+))?(?=\s*(?:,|$))')
_TIME = re.compile(r"(\d+)(ms|d|h|m|s)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_TIMED = {f"{name}{version}": strategy for strategy, name in SETS.items() for version in (4, 6)}


class Counted(NamedTuple):
    """A counter of the table."""

    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The table as it is. `made_from` and `sealed` are the digests noted in it, "" where there are none; `digest` is
    that of everything but counters, hosts and those notes.
    """

    digest: str
    made_from: str
    sealed: str
    counted: dict[str, tuple[int, int]]
    hosts: dict[Host, tuple[Strategy, float]]


def parse(text: str) -> Listing:
    """The listing of the table; garbage is a table that is not the one that was made."""
    rows: list[str] = []
    hosts: dict[Host, tuple[Strategy, float]] = {}
    made_from = sealed = ""
    for kind, name, body in _BLOCK.findall(text):
        if name in _TIMED:
            # There may be ten thousand, so nothing is built that is not kept.
            for host, left in _hosts(body):
                hosts[host] = (_TIMED[name], left)
            body = _ELEMENTS.sub("", body)
        if kind == "counter":
            body = ""
        if (kind, name) == ("chain", "about"):
            noted = _ABOUT.search(body)
            made_from, sealed = (noted[1], noted[2] or "") if noted else ("", "")
            continue
        rows.append(f"{kind} {name} {_ELEMENTS.sub(_sorted, body)}")
    # What stands outside of blocks are flags of the table: it may have been made dormant.
    rows.append(_BLOCK.sub("", text))
    digest = sha256(" ".join("\n".join(sorted(rows)).split()).encode()).hexdigest()[:16]
    counters = {name: (int(packets), int(octets)) for name, packets, octets in _COUNTER.findall(text)}
    return Listing(digest, made_from, sealed, counters, hosts)


def by_strategy(counted: dict[str, tuple[int, int]]) -> dict[str, Counted]:
    """The counters by the words that users know."""
    return {word: Counted(*counted.get(name, (0, 0))) for word, name in COUNTERS.items()}


def _sorted(found: re.Match[str]) -> str:
    """Elements come in the order of a hash."""
    return ", ".join(sorted(element.strip() for element in found[1].split(",")))


def _hosts(body: str) -> Iterator[tuple[Host, float]]:
    listed = _ELEMENTS.search(body)
    for found in _HOST.finditer(body, *listed.span(1)) if listed is not None else ():
        try:
            host = (found[1], ip_address(found[2]))
        except ValueError:
            continue
        yield host, _seconds(found[4] or found[3] or "")


def _seconds(text: str) -> float:
    return sum(int(number) * _UNITS[unit] for number, unit in _TIME.findall(text))
