"""The configuration as a JSON schema, for editors that complete and check while one writes. Pure.

It has what the tables of keys say: names, kinds, words, bounds, defaults. What one key means for another, and for the
machine, only `routerd check` knows.
"""

from typing import Any

from routerd.config.schema import Key, Kind, Section

# What editors for TOML know of the standard ends here.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_COMMENT = "Made by `routerd check --schema`. `routerd check` knows more rules than a schema can say."


def json_schema(root: Section) -> dict[str, Any]:
    """The schema of a whole file."""
    return {"$schema": _DRAFT, "$comment": _COMMENT, "title": "routerd.toml", **_table(root)}


def _table(section: Section) -> dict[str, Any]:
    parts = {key.name: _key(key) for key in section.keys}
    parts |= {part.name: _section(part) for part in section.sections}
    table: dict[str, Any] = {"type": "object", "description": section.text, "properties": parts}
    required = [key.name for key in section.keys if key.required]
    if required:
        table["required"] = required
    return {**table, "additionalProperties": False}


def _section(section: Section) -> dict[str, Any]:
    if not section.many:
        return _table(section)
    return {"type": "array", "description": section.text, "items": _table(section)}


def _key(key: Key) -> dict[str, Any]:
    text = key.text[0].upper() + key.text[1:]
    if key.absent:
        text = f"{text}. Default: {key.absent}"
    found = {"description": text, **_kind(key.kind)}
    return found if key.default is None else {**found, "default": key.default}


def _kind(kind: Kind) -> dict[str, Any]:
    if kind.item is not None:
        least = {"minItems": kind.least_items} if kind.least_items else {}
        return {"type": "array", "items": _kind(kind.item), "uniqueItems": True, **least}
    found: dict[str, Any] = {"type": kind.json} if kind.json else {}
    if kind.choices:
        return {**found, "enum": list(kind.choices)}
    return {**found, "title": kind.name, **kind.limits}
