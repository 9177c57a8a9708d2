"""Changes messages a little, at any place and in the places that matter; everything comes from one random generator."""

from collections.abc import Callable, Sequence
from random import Random

LONGEST = 2000
_ADDRESSES = [bytes(map(int, text.split("."))) for text in ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1")]
_ADDRESSES += [bytes((192, 168, net, host)) for net in (200, 201, 202) for host in (0, 1, 2, 50, 51, 255)]
_FIELDS = {"op": (0, 1), "htype": (1, 1), "hlen": (2, 1), "hops": (3, 1), "xid": (4, 4), "flags": (10, 2)}
_NUMBERS = (0, 1, 2, 3, 6, 16, 17, 127, 128, 254, 255)
_CODES = (0, 12, 50, 51, 52, 53, 54, 55, 57, 58, 61, 77, 80, 81, 82, 108, 114, 118, 119, 121, 249, 255)
_CIADDR, _GIADDR, _CHADDR, _OPTIONS = 12, 24, 28, 240

Change = Callable[[bytearray, Random, Sequence[bytes]], None]


def _flip(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    data[at] = rng.choice(_NUMBERS)


def _field(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    offset, size = rng.choice(list(_FIELDS.values()))
    data[offset : offset + size] = bytes(rng.choice(_NUMBERS) for _ in range(size))


def _address(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    offset = rng.choice((_CIADDR, _GIADDR))
    data[offset : offset + 4] = rng.choice(_ADDRESSES)


def _client(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    data[_CHADDR : _CHADDR + 6] = bytes((2, 0, 0, 0, 3, rng.randrange(40)))


def _cut(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 2, 4, 16))]


def _insert(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16, 100)))


def _repeat(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice((2, 4, 20, 60))]
    data[start:start] = part * rng.choice((1, 2, 10))


def _splice(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    at = rng.randrange(min(len(data), len(other)) + 1)
    data[at:] = other[at:]


def options_of(data: bytes) -> list[tuple[int, int]]:
    """Where every option begins and ends, as far as the bytes make sense."""
    found, offset = [], _OPTIONS
    while offset + 1 < len(data) and data[offset] != 255:
        end = offset + 1 if data[offset] == 0 else offset + 2 + data[offset + 1]
        if end > len(data):
            break
        found.append((offset, end))
        offset = end
    return found


def _option(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    size = rng.choice((0, 1, 1, 2, 4, 4, 6, 16, 255))
    value = rng.choice((rng.randbytes(size), bytes(size), rng.choice(_ADDRESSES), bytes((rng.randrange(10),))))
    ends = [_OPTIONS, *(end for _, end in options_of(data))]
    at = rng.choice(ends)
    data[at:at] = bytes((rng.choice(_CODES), len(value))) + value


def _option_length(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    found = options_of(data)
    if found:
        start, end = rng.choice(found)
        if end > start + 1:
            data[start + 1] = rng.choice((*_NUMBERS, (data[start + 1] + 1) % 256, (data[start + 1] - 1) % 256))


def _option_code(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    found = options_of(data)
    if found:
        data[rng.choice(found)[0]] = rng.choice(_CODES)


def _shuffle(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    found = options_of(data)
    parts = [bytes(data[start:end]) for start, end in found]
    rng.shuffle(parts)
    if found:
        data[_OPTIONS : found[-1][1]] = b"".join(parts)


def _overload(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    found = options_of(data)
    if not found:
        return
    start, size = rng.choice(((44, 64), (108, 128)))
    body = b"".join(bytes(data[a:b]) for a, b in rng.sample(found, min(len(found), 4)))[:size]
    data[start : start + len(body)] = body
    data[_OPTIONS:_OPTIONS] = bytes((52, 1, rng.choice((0, 1, 2, 3, 3, 4))))


_CHANGES: tuple[Change, ...] = (
    *(_flip, _overwrite, _field, _address, _client, _cut, _remove, _insert, _repeat, _splice),
    *(_option, _option, _option_length, _option_code, _shuffle, _overload),
)


def mutated(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    """A message made from `data` by a few changes, or by none; at most `LONGEST` bytes."""
    made = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        if len(made) <= _CHADDR + 6:
            break
        rng.choice(_CHANGES)(made, rng, corpus)
    return bytes(made[:LONGEST])
