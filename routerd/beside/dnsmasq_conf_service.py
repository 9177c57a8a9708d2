"""Reads the configuration of the dnsmasq that runs, as far as this process may, and which interface has which network.

What is there may be anything: nothing that is found ends the process, and all is bounded.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from routerd.beside.dnsmasq_conf import Conf, ConfDir, read_arguments, read_conf, read_options
from routerd.beside.dnsmasq_file import is_ours
from routerd.system.named_process import Process, arguments, look_up

NAME = "dnsmasq"
_DEFAULT = "/etc/dnsmasq.conf"
_DEFAULT_DIR = ConfDir("/etc/dnsmasq.d", (".dpkg-dist", ".dpkg-old", ".dpkg-new"))
_MOST_FILES, _MOST_NAMES = 200, 2000
_LONGEST = 1 << 20
_MOST_TEXT = 16 << 20
_ERRORS = (OSError, ValueError)
"""ValueError is for a NUL byte in a path."""

State = tuple[object, ...]


class Started(NamedTuple):
    """A dnsmasq, and what it read when it started; `conf`: None where nothing is known of that.

    `unseen`: what of it could not be seen, in words; so long it may have options that `conf` does not name.
    """

    process: Process | None = None
    conf: Conf | None = None
    unseen: tuple[str, ...] = ()


def read_started(pid_file: Path) -> Started:
    """The process, and what it read when it started.

    Where its command line is not seen, that is what the files of Debian's dnsmasq say, if it has any.
    """
    process = look_up(pid_file, NAME)
    words = arguments(process.pid) if process is not None else ()
    conf = Conf()
    if not words:
        conf.dirs.append(_DEFAULT_DIR)
    if not read_arguments(words, conf):
        conf.files.append(_DEFAULT)
    unseen = [] if words else [_hidden(process, pid_file)]
    is_known = _read_files(conf, unseen) or bool(words)
    unseen += (f"conf-script={script}" for script in conf.scripts)
    return Started(process, conf if is_known else None, tuple(dict.fromkeys(unseen)))


def _hidden(process: Process | None, pid_file: Path) -> str:
    if process is None:
        return f"its process, as {pid_file} does not name it"
    return f"the command line of process {process.pid}, as /proc hides it"


def _read_files(conf: Conf, unseen: list[str]) -> bool:
    """Read the files that are named, and those that these name; True if there was one. Notes what cannot be read."""
    is_known, done, room = False, 0, _MOST_TEXT
    waiting: dict[str, bool] = {}
    while True:
        unseen += (each.path for each in conf.dirs if not _is_seen(each.path) and each is not _DEFAULT_DIR)
        for path in [*conf.files, *_listed(conf.dirs)]:
            if len(waiting) < _MOST_NAMES:
                waiting.setdefault(path, True)
        conf.files, conf.dirs = [], []
        following = next((path for path, unread in waiting.items() if unread), None)
        if following is None:
            return is_known
        if done >= _MOST_FILES or room <= 0:
            unseen.append(f"{following}, and what comes after so many others")
            return is_known
        waiting[following], done = False, done + 1
        text = _text(following)
        if text is not None:
            is_known, room = True, room - len(text)
            read_conf(text, following, conf)
            if len(text) >= _LONGEST:
                unseen.append(f"{following} behind its first MiB")
        elif following != _DEFAULT or os.path.exists(following):
            unseen.append(following)


def _is_seen(path: str) -> bool:
    try:
        return os.access(path, os.R_OK | os.X_OK)
    except ValueError:
        return False


def with_option_files(conf: Conf, own: Path) -> Conf:
    """The configuration with what is in the administrator's files of options now; routerd's are none of these."""
    whole = replace(conf, options=list(conf.options), routers=list(conf.routers), statics=list(conf.statics))
    room = _MOST_TEXT
    for path in _option_paths(conf, own):
        text = _text(path) if room > 0 else None
        if text is not None and not is_ours(text):
            room -= len(text)
            read_options(text, path, whole)
    return whole


def options_state(conf: Conf, own: Path) -> State:
    """Another value whenever a file of options is another than it was."""
    found: list[object] = []
    for path in _option_paths(conf, own):
        with contextlib.suppress(*_ERRORS):
            at = os.stat(path)
            found.append((path, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns))
    return tuple(found)


def _option_paths(conf: Conf, own: Path) -> list[str]:
    """The files of options; in a directory every file is one."""
    listed = _listed(ConfDir(path) for path in (*conf.option_files, *conf.option_dirs))
    found = []
    for path in islice(dict.fromkeys([*conf.option_files, *listed]), _MOST_FILES):
        with contextlib.suppress(*_ERRORS):
            if os.path.realpath(path) != os.path.realpath(own):
                found.append(path)
    return found


def _listed(dirs: Iterable[ConfDir]) -> Iterator[str]:
    for each in islice(dirs, _MOST_FILES):
        try:
            with os.scandir(each.path) as entries:
                names = sorted(entry.name for entry in islice(entries, _MOST_NAMES))
        except _ERRORS:
            continue
        yield from (f"{each.path}/{name}" for name in names[:_MOST_FILES] if each.has(name))


def _text(path: str) -> str | None:
    """What is in a file; None where it is none, or where reading it would wait for something."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            return (file.read(_LONGEST) or b"").decode(errors="replace")
    except _ERRORS:
        return None


def networks_of_interfaces() -> tuple[tuple[str, IPv4Network], ...]:
    """The networks that this machine has on each interface, by its routes."""
    found = []
    with contextlib.suppress(*_ERRORS), open("/proc/self/net/route", encoding="ascii") as file:
        for line in islice(file, 1, _MOST_NAMES):
            name, prefix, gateway, _, _, _, _, mask, *_ = line.split()
            if int(gateway, 16) == 0 and int(mask, 16) != 0:
                found.append((name, IPv4Network((_address(prefix), f"{IPv4Address(_address(mask))}"), strict=False)))
    return tuple(found)


def _address(text: str) -> bytes:
    return bytes.fromhex(text)[::-1] if sys.byteorder == "little" else bytes.fromhex(text)
