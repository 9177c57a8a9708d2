"""Settings below net.ipv4.conf and net.ipv6.conf, and a file that remembers what they were before."""

import json
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from routerd.model import FORWARDING6, Forwarding6
from routerd.system.files import namespace_inode, sync_directory, write_synced

CONF = Path("/proc/sys/net/ipv4/conf")
CONF6 = Path("/proc/sys/net/ipv6/conf")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SO_NETNS_COOKIE = 71

Key = tuple[str, str]
"""Interface (or "all") and name of a setting."""


def _path(interface: str, name: str) -> Path:
    for part in (interface, name):
        if part in ("", ".", "..") or "/" in part:
            raise FileNotFoundError(f"no such setting: conf.{interface}.{name}")
    return (CONF6 if name == FORWARDING6 else CONF) / interface / name


def read(interface: str, name: str) -> int | None:
    """The setting's value; None if the interface or the setting does not exist (any more). Raises OSError otherwise."""
    try:
        return int(_path(interface, name).read_text())
    except (FileNotFoundError, ValueError):
        return None


def write(interface: str, name: str, value: int) -> None:
    """Change the setting. Raises OSError: FileNotFoundError: the interface is gone; PermissionError: no rights."""
    _path(interface, name).write_text(f"{value}\n")


def forwarding_interfaces() -> frozenset[str]:
    """Every interface that forwards IPv4 now, the names "all" and "default" included."""
    try:
        names = [entry.name for entry in CONF.iterdir()]
    except OSError:
        return frozenset()
    return frozenset(name for name in names if read(name, "forwarding") == 1)


def forwarding6() -> Forwarding6:
    """Whether IPv6 is forwarded now. Never raises: what cannot be read is off."""
    try:
        if (CONF6 / "all" / "forwarding").read_text().strip() not in ("", "0"):
            return Forwarding6.ON
    except OSError:
        return Forwarding6.OFF
    return Forwarding6.BY_INTERFACE if (CONF6 / "all" / FORWARDING6).exists() else Forwarding6.OFF


def namespace_cookie() -> int | None:
    """A number that no other network namespace ever has until the next boot; None before Linux 5.14."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            return int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
        except OSError:
            return None


class Originals:
    """What settings were before the first change, kept in `<runtime>/sysctl-<inode of the namespace>.json`.

    A later start adopts the file: a value in it is never overwritten, keys that it lacks are added.
    """

    def __init__(self, runtime: Path) -> None:
        self.path = runtime / f"sysctl-{namespace_inode()}.json"
        self._boot = _BOOT_ID.read_text().strip()
        self._cookie = namespace_cookie()
        self._values = self._load()

    @property
    def values(self) -> Mapping[Key, int]:
        """The remembered values."""
        return dict(self._values)

    def remember(self, values: Mapping[Key, int]) -> None:
        """Keep the values of keys that are new, on disk when this returns. Raises OSError, and then keeps none."""
        merged = dict(values) | self._values
        if merged != self._values or (merged and not self.path.exists()):
            self._save(merged)

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop the keys after they were restored; the file goes with the last one. Raises OSError."""
        dropped = set(keys)
        left = {key: value for key, value in self._values.items() if key not in dropped}
        if left:
            if left != self._values:
                self._save(left)
            return
        self._values = {}
        if self.path.exists():
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)

    def _save(self, values: dict[Key, int]) -> None:
        rows = {f"{interface}/{name}": value for (interface, name), value in sorted(values.items())}
        document = {"boot": self._boot, "namespace": self._cookie, "values": rows}
        write_synced(self.path, json.dumps(document, indent=1).encode() + b"\n")
        self._values = values

    def _load(self) -> dict[Key, int]:
        try:
            document = json.loads(self.path.read_bytes())
            # The kernel gives the inode out again once a namespace is gone, and the directory may be on a disk.
            if document["boot"] != self._boot or document.get("namespace", self._cookie) != self._cookie:
                return {}
            return {
                (interface, name): int(value)
                for (interface, _, name), value in (
                    (key.rpartition("/"), value) for key, value in document["values"].items()
                )
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
