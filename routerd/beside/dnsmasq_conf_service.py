"""Reads the configuration of the dnsmasq that runs, as far as this process may."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from routerd.beside.dnsmasq_conf import Conf, ConfDir, read_arguments, read_conf, read_options
from routerd.system.named_process import arguments, find_process

NAME = "dnsmasq"
_DEFAULT = "/etc/dnsmasq.conf"
_DEFAULT_DIR = ConfDir("/etc/dnsmasq.d", (".dpkg-dist", ".dpkg-old", ".dpkg-new"))
_MOST_FILES = 200
_LONGEST = 1 << 20


def read_dnsmasq(pid_file: Path, own: Path) -> tuple[int | None, Conf | None]:
    """The process, and what its configuration says; `own` is routerd's file, which is not the administrator's.

    Where its command line is not seen, that is what the files of Debian's dnsmasq say, if it has any.
    """
    pid = find_process(pid_file, NAME)
    words = arguments(pid) if pid is not None else ()
    conf = Conf()
    if not words:
        conf.dirs.append(_DEFAULT_DIR)
    if not read_arguments(words, conf):
        conf.files.append(_DEFAULT)
    is_known, done = bool(words), 0
    waiting: dict[str, bool] = {}
    while done < _MOST_FILES:
        for path in [*conf.files, *_listed(conf.dirs)]:
            waiting.setdefault(path, True)
        conf.files, conf.dirs = [], []
        following = next((path for path, unread in waiting.items() if unread), None)
        if following is None:
            break
        waiting[following], done = False, done + 1
        text = _text(following)
        if text is not None:
            is_known = True
            read_conf(text, following, conf)
    _read_options(conf, own)
    return pid, conf if is_known else None


def _read_options(conf: Conf, own: Path) -> None:
    """What is in the administrator's files of options; in a directory every file is one."""
    listed = _listed(ConfDir(path) for path in (*conf.option_files, *conf.option_dirs))
    for path in dict.fromkeys([*conf.option_files, *listed]):
        if os.path.realpath(path) != os.path.realpath(own):
            text = _text(path)
            if text is not None:
                read_options(text, path, conf)


def _listed(dirs: Iterable[ConfDir]) -> Iterator[str]:
    for each in dirs:
        try:
            names = sorted(os.listdir(each.path))[:_MOST_FILES]
        except OSError:
            continue
        yield from (f"{each.path}/{name}" for name in names if each.has(name))


def _text(path: str) -> str | None:
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return file.read(_LONGEST).decode(errors="replace")
    except OSError:
        return None
