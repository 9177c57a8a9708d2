"""The JSON schema says what the tables of keys say, and takes every file that routerd takes."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from routerd.cli import main
from routerd.config import values
from routerd.config.durations import duration
from routerd.config.schema import Bad, Key, Kind, Section
from routerd.config.tables import ROOT
from routerd.docs.schema import json_schema
from tests.config.test_config_files import COMMENTED, CONFIGS, REFERENCE, all_sections
from tests.config.test_config_property import LIKELY

SCHEMA = json_schema(ROOT)
VALIDATOR = Draft7Validator(SCHEMA)
LONG = ["a" * count for count in (15, 16, 63, 64, 127, 128, 253, 254)]


def written(data: Any) -> Any:
    """What a TOML file holds, as JSON writes it."""
    if isinstance(data, dict):
        return {key: written(value) for key, value in data.items()}
    if isinstance(data, list):
        return [written(item) for item in data]
    return data.isoformat() if isinstance(data, date | time) else data


def faults(data: dict[str, Any]) -> list[str]:
    """The keys that the schema finds fault with, each with the rule that it breaks."""
    found = VALIDATOR.iter_errors(written(data))
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.validator}" for error in found)


def test_it_is_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_file_is_taken(path: Path) -> None:
    assert faults(tomllib.loads(path.read_text(encoding="utf-8"))) == []


def test_all_keys_of_the_reference_are_taken() -> None:
    assert faults(tomllib.loads(COMMENTED.sub("", REFERENCE))) == []


def _whole(section: Section = ROOT) -> dict[str, Any]:
    """A file in which every section is there once, with its required keys; their values need not be good ones."""
    table: dict[str, Any] = {key.name: {"integer": 16}.get(key.kind.json, "x") for key in section.keys if key.required}
    for part in section.sections:
        table[part.name] = [_whole(part)] if part.many else _whole(part)
    return table


def place(data: dict[str, Any], section: Section) -> dict[str, Any]:
    """The table of a section in a whole file."""
    for name in section.path.split(".") if section.path else ():
        data = data[name][0] if isinstance(data[name], list) else data[name]
    return data


def where(section: Section, key: str = "") -> str:
    """How a fault in a section is named."""
    parts, at = [], ROOT
    for name in section.path.split(".") if section.path else ():
        at = next(part for part in at.sections if part.name == name)
        parts += [name, "0"] if at.many else [name]
    return ".".join([*parts, *([key] if key else [])])


def broken(section: Section, key: str, value: Any) -> list[str]:
    """The faults that a whole file has with this value of a key, and has not without the key."""
    data = _whole()
    place(data, section).pop(key, None)
    before = faults(data)
    place(data, section)[key] = value
    return [fault for fault in faults(data) if fault not in before]


def every_key() -> Iterator[tuple[Section, Key]]:
    return ((section, key) for section in all_sections() for key in section.keys)


@pytest.mark.parametrize("section", list(all_sections()), ids=lambda section: section.path or "the file")
def test_an_unknown_key_is_refused(section: Section) -> None:
    assert broken(section, "colour", "red") == [f"{where(section)}: additionalProperties"]


def test_a_wrong_type_is_refused() -> None:
    for section, key in every_key():
        if key.kind.json:
            wrong = "text" if key.kind.json != "string" else 5
            assert f"{where(section, key.name)}: type" in broken(section, key.name, wrong), key.name


def test_words_bounds_and_arrays() -> None:
    checked = dict.fromkeys(("enum", "minimum", "maximum", "uniqueItems", "minItems", "pattern"), 0)
    for section, key in every_key():
        for rule, value in _wrong(key.kind):
            assert f"{where(section, key.name)}: {rule}" in broken(section, key.name, value), key.name
            checked[rule] += 1
    assert all(checked.values()), checked


def _wrong(kind: Kind) -> Iterator[tuple[str, Any]]:
    if kind.choices:
        yield "enum", "nonsense"
    if kind.json == "integer" and kind.limits:
        yield "minimum", kind.limits["minimum"] - 1
        yield "maximum", kind.limits["maximum"] + 1
    if kind.item is not None:
        yield "uniqueItems", ["a", "a"]
    if kind.least_items:
        yield "minItems", []
    if "pattern" in kind.limits:
        yield "pattern", "/ no such value /"


def test_what_is_necessary_must_be_there() -> None:
    for section, key in every_key():
        if key.required:
            data = _whole()
            del place(data, section)[key.name]
            assert f"{where(section)}: required" in faults(data), key.name


def rule_of(section: Section, key: Key) -> Any:
    """What the schema says of a key."""
    shown: Any = SCHEMA
    for name in section.path.split(".") if section.path else ():
        shown = shown["properties"][name]
        shown = shown.get("items", shown)
    return shown["properties"][key.name]


def test_nothing_that_a_kind_takes_is_refused() -> None:
    taken = 0
    moments = [datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1)]
    for section, key in every_key():
        kind, rule = key.kind, rule_of(section, key)
        if kind.item is not None:
            kind, rule = kind.item, rule["items"]
        for value in [*LIKELY, *LONG, *range(300), True, False, *moments]:
            with suppress(Bad):
                kind.parse(value)
                assert Draft7Validator(rule).is_valid(written(value)), (section.path, key.name, value)
                taken += 1
    assert taken > 1000


def test_defaults_and_texts_are_shown() -> None:
    for section, key in every_key():
        shown = rule_of(section, key)
        assert shown.get("default") == key.default
        assert key.text[1:] in shown["description"]
        assert key.absent in shown["description"]


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (values.MAC, ["02:00:00:00:00:22", "02-AB-cd-00-00-22"], ["02:00:00:00:00", "02:00-00:00:00:22"]),
        (values.POOL, ["10.0.0.1-10.0.0.9", "10.0.0.1 - 10.0.0.9"], ["10.0.0.1"]),
        (values.NETWORK, ["10.0.0.0/8"], ["10.0.0.0", "fd00::/8"]),
        (values.ADDRESS, ["10.0.0.1", "fd00::1"], ["host"]),
        (values.ROUTER, ["none", "10.0.0.1"], ["any"]),
        (values.CLIENT_ID, ["01:02", "0102"], ["01:2", ""]),
        (values.HOSTNAME, ["a", "endpoint-b.example"], ["", "a b"]),
        (values.NAME, ["endpoint a", "ü"], ["a/b", ""]),
        (values.INTERFACE, ["eth0.7"], ["eth0:1", "a" * 16]),
        (values.PUBLIC_KEY, ["4fWL0W/Sw8UxAStVz8VuMBkIyiuKMtKUQC0mKCFPpDo="], ["4fWL0W"]),
        (values.field_text(5), ["abcde"], ["abcdef", ""]),
        (duration(0.1, 86_400), ["200ms", "52m30s", "1h30m", "24h", "1s500ms"], ["30", "1m1h", "", "s"]),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_what_a_kind_takes_the_schema_takes_too(kind: Kind, taken: list[str], refused: list[str]) -> None:
    validator = Draft7Validator({"type": kind.json, **kind.limits})
    for value in taken:
        kind.parse(value)
        assert validator.is_valid(value), value
    assert not any(validator.is_valid(value) for value in refused)
