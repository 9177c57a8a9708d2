"""The GET of a probe and what counts as an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.config.probes import probing
from routerd.peers.http_get import failure, is_whole, request


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        ("http://10.0.0.1", ["GET / HTTP/1.1", "Host: 10.0.0.1"]),
        ("http://10.0.0.1:8080/a?b=c", ["GET /a?b=c HTTP/1.1", "Host: 10.0.0.1:8080"]),
        ("https://[fd00::1]:443/", ["GET / HTTP/1.1", "Host: [fd00::1]"]),
        ("https://[fd00::1]:80?x", ["GET /?x HTTP/1.1", "Host: [fd00::1]:80"]),
    ],
)
def test_request(url: str, lines: list[str]) -> None:
    text = request(probing(url)).decode()
    assert text.split("\r\n")[:2] == lines
    assert text.endswith("Connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n", ""),
        (b"HTTP/1.0 204\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n", ""),
        (b"HTTP/1.1 200 OK\n", ""),
        (b"HTTP/1.1 404 Not Found\r\n", "status 404"),
        (b"HTTP/1.1 500 \r\n", "status 500"),
        (b"HTTP/1.1 100 Continue\r\n", "status 100"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", ""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nA: b\r\n\r\n" * 3 + b"HTTP/1.0 404 No\r\n", "status 404"),
        (b"HTTP/1.1 103\nLink: </x>\n\nHTTP/1.1 204\n", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed before it answered"),
        (b"HTTP/1.1 100 Continue\r\n\r\nSSH", "the answer is not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n", "status 101"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 600, "closed before it answered"),
        (b"", "closed before it answered"),
        (b"HTTP/1.1 20", "the answer is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n", "the answer is not HTTP"),
        (b"HTTP/2 200\r\n", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        (b"\x00" * 512, "the answer is not HTTP"),
    ],
)
def test_answers(answer: bytes, reason: str) -> None:
    assert failure(answer) == reason


@given(st.binary(max_size=600))
def test_any_bytes_are_judged(answer: bytes) -> None:
    assert isinstance(failure(answer), str)


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: <", False),
        (b"HTTP/1.1 103 Early Hints\r\n" + b"X: y\r\n" * 4000, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 700, True),
        (b"x" * 511, False),
        (b"x" * 512, True),
    ],
)
def test_when_enough_was_received(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole
