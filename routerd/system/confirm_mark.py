"""The mark of a trial on disk, and the clock that its deadline is of."""

import contextlib
import json
import os
import time
from pathlib import Path

from routerd.confirm import Mark, decode, encode
from routerd.system.files import RUNTIME, namespace_inode, sync_directory, write_synced
from routerd.system.sysctl import namespace_cookie

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_time() -> float:
    """Seconds since the machine was started, suspended ones included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class MarkFile:
    """`<runtime>/confirm-<inode of the network namespace>.json`, for its owner only: it holds a configuration."""

    def __init__(self, runtime: Path = RUNTIME) -> None:
        self.path = runtime / f"confirm-{namespace_inode()}.json"

    def read(self) -> Mark | None:
        """The mark; None where there is none of this boot and this namespace, or it cannot be read."""
        try:
            document = json.loads(self.path.read_bytes())
            if (document["boot"], document["namespace"]) != _here():
                return None
            return decode(document["mark"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, mark: Mark) -> None:
        """Keep the mark: on disk when this returns. Raises OSError, and then the one from before stays."""
        boot, namespace = _here()
        document = {"boot": boot, "namespace": namespace, "mark": encode(mark)}
        write_synced(self.path, json.dumps(document).encode() + b"\n", 0o600)

    def remove(self) -> str | None:
        """Remove the file: its path, None if there was none. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
            sync_directory(self.path.parent)
            return str(self.path)
        return None


def _here() -> tuple[str, int | None]:
    """The kernel gives an inode out again once a namespace is gone, and the directory may be on a disk."""
    return _BOOT_ID.read_text().strip(), namespace_cookie()
