"""What dnsmasq's own configuration says of options 121 and 249, and of files with options. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_CODES = {"121": 121, "option:classless-static-route": 121, "249": 249}
_SHORT = {"C": "conf-file", "7": "conf-dir", "O": "dhcp-option"}
_NO_OPTION = ("encap:", "vi-encap:", "vendor:", "option6:")


class OwnOption(NamedTuple):
    """An option 121 or 249 of the administrator's, the tags that a client must have, and where it stands."""

    code: int
    tags: tuple[str, ...]
    place: str


class ConfDir(NamedTuple):
    """A directory of configuration files: names that end so are skipped, or (`only`) no others are read."""

    path: str
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Does dnsmasq read the file of this name in it?"""
        if name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#")):
            return False
        return not name.endswith(self.skip or ("\0",)) and (not self.only or name.endswith(self.only))


@dataclass(slots=True)
class Conf:
    """What has been found. `files`, `dirs` are still to be read, `option_files` and `option_dirs` hold options."""

    options: list[OwnOption] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    dirs: list[ConfDir] = field(default_factory=list)
    option_files: list[str] = field(default_factory=list)
    option_dirs: list[str] = field(default_factory=list)

    def reads(self, path: str) -> bool:
        """Does dnsmasq read options from this file?"""
        return path in self.option_files or path.rpartition("/")[0] in (*self.option_files, *self.option_dirs)


def read_arguments(words: Sequence[str], conf: Conf) -> bool:
    """Note what the command line says; True if it names a configuration file."""
    before = len(conf.files)
    for name, value in _pairs(words[1:]):
        _note(name, value, "its command line", conf)
    return len(conf.files) > before


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The long options with their values, however they are written."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            yield name, value if equals or name not in _KNOWN else next(rest, "")
        elif word.startswith("-") and len(word) > 1 and word[1] in _SHORT:
            yield _SHORT[word[1]], word[2:].removeprefix("=") or next(rest, "")


def read_conf(text: str, path: str, conf: Conf) -> None:
    """Note what a configuration file says."""
    for number, line in enumerate(text.splitlines(), 1):
        if "dhcp-opt" not in line and "conf-" not in line:
            continue  # Lists of blocked domains have thousands of lines.
        name, equals, value = _bare(line).partition("=")
        if equals:
            _note(name.strip(), value.strip(), f"{path}:{number}", conf)


def read_options(text: str, path: str, conf: Conf) -> None:
    """Note what a file of options says: each line is the value of a dhcp-option."""
    for number, line in enumerate(text.splitlines(), 1):
        _note("dhcp-option", _bare(line), f"{path}:{number}", conf)


def _bare(line: str) -> str:
    """The line without its comment, which begins the line or follows a space, and without quotes."""
    out, quoted, before = "", False, " "
    for letter in line:
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted and before.isspace():
            break
        else:
            out += letter
        before = letter
    return out.strip()


def _note(name: str, value: str, place: str, conf: Conf) -> None:
    if name in ("dhcp-option", "dhcp-option-force"):
        found = _option(value)
        if found is not None:
            conf.options.append(OwnOption(*found, place))
    elif name == "conf-file" and value:
        conf.files.append(value)
    elif name == "conf-dir" and value:
        path, *ends = [part.strip() for part in value.split(",")]
        skip = tuple(end for end in ends if end and not end.startswith("*"))
        conf.dirs.append(ConfDir(path.rstrip("/"), skip, tuple(end[1:] for end in ends if end.startswith("*"))))
    elif name == "dhcp-optsfile" and value:
        conf.option_files.append(value.rstrip("/"))
    elif name == "dhcp-optsdir" and value:
        conf.option_dirs.append(value.rstrip("/"))


_KNOWN = frozenset(("dhcp-option", "dhcp-option-force", "conf-file", "conf-dir", "dhcp-optsfile", "dhcp-optsdir"))


def _option(value: str) -> tuple[int, tuple[str, ...]] | None:
    tags: list[str] = []
    for part in value.split(","):
        word = part.strip()
        if word in _CODES:
            return _CODES[word], tuple(tags)
        if word.isdigit() or word.startswith(("option:", *_NO_OPTION)):
            return None
        tags.append(word.removeprefix("tag:").removeprefix("net:").removeprefix("set:"))
    return None


def tags_of(options: Iterable[OwnOption]) -> tuple[tuple[str, ...], ...]:
    """The tags of these options, without doubles."""
    return tuple(dict.fromkeys(option.tags for option in options))
