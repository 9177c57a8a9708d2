"""Collects files of this machine, each at its own path, with the symbolic links and directories that lead to it."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.kernel.cpio import Entry, directory, file, link

_ELF = b"\x7fELF"
_LIBRARY = re.compile(r"(?:=> |^\s+)(/\S+) \(0x", re.MULTILINE)


class Tree:
    """The files of a file system that is to be, by path."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._programs: list[str] = []

    def put(self, entry: Entry) -> None:
        """Adds an entry of its own and the directories above it; a later one replaces an earlier one."""
        for parent in reversed(Path(entry.path).parents[:-1]):
            self._entries.setdefault(str(parent), directory(str(parent)))
        self._entries[entry.path] = entry

    def copy(self, path: str | Path) -> None:
        """Adds a file of this machine, by the same path and by what its links lead to."""
        real = self.follow(os.path.abspath(path))
        if str(real)[1:] in self._entries:
            return
        content, status = real.read_bytes(), real.stat()
        self.put(file(str(real)[1:], content, mode=status.st_mode & 0o777, mtime=int(status.st_mtime)))
        if content.startswith(_ELF):
            self._programs.append(str(real))

    def copy_all(self, top: str | Path, leave_out: frozenset[str] = frozenset()) -> None:
        """Adds all files below a directory, but no directory whose name is left out."""
        for path, directories, names in os.walk(top):
            directories[:] = [name for name in directories if name not in leave_out]
            for name in names:
                self.copy(Path(path, name))

    def copy_libraries(self) -> None:
        """Adds the shared libraries of all programs and libraries that were added."""
        done = subprocess.run(["ldd", *self._programs], capture_output=True, text=True, check=False)
        for library in sorted(set(_LIBRARY.findall(done.stdout))):
            self.copy(library)

    def entries(self) -> Iterator[Entry]:
        """Everything, directories first."""
        return (self._entries[path] for path in sorted(self._entries))

    def follow(self, path: str | Path) -> Path:
        """The path without links; all links on the way to it are added."""
        reached, parts = Path("/"), Path(path).parts
        for at, part in enumerate(parts[1:], 2):
            step = reached / part
            if step.is_symlink():
                target = os.readlink(step)
                self.put(link(str(step)[1:], target))
                return self.follow(Path(os.path.normpath(reached / target), *parts[at:]))
            reached = step
        return reached
