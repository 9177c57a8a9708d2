"""The text of a UCI file (/etc/config/NAME, or what `uci export` prints) and its sections, by the rules of libuci."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from routerd.config.fault import ConfigError, ConfigFault, show

_SPACE: Final = " \t\n\v\f\r"
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_PACKAGE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TYPE: Final = re.compile(r"[!-~]+")
_PLAIN: Final = re.compile(r"[^ \t\n\v\f\r'\"#;\\]+")
_IN_DOUBLE: Final = re.compile(r'[^"\\]+')
_COMMAND: Final = re.compile(r"[^ \t\n]+")
_WORD: Final = r"""('[^'\n]*'|"[^"\\\n]*"|[^ \t\n\v\f\r'"#;\\]+)"""
_SIMPLE: Final = re.compile(rf"[ \t]*(config|option|list)[ \t]+{_WORD}(?:[ \t]+{_WORD})?[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
_NOTHING: Final = re.compile(r"[ \t\v\f\r]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMANDS: Final = {word: name for name in ("package", "config", "option", "list") for word in (name, name[0])}
_SHOWN: Final = 80


@dataclass(slots=True)
class Option:
    """The values of one option, those of `list` in their order, with their lines; `option` has one."""

    values: list[str]
    lines: list[int]
    is_list: bool


@dataclass(slots=True)
class Section:
    """One section. `name` is empty for an anonymous one; `index` is its number among those of its type.

    `package` is what a `package` line before it says.
    """

    type: str
    name: str
    index: int
    line: int
    package: str = ""
    options: dict[str, Option] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """The value of an option; of a list the first."""
        found = self.options.get(name)
        return found.values[0] if found is not None else None


def parse_uci(text: str, where: str, without: Collection[str] = ()) -> list[Section]:
    """The sections in their order; named ones that come again are joined, as libuci does.

    The values of options named in `without` are dropped unread. Takes time in proportion to the text. Raises
    ConfigError with the first fault, whose path is `where` with the line; it shows the line unless there is `without`.
    """
    return _Reader(text, where, frozenset(without)).read()


def write_uci(sections: Iterable[Section], package: str = "") -> str:
    """The text that parses to these sections, as `uci export` writes it. Empty values are not kept by UCI."""
    parts = [f"package {package}\n"] if package else []
    for section in sections:
        kind = section.type if _PLAIN.fullmatch(section.type) else _quoted(section.type).strip()
        parts.append(f"\nconfig {kind}{_quoted(section.name) if section.name else ''}\n")
        for name, option in section.options.items():
            word = "list" if option.is_list else "option"
            parts.extend(f"\t{word} {name}{_quoted(value)}\n" for value in option.values)
    return "".join(parts) + "\n"


def _quoted(value: str) -> str:
    return " '" + value.replace("'", "'\\''") + "'"


class _Reader:
    """Goes through the text once. `_pos` is where it is; `_over` says that the line's end is reached."""

    def __init__(self, text: str, where: str, without: frozenset[str]) -> None:
        self._text, self._where, self._without = text, where, without
        self._pos, self._line, self._start = 0, 1, 0
        # The line that the command which is read begins in.
        self._at = 1
        self._over = False
        self._package = ""
        self._sections: list[Section] = []
        self._named: dict[str, Section] = {}
        self._counts: dict[str, int] = {}
        self._section: Section | None = None

    def read(self) -> list[Section]:
        text = self._text
        nul = text.find("\0")
        if nul >= 0:
            self._at = text.count("\n", 0, nul) + 1
            self._fail("holds a NUL character: this is no text", "restore the file", shown=False)
        while self._pos < len(text):
            self._start = self._pos
            if match := _SIMPLE.match(text, self._pos):
                self._simple(match)
            elif match := _NOTHING.match(text, self._pos):
                pass
            else:
                self._hard_line()
                continue
            self._pos = match.end()
            self._line += 1
        return self._sections

    def _simple(self, match: re.Match[str]) -> None:
        self._at = self._line
        command, first, second = match.groups()
        words = [word[1:-1] if word[0] in "'\"" else word for word in (first, second) if word is not None]
        self._do(command, words)

    # ------------------------------------------------------------ lines that are not simple

    def _hard_line(self) -> None:
        self._over = False
        while self._more() and self._text[self._pos] in _SPACE:
            self._advance()
        while self._more():
            while not self._over and self._pos < len(self._text) and self._text[self._pos] in " \t":
                self._pos += 1
            if not self._more():
                break
            if self._text[self._pos] == "#":
                self._skip_comment()
                break
            self._command()

    def _command(self) -> None:
        self._at = self._line
        match = _COMMAND.match(self._text, self._pos)
        word = match[0] if match else ""
        command = _COMMANDS.get(word)
        after = self._pos + len(word)
        if command is None or after >= len(self._text) or self._text[after] == "\n":
            mend = "begin it with config, option or list, and put values with line breaks in quotes"
            self._fail("is no line of UCI" if command is None else f"says nothing behind {command}", mend)
        self._pos = after + 1
        words = [self._argument()]
        if command != "package":
            words.append(self._argument())
        more = self._argument()
        if more:
            self._fail("has too many words", "put a value with spaces in quotes")
        self._do(command, words)

    def _argument(self) -> str:
        """The next word of the line, empty at its end, or at a `;`, which is taken away."""
        text = self._text
        while self._more() and text[self._pos] in _SPACE:
            self._advance()
        if not self._more():
            return ""
        if text[self._pos] == ";":
            self._pos += 1
            return ""
        return self._string()

    def _string(self) -> str:
        text, parts, is_bare = self._text, [], True
        while True:
            if match := _PLAIN.match(text, self._pos):
                parts.append(match[0])
                self._pos = match.end()
            elif text[self._pos] == "#":
                self._skip_comment()
            elif text[self._pos] == ";":
                if is_bare:
                    self._fail('has a ";" behind a word', "put the value in quotes")
                return "".join(parts)
            else:
                is_bare = False
                parts.append(self._special(text[self._pos]))
            if not self._more() or text[self._pos] in _SPACE:
                break
        if self._more():
            self._advance()
        return "".join(parts)

    def _special(self, sign: str) -> str:
        """What a quote or a backslash begins."""
        if sign == "'":
            return self._single()
        if sign == '"':
            return self._double()
        return self._escaped()

    def _single(self) -> str:
        end = self._text.find("'", self._pos + 1)
        if end < 0:
            self._at = self._line
            self._fail("has a ' that nothing closes", "close the quote; a quote inside of it is written '\\''")
        part = self._text[self._pos + 1 : end]
        self._line += part.count("\n")
        self._pos = end + 1
        return part

    def _double(self) -> str:
        text, opened = self._text, self._line
        parts: list[str] = []
        self._pos += 1
        while self._pos < len(text) and text[self._pos] != '"':
            if text[self._pos] == "\\":
                parts.append(self._escaped())
            elif match := _IN_DOUBLE.match(text, self._pos):
                parts.append(match[0])
                self._line += match[0].count("\n")
                self._pos = match.end()
        if self._pos >= len(text):
            self._at = opened
            self._fail('has a " that nothing closes', 'close the quote; a quote inside of it is written \\"')
        self._pos += 1
        return "".join(parts)

    def _escaped(self) -> str:
        """The character behind a backslash; nothing for a line that goes on in the next one."""
        text, pos = self._text, self._pos + 1
        if text.startswith(("\n", "\r\n"), pos):
            self._pos = text.index("\n", pos) + 1
            self._line += 1
            return ""
        self._pos = pos + 1
        return text[pos : pos + 1]

    def _more(self) -> bool:
        return not self._over and self._pos < len(self._text)

    def _advance(self) -> None:
        self._over = self._text[self._pos] == "\n"
        self._line += self._over
        self._pos += 1

    def _skip_comment(self) -> None:
        end = self._text.find("\n", self._pos)
        self._pos = len(self._text) if end < 0 else end + 1
        self._line += end >= 0
        self._over = True

    # ------------------------------------------------------------ what lines say

    def _do(self, command: str, words: list[str]) -> None:
        first, second = words[0], words[1] if len(words) > 1 else ""
        if not first:
            self._fail(f"says nothing behind {command}", "add a name")
        if command == "option" or command == "list":
            self._add_option(first, second, command == "list")
        elif command == "config":
            self._begin(first, second)
        elif not _PACKAGE.fullmatch(first):
            self._fail("has a package name that UCI does not take", "use letters, digits, _ and -")
        else:
            self._package = first

    def _begin(self, kind: str, name: str) -> None:
        if not _TYPE.fullmatch(kind):
            self._fail("has a section type that UCI does not take", "use letters, digits and _")
        if name and not _NAME.fullmatch(name):
            self._fail("has a section name that UCI does not take", "use letters, digits and _")
        key = f"{self._package} {name}"
        known = self._named.get(key) if name else None
        if known is not None:
            if known.type != kind:
                rule = f'has a name that the section "config {known.type}" of line {known.line} has already'
                self._fail(rule, "name it otherwise: in a UCI file every name is there once, whatever the type")
            self._section = known
            return
        index = self._counts.get(f"{self._package} {kind}", 0)
        self._counts[f"{self._package} {kind}"] = index + 1
        self._section = Section(kind, name, index, self._at, self._package)
        self._sections.append(self._section)
        if name:
            self._named[key] = self._section

    def _add_option(self, name: str, value: str, is_list: bool) -> None:
        if self._section is None:
            self._fail("comes before the first section", "begin a section first: config TYPE 'NAME'")
        if not _NAME.fullmatch(name):
            self._fail("has an option name that UCI does not take", "use letters, digits and _")
        if name in self._without:
            return
        before = self._section.options.get(name)
        if is_list and before is not None:
            before.values.append(value)
            before.lines.append(self._at)
            before.is_list = True
        elif is_list or value:
            # An empty value of `option` changes nothing.
            self._section.options[name] = Option([value], [self._at], is_list)

    def _fail(self, rule: str, mend: str, *, shown: bool = True) -> NoReturn:
        text = self._text[self._start : self._start + _SHOWN].split("\n", 1)[0].strip()
        value = show(text) if shown and not self._without else None
        raise ConfigError([ConfigFault(f"{self._where} line {self._at}", value, rule, mend)])
