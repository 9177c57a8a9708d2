"""Signed packets: the rules of RFC 4822 computed a second time, keys and their times, and everything that is forged."""

import hashlib

import pytest

from routerd.config.model import LONGEST_SECRET, RIP_ALGORITHMS
from routerd.rip import message
from routerd.rip.auth import (
    FAILURE,
    TYPE_FAILURE,
    AuthError,
    Key,
    _digest,
    most_entries,
    open_packet,
    sending_key,
    sign,
)
from tests.rip.scene import UNIX, key, response, rte

HEAD = bytes((2, 2, 0, 0))
ENTRIES = message.encode_rte(rte("10.0.0.0/24")) * 2
SIGNED = [name for name in RIP_ALGORITHMS if name != "plain"]


def refusal(data: bytes, *keys: Key, now: float = UNIX) -> tuple[str, str]:
    with pytest.raises(AuthError) as caught:
        open_packet(data, keys, now)
    return caught.value.kind, str(caught.value)


def test_a_plain_password_byte_for_byte() -> None:
    data = sign(HEAD, ENTRIES, key("plain"), 0, 16)
    assert data == HEAD + b"\xff\xff\0\2secret" + bytes(10) + ENTRIES
    assert open_packet(data, [key("plain")], UNIX) == (24, 64, key("plain"), None)


@pytest.mark.parametrize("auth_length", [16, 20])
def test_keyed_md5_byte_for_byte(auth_length: int) -> None:
    data = sign(HEAD, ENTRIES, key("md5", 5), 0x01020304, auth_length)
    head = HEAD + b"\xff\xff\0\3\0\x40\5" + bytes((auth_length, 1, 2, 3, 4)) + bytes(8)
    digest = hashlib.md5(head + ENTRIES + b"\xff\xff\0\1secret" + bytes(10)).digest()
    assert data == head + ENTRIES + b"\xff\xff\0\1" + digest
    assert open_packet(data, [key("md5", 5)], UNIX) == (24, 64, key("md5", 5), 0x01020304)


@pytest.mark.parametrize("secret", [b"s", b"secret", None], ids=["short", "usual", "as long as the digest"])
@pytest.mark.parametrize("algorithm", SIGNED[1:])
def test_hmac_as_rfc_4822_computes_it(algorithm: str, secret: bytes | None) -> None:
    size = LONGEST_SECRET[algorithm]
    name = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}[size]
    block = hashlib.new(name).block_size
    secret = b"k" * size if secret is None else secret
    mine = key(algorithm, secret=secret)
    data = sign(HEAD, ENTRIES, mine, 7, 16)
    head = HEAD + b"\xff\xff\0\3\0\x40\1" + bytes((size, 0, 0, 0, 7)) + bytes(8)
    text = head + ENTRIES + b"\xff\xff\0\1" + bytes.fromhex("878fe1f3") * (size // 4)
    padded = secret.ljust(block, b"\0")
    inner = hashlib.new(name, bytes(b ^ 0x36 for b in padded) + text).digest()
    outer = hashlib.new(name, bytes(b ^ 0x5C for b in padded) + inner).digest()
    assert data == head + ENTRIES + b"\xff\xff\0\1" + outer
    assert open_packet(data, [mine], UNIX) == (24, 64, mine, 7)


@pytest.mark.parametrize(
    ("algorithm", "entries", "size"),
    [
        (None, 25, 504),
        ("plain", 24, 504),
        ("md5", 23, 504),
        ("hmac-sha-1", 22, 488),
        ("hmac-sha-256", 22, 500),
        ("hmac-sha-384", 21, 496),
        ("hmac-sha-512", 20, 492),
    ],
)
def test_entries_of_a_packet(algorithm: str | None, entries: int, size: int) -> None:
    mine = None if algorithm is None else key(algorithm)
    assert most_entries(mine) == entries
    full = sign(HEAD, message.encode_rte(rte("10.0.0.0/24")) * entries, mine, 1, 16)
    assert len(full) == size
    opened = open_packet(full, [] if mine is None else [mine], UNIX)
    assert len(message.decode(full, opened.start, opened.end).entries) == entries


@pytest.mark.parametrize("said", [0, 4])
@pytest.mark.parametrize("algorithm", SIGNED)
def test_the_length_of_the_digest_may_count_the_trailers_header(algorithm: str, said: int) -> None:
    """Trap 1: 16 or 20, 32 or 36, and so on."""
    mine = key(algorithm)
    size = LONGEST_SECRET[algorithm]
    data = bytearray(sign(HEAD, ENTRIES, mine, 7, 16))
    data[11] = size + said
    data[-size:] = _digest(mine, bytes(data[:-size]))
    assert open_packet(bytes(data), [mine], UNIX).sequence == 7
    data[11] = 8
    data[-size:] = _digest(mine, bytes(data[:-size]))
    assert refusal(bytes(data), mine) == (FAILURE, f"its lengths (64, 8) do not fit {algorithm} of key 1")


@pytest.mark.parametrize("algorithm", SIGNED)
def test_any_byte_that_is_changed_is_noticed(algorithm: str) -> None:
    mine = key(algorithm)
    good = sign(HEAD, ENTRIES, mine, 7, 16)
    for at in range(len(good)):
        data = bytearray(good)
        data[at] ^= 1
        # That it is signed at all, how, and with which key decides first.
        kinds = (FAILURE, TYPE_FAILURE) if at < 11 else (FAILURE,)
        assert refusal(bytes(data), mine)[0] in kinds


@pytest.mark.parametrize("size", range(4, 24))
def test_a_packet_that_is_cut_off(size: int) -> None:
    good = sign(HEAD, ENTRIES, key(), 7, 16)
    assert refusal(good[:size], key())[0] in (FAILURE, TYPE_FAILURE)


def test_what_else_is_refused() -> None:
    mine, md5, plain = key(number=3), key("md5", 2), key("plain")
    good = sign(HEAD, ENTRIES, mine, 7, 16)
    assert refusal(HEAD + ENTRIES, mine) == (TYPE_FAILURE, "it is not authenticated")
    assert refusal(good) == (TYPE_FAILURE, "it is authenticated, and there is no key here")
    assert refusal(good, md5) == (FAILURE, "key 3 is not known")
    assert refusal(good, plain) == (TYPE_FAILURE, "key 3 is not known")
    assert refusal(good, key(number=3, secret=b"other")) == (FAILURE, "its digest by key 3 is wrong")
    assert refusal(good + b"\0", mine) == (FAILURE, "its lengths (64, 32) do not fit hmac-sha-256 of key 3")
    assert refusal(good[:-1], mine) == (FAILURE, "its lengths (64, 32) do not fit hmac-sha-256 of key 3")
    assert refusal(good, key("md5", 3)) == (FAILURE, "its lengths (64, 32) do not fit md5 of key 3")
    assert refusal(good[:64] + b"\xff\xff\0\2" + good[68:], mine) == (
        FAILURE,
        "its trailer does not begin with FFFF 0001",
    )
    assert refusal(response(key=plain), md5)[1] == "it has a plain password, which no key here is for"
    assert refusal(response(key=plain), key("plain", secret=b"other")) == (FAILURE, "its password is wrong")
    assert refusal(HEAD + b"\xff\xff\0\1" + bytes(16), mine) == (TYPE_FAILURE, "its authentication is of type 1")
    assert refusal(HEAD + b"\xff\xff\0\3" + bytes(16), key(number=0))[0] == FAILURE
    old = key(accept_to=UNIX - 1, number=3)
    assert refusal(good, old, key("md5", 4)) == (FAILURE, "key 3 is not accepted at this time")


def test_no_text_and_no_value_shows_a_secret() -> None:
    assert "topsecret" not in repr(key(secret=b"topsecret"))
    assert "topsecret" not in refusal(response(key=key()), key(secret=b"topsecret"))[1]


# ---------------------------------------------------------------- times of keys


def test_the_key_that_began_last_signs() -> None:
    old, new = key(number=1, send_to=200.0), key(number=2, send_from=100.0)
    assert [sending_key([old, new], at)[0] for at in (0.0, 99.9, 100.0, 150.0, 250.0)] == [old, old, new, new, new]
    first, second = key(number=1), key(number=2)
    assert sending_key([first, second], 0.0) == (first, False)


def test_when_the_times_of_all_keys_are_over_the_last_one_goes_on() -> None:
    """RFC 4822 section 5.1: never without authentication."""
    old, new = key(number=1, send_to=100.0, accept_to=100.0), key(number=2, send_to=200.0, accept_to=200.0)
    assert sending_key([new, old], 500.0) == (new, True)
    assert open_packet(response(key=new), [old, new], 500.0).key == new
    assert refusal(response(key=old), old, new, now=500.0)[0] == FAILURE
    assert refusal(response(), old, new, now=500.0)[0] == TYPE_FAILURE


def test_a_clock_in_the_past_uses_the_key_that_comes_first() -> None:
    one, two = key(number=1, send_from=UNIX, accept_from=UNIX), key(number=2, send_from=2 * UNIX, accept_from=2 * UNIX)
    assert sending_key([two, one], 0.0) == (one, True)
    assert open_packet(response(key=one), [two, one], 0.0).key == one


def test_without_keys_nothing_is_signed() -> None:
    assert sending_key([], 0.0) == (None, False)
    assert sign(HEAD, ENTRIES, None, 0, 16) == HEAD + ENTRIES
    assert open_packet(HEAD + ENTRIES, [], 0.0) == (4, 44, None, None)
