"""The words of dhcpd.leases: declarations, statements, strings with escapes, times. Pure.

A lease begins at the beginning of a line, as dhcpd writes it: what is broken goes no further than the next one.
"""

import re
from calendar import timegm

from routerd.lease_files.found import NotReadableError

END: list[str] = ["}"]
"""The end of a block, in place of a statement."""

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_WORD = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|[{};]|[^\s{};"#]+')
_LEASE = re.compile(r"^lease\s", re.MULTILINE)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)")
_DATE = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})$", re.ASCII)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})$", re.ASCII)
_LETTERS = {"t": "\t", "r": "\r", "n": "\n", "b": "\b"}
_DEEPEST = 32
_LARGEST = 100_000_000_000


class Broken(Exception):
    """No declaration can be read here. `at_end`: because the text ends."""

    def __init__(self, value: str, rule: str, *, at_end: bool = False) -> None:
        super().__init__(rule)
        self.value, self.rule, self.at_end = value, rule, at_end


class Words:
    """Reads a text word by word."""

    def __init__(self, text: str) -> None:
        # Power cuts leave blocks of zeros where the end of the file was not written.
        self._text = text.rstrip("\x00")
        self._at = self._start = 0
        self._counted, self._line = 0, 1

    def skip(self) -> int:
        """Go to the next word; its line."""
        self._at = self._start = _end(_BLANK, self._text, self._at)
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def next_lease(self) -> None:
        """Go to the next lease after the declaration that could not be read, or to the end."""
        found = _LEASE.search(self._text, self._start + 1)
        self._at = len(self._text) if found is None else found.start()
        self._counted = min(self._counted, self._at)

    def header(self) -> tuple[list[str], bool] | None:
        """The words up to a semicolon (False) or an opening brace (True); None at the end. Raises `Broken`."""
        words: list[str] = []
        while (word := self._word(inside=bool(words))) is not None:
            if word in (";", "{"):
                return words, word == "{"
            if word == "}":
                raise Broken("}", "a declaration is expected")
            words.append(word)
        if words:
            raise self._ended()
        return None

    def statement(self) -> list[str]:
        """The words of a statement of a block, or END. Blocks inside are left out. Raises `Broken`."""
        words: list[str] = []
        while (word := self._word()) is not None:
            if word == ";":
                return words
            if word == "}":
                if words:
                    raise Broken(" ".join(words), "a semicolon is expected")
                return END
            if word == "{":
                self.skip_block()
                return words
            words.append(word)
        raise self._ended()

    def skip_block(self) -> None:
        """Go behind the end of the block that was just opened. Raises `Broken`."""
        depth = 1
        while depth:
            word = self._word()
            if word is None:
                raise self._ended()
            depth += (word == "{") - (word == "}")
            if depth > _DEEPEST:
                raise Broken("{", f"blocks are nested more than {_DEEPEST} deep")

    def _word(self, *, inside: bool = True) -> str | None:
        """The next word; `inside` a declaration no other lease begins."""
        start = _end(_BLANK, self._text, self._at)
        if start == len(self._text):
            self._at = start
            return None
        match = _WORD.match(self._text, start)
        if match is None:
            rest = self._text[start : start + 100]
            if self._text.find("\n", start) < 0:
                raise self._ended()
            raise Broken(rest.splitlines()[0], "the string has no end")
        if inside and match[0] == "lease" and self._text[start - 1 : start] == "\n":
            raise Broken(self._text[start : start + 40].splitlines()[0], "what stands before this lease has no end")
        self._at = match.end()
        return match[0]

    def _ended(self) -> Broken:
        return Broken("", "the file ends here", at_end=_LEASE.search(self._text, self._start + 1) is None)


def _end(pattern: "re.Pattern[str]", text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def octets(words: list[str]) -> bytes:
    """What a string with escapes says, or octets in hex with colons. Raises `NotReadableError`."""
    text = words[0] if len(words) == 1 else " ".join(words)
    if len(text) > 1 and text[0] == text[-1] == '"' and len(words) == 1:
        return _ESCAPE.sub(_escaped, text[1:-1]).encode("latin-1", "replace")
    try:
        return bytes(int(part, 16) for part in text.split(":") if _is_hex(part))
    except ValueError:
        raise NotReadableError(text, "a string in quotes, or hex with colons, is expected") from None


def _is_hex(part: str) -> bool:
    if not 1 <= len(part) <= 2 or not part.isascii() or not part.isalnum():
        raise ValueError(part)
    return True


def _escaped(match: "re.Match[str]") -> str:
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) == 3:
        return chr(int(code[1:], 16))
    return _LETTERS.get(code, code)


def moment(words: list[str]) -> float:
    """Unix seconds of `WEEKDAY YYYY/MM/DD HH:MM:SS` (UTC) or `epoch SECONDS`. Raises `NotReadableError`."""
    text = " ".join(words)
    if len(words) == 2 and words[0] == "epoch" and words[1].isascii() and words[1].isdigit() and len(words[1]) < 12:
        return float(words[1])
    date = _DATE.match(words[1]) if len(words) in (3, 4) else None
    time = _TIME.match(words[2]) if date is not None else None
    if date is None or time is None:
        raise NotReadableError(text, "a time is expected, as 4 2026/01/29 12:00:00 or epoch SECONDS")
    year, month, day, hour, minute, second = (int(part) for part in (*date.groups(), *time.groups()))
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise NotReadableError(text, "there is no such time")
    seconds = timegm((year, month, day, hour, minute, second))
    return float(min(seconds, _LARGEST))
