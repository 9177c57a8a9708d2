"""Generic DHCP options: which codes may be given by hand, and their values as they go on the wire."""

from collections.abc import Callable
from typing import Any, Final

from routerd.config.fault import Faults
from routerd.config.model import Option
from routerd.config.schema import INVALID, Bad, Kind, read_value
from routerd.config.values import integer, parse_bool, parse_hex, parse_hostname, parse_ipv4, text_of

LONGEST: Final = 1024

_AUTOMATIC = "leave it out: the server sets it in each message"
OWNED: dict[int, str] = {
    1: "leave it out: it is made from the LAN's own network",
    3: "set `router` of lan.dhcp",
    6: "set `dns` of lan.dhcp",
    12: "set `hostname` of a lan.dhcp.reservation",
    15: "set `domain` of lan.dhcp",
    51: "set `lease_time` of lan.dhcp",
    58: "set `renew_time` of lan.dhcp",
    59: "set `rebind_time` of lan.dhcp",
    61: "leave it out: it is the client's; to know a client by it set `client_id` of a lan.dhcp.reservation",
    80: _AUTOMATIC,
    82: "leave it out: it belongs to relay agents",
    119: "set `search` of lan.dhcp",
    121: "leave it out: it is made from the vpn's `prefixes`",
    249: "leave it out: it is made from the vpn's `prefixes`",
} | dict.fromkeys((50, 52, 53, 54, 55, 56, 57), _AUTOMATIC)
"""Codes that the server fills itself, each with what to do instead."""

NTP: Final = 42
IPV6_ONLY: Final = 108
_IPV6_ONLY_LENGTH: Final = 4


def parse_code(value: Any) -> int:
    """A code that may be given by hand; raises Bad that names the key to use instead."""
    code: int = integer(1, 254).parse(value)
    if code in OWNED:
        raise Bad("is an option that the server sets itself", OWNED[code])
    return code


CODE = Kind("integer, 1 to 254", parse_code, "integer", limits={"minimum": 1, "maximum": 254})


def _any(value: Any) -> Any:
    return value


ANY = Kind("value or array of values of this type", _any, "")


def encode_domain(name: str) -> bytes:
    """The labels of a domain name as RFC 1035 writes them, uncompressed."""
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def _number(size: int) -> Callable[[Any], bytes]:
    kind = integer(0, (1 << 8 * size) - 1)
    return lambda value: int(kind.parse(value)).to_bytes(size, "big")


def _string(value: Any) -> bytes:
    text = text_of(value, "a text", "http://192.168.200.1/boot")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Bad("must be valid Unicode", 'write the bytes with type = "hex"') from None


# Per type: how one value is encoded, and whether several may be given as an array.
_ENCODERS: dict[str, tuple[Callable[[Any], bytes], bool]] = {
    "ip": (lambda value: parse_ipv4(value).packed, True),
    "string": (_string, False),
    "uint8": (_number(1), True),
    "uint16": (_number(2), True),
    "uint32": (_number(4), True),
    "bool": (lambda value: bytes([parse_bool(value)]), False),
    "domains": (lambda value: encode_domain(parse_hostname(value)), True),
    "hex": (parse_hex, False),
}


def _encode(type_name: str, value: Any, path: str, faults: Faults) -> bytes | None:
    encode, many = _ENCODERS[type_name]
    kind = Kind(type_name, encode)
    if isinstance(value, list | tuple) and many:
        if not value:
            faults.add(path, value, "must not be empty", "give it at least one item")
            return None
        parts = [read_value(kind, item, f"{path}[{index}]", faults) for index, item in enumerate(value)]
    else:
        parts = [read_value(kind, value, path, faults)]
    if INVALID in parts:
        return None
    data = b"".join(parts)
    if len(data) > LONGEST:
        faults.add(path, value, f"must not be longer than {LONGEST} bytes on the wire", "shorten it")
        return None
    return data


def make_option(values: dict[str, Any], path: str, faults: Faults) -> Any:
    """The Option of a parsed lan.dhcp.option section, or INVALID with the faults of its value added."""
    data = _encode(values["type"], values["value"], f"{path}.value", faults)
    if data is None:
        return INVALID
    code, always = values["code"], values.get("always", False)
    if code == IPV6_ONLY and len(data) != _IPV6_ONLY_LENGTH:
        rule = f"must be {_IPV6_ONLY_LENGTH} bytes on the wire, the seconds without IPv4 (RFC 8925)"
        faults.add(f"{path}.value", values["value"], rule, 'write for example type = "uint32", value = 1800')
        return INVALID
    if code == IPV6_ONLY and always:
        rule = "must not be set for option 108: it turns IPv4 off, for those alone that ask for it (RFC 8925)"
        faults.add(f"{path}.always", always, rule, "leave it out")
        return INVALID
    return Option(code, data, always)
