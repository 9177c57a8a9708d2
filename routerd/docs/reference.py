"""The comments of configs/reference.toml, by section and key: the long texts of the manual page. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEADER = re.compile(r"#?\[\[?([a-z_.]+)\]\]?")
_KEY = re.compile(r"#?([a-z_0-9]+) = .*")
_RULE = re.compile(r"-{10,}")
_OPTIONAL = re.compile(r"#(?=\[|[a-z_0-9]+ = )")


@dataclass(slots=True)
class SectionText:
    """What the file says of a section: paragraphs before its first key, texts of its keys, and further examples.

    A text is a tuple of lines, as they are in the file but for the "#" and the blank after it.
    """

    text: tuple[str, ...] = ()
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    examples: list[tuple[tuple[str, ...], list[str]]] = field(default_factory=list)
    """What it is an example of, and its lines."""


def read_reference(text: str) -> dict[str, SectionText]:
    """Every section of the file by its path. A section that comes again, or only as a comment, is an example."""
    found: dict[str, SectionText] = {}
    section, example = SectionText(), False
    for above, line in _lines(text):
        if header := _HEADER.fullmatch(line):
            known = header[1] in found
            section = found.setdefault(header[1], SectionText())
            example = known or line.startswith("#")
            if example:
                section.examples.append((above, [line.removeprefix("#")]))
            else:
                section.text = above
        elif key := _KEY.fullmatch(line):
            if example:
                section.examples[-1][1].append(line.removeprefix("#"))
            if above:
                section.keys.setdefault(key[1], above)
    return found


def _lines(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every line that is not prose, with the prose right above it; keys without a blank line between them share it."""
    prose: list[str] = []
    shared: tuple[str, ...] = ()
    for line in text.splitlines():
        if _OPTIONAL.match(line) or (line and not line.startswith("#")):
            shared = _unruled(prose) or shared
            prose.clear()
            yield shared, line.strip()
            if _HEADER.fullmatch(line):
                shared = ()
        elif line.startswith("#"):
            prose.append(line[1:].removeprefix(" "))
        else:
            shared = ()
            if prose:
                prose.append("")


def _unruled(prose: list[str]) -> tuple[str, ...]:
    """What follows the last ruled line, and the rest of its sentence, in the prose, without blank lines around it."""
    start = max((index + 1 for index, line in enumerate(prose) if _RULE.search(line)), default=0)
    while 0 < start < len(prose) and prose[start][:1].islower():
        start += 1
    lines = prose[start:]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return tuple(lines)
