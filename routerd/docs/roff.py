"""The language of manual pages, man(7), in ASCII. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence

_SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", '"': "\\(dq", "^": "\\(ha", "~": "\\(ti"}
_CODE = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"(?:`[^`]*`|[^ ])+")
_ITEM = re.compile(r"  (\S.*?)(?:  +(\S.*))?")
_SENTENCE = re.compile(r"(?<=[a-z0-9)\"][.!?]) (?=[A-Z\"])")


def escaped(text: str) -> str:
    """Plain text as it has to be written, whatever is in it."""
    safe = "".join(_SPECIAL.get(c) or (c if c.isascii() else f"\\[u{ord(c):04X}]") for c in text)
    return f"\\&{safe}" if safe.startswith(".") else safe


def bold(text: str) -> str:
    """Text in bold."""
    return f"\\fB{escaped(text)}\\fR"


def italic(text: str) -> str:
    """Text in italics, for names of values."""
    return f"\\fI{escaped(text)}\\fR"


def inline(text: str) -> str:
    """A text in which `code` becomes bold."""
    parts = _CODE.split(text)
    return "".join(bold(part) if index % 2 else escaped(part) for index, part in enumerate(parts))


def sentences(text: str) -> list[str]:
    """A paragraph, each sentence on lines of its own, as roff wants it, and none of them long."""
    lines = []
    for sentence in _SENTENCE.split(text):
        line = ""
        for word in _WORD.findall(sentence):
            if line and len(line) + len(word) > 60:
                lines.append(line)
                line = ""
            line = f"{line} {word}" if line else word
        lines.append(line)
    return [_guarded(inline(line)) for line in _joined(lines)]


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines of which none has half of a `code`."""
    held = ""
    for line in lines:
        held = f"{held} {line}" if held else line
        if held.count("`") % 2 == 0:
            yield held
            held = ""
    if held:
        yield held


def _guarded(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


def section(title: str) -> list[str]:
    """The line that begins a section."""
    return [f".SH {title.upper()}"]


def parts(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Sections with their texts."""
    return [line for title, text in texts for line in (*section(title), *prose(text.strip("\n").splitlines()))]


def see_also(pages: Iterable[str]) -> list[str]:
    """The section that names other pages."""
    split = [page.rstrip(")").partition("(") for page in pages]
    lines = [f".BR {escaped(name)} ({number})," for name, _, number in split]
    return [*section("See also"), *lines[:-1], lines[-1].rstrip(",")]


def subsection(title: str) -> list[str]:
    """The line that begins a part of a section."""
    return [f'.SS "{escaped(title)}"']


def entry(term: str, body: Sequence[str]) -> list[str]:
    """A term, written in roff already, and what it means below it, indented."""
    return [".TP", term, *body]


def example(lines: Iterable[str]) -> list[str]:
    """Lines as they are, indented."""
    return [".PP", ".RS 4", ".EX", *(_guarded(escaped(line)) for line in lines), ".EE", ".RE"]


def prose(lines: Sequence[str], *, inner: bool = False) -> list[str]:
    """Paragraphs of a comment; a line that is indented by two blanks is an item, and its term ends at two more.

    `inner`: it stands below a term, and is as far in as that.
    """
    made: list[str] = []
    listing = False
    for kind, text in blocks(lines):
        if kind == "item":
            term, _, meaning = text.partition("\0")
            made += [".RS"] if inner and not listing else []
            made += [".TP", inline(term), *(sentences(meaning) if meaning else ["\\&"])]
            listing = True
            continue
        if listing:
            made += [".RE"] if inner else []
            listing = False
        made += ([".IP" if inner else ".PP"] if made else []) + sentences(text)
    return [*made, ".RE"] if listing and inner else made


def blocks(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Paragraphs ("text") and items ("item"), each on one line; in an item, a zero byte follows the term."""
    kind, parts = "", list[str]()
    for line in [*lines, ""]:
        item = _ITEM.fullmatch(line)
        goes_on = line.startswith("   ") if kind == "item" else item is None
        if parts and (not line or not goes_on):
            yield kind, " ".join(parts).replace("\0 ", "\0")
            parts = []
        if item is not None:
            kind, parts = "item", [f"{item[1]}\0{item[2] or ''}"]
        elif line:
            kind = kind if parts else "text"
            parts.append(line.strip())
