"""How commands ask the daemon: where, with which headers, and what they say where there is no answer."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from routerd.commands.daemon import Daemon
from routerd.config.model import Http
from routerd.system.http_client import AskError, NobodyError, ask, choose
from tests.commands.played import answers, peer, played

TOKEN = "0123456789abcdef0123"


@contextmanager
def one_answer(data: bytes, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A TCP server that answers one request with these bytes: its port, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ssl.SSLError):
                wrapped = connection if tls is None else tls.wrap_socket(connection, server_side=True)
                asked.append(wrapped.recv(65536))
                wrapped.sendall(data)
                wrapped.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            thread.join()


def test_where_it_asks() -> None:
    assert choose(("127.0.0.1:8121", "unix:/run/a", "unix:/run/b")) == "unix:/run/a"
    assert choose(("127.0.0.1:8121", "[::1]:1")) == "127.0.0.1:8121"
    with pytest.raises(AskError, match="empty"):
        choose(())


def test_over_the_unix_socket_without_a_token(tmp_path: Path) -> None:
    with played(tmp_path, answers([peer("a")])) as daemon:
        assert Daemon(Http((f"unix:{daemon.socket}",), str(tmp_path / "none"))).probe("a") is None
    asked, headers = daemon.asked[0]
    assert asked == "POST /v1/peers/a/probe"
    assert headers["Host"] == "localhost"
    assert headers["Content-Length"] == "0"
    assert "Authorization" not in headers


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_over_tcp_the_token_goes_out_for_changes_only(tmp_path: Path, host: str) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "token").chmod(0o600)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    for method in ("GET", "POST"):
        with one_answer(whole) as (port, asked):
            daemon = Daemon(Http((f"{host}:{port}",), str(tmp_path / "token")))
            assert (daemon.get("/v1/status") if method == "GET" else daemon.probe("a/b")) == {}
        lines = asked[0].decode().split("\r\n")
        assert lines[0] == ("GET /v1/status HTTP/1.1" if method == "GET" else "POST /v1/peers/a%2Fb/probe HTTP/1.1")
        assert f"Host: 127.0.0.1:{port}" in lines
        assert (f"Authorization: Bearer {TOKEN}" in lines) is (method == "POST")


def test_a_token_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(AskError, match=r"the token in .* cannot be used: No such file"):
        Daemon(Http(("127.0.0.1:1",), str(tmp_path / "none"))).probe("a")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello\r\n\r\n", r"what came is no HTTP \(BadStatusLine\)"),
        (b"", r"Remote end closed|no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", r"no HTTP \(IncompleteRead\)"),
    ],
)
def test_answers_that_are_none(data: bytes, said: str) -> None:
    with one_answer(data) as (port, _), pytest.raises(AskError, match=said):
        ask((f"127.0.0.1:{port}",), "/livez")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_over_tls_one_certificate_is_trusted(tmp_path: Path) -> None:
    pair = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2"]
    for name in ("own", "other"):
        files = ["-subj", f"/CN={name}", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"]
        subprocess.run(["openssl", "req", *pair, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with one_answer(whole, context) as (port, _):
        assert ask((f"127.0.0.1:{port}",), "/", certificate=str(tmp_path / "own.pem")) == (200, {})
    with one_answer(whole, context) as (port, _), pytest.raises(AskError, match=r"another certificate than"):
        ask((f"127.0.0.1:{port}",), "/", certificate=str(tmp_path / "other.pem"))
    with pytest.raises(AskError, match=r"none.pem cannot be used: No such file"):
        ask(("127.0.0.1:1",), "/", certificate=str(tmp_path / "none.pem"))


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(AskError, match=r"nothing came within 0.1 s; look at its log"):
            ask((listen,), "/livez", timeout=0.1)
    with pytest.raises(AskError, match="Connection refused; is it running"):
        ask((listen,), "/livez")
    with pytest.raises(AskError, match=f"unix:{tmp_path}/none: No such file or directory; is it running"):
        ask((f"unix:{tmp_path}/none",), "/livez")


def test_where_nobody_is_and_where_somebody_does_not_answer(tmp_path: Path) -> None:
    # An address that is nobody's here, and a directory that is a file: another place may be asked instead.
    (tmp_path / "file").touch()
    for entry in ("127.0.0.1:1", "224.0.0.1:1", f"unix:{tmp_path}/none", f"unix:{tmp_path}/file/none"):
        with pytest.raises(NobodyError):
            ask((entry,), "/livez", timeout=1.0)
    # Who answers badly is there, so that a change may have been made already.
    with one_answer(b"") as (port, _), pytest.raises(AskError) as caught:
        ask((f"127.0.0.1:{port}",), "/livez")
    assert not isinstance(caught.value, NobodyError)
