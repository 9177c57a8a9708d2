"""Authentication of RIPv2: plain (RFC 2453 section 4.1), keyed MD5 and HMAC-SHA (RFC 4822). Pure.

Keys are no longer than their digest. RFC 4822 and RFC 2104, which BIRD follows, agree on those only.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple

from routerd.config.model import LONGEST_SECRET
from routerd.rip.message import AUTHENTICATION, ENTRY, HEADER

FAILURE: Final = "authentication-failure"
TYPE_FAILURE: Final = "authentication-type-failure"

_HASHES: Final = {"hmac-sha-1": "sha1", "hmac-sha-256": "sha256", "hmac-sha-384": "sha384", "hmac-sha-512": "sha512"}
_PLAIN, _CRYPTOGRAPHIC = 2, 3
_ENTRY = Struct(">HHHBBIII")
_TRAILER: Final = b"\xff\xff\0\1"
_APAD: Final = bytes.fromhex("878fe1f3")
_MOST_BYTES = 504


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its secret, which is never shown. Times are Unix seconds; None: since ever, for ever."""

    id: int
    algorithm: str
    secret: bytes = field(repr=False)
    send_from: float | None = None
    send_to: float | None = None
    accept_from: float | None = None
    accept_to: float | None = None


class AuthError(Exception):
    """A packet that is not authentic. `kind` is `FAILURE` or `TYPE_FAILURE`; `missing`: it has no authentication."""

    def __init__(self, kind: str, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.kind = kind
        self.missing = missing


class Opened(NamedTuple):
    """An authentic packet: where its entries begin and end, the key that fits, and the sequence number if any."""

    start: int
    end: int
    key: Key | None = None
    sequence: int | None = None


# ---------------------------------------------------------------- which key


def _chosen(keys: Sequence[Key], begin: str, end: str, unix_now: float) -> tuple[list[Key], bool]:
    """The keys of which the time is now. Where there is none the last that ended goes on, or the first to come begins:
    packets without authentication are never the way out (RFC 4822 section 5.1).
    """
    spans = [(key, getattr(key, begin), getattr(key, end)) for key in keys]
    now = [
        key for key, first, last in spans if (first is None or first <= unix_now) and (last is None or unix_now < last)
    ]
    if now or not keys:
        return now, False
    ended = [(last, key) for key, _, last in spans if last is not None and last <= unix_now]
    if ended:
        return [max(ended, key=lambda item: item[0])[1]], True
    return [min(spans, key=lambda item: item[1] or 0.0)[0]], True


def sending_key(keys: Sequence[Key], unix_now: float) -> tuple[Key | None, bool]:
    """The key to sign with, of several the one that began last; and whether it is used outside its time."""
    valid, stretched = _chosen(keys, "send_from", "send_to", unix_now)
    return max(valid, key=lambda key: key.send_from or 0.0, default=None), stretched


def most_entries(key: Key | None) -> int:
    """How many entries fit into a packet that every implementation takes: 25, 24, 23, 22, 21 or 20."""
    if key is None or key.algorithm == "plain":
        return 25 if key is None else 24
    return (_MOST_BYTES - HEADER - ENTRY - len(_TRAILER) - LONGEST_SECRET[key.algorithm]) // ENTRY


# ---------------------------------------------------------------- packets


def sign(header: bytes, entries: bytes, key: Key | None, sequence: int, auth_length: int) -> bytes:
    """The whole packet. `auth_length` is what keyed MD5 says of its digest: 16, or 20 with the trailer's own header."""
    if key is None:
        return header + entries
    if key.algorithm == "plain":
        return b"".join((header, b"\xff\xff\0\2", key.secret.ljust(16, b"\0"), entries))
    size = LONGEST_SECRET[key.algorithm]
    said = auth_length if key.algorithm == "md5" else size
    length = HEADER + ENTRY + len(entries)
    about = _ENTRY.pack(AUTHENTICATION, _CRYPTOGRAPHIC, length, key.id, said, sequence, 0, 0)
    packet = b"".join((header, about, entries, _TRAILER))
    return packet + _digest(key, packet)


def _digest(key: Key, packet: bytes) -> bytes:
    """The digest of a packet with the first four bytes of its trailer."""
    if key.algorithm == "md5":
        return hashlib.md5(packet + key.secret.ljust(16, b"\0"), usedforsecurity=False).digest()
    size = LONGEST_SECRET[key.algorithm]
    return hmac.digest(key.secret, packet + _APAD * (size // 4), _HASHES[key.algorithm])


def open_packet(data: bytes, keys: Sequence[Key], unix_now: float) -> Opened:
    """Check a packet against the keys; raises `AuthError`. Without keys no authentication is taken (RFC 2453 5.2).

    `data` has a header at least.
    """
    if data[HEADER : HEADER + 2] != b"\xff\xff":
        if keys:
            raise AuthError(TYPE_FAILURE, "it is not authenticated", missing=True)
        return Opened(HEADER, len(data))
    if not keys:
        raise AuthError(TYPE_FAILURE, "it is authenticated, and there is no key here")
    if len(data) < HEADER + ENTRY:
        raise AuthError(FAILURE, "its authentication is cut off")
    valid, _ = _chosen(keys, "accept_from", "accept_to", unix_now)
    kind = int.from_bytes(data[HEADER + 2 : HEADER + 4], "big")
    if kind == _PLAIN:
        return _open_plain(data, valid)
    if kind == _CRYPTOGRAPHIC:
        return _open_signed(data, keys, valid)
    raise AuthError(TYPE_FAILURE, f"its authentication is of type {kind}")


def _open_plain(data: bytes, valid: Sequence[Key]) -> Opened:
    plain = [key for key in valid if key.algorithm == "plain"]
    if not plain:
        raise AuthError(TYPE_FAILURE, "it has a plain password, which no key here is for")
    said = data[HEADER + 4 : HEADER + ENTRY]
    for key in plain:
        if hmac.compare_digest(said, key.secret.ljust(16, b"\0")):
            return Opened(HEADER + ENTRY, len(data), key)
    raise AuthError(FAILURE, "its password is wrong")


def _open_signed(data: bytes, keys: Sequence[Key], valid: Sequence[Key]) -> Opened:
    _, _, length, number, said, sequence, _, _ = _ENTRY.unpack_from(data, HEADER)
    key = next((key for key in valid if key.id == number and key.algorithm != "plain"), None)
    if key is None:
        known = any(key.id == number and key.algorithm != "plain" for key in keys)
        kind = FAILURE if known or any(key.algorithm != "plain" for key in keys) else TYPE_FAILURE
        raise AuthError(kind, f"key {number} is {'not accepted at this time' if known else 'not known'}")
    size = LONGEST_SECRET[key.algorithm]
    end = length + len(_TRAILER)
    if said not in (size, size + len(_TRAILER)) or length < HEADER + ENTRY or len(data) != end + size:
        raise AuthError(FAILURE, f"its lengths ({length}, {said}) do not fit {key.algorithm} of key {number}")
    if data[length:end] != _TRAILER:
        raise AuthError(FAILURE, "its trailer does not begin with FFFF 0001")
    if not hmac.compare_digest(data[end:], _digest(key, data[:end])):
        raise AuthError(FAILURE, f"its digest by key {number} is wrong")
    return Opened(HEADER + ENTRY, length, key, sequence)
