"""What routerd had in the DHCP servers that stay, before a trial: as values and as JSON. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routerd.beside.kea_config import Map
from routerd.beside.kea_marked import Place, decode_marked, encode_marked
from routerd.beside.words import ServerKey


@dataclass(frozen=True, slots=True)
class ServerBefore:
    """One server. `text`: what dnsmasq's file of options had, None where it was not there or not routerd's.

    `entries`: routerd's in Kea, None where Kea did not say. `in_file`: Kea's own file had some too; `config_file` is
    its name where the configuration says it. `was_there`: Kea's socket was.
    """

    key: ServerKey
    text: str | None = None
    entries: Mapping[Place, list[Map]] | None = None
    in_file: bool = False
    config_file: str | None = None
    was_there: bool = True


@dataclass(frozen=True, slots=True)
class Before:
    """All servers, and what each file that remembers servers had in it, by its path."""

    records: Mapping[str, frozenset[ServerKey]]
    servers: tuple[ServerBefore, ...]


def encode(before: Before) -> dict[str, Any]:
    """As JSON has it."""
    servers = [
        [
            _row(each.key),
            each.text,
            None if each.entries is None else encode_marked(each.entries),
            each.in_file,
            each.config_file,
            each.was_there,
        ]
        for each in before.servers
    ]
    return {"records": {path: sorted(map(_row, keys)) for path, keys in before.records.items()}, "servers": servers}


def decode(document: Any) -> Before:
    """What `encode` made. Raises ValueError for anything else."""
    try:
        return Before(
            {path: frozenset(ServerKey(*key) for key in keys) for path, keys in document["records"].items()},
            tuple(_server(*row) for row in document["servers"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no snapshot of DHCP servers: {error}") from None


def _row(key: ServerKey) -> list[str]:
    return [key.kind, key.path, key.also]


def _server(
    key: list[str], text: str | None, entries: Any, in_file: bool, config_file: str | None, was_there: bool
) -> ServerBefore:
    known = None if entries is None else decode_marked(entries)
    return ServerBefore(ServerKey(*key), text, known, in_file, config_file, was_there)
