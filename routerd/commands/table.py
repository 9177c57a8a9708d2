"""Aligned tables for people. Pure."""

from collections.abc import Sequence


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> list[str]:
    """The lines of a table below its title; `empty` is said where there are no rows. None shows as a hyphen."""
    if not rows:
        return [f"{title}: {empty}", ""]
    cells = [[*head], *[["-" if value is None else str(value) for value in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [f"{title}:", *(f"  {line}" for line in lines), ""]
