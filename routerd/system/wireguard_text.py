"""The answer of a userspace WireGuard to "get=1": lines of key=value, a device's first, then each peer's.

Preshared keys are skipped where they stand. Of the private key the public one is made where it stands, because the
protocol does not tell that, and nothing else is kept. No text of a line ever gets into an error.
"""

import os
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_network

from routerd.model import Network, WireGuardDevice, WireGuardPeer
from routerd.system.curve25519 import public_key

_PRIVATE, _PRESHARED = b"private_key", b"preshared_key"
SECRET = frozenset((_PRIVATE, _PRESHARED))

_LONGEST_LINE = 1024
_MOST_LINES = 1 << 19
"""20,000 peers with sixteen AllowedIPs each."""
_LINES_AT_ONCE = 1024
_UINT64 = (1 << 64) - 1


class TextError(ValueError):
    """An answer that breaks the protocol. The text names the line's number and its key if the protocol has it."""

    def __init__(self, rule: str, code: int | None = None) -> None:
        super().__init__(rule)
        self.code = code


class _Peer:
    """A peer while its lines are read."""

    __slots__ = ("allowed_ips", "endpoint", "is_preshared", "numbers", "public_key")

    def __init__(self, public_key: str, before: WireGuardPeer | None) -> None:
        """`before` is what was said of the same peer already: its networks are joined, its later numbers hold."""
        self.public_key = public_key
        self.is_preshared = False
        self.numbers: dict[bytes, int] = {}
        self.endpoint: str | None = None
        self.allowed_ips: dict[Network, None] = {}
        if before is not None:
            self.endpoint, self.allowed_ips = before.endpoint, dict.fromkeys(before.allowed_ips)
            self.numbers = {
                b"last_handshake_time_sec": int(before.last_handshake),
                b"rx_bytes": before.rx_bytes,
                b"tx_bytes": before.tx_bytes,
                b"persistent_keepalive_interval": before.keepalive,
            }

    def value(self) -> WireGuardPeer:
        number = self.numbers.get
        seconds, nanoseconds = number(b"last_handshake_time_sec", 0), number(b"last_handshake_time_nsec", 0)
        return WireGuardPeer(
            public_key=self.public_key,
            allowed_ips=tuple(self.allowed_ips),
            endpoint=self.endpoint,
            last_handshake=seconds + nanoseconds / 1e9 if seconds else 0.0,
            rx_bytes=number(b"rx_bytes", 0),
            tx_bytes=number(b"tx_bytes", 0),
            keepalive=number(b"persistent_keepalive_interval", 0),
        )


_PEER_NUMBERS = {
    b"last_handshake_time_sec": 1 << 40,
    b"last_handshake_time_nsec": 999_999_999,
    b"rx_bytes": _UINT64,
    b"tx_bytes": _UINT64,
    b"persistent_keepalive_interval": 65535,
    b"protocol_version": _UINT64,
}
_DEVICE_NUMBERS = {b"listen_port": 65535, b"fwmark": (1 << 32) - 1}


def complete(answer: bytes | bytearray) -> bool:
    """True once the answer has its end: the `errno` line and the empty line after it."""
    if not answer.endswith(b"\n\n"):
        return False
    last = answer.rfind(b"\n", 0, len(answer) - 2) + 1
    return answer.startswith(b"errno=", last)


def parse_device(
    interface: str, answer: bytes | bytearray, is_given_up: Callable[[], bool] = lambda: False
) -> WireGuardDevice:
    """The device that the answer describes. Raises `TextError`; its `code` is set where the device itself said no.

    Keys that the protocol does not have (yet) are skipped. Numbers must be in their range. `is_given_up` is asked now
    and then: whether nobody waits for the result any more.
    """
    own_key, listen_port, peer, ended = None, 0, None, False
    peers: dict[str, WireGuardPeer] = {}
    for at, key, value in _lines(answer):
        if not at % _LINES_AT_ONCE and is_given_up():
            raise TextError("given up")
        if ended:
            raise TextError(f"line {at}: nothing is expected after errno")
        if key == b"errno":
            code = _number(at, key, value.lstrip(b"-"), _UINT64)
            if code:
                raise TextError(f"the device answered with error {code}", code)
            ended = True
        elif key == _PRIVATE:
            if own_key is not None:
                raise TextError(f"line {at}: private_key comes a second time")
            own_key = value.decode("ascii")
        elif key == b"public_key":
            if peer is not None:
                peers[peer.public_key] = peer.value()
            text = _key(at, value)
            peer = _Peer(text, peers.get(text))
        elif peer is not None:
            _peer_line(peer, at, key, value)
        elif key in _DEVICE_NUMBERS:
            number = _number(at, key, value, _DEVICE_NUMBERS[key])
            listen_port = number if key == b"listen_port" else listen_port
    if not ended:
        raise TextError("the answer was cut: it has no errno line")
    if peer is not None:
        peers[peer.public_key] = peer.value()
    return WireGuardDevice(interface, own_key or None, listen_port, tuple(peers.values()))


def _lines(answer: bytes | bytearray) -> Iterator[tuple[int, bytes, bytes]]:
    """The number, key and value of each line: of a private key the public one, of a preshared key none."""
    start, number = 0, 0
    while start < len(answer):
        number += 1
        if number > _MOST_LINES:
            raise TextError(f"more than {_MOST_LINES} lines")
        end = answer.find(b"\n", start)
        if end < 0:
            raise TextError(f"line {number}: the answer was cut")
        if end - start > _LONGEST_LINE:
            raise TextError(f"line {number}: longer than {_LONGEST_LINE} bytes")
        equals = answer.find(b"=", start, end)
        if equals >= 0:
            key = bytes(answer[start:equals])
            if key == _PRIVATE:
                yield number, key, _own_public_key(number, bytes(answer[equals + 1 : end]))
            else:
                yield number, key, b"" if key == _PRESHARED else bytes(answer[equals + 1 : end])
        elif end > start:
            raise TextError(f"line {number}: key=value expected")
        start = end + 1


def _peer_line(peer: _Peer, at: int, key: bytes, value: bytes) -> None:
    if key == _PRESHARED:
        if peer.is_preshared:
            raise TextError(f"line {at}: preshared_key comes a second time")
        peer.is_preshared = True
    elif key in _PEER_NUMBERS:
        peer.numbers[key] = _number(at, key, value, _PEER_NUMBERS[key])
    elif key == b"endpoint":
        peer.endpoint = _text(at, key, value)
    elif key == b"allowed_ip":
        network = _network(_text(at, key, value))
        if network is None:
            raise TextError(f"line {at}: allowed_ip: a network expected")
        peer.allowed_ips[network] = None


# The same networks come again at every poll, and parsing them is most of the work.
@lru_cache(maxsize=16384)
def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _number(at: int, key: bytes, value: bytes, greatest: int) -> int:
    # isdigit before int: no signs, spaces, underscores, and never a value in an error's text.
    number = int(value) if value.isdigit() and len(value) <= 20 else -1
    if not 0 <= number <= greatest:
        raise TextError(f"line {at}: {key.decode()}: a number from 0 to {greatest} expected")
    return number


def _text(at: int, key: bytes, value: bytes) -> str:
    if not value.isascii() or not value.decode("ascii").isprintable():
        raise TextError(f"line {at}: {key.decode()}: printable ASCII expected")
    return value.decode("ascii")


def _key(at: int, value: bytes) -> str:
    # One copy of each key, however often the device is read.
    return sys.intern(b64encode(_digits(at, "public_key", value)).decode("ascii"))


def _digits(at: int, name: str, value: bytes) -> bytes:
    if len(value) != 64 or value.strip(b"0123456789abcdefABCDEF"):
        raise TextError(f"line {at}: {name}: 64 hexadecimal digits expected")
    return bytes.fromhex(value.decode("ascii"))


_MOST_OWN_KEYS = 64
_pepper = os.urandom(16)
_own_keys: dict[bytes, bytes] = {}
"""Public keys by a hash of the private ones, from which nobody gets back: making one takes a millisecond."""


def _own_public_key(at: int, value: bytes) -> bytes:
    """The public key of a private one in base64; empty for no key, which is all zeros."""
    private = _digits(at, "private_key", value)
    name = blake2b(private, key=_pepper, digest_size=32).digest()
    found = _own_keys.get(name)
    if found is None:
        found = b64encode(public_key(private)) if any(private) else b""
        if len(_own_keys) >= _MOST_OWN_KEYS:
            _own_keys.clear()
        _own_keys[name] = found
    return found
