"""The choices of addresses as the text of a file, and back. Pure."""

import json
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from routerd.aliases.choice import MOST, Choice

LARGEST = 4 << 20
_VERSION = 1


class TextError(Exception):
    """The text is none of choices; says why."""


def encode(rows: Iterable[Choice]) -> bytes:
    """The text."""
    aliases = [
        {
            "address": str(row.address),
            "vpn": row.vpn,
            "key": row.key,
            "peer": str(row.peer),
            "gone": None if row.gone is None else round(row.gone),
        }
        for row in rows
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in aliases)
    return f'{{"routerd_aliases": {_VERSION}, "aliases": [\n{lines}\n]}}\n'.encode()


def decode(data: bytes) -> tuple[Choice, ...]:
    """The choices that a text says. Raises `TextError` where it is torn, or another program's."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise TextError("is torn, or no file of routerd's") from None
    if not isinstance(said, dict) or not isinstance(rows := said.get("aliases"), list):
        raise TextError("is no file of routerd's")
    version = said.get("routerd_aliases")
    if version != _VERSION:
        raise TextError(f"has the version {version!r}, and this routerd knows {_VERSION}")
    if len(rows) > MOST:
        raise TextError(f"has more than {MOST} aliases")
    return tuple(map(_row, rows))


def _row(row: object) -> Choice:
    try:
        if not isinstance(row, dict):
            raise ValueError
        gone = row["gone"]
        if gone is not None and type(gone) is not int:
            raise ValueError
        address, peer = IPv4Address(_text(row, "address")), IPv4Address(_text(row, "peer"))
        return Choice(address, _text(row, "vpn"), _text(row, "key"), peer, None if gone is None else float(gone))
    except (KeyError, ValueError):
        raise TextError(f"has an entry that is none: {str(row)[:100]}") from None


def _text(row: Mapping[str, object], name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise ValueError
    return value
