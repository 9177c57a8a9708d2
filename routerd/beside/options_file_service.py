"""The file of options on disk: written as a whole and only where it differs, never over another program's."""

import contextlib
import os
import stat
from pathlib import Path

from routerd.beside.dnsmasq_file import HEADER, is_ours
from routerd.system.files import write_synced

_LONGEST = 1 << 20
_MODE = 0o644


class FileError(Exception):
    """The file is not as it should be; the text says why, `hint` what to do. `foreign`: it is not routerd's."""

    def __init__(self, text: str, hint: str, *, foreign: bool = False) -> None:
        super().__init__(text)
        self.hint, self.foreign = hint, foreign


class OptionsFile:
    """One file. Its methods may wait for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """What is there; None for nothing. Raises `FileError`, also for a file that is not routerd's."""
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise FileError("it is no file", "Name another options_file.", foreign=True)
            with open(self.path, "rb") as file:
                text = file.read(_LONGEST).decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(_reason(error), "Let routerd read and write it.") from None
        if text and not is_ours(text):
            hint = "Move it away, or name another options_file: routerd needs one of its own."
            raise FileError("routerd did not make it", hint, foreign=True)
        return text

    def keep(self, text: str) -> bool:
        """See that the file has this text, and that all may read it; True if it had not. Raises `FileError`."""
        if self.read() == text and self._is_open():
            return False
        try:
            self._make_directory()
            write_synced(self.path, text.encode(), _MODE)
        except OSError as error:
            raise FileError(
                _reason(error), "Free space, or let routerd write there; it tries again by itself."
            ) from None
        return True

    def _is_open(self) -> bool:
        try:
            return os.stat(self.path).st_mode & _MODE == _MODE
        except OSError:
            return False

    def touch(self) -> None:
        """Have it look changed to those who watch it."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def empty(self, *, remove: bool) -> bool:
        """Leave nothing of routerd's to hand out; True if something was. Raises `FileError`.

        The empty file stays for dnsmasq, which complains of one that is missing, unless it is to be removed.
        """
        text = self.read()
        if text is None:
            return False
        if remove:
            try:
                os.unlink(self.path)
            except OSError as error:
                raise FileError(_reason(error), "Remove it by hand.") from None
        elif text != HEADER:
            self.keep(HEADER)
        return text not in ("", HEADER)

    def closed_at(self) -> Path | None:
        """What keeps other users from the file, as dnsmasq's is one: a directory, or the file; None: nothing does."""
        for directory in self.path.parents:
            try:
                if not os.stat(directory).st_mode & stat.S_IXOTH:
                    return directory
            except OSError:
                return None
        return None if self._is_open() or not self.path.exists() else self.path

    def _make_directory(self) -> None:
        missing = [directory for directory in self.path.parents if not directory.exists()]
        for directory in reversed(missing):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
