"""What dnsmasq's own configuration says of options 3, 33, 121 and 249, of networks, and of files with options. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from typing import NamedTuple

from routerd.beside.static_routes import STATIC_ROUTES, Route, routes_of

_ROUTER = 3
_CODES = frozenset((121, 249))
_NAMES = {"classless-static-route": 121, "router": _ROUTER, "static-route": STATIC_ROUTES}
_SHORT = {"C": "conf-file", "7": "conf-dir", "O": "dhcp-option", "F": "dhcp-range"}
_NO_OPTION = ("encap:", "vi-encap:", "vendor:", "option6:")


class OwnOption(NamedTuple):
    """An option 121 or 249 of the administrator's, the tags that a client must have, and where it stands."""

    code: int
    tags: tuple[str, ...]
    place: str


class RouterOption(NamedTuple):
    """An option 3 of the administrator's. `router`: None for none at all, 0.0.0.0 for dnsmasq's own address.

    `known`: is it understood?
    """

    tags: tuple[str, ...]
    router: IPv4Address | None
    place: str
    known: bool = True


class StaticOption(NamedTuple):
    """An option 33 of the administrator's: its routes, () for none at all. `known`: is it understood?"""

    tags: tuple[str, ...]
    routes: tuple[Route, ...]
    place: str
    known: bool = True


class Range(NamedTuple):
    """A network that dnsmasq serves: an address in it, and the tag that its clients get, if any."""

    start: IPv4Address
    tag: str | None
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
    """What has been found. `files`, `dirs` are still to be read, `option_files` and `option_dirs` hold options.

    `scripts`: what is run for more of it.
    """

    options: list[OwnOption] = field(default_factory=list)
    routers: list[RouterOption] = field(default_factory=list)
    statics: list[StaticOption] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    dirs: list[ConfDir] = field(default_factory=list)
    option_files: list[str] = field(default_factory=list)
    option_dirs: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

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
        if "dhcp-opt" not in line and "conf-" not in line and "dhcp-range" not in line:
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
    if "\0" in value:
        return  # Of such a line dnsmasq reads another thing than it says.
    if name in ("dhcp-option", "dhcp-option-force"):
        _note_option(value, place, conf)
    elif name == "dhcp-range":
        found = _range(value, place)
        if found is not None:
            conf.ranges.append(found)
    elif name == "conf-file" and value:
        conf.files.append(value)
    elif name == "conf-script" and value:
        conf.scripts.append(f"{value} ({place})")
    elif name == "conf-dir" and value:
        path, *ends = [part.strip() for part in value.split(",")]
        skip = tuple(end for end in ends if end and not end.startswith("*"))
        conf.dirs.append(ConfDir(path.rstrip("/"), skip, tuple(end[1:] for end in ends if end.startswith("*"))))
    elif name == "dhcp-optsfile" and value:
        conf.option_files.append(value.rstrip("/"))
    elif name == "dhcp-optsdir" and value:
        conf.option_dirs.append(value.rstrip("/"))


_KNOWN = frozenset(
    (
        *("dhcp-option", "dhcp-option-force", "dhcp-range", "conf-file", "conf-dir", "conf-script"),
        *("dhcp-optsfile", "dhcp-optsdir"),
    )
)


def _note_option(value: str, place: str, conf: Conf) -> None:
    tags: list[str] = []
    words = [word.strip() for word in value.split(",")]
    for index, word in enumerate(words):
        if word.startswith(_NO_OPTION):
            return
        if word.startswith("option:") or (word.isascii() and word.isdigit()):
            code = _NAMES.get(word[7:].lower()) if word.startswith("option:") else int(word[-6:])
            if code == _ROUTER:
                conf.routers.append(RouterOption(tuple(tags), *_router(words[index + 1 :], place)))
            elif code == STATIC_ROUTES:
                conf.statics.append(StaticOption(tuple(tags), *_statics(words[index + 1 :], place)))
            elif code in _CODES:
                conf.options.append(OwnOption(code, tuple(tags), place))
            return
        tags.append(_tag(word))


def _tag(word: str) -> str:
    return word.removeprefix("tag:").removeprefix("net:").removeprefix("set:")


def _router(words: Sequence[str], place: str) -> tuple[IPv4Address | None, str, bool]:
    """The first router of an option 3: what stands after the number."""
    first = words[0] if words else ""
    if not first:
        return None, place, True
    try:
        if ":" in first:
            return IPv4Address(bytes.fromhex("".join(part.zfill(2) for part in first.split(":")))[:4]), place, True
        return IPv4Address(first), place, True
    except (AddressValueError, ValueError):
        return None, place, False


def _statics(words: Sequence[str], place: str) -> tuple[tuple[Route, ...], str, bool]:
    """The routes of an option 33: pairs of addresses. dnsmasq puts its own for 0.0.0.0, which is not known here."""
    given = [word for word in words if word]
    try:
        addresses = [IPv4Address(word) for word in given]
    except AddressValueError:
        return (), place, False
    if len(addresses) % 2 or not all(map(int, addresses)):
        return (), place, False
    routes = routes_of(zip(addresses[::2], addresses[1::2], strict=True))
    return routes, place, len(routes) == len(addresses) // 2


def _range(value: str, place: str) -> Range | None:
    """A range of IPv4; its tag is set with or without `set:`, and `tag:` before it only says whom it is for."""
    tag = None
    for part in value.split(","):
        word = part.strip()
        try:
            return Range(IPv4Address(word), tag, place)
        except AddressValueError:
            if word.startswith(("tag:", "net:")):
                continue
            if ":" in word.removeprefix("set:"):
                return None
            tag = word.removeprefix("set:") or None
    return None


def tags_of(options: Iterable[OwnOption]) -> tuple[tuple[str, ...], ...]:
    """The tags of these options, without doubles."""
    return tuple(dict.fromkeys(option.tags for option in options))
