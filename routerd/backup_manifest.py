"""What a backup says of itself: its format, who made it, and what its parts must be. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

MANIFEST = "manifest.json"
LEASES, ALIASES, SEQUENCE = "leases.db", "aliases.json", "rip-sequence"
LARGEST: Mapping[str, int] = {LEASES: 1 << 30, ALIASES: 4 << 20, SEQUENCE: 64}
"""Bytes that each part has at most."""
LARGEST_MANIFEST = 64 << 10
FORMAT = 1


class ManifestError(Exception):
    """This is no manifest of a backup that can be used; says why."""


class Part(NamedTuple):
    """What a part must be."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """`version` is the routerd that made the backup, `made` when (RFC 3339)."""

    version: str
    made: str
    parts: dict[str, Part]


def manifest(version: str, now: float, parts: Mapping[str, bytes]) -> bytes:
    """The manifest of a backup with these parts, made at `now` (Unix seconds)."""
    said = {
        "routerd_backup": FORMAT,
        "version": version,
        "made": datetime.fromtimestamp(int(now), UTC).isoformat().replace("+00:00", "Z"),
        "parts": {name: {"size": len(data), "sha256": sha256(data).hexdigest()} for name, data in parts.items()},
    }
    return json.dumps(said, indent=2).encode() + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """What a manifest says. Raises `ManifestError`."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise ManifestError("is no backup of routerd's") from None
    number = said.get("routerd_backup") if isinstance(said, dict) else None
    if type(number) is not int or number < 1:
        raise ManifestError("is no backup of routerd's")
    if number > FORMAT:
        raise ManifestError(f"was made by a newer routerd (format {number}, this one knows {FORMAT}); use that one")
    parts = said.get("parts")
    if not isinstance(parts, dict) or not parts:
        raise ManifestError("does not say what is in it")
    found = {str(name): _part(str(name), part) for name, part in parts.items()}
    return Manifest(str(said.get("version"))[:40], str(said.get("made"))[:40], found)


def _part(name: str, said: object) -> Part:
    if name not in LARGEST or not isinstance(said, dict):
        raise ManifestError(f"has a part {name[:40]!r} that this routerd does not know")
    size, digest = said.get("size"), said.get("sha256")
    if type(size) is not int or not 0 <= size <= LARGEST[name] or not isinstance(digest, str):
        raise ManifestError(f"says nothing usable of {name}")
    return Part(size, digest)
