"""Reading a configuration file: the only part of the configuration that touches the file system."""

import os
import stat
from pathlib import Path

from routerd.config.fault import ConfigError, ConfigFault, escape, show
from routerd.config.load import parse
from routerd.config.model import LONGEST_SECRET, Config
from routerd.system.secret import SecretError, read_secret

LARGEST = 4 << 20


class ConfigFile:
    """A configuration file that is read more than once. `text` is what was read last."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.text = ""

    def read(self, *, secrets: bool = True) -> Config:
        """As `read_config`."""
        self.text = _read_text(self.path)
        return parse_text(self.text, secrets=secrets)


def read_config(path: str | Path, *, secrets: bool = True) -> Config:
    """The configuration in a file; raises ConfigError, also for a file that cannot be read (its path is the path).

    With `secrets` the files of secrets that it names are looked at too: they must be there, safe, and fit. No error
    shows a secret.
    """
    return parse_text(_read_text(path), secrets=secrets)


def parse_text(text: str, *, secrets: bool = True) -> Config:
    """As `read_config`, for the content of a file."""
    if not secrets:
        return parse(text)
    try:
        config = parse(text)
    except ConfigError as error:
        more = _secret_faults(error.partial) if error.partial is not None else []
        raise ConfigError([*error.errors, *more], error.partial) from None
    faults = _secret_faults(config)
    if faults:
        raise ConfigError(faults, config)
    return config


def _secret_faults(config: Config) -> list[ConfigFault]:
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


def _read_text(path: str | Path) -> str:
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
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"is not UTF-8 in line {line}", "save it as UTF-8") from None


def _unreadable(path: str | Path, rule: str, mend: str) -> ConfigError:
    return ConfigError([ConfigFault(escape(str(path)), None, rule, mend)])
