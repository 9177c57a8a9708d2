"""Texts that are written as the comments of the reference, in Markdown. Pure."""

import re
from collections.abc import Sequence

from routerd.docs.roff import blocks

_SPECIAL = re.compile(r"([\\*_<>\[\]#|])")
_CODE = re.compile(r"(`[^`]+`)")


def inline(text: str) -> str:
    """A text in which only `code` means something."""
    parts = _CODE.split(text)
    return "".join(part if index % 2 else _SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts))


def prose(lines: Sequence[str]) -> list[str]:
    """Paragraphs, and lists of which each item begins with its term."""
    made: list[str] = []
    before = ""
    for kind, text in blocks(lines):
        if made and not kind == before == "item":
            made.append("")
        before = kind
        term, _, meaning = text.partition("\0")
        made.append(f"- {inline(term)}: {inline(meaning)}" if kind == "item" else inline(text))
    return made
