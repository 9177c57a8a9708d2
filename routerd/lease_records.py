"""Leases on their way between servers: what a lease file says, and what became of each when it was taken over. Pure.

Times are Unix seconds. `hardware` is the hardware type's octet and the hardware address.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from math import isfinite
from typing import Any, NamedTuple

BOUND, ENDED, DECLINED = "bound", "ended", "declined"
STATES = (BOUND, ENDED, DECLINED)
MOST_RECORDS = 1000
"""Records in one request."""
_LONGEST_NAME = 255
_LONGEST_CLIENT = 255
_LONGEST_HARDWARE = 17


class LeaseRecord(NamedTuple):
    """A lease of another server. `client` is its client identifier, else its `hardware`.

    `expires` None: never. A declined address may have no client and no hardware. `line`: where it is in its file.
    """

    address: IPv4Address
    hardware: bytes
    client: bytes
    hostname: str | None
    state: str
    expires: float | None
    starts: float | None = None
    line: int = 0


class Import(NamedTuple):
    """Leases to take over: only those of `lan` where that is not None; with `dry_run` it is only said what would be."""

    records: tuple[LeaseRecord, ...]
    lan: str | None = None
    dry_run: bool = False


TAKEN, KNOWN, CONFLICT, SKIPPED = "taken", "known", "conflict", "skipped"
OUTCOMES = (TAKEN, KNOWN, CONFLICT, SKIPPED)


class Outcome(NamedTuple):
    """What became of a record: it is a lease here now (as a lease of `state`), was known as well or better, was not
    taken because ours says something else (`CONFLICT`), or cannot be a lease here; `reason` says why it was not taken.
    """

    address: IPv4Address
    outcome: str
    state: str
    reason: str = ""
    line: int = 0


class Imported(NamedTuple):
    """What became of all records, in their order; `stored`: what was taken is on disk."""

    outcomes: tuple[Outcome, ...]
    stored: bool = True


def to_json(record: LeaseRecord) -> dict[str, object]:
    """The record as it goes over HTTP."""
    return {
        "address": str(record.address),
        "hardware": record.hardware.hex(":"),
        "client_id": None if record.client == record.hardware else record.client.hex(":"),
        "hostname": record.hostname,
        "state": record.state,
        "starts": record.starts,
        "expires": record.expires,
        "line": record.line,
    }


def read_import(body: object) -> Import:
    """What a request asks for. Raises ValueError with the field, the value and the rule."""
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    unknown = sorted(str(key) for key in body if key not in ("leases", "lan", "dry_run"))
    if unknown:
        raise ValueError(f"{unknown[0][:50]!r}: expected leases, lan and dry_run")
    rows, lan, dry_run = body.get("leases"), body.get("lan"), body.get("dry_run", False)
    if not isinstance(rows, list) or len(rows) > MOST_RECORDS:
        raise ValueError(f"leases: expected a list of at most {MOST_RECORDS}")
    if not isinstance(lan, str | None):
        raise ValueError("lan: expected the interface of a LAN, or null")
    if not isinstance(dry_run, bool):
        raise ValueError("dry_run: expected true or false")
    return Import(tuple(_record(f"leases[{index}]", row) for index, row in enumerate(rows)), lan, dry_run)


def _record(where: str, row: object) -> LeaseRecord:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected an object")
    state = row.get("state")
    if state not in STATES:
        raise ValueError(f"{where}.state: expected one of {', '.join(STATES)}")
    try:
        address = IPv4Address(_text(row, "address"))
    except ValueError:
        raise ValueError(f"{where}.address: expected an IPv4 address") from None
    hardware = _octets(where, row, "hardware", _LONGEST_HARDWARE)
    client = _octets(where, row, "client_id", _LONGEST_CLIENT) or hardware
    if len(hardware) < 2 and state != DECLINED:
        raise ValueError(f"{where}.hardware: expected the hardware type and the address, as hex with colons")
    hostname = row.get("hostname")
    if not isinstance(hostname, str | None) or len(hostname or "") > _LONGEST_NAME:
        raise ValueError(f"{where}.hostname: expected at most {_LONGEST_NAME} characters, or null")
    line = row.get("line", 0)
    if type(line) is not int or line < 0:
        raise ValueError(f"{where}.line: expected a number")
    times = (_time(where, row, "expires"), _time(where, row, "starts"))
    return LeaseRecord(address, hardware, client, hostname, str(state), *times, line)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _octets(where: str, row: Mapping[str, Any], name: str, most: int) -> bytes:
    value = row.get(name)
    if value is None or value == "":
        return b""
    octets = octets_of(value) if isinstance(value, str) else None
    if octets is None or len(octets) > most:
        raise ValueError(f"{where}.{name}: expected at most {most} octets as hex with colons")
    return octets


def _time(where: str, row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e11 or not isfinite(value):
        raise ValueError(f"{where}.{name}: expected Unix seconds, or null")
    return float(value)


def octets_of(text: str) -> bytes | None:
    """The octets that hex digits with colons say, each octet with two digits; None where it is something else."""
    parts = text.split(":")
    if not all(len(part) == 2 for part in parts):
        return None
    try:
        return bytes.fromhex("".join(parts)) if text.isascii() and " " not in text else None
    except ValueError:
        return None


def tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many records there are of each outcome; those that were taken by state."""
    counts: dict[str, int] = {}
    for each in outcomes:
        name = each.state if each.outcome == TAKEN else each.outcome
        counts[name] = counts.get(name, 0) + 1
    return counts
