"""Option values and their encoding: classless routes (RFC 3442), domain lists (RFC 3397), splitting (RFC 3396)."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from routerd.classless import classless_routes as classless_routes
from routerd.classless import decode_classless_routes as decode_classless_routes
from routerd.classless import encode_route as encode_route

SUBNET_MASK = 1
ROUTER = 3
DNS = 6
HOSTNAME = 12
DOMAIN = 15
BROADCAST = 28
NTP = 42
REQUESTED_ADDRESS = 50
LEASE_TIME = 51
MESSAGE_TYPE = 53
SERVER_ID = 54
PARAMETER_LIST = 55
MESSAGE = 56
MAX_SIZE = 57
RENEW_TIME = 58
REBIND_TIME = 59
CLIENT_ID = 61
SERVER_NAME = 66
BOOT_FILE = 67
RAPID_COMMIT = 80
RELAY_AGENT = 82
IPV6_ONLY = 108
SEARCH = 119
CLASSLESS_ROUTES = 121
MS_CLASSLESS_ROUTES = 249


def encode_option(code: int, parts: Iterable[bytes]) -> bytes:
    """One option as it goes on the wire, in several instances where it is longer than 255 bytes (RFC 3396).

    It is cut between `parts` where that is possible, so that who reads only the first instance sees whole entries.
    """
    out = bytearray()
    piece = b""
    for part in parts:
        if len(piece) + len(part) > 255:
            while piece:
                out += bytes((code, min(len(piece), 255))) + piece[:255]
                piece = piece[255:]
        piece += part
    while len(piece) > 255:
        out += bytes((code, 255)) + piece[:255]
        piece = piece[255:]
    if piece or not out:
        out += bytes((code, len(piece))) + piece
    return bytes(out)


def encode_domains(names: Iterable[str]) -> bytes:
    """Domain names one after the other, in DNS labels without compression (RFC 3397). Raises ValueError."""
    out = bytearray()
    for name in names:
        for label in name.rstrip(".").split("."):
            raw = label.encode("ascii")
            if not 1 <= len(raw) <= 63:
                raise ValueError(f"{name!r}: every label has 1 to 63 characters")
            out += bytes((len(raw),)) + raw
        out.append(0)
    return bytes(out)


def encode_addresses(addresses: Iterable[IPv4Address]) -> bytes:
    """Addresses one after the other, four bytes each."""
    return b"".join(address.packed for address in addresses)


def clean_hostname(raw: bytes) -> str | None:
    """A host name made safe: its first label's letters, digits and hyphens, at most 63; None if nothing is left."""
    label = raw[:255].split(b"\x00", 1)[0].split(b".", 1)[0]
    kept = bytes(c for c in label if c == 0x2D or 0x30 <= c <= 0x39 or 0x41 <= c <= 0x5A or 0x61 <= c <= 0x7A)
    return kept[:63].strip(b"-").decode("ascii") or None
