"""Aligned tables and wrapped text for people, as wide as what they are printed on. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_STYLES = {"title": "1", "good": "32", "warning": "33", "error": "31", "dim": "2"}
_LEAST = 12
_GAP = 2
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed on: how many columns wide it is (None: without end), and whether it shows colours."""

    width: int | None = None
    colour: bool = False

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where there are colours. Styles: title, good, warning, error, dim, "" for none."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and style and text else text


class Cell(NamedTuple):
    """A value with the style that it is shown in."""

    value: object
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Numbers stand `right`; one that `shrinks` is cut where the paper is narrow."""

    head: str
    right: bool = False
    shrinks: bool = False


def columns(*heads: str) -> tuple[Column, ...]:
    """Columns by their heads: one that begins with `>` stands right, one that begins with `~` shrinks."""
    return tuple(Column(head.lstrip(">~"), head.startswith(">"), head.startswith("~")) for head in heads)


def table(
    title: str, head: Sequence[Column], rows: Sequence[Sequence[object]], empty: str, paper: Paper | None = None
) -> list[str]:
    """The lines of a table below its title; `empty` is said where there are no rows. None shows as a hyphen.

    What does not fit on the paper is cut, and whole columns are left out from the right.
    """
    paper = paper or Paper()
    if not rows:
        return [f"{paper.paint(f'{title}:', 'title')} {empty}", ""]
    cells = [[Cell(column.head, "dim") for column in head], *([_cell(value) for value in row] for row in rows)]
    texts = [[_shown(cell) for cell in row] for row in cells]
    natural = [max(width_of(row[i]) for row in texts) for i in range(len(head))]
    widths = natural if paper.width is None else _fit(head, natural, paper.width - _INDENT)
    lines = [paper.paint(f"{title}:", "title")]
    for row, words in zip(cells, texts, strict=True):
        parts = [
            _pad(paper.paint(cut(text, width), cell.style), width - min(width, width_of(text)), column.right)
            for cell, text, width, column in zip(row, words, widths, head, strict=False)
        ]
        lines.append((" " * _INDENT + (" " * _GAP).join(parts)).rstrip())
    return [*lines, ""]


def clean(text: str) -> str:
    """The text without anything that could control a terminal: names come from clients that nobody knows."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "�" for one in text)


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(_width(one) for one in text)


def cut(text: str, width: int) -> str:
    """The text, shortened to `width` columns; its last character says so."""
    if width_of(text) <= width:
        return text
    kept, used = "", 1
    for one in text:
        used += _width(one)
        if used > width:
            break
        kept += one
    return f"{kept}…"


def wrap(text: str, paper: Paper, indent: str) -> list[str]:
    """The lines of a text, each but the first behind `indent`; the first brings its own."""
    text = clean(text)
    if paper.width is None:
        return [text]
    start = text[: len(text) - len(text.lstrip())]
    lines, line = [], start
    for word in text.split():
        if line.strip() and width_of(line) + width_of(word) >= paper.width:
            lines.append(line.rstrip())
            line = indent
        line += f"{word} "
    return [*lines, line.rstrip()]


def _cell(value: object) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _shown(cell: Cell) -> str:
    return "-" if cell.value is None else clean(str(cell.value))


def _pad(text: str, missing: int, right: bool) -> str:
    return " " * missing + text if right else text + " " * missing


def _width(one: str) -> int:
    if unicodedata.category(one) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def _fit(head: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """The widths of the columns that fit, from the left: first all are as narrow as can be, then as wide as fits."""
    least = [min(width, _LEAST) if one.shrinks else width for one, width in zip(head, natural, strict=True)]
    count = len(least)
    while count > 1 and sum(least[:count]) + _GAP * (count - 1) > room:
        count -= 1
    widths, left = list(natural[:count]), room - _GAP * (count - 1)
    while sum(widths) > left:
        wide = [i for i in range(count) if widths[i] > least[i]]
        if not wide:
            return [max(1, min(widths[0], left))] if count == 1 else widths
        widths[max(wide, key=lambda i: widths[i])] -= 1
    return widths
