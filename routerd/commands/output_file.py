"""A file that a command writes as a whole: never over what is no regular file, nor over routerd's own files."""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from routerd.commands.own_files import RUNTIME_FILES, state_files
from routerd.commands.store_at import RefusedError, leases_path, reason
from routerd.config.fault import escape
from routerd.config.model import Config
from routerd.system.files import RUNTIME, sync_directory

_NULL = "/dev/null"
_STDOUT, _STDERR = ("-", "/dev/stdout"), "/dev/stderr"


class Output:
    """The file that `name` says; - and /dev/stdout are standard output. A link is followed.

    Raises `RefusedError` where it must not be written: before anything else is done.
    """

    def __init__(self, name: str, config_file: str, config: Config) -> None:
        self.is_stdout = name in _STDOUT
        self._is_stream = self.is_stdout or name in (_STDERR, _NULL)
        self._name = name
        self.path = Path(os.path.realpath(name))
        if self._is_stream:
            return
        try:
            self._refuse(config_file, config)
        except OSError as error:
            raise RefusedError(f"{self.shown}: cannot be written: {reason(error)}") from None

    @property
    def shown(self) -> str:
        """The name, to be printed."""
        return "standard output" if self.is_stdout else escape(self._name)

    def write(self, write: Callable[[BinaryIO], None], mode: int) -> None:
        """Have `write` write its content. An error, or an end of the machine, leaves the old file as it was.

        Raises `RefusedError`.
        """
        try:
            if self._is_stream:
                self._stream(write)
            else:
                self._replace(write, mode)
        except OSError as error:
            stays = "; the one that was there is as it was" if not self._is_stream and self.path.exists() else ""
            raise RefusedError(f"{self.shown}: cannot be written: {reason(error)}{stays}") from None

    def _stream(self, write: Callable[[BinaryIO], None]) -> None:
        if self._name == _NULL:
            with open(_NULL, "wb") as null:
                write(null)
            return
        stream = sys.stdout if self.is_stdout else sys.stderr
        stream.flush()
        write(stream.buffer)
        stream.flush()

    def _replace(self, write: Callable[[BinaryIO], None], mode: int) -> None:
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.rename(name, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
        sync_directory(self.path.parent)

    # ------------------------------------------------------------ what is never written over

    def _refuse(self, config_file: str, config: Config) -> None:
        """Raises `RefusedError`, or OSError where it cannot be known what is there."""
        with suppress(FileNotFoundError):
            kind = os.stat(self.path).st_mode
            if stat.S_ISDIR(kind):
                raise RefusedError(f"{self.shown}: is a directory; name a file in it; nothing changed")
            if not stat.S_ISREG(kind):
                raise RefusedError(f"{self.shown}: is no regular file, and stays; name another file")
        if self._is_in(RUNTIME, RUNTIME_FILES) or any(self._is_in(*each) for each in _state(config)):
            raise RefusedError(f"{self.shown}: is a file that routerd works with, and stays; name another file")
        if any(self._is(path) for path in _named(config_file, config)):
            raise RefusedError(f"{self.shown}: belongs to routerd's configuration, and stays; name another file")

    def _is_in(self, directory: Path, patterns: frozenset[str]) -> bool:
        with suppress(FileNotFoundError):
            if os.path.samefile(self.path.parent, directory):
                return any(fnmatchcase(self.path.name, pattern) for pattern in patterns)
        return False

    def _is(self, path: str) -> bool:
        return self.path == Path(os.path.realpath(path))


def _state(config: Config) -> Iterator[tuple[Path, frozenset[str]]]:
    """The directories of the leases, and the patterns of routerd's files there."""
    for path in {Path(leases_path(config)), Path(os.path.realpath(leases_path(config)))}:
        yield path.parent, state_files(path.name)


def _named(config_file: str, config: Config) -> Iterator[str]:
    """The configuration's files."""
    yield config_file
    yield from filter(None, (config.http.token_file, config.http.tls_cert, config.http.tls_key))
    for lan in config.lans:
        yield from (key.secret_file for key in (lan.rip.keys if lan.rip is not None else ()))
