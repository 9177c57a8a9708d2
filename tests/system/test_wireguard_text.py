"""The userspace protocol's answer: what is read, what is refused, and that secrets go nowhere."""

from base64 import b64decode, b64encode
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.system import wireguard_text
from routerd.system.curve25519 import public_key
from routerd.system.wireguard_text import TextError, complete, parse_device

PRIVATE, PRESHARED, PUBLIC = "e8" * 32, "18" * 32, "b8" * 32
OWN = b64encode(public_key(bytes.fromhex(PRIVATE))).decode()
ANSWER = f"""private_key={PRIVATE}
listen_port=51822
fwmark=0
public_key={PUBLIC}
preshared_key={PRESHARED}
protocol_version=1
endpoint=[fe80::1%eth0]:51821
last_handshake_time_sec=1700000000
last_handshake_time_nsec=500000000
tx_bytes=18446744073709551615
rx_bytes=4567
persistent_keepalive_interval=25
allowed_ip=10.0.0.1/32
allowed_ip=fd00::/64
public_key={"58" * 32}
last_handshake_time_sec=0
last_handshake_time_nsec=0
tomorrow=something new
errno=0

""".encode()


def test_reads_everything_but_secrets():
    device = parse_device("wg0", ANSWER)
    assert (device.interface, device.listen_port, device.public_key) == ("wg0", 51822, OWN)
    first, second = device.peers
    assert b64decode(first.public_key).hex() == PUBLIC
    assert first.allowed_ips == (ip_network("10.0.0.1/32"), ip_network("fd00::/64"))
    assert first.endpoint == "[fe80::1%eth0]:51821"
    assert first.last_handshake == 1700000000.5
    assert (first.rx_bytes, first.tx_bytes, first.keepalive) == (4567, (1 << 64) - 1, 25)
    assert (second.last_handshake, second.endpoint, second.allowed_ips) == (0.0, None, ())
    assert PRIVATE not in repr(device)
    assert PRESHARED not in repr(device)


@pytest.mark.parametrize("end", range(len(ANSWER)))
def test_every_cut_is_noticed(end):
    cut = ANSWER[:end]
    assert not complete(cut)
    if end < len(ANSWER) - 1:  # only the last empty line is missing: harmless
        with pytest.raises(TextError):
            parse_device("wg0", cut)


def test_the_end_is_found_only_at_the_end():
    assert complete(ANSWER)
    assert complete(b"errno=0\n\n")
    assert not complete(b"errno=0\n")
    assert not complete(b"a=b\n\n")


def swap(old, new):
    changed = ANSWER.replace(old, new)
    assert changed != ANSWER
    return changed


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (swap(b"rx_bytes=4567", b"rx_bytes=-1"), "line 11: rx_bytes: a number from 0"),
        (swap(b"rx_bytes=4567", b"rx_bytes=18446744073709551616"), "rx_bytes"),
        (swap(b"rx_bytes=4567", b"rx_bytes=" + b"9" * 900), "rx_bytes"),
        (swap(b"rx_bytes=4567", b"rx_bytes=1_0"), "rx_bytes"),
        (swap(b"rx_bytes=4567", b"rx_bytes="), "rx_bytes"),
        (swap(b"rx_bytes=4567", "rx_bytes=٣".encode()), "rx_bytes"),
        (swap(b"_sec=1700000000", b"_sec=99999999999999999"), "last_handshake_time_sec"),
        (swap(b"_nsec=500000000", b"_nsec=1000000000"), "last_handshake_time_nsec"),
        (swap(b"listen_port=51822", b"listen_port=65536"), "line 2: listen_port"),
        (swap(b"10.0.0.1/32", b"10.0.0.1/33"), "allowed_ip: a network expected"),
        (swap(b"10.0.0.1/32", b"\xff\xfe"), "allowed_ip: printable ASCII"),
        (swap(b"[fe80::1%eth0]:51821", b"\x1b[2J"), "endpoint: printable ASCII"),
        (swap(PUBLIC.encode(), b"b8"), "public_key: 64 hexadecimal digits"),
        (swap(PUBLIC.encode(), b"zz" * 32), "public_key"),
        (swap(b"errno=0", b"errno=x"), "errno"),
        (ANSWER + b"a=b\n", "nothing is expected after errno"),
        (swap(b"tomorrow=", b"x" * 2000 + b"="), "longer than"),
        (swap(PRIVATE.encode(), b"e8"), "line 1: private_key: 64 hexadecimal digits"),
        (f"private_key={PRIVATE}\n".encode() + ANSWER, "line 2: private_key comes a second time"),
        (swap(b"protocol_version=1", f"preshared_key={PRESHARED}".encode()), "line 6: preshared_key comes a second"),
        (b"no equals sign\nerrno=0\n\n", "key=value expected"),
        (b"", "cut"),
    ],
)
def test_lies_and_garbage(answer, text):
    with pytest.raises(TextError, match=text) as refused:
        parse_device("wg0", answer)
    assert refused.value.code is None


def test_a_device_without_a_private_key_has_no_public_one():
    assert parse_device("wg0", swap(PRIVATE.encode(), b"0" * 64)).public_key is None
    assert parse_device("wg0", b"errno=0\n\n").public_key is None


def test_the_own_key_is_made_once_and_the_private_one_is_kept_nowhere(monkeypatch):
    made = []
    monkeypatch.setattr(wireguard_text, "_own_keys", {})
    monkeypatch.setattr(wireguard_text, "public_key", lambda key: made.append(0) or public_key(key))
    for _ in range(3):
        assert parse_device("wg0", ANSWER).public_key == OWN
    assert len(made) == 1
    kept = repr(wireguard_text._own_keys)
    assert PRIVATE not in kept
    assert repr(bytes.fromhex(PRIVATE))[2:-1] not in kept
    for number in range(200):
        parse_device("wg0", swap(PRIVATE.encode(), f"{number:064x}".encode()))
    assert len(wireguard_text._own_keys) <= 64


@pytest.mark.parametrize("line", [b"private_key=\n", b"preshared_key=\n", b"fwmark=0\n", b"x=y\n", b"\n"])
def test_a_flood_of_lines_is_given_up_soon(line, monkeypatch):
    monkeypatch.setattr(wireguard_text, "_MOST_LINES", 5000)
    read = []
    given_up = lambda: bool(read.append(0))  # noqa: E731
    with pytest.raises(TextError):
        parse_device("wg0", line * 1_000_000, given_up)
    assert len(read) <= 5


def test_a_device_that_nobody_waits_for_is_given_up():
    with pytest.raises(TextError, match="given up"):
        parse_device("wg0", b"preshared_key=\n" * 5000 + b"errno=0\n\n", lambda: True)


@pytest.mark.parametrize("code", [b"-2", b"2"])
def test_the_device_says_no(code):
    with pytest.raises(TextError, match="error 2") as refused:
        parse_device("wg0", b"errno=" + code + b"\n\n")
    assert refused.value.code == 2


def test_a_peer_that_comes_twice_is_one():
    again = f"public_key={PUBLIC}\nallowed_ip=10.0.0.1/32\nallowed_ip=10.0.0.9/32\nrx_bytes=9\nerrno=0\n".encode()
    first = parse_device("wg0", ANSWER.replace(b"errno=0\n", again)).peers[0]
    assert [str(network) for network in first.allowed_ips] == ["10.0.0.1/32", "fd00::/64", "10.0.0.9/32"]
    assert first.rx_bytes == 9
    assert len(parse_device("wg0", ANSWER.replace(b"errno=0\n", again)).peers) == 2


@given(st.integers(0, len(ANSWER)), st.binary(max_size=40), st.integers(0, 200))
def test_damage_is_refused_or_read_and_never_shows_a_secret(at, junk, dropped):
    try:
        shown = repr(parse_device("wg0", ANSWER[:at] + junk + ANSWER[at + dropped :]))
    except TextError as error:
        shown = str(error) + repr(error.__context__)
    assert PRIVATE[:16] not in shown
    assert PRESHARED[:16] not in shown
