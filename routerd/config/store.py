"""Reading a configuration file: the only part of the configuration that touches the file system."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerd.config.fault import ConfigError, ConfigFault, escape, show
from routerd.config.load import load, parse
from routerd.config.model import LONGEST_SECRET, Config
from routerd.system.secret import SecretError, read_secret

if TYPE_CHECKING:
    from routerd.config.uci_service import UciFile

LARGEST = 4 << 20
UCI = "uci:"


class ConfigFile:
    """A configuration file that is read more than once. `text` is what was read last, always in TOML.

    The path `uci:NAME` is OpenWrt's /etc/config/NAME, and `uci:/DIRECTORY/NAME` such a file elsewhere.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.text = ""
        self._uci: UciFile | None = None
        if self.path.startswith(UCI):
            # OpenWrt alone needs what is in there.
            from routerd.config import uci_service

            self._uci = uci_service.UciFile(self.path.removeprefix(UCI))

    @property
    def file(self) -> str:
        """The path in the file system."""
        return self.path if self._uci is None else self._uci.path

    @property
    def is_uci(self) -> bool:
        """Whether it is a file of UCI."""
        return self._uci is not None

    @property
    def disabled(self) -> ConfigFault | None:
        """Why what was read last says that routerd shall not run; a file in TOML never does."""
        return None if self._uci is None else self._uci.disabled()

    @property
    def waiting(self) -> tuple[str, ...]:
        """The logical interfaces of what was read last whose device was not known."""
        return () if self._uci is None else tuple(self._uci.made.waiting)

    def read(self, *, secrets: bool = True) -> Config:
        """As `read_config`."""
        if self._uci is not None:
            self._uci.read()
            return self._made(self._uci, secrets)
        self.text = read_text(self.path)
        return parse_text(self.text, secrets=secrets)

    def read_enabled(self) -> Config:
        """As `read`; raises ConfigError also where the file says that routerd shall not run."""
        config = self.read()
        if (fault := self.disabled) is not None:
            raise ConfigError([fault], config)
        return config

    def again(self) -> Config | None:
        """What `read` read last, with the devices that its logical interfaces have now; None where none has got one.

        Raises ConfigError.
        """
        before = self.waiting
        if self._uci is None or not before:
            return None
        self._uci.resolve()
        return None if self.waiting == before else self._made(self._uci, False)

    def _made(self, uci: "UciFile", secrets: bool) -> Config:
        config = uci.made.load(_load_with_secrets if secrets else load)
        from routerd.config.toml_text import toml_text

        self.text = toml_text(uci.made.data)
        return config

    def told(self, faults: Sequence[ConfigFault]) -> list[ConfigFault]:
        """Faults of what was read last that were found later, in the words of the file."""
        return list(faults) if self._uci is None else [self._uci.made.names.told(fault) for fault in faults]


def read_config(path: str | Path, *, secrets: bool = True) -> Config:
    """The configuration in a file; raises ConfigError, also for a file that cannot be read (its path is the path).

    With `secrets` the files of secrets that it names are looked at too: they must be there, safe, and fit. No error
    shows a secret. The path may be as that of a `ConfigFile`.
    """
    return ConfigFile(path).read(secrets=secrets)


def parse_text(text: str, *, secrets: bool = True) -> Config:
    """As `read_config`, for the content of a file."""
    return _with_secrets(lambda: parse(text)) if secrets else parse(text)


def _load_with_secrets(data: dict[str, Any]) -> Config:
    return _with_secrets(lambda: load(data))


def _with_secrets(read: Callable[[], Config]) -> Config:
    try:
        config = read()
    except ConfigError as error:
        more = secret_faults(error.partial) if error.partial is not None else []
        raise ConfigError([*error.errors, *more], error.partial) from None
    faults = secret_faults(config)
    if faults:
        raise ConfigError(faults, config)
    return config


def secret_faults(config: Config) -> list[ConfigFault]:
    """The faults of the files of secrets that a configuration names, for the user of this process."""
    found = []
    for number, lan in enumerate(config.lans):
        for index, key in enumerate(lan.rip.keys if lan.rip is not None else ()):
            try:
                # Root may be asking for the daemon, which runs as a user of its own.
                read_secret(key.secret_file, 1, LONGEST_SECRET[key.algorithm], for_another=os.geteuid() == 0)
            except SecretError as error:
                where = f"lan[{number}].rip.key[{index}].secret_file"
                mend = error.hint[:1].lower() + error.hint[1:].removesuffix(".")
                found.append(ConfigFault(where, show(key.secret_file), f"cannot be used: {error.reason}", mend))
    return found


def read_text(path: str | Path, errors: str = "strict") -> str:
    """The text of a file of at most LARGEST bytes; raises ConfigError, whose path is the path.

    `errors` is what becomes of bytes that are no UTF-8, as in `bytes.decode`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _unreadable(path, "is not a regular file", "give the path of a configuration file with --config")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise _unreadable(path, f"cannot be read: {reason}", "create it, or give its path with --config") from None
    if len(data) > LARGEST:
        raise _unreadable(path, f"is larger than {LARGEST} bytes", "give the path of a configuration file")
    try:
        return data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"is not UTF-8 in line {line}", "save it as UTF-8") from None


def _unreadable(path: str | Path, rule: str, mend: str) -> ConfigError:
    return ConfigError([ConfigFault(escape(str(path)), None, rule, mend)])
