"""May Kea write its configuration file, without loss of what its administrator has in it? Pure.

config-write replaces the file Kea was started with by what Kea runs, all defaults spelled out: comments, includes, and
edits that were not loaded yet would be gone. So it is asked for only where the file is plain JSON that says the same as
what Kea runs, routerd's own entries apart.
"""

import hashlib
import json
from typing import Any, NamedTuple

from routerd.beside.kea_patch import has_marked, patch
from routerd.beside.kea_wire import LARGEST

_SLACK = 1.0
"""Kea counts whole seconds."""


FileIdentity = tuple[int, int, int, int]


class Since(NamedTuple):
    """Kea's own times (status-get): seconds since it started, and since it took a configuration last."""

    uptime: float
    reload: float


class FileSeen(NamedTuple):
    """A configuration file. `identity` changes with the file; `free` is in bytes of its disk.

    `modified` is Unix time: the later one of when its content and when its inode changed, since copies can carry the
    first one over from elsewhere.
    """

    data: bytes
    identity: FileIdentity
    modified: float
    free: int


def parsed(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """Dhcp4 in the file; None and the reason where writing it anew would lose something."""
    if len(data) > LARGEST:
        return None, f"it has more than {LARGEST // 1024 // 1024} MiB"
    if not data.isascii():
        return None, "it has letters beyond ASCII, which Kea would write back as escapes of their bytes"
    try:
        found = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        return None, "it has comments, includes or other text that Kea would not write back"
    if not isinstance(found, dict) or not isinstance(found.get("Dhcp4"), dict):
        return None, "it holds no Dhcp4"
    others = sorted(set(found) - {"Dhcp4"})
    if others:
        return None, f"it also holds {', '.join(others)}, which Kea would not write back"
    return found["Dhcp4"], ""


def may_have_ours(data: bytes) -> bool:
    """Is something of routerd's in the file? In one that has comments or includes its mark is looked for as text."""
    config, _ = parsed(data)
    return b'"routerd"' in data if config is None else has_marked(config)


def says_the_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Do both say the same, routerd's entries apart?"""
    return fingerprint(one) == fingerprint(other)


def fingerprint(config: dict[str, Any]) -> bytes:
    """Tells a configuration from another one, routerd's entries apart."""
    plain = patch(config, ()).config
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).digest()


def is_as_started(seen: FileSeen, since: Since | None, now: float, started: float | None = None) -> bool:
    """Has Kea run just this file since it started, without any change of configuration?

    `now` is Unix time, and so is `started`, when its process began, where that is known more exactly.
    """
    if since is None:
        return False
    began = now - since.uptime - _SLACK if started is None else started
    return since.reload >= since.uptime - _SLACK and seen.modified < began


def has_room(seen: FileSeen, running: dict[str, Any]) -> bool:
    """Kea empties the file before it writes it: it must not find the disk full then."""
    return seen.free > 4 * len(json.dumps(running, indent=4)) + 1024 * 1024
