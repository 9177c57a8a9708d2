"""The file of options on disk: written as a whole and only where it differs, never over another program's."""

import os
import stat
from pathlib import Path

from routerd.beside.dnsmasq_file import HEADER, is_ours
from routerd.system.files import write_synced

_LONGEST = 1 << 20


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
        """See that the file has this text; True if it was written. Raises `FileError`."""
        if self.read() == text:
            self._check_readable()
            return False
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_synced(self.path, text.encode(), 0o644)
        except OSError as error:
            raise FileError(
                _reason(error), "Free space, or let routerd write there; it tries again by itself."
            ) from None
        self._check_readable()
        return True

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

    def _check_readable(self) -> None:
        """dnsmasq runs as a user of its own."""
        for directory in self.path.parents:
            try:
                mode = os.stat(directory).st_mode
            except OSError:
                return
            if not mode & stat.S_IXOTH:
                hint = f"Run: chmod o+x {directory}, or name an options_file in a directory that all users may enter."
                raise FileError(f"dnsmasq's user cannot reach it: {directory} is closed to others", hint)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
