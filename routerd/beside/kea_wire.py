"""Commands to Kea and its answers, as bytes of its control channel (Kea ARM, "Management API"). Pure.

Kea writes every byte of a string outside printable ASCII as \\u00XX and reads it back the same way, so answers are
taken byte for byte (ISO 8859-1) and sent back so: nothing is lost whatever encoding its administrator uses.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

LARGEST = 16 * 1024 * 1024
"""The largest answer that is taken, in bytes: a configuration with about 50,000 reservations."""

DEEPEST = 64
"""How deep the JSON of an answer may be nested; Kea's own configuration is less than 20 deep."""

SUCCESS, UNSUPPORTED = 0, 2
"""Result codes: done, and a command that this Kea does not know."""

_LONGEST_TEXT = 400

Map = Mapping[str, Any]


class KeaError(Exception):
    """Kea did not do what it was asked for. The text says why."""


class KeaUnreachableError(KeaError):
    """It could not be asked, or the connection ended without a whole answer."""


class KeaLateError(KeaError):
    """It has not answered in time, and may still do what it was asked for."""


class KeaRefusesError(KeaError):
    """It answered that it does not do it, or with something that is no answer."""


class Answer(NamedTuple):
    """`arguments` is {} where there are none; `text` is what Kea says, one line, shortened where it is very long."""

    result: int
    text: str
    arguments: Map


def command(name: str, arguments: Map | None = None) -> bytes:
    """The bytes of a command. Raises `KeaRefusesError` for arguments that are nested too deep."""
    asked: dict[str, Any] = {"command": name}
    if arguments is not None:
        asked["arguments"] = arguments
    try:
        return json.dumps(asked, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (RecursionError, ValueError) as error:
        raise KeaRefusesError(f"{name} cannot be sent: {error}") from None


def answer(data: bytes) -> Answer:
    """The answer in `data`. Raises `KeaUnreachableError` for an empty one, `KeaRefusesError` for what is no answer."""
    if not data:
        raise KeaUnreachableError("the connection was closed without an answer")
    found = decode(data)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # as Kea's control agent passes answers on
    result = found.get("result") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(result, int) or isinstance(result, bool):
        raise KeaRefusesError("the answer has no result code, so it is not Kea's")
    text, arguments = found.get("text", ""), found.get("arguments", {})
    return Answer(result, _line(text), arguments if isinstance(arguments, dict) else {})


def dhcp4(found: Answer) -> dict[str, Any]:
    """The configuration in the answer to config-get. Raises `KeaRefusesError` where there is none."""
    if found.result != SUCCESS:
        raise KeaRefusesError(found.text or f"config-get ended with result {found.result}")
    config = found.arguments.get("Dhcp4")
    if not isinstance(config, dict):
        raise KeaRefusesError("the answer to config-get has no Dhcp4: another server answers at this socket")
    return config


def hash_of(found: Answer) -> str | None:
    """The hash of the configuration in an answer (Kea 2.4 and later); None where there is none."""
    known = found.arguments.get("hash")
    return known if isinstance(known, str) and known else None


def decode(data: bytes) -> Any:
    """The JSON in `data`, its strings byte for byte. Raises `KeaRefusesError`: it is too large, too deep or no JSON."""
    if len(data) > LARGEST:
        raise KeaRefusesError(f"the answer has more than {LARGEST // 1024 // 1024} MiB")
    try:
        found = json.loads(data.decode("latin-1"), parse_constant=_no_number)
    except RecursionError:
        raise KeaRefusesError(f"the answer is nested more than {DEEPEST} deep") from None
    except ValueError as error:
        raise KeaRefusesError(f"the answer is not JSON: {_line(str(error))}") from None
    if _is_deeper(found, DEEPEST):
        raise KeaRefusesError(f"the answer is nested more than {DEEPEST} deep")
    return found


def _is_deeper(value: Any, most: int) -> bool:
    """Level by level, so that no depth costs stack."""
    level = [value]
    for _ in range(most):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _line(text: object) -> str:
    said = text if isinstance(text, str) else json.dumps(text)
    said = said.encode("latin-1", "replace").decode("utf-8", "replace")
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    return said if len(said) <= _LONGEST_TEXT else f"{said[: _LONGEST_TEXT - 1]}…"
