"""Leases in the pages of a lease file whose tree of pages is torn (the database file format of SQLite). Pure.

A page that the tree no longer uses may hold leases as they were once, so this is for what is not found by the tree.
"""

import struct
from collections.abc import Iterator
from typing import Any

_LEAF, _INTERIOR = 10, 2
_USUAL_SIZE = 4096
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FEWEST, _MOST = 8, 64


def leases_in(data: bytes) -> Iterator[tuple[Any, ...]]:
    """The values of all records in the file that look like leases, page by page; those of a bad page may be any."""
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        size = _USUAL_SIZE
    for start in range(0, len(data), size):
        yield from _records(data[start : start + size], 100 if start == 0 else 0)


def _records(page: bytes, start: int) -> Iterator[tuple[Any, ...]]:
    kind = page[start] if len(page) > start + 12 else 0
    if kind not in (_LEAF, _INTERIOR):
        return
    cells = start + (8 if kind == _LEAF else 12)
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for pointer in range(cells, min(cells + 2 * count, len(page) - 1), 2):
        cell = int.from_bytes(page[pointer : pointer + 2], "big")
        try:
            values = _record(page, cell if kind == _LEAF else cell + 4)
        except (IndexError, ValueError, struct.error):
            continue
        if len(values) >= _FEWEST and isinstance(values[0], str) and isinstance(values[1], int):
            yield values


def _record(page: bytes, at: int) -> tuple[Any, ...]:
    """Raises IndexError, ValueError or struct.error for what is no whole record on this page."""
    length, at = _varint(page, at)
    end = at + length
    header, position = _varint(page, at)
    if end > len(page) or not header <= length:
        raise ValueError("the record goes on elsewhere")
    body = at + header
    values: list[Any] = []
    while position < at + header and len(values) < _MOST:
        kind, position = _varint(page, position)
        value, size = _value(page, kind, body)
        values.append(value)
        body += size
    if body > end:
        raise ValueError("the values are longer than the record")
    return tuple(values)


def _value(page: bytes, kind: int, at: int) -> tuple[Any, int]:
    if kind == 0:
        return None, 0
    if kind in _INTEGERS:
        size = _INTEGERS[kind]
        return int.from_bytes(page[at : at + size], "big", signed=True), size
    if kind == 7:
        return struct.unpack_from(">d", page, at)[0], 8
    if kind in (8, 9):
        return kind - 8, 0
    if kind < 12:
        raise ValueError("no such kind of value")
    size = (kind - 12) // 2
    raw = page[at : at + size]
    return (raw if kind % 2 == 0 else raw.decode()), size


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(9):
        byte = page[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, at + count + 1
