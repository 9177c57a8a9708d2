"""Values of UCI, which are all texts, as the values that the table of keys asks for."""

import re
from typing import Any, Final

from routerd.config.schema import Bad, Kind
from routerd.config.uci_text import Option

NOTHING: Final = "none"
"""What an `option` says for an array without items, which UCI has no other way to write."""

_TRUE: Final = frozenset(("1", "on", "true", "yes", "enabled"))
_FALSE: Final = frozenset(("0", "off", "false", "no", "disabled"))
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")


def read_bool(text: str) -> bool:
    """A boolean of UCI; raises Bad."""
    if text not in _TRUE and text not in _FALSE:
        raise Bad("must be a boolean", "write 1 or 0 (or on, off, true, false, yes, no, enabled, disabled)")
    return text in _TRUE


def read_single(name: str, option: Option) -> str:
    """The one value of an option; raises Bad for a list."""
    if option.is_list:
        raise Bad("takes one value, and is a list", f"write it as `option {name}`")
    return option.values[0]


def read_option(kind: Kind, name: str, option: Option, of_type: str = "") -> Any:
    """The value of an option as its kind asks for it, not checked further; raises Bad.

    An array is a `list`, or an `option` with its items parted by spaces. `of_type` is the type of a DHCP option, whose
    value is of no kind of its own.
    """
    if kind.item is not None:
        if not option.is_list and option.values[0] == NOTHING:
            return []
        return [_scalar(kind.item.json, text) for text in items(option)]
    if kind.json:
        return _scalar(kind.json, read_single(name, option))
    return _typed(name, option, of_type)


def items(option: Option) -> list[str]:
    """The items of an option that may have several."""
    return option.values if option.is_list else option.values[0].split()


def _typed(name: str, option: Option, of_type: str) -> Any:
    if of_type == "bool":
        return read_bool(read_single(name, option))
    if of_type not in ("ip", "domains", "uint8", "uint16", "uint32"):
        return read_single(name, option)
    found = [_scalar("integer" if of_type.startswith("uint") else "string", text) for text in items(option)]
    return found[0] if len(found) == 1 else found


def _scalar(json: str, text: str) -> Any:
    if json == "boolean":
        return read_bool(text)
    if json != "integer":
        return text
    if not _NUMBER.fullmatch(text):
        raise Bad("must be a whole number", "write it in digits")
    return int(text)
