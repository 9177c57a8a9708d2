"""Where the daemon listens, for commands that may not look at its sockets: those of other users than root."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from routerd.system.files import RUNTIME, namespace_inode

_MOST = 16384
_ENTRY = re.compile(r"unix:/.+|[^/]+:[0-9]{1,5}", re.ASCII)


class ListenFile:
    """`<runtime>/listen-<inode of the network namespace>`: a process id, and the entries of its http.listen, by lines.

    It says something as long as that process holds the daemon's lock. Nothing depends on it but commands whose
    configuration names another place.
    """

    def __init__(self, runtime: Path = RUNTIME) -> None:
        self.path = runtime / f"listen-{namespace_inode()}"

    def write(self, entries: Iterable[str]) -> None:
        """This process listens there from now on. Never raises: without the file root still finds the sockets."""
        text = "".join(f"{line}\n" for line in (os.getpid(), *entries))
        new = self.path.with_name(f".{self.path.name}.new")
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(new, flags, 0o644), "w", encoding="utf-8", errors="surrogateescape") as file:
                # For all who may use the socket, whatever the mask is.
                os.fchmod(file.fileno(), 0o644)
                file.write(text)
            new.replace(self.path)

    def read(self, process: int) -> tuple[str, ...] | None:
        """Where this process listens, Unix sockets first; None where the file is not its."""
        try:
            with self.path.open(encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read(_MOST).split("\n")
        except OSError:
            return None
        if lines[0] != str(process):
            return None
        entries = [line for line in lines[1:] if _ENTRY.fullmatch(line)]
        # A stable sort: the rest stays in the order of http.listen.
        return tuple(sorted(entries, key=lambda entry: not entry.startswith("unix:")))

    def remove(self) -> None:
        """Nobody listens any more. Never raises."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
