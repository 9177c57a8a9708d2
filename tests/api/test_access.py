"""Which addresses are listened on, and which Host names are answered."""

import pytest

from routerd.api.access import TcpListen, UnixListen, host_allowed, parse_listen, target_host


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("127.0.0.1:8121", TcpListen("127.0.0.1", 8121)),
        ("[::1]:8121", TcpListen("::1", 8121)),
        ("localhost:0", TcpListen("localhost", 0)),
        ("unix:/run/routerd/routerd.sock", UnixListen("/run/routerd/routerd.sock")),
    ],
)
def test_listen(text: str, target: TcpListen | UnixListen) -> None:
    assert parse_listen(text) == target


@pytest.mark.parametrize("text", ["", "8121", ":8121", "127.0.0.1:", "127.0.0.1:65536", "::1:8121", "unix:x", "a:-1"])
def test_listen_of_no_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|brackets|missing|absolute"):
        parse_listen(text)


@pytest.mark.parametrize(
    "header",
    [
        "127.0.0.1",
        "127.0.0.1:8121",
        "192.168.200.2:80",
        "[::1]",
        "[::1]:8121",
        "[fe80::1%eth0]:1",
        "localhost",
        "LOCALHOST:8121",
        "localhost.",
        "gw",
        "GW:8121",
    ],
)
def test_own_hosts(header: str) -> None:
    assert host_allowed(header, {"gw"})


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://evil.example/livez", "evil.example"),
        ("HTTP://evil.example:80?x", "evil.example:80"),
        ("https://localhost", "localhost"),
        ("http://localhost@evil.example/", "localhost@evil.example"),
        ("http:///livez", ""),
        ("/livez?to=http://evil.example/", None),
        ("*", None),
        ("//evil.example/livez", None),
    ],
)
def test_a_target_in_absolute_form(target: str, host: str | None) -> None:
    assert target_host(target) == host


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "evil.example:8121",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "gw.evil.example",
        "[::1",
        "[::1]x",
        "[evil]",
        "127.0.0.1:80:80",
        "127.0.0.1:x",
        "1",
        "[127.0.0.1]evil",
        ":8121",
    ],
)
def test_foreign_hosts(header: str) -> None:
    assert not host_allowed(header, {"gw"})
