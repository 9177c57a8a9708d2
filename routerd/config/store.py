"""Reading a configuration file: the only part of the configuration that touches the file system."""

import os
import stat
from pathlib import Path

from routerd.config.fault import ConfigError, ConfigFault, escape
from routerd.config.load import parse
from routerd.config.model import Config

LARGEST = 4 << 20


def read_config(path: str | Path) -> Config:
    """The configuration in a file; raises ConfigError, also for a file that cannot be read (its path is the path)."""
    return parse(_read_text(path))


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
