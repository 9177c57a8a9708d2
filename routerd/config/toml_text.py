"""The data of a configuration as TOML text."""

from collections.abc import Mapping
from typing import Any

from routerd.config.fault import escape


def toml_text(data: Mapping[str, Any]) -> str:
    """A text that `tomllib` reads as this data: strings, whole numbers, booleans, arrays and tables."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in data.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{escape(value)}"'
