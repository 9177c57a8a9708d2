"""Asks a running routerd over HTTP: the first Unix socket of `http.listen`, else the first TCP address."""

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

_NOBODY = (FileNotFoundError, ConnectionRefusedError)


class AskError(Exception):
    """The daemon gave no usable answer; the text says which address was asked and why there was none."""


class NobodyError(AskError):
    """Nobody listens there, so nothing was asked."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; a context that closes itself."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None) -> None:
        self.close()


def choose(listen: Iterable[str]) -> str:
    """The entry of `http.listen` to ask. Raises `NobodyError` if there is none."""
    entries = list(listen)
    unix = [entry for entry in entries if entry.startswith("unix:")]
    if not entries:
        raise NobodyError("http.listen is empty: the daemon cannot be asked")
    return (unix or entries)[0]


def ask(
    listen: Iterable[str],
    path: str,
    *,
    method: str = "GET",
    token: bytes | None = None,
    certificate: str | None = None,
    timeout: float = 5.0,
    body: bytes | None = None,
) -> tuple[int, Any]:
    """Ask for `path`: the status, and the answer's body (decoded where it is JSON). Raises `AskError`, `NobodyError`.

    `body` is JSON that is sent.

    `token` goes out over TCP only, and only to change something: anybody could listen where routerd does not.
    `certificate` is the file of the one that routerd serves TCP with, None where it does so without TLS.
    """
    status, data = ask_bytes(
        listen, path, method=method, token=token, certificate=certificate, timeout=timeout, body=body
    )
    text = data.decode("utf-8", errors="replace")
    try:
        return status, json.loads(text)
    except (ValueError, RecursionError):
        return status, text


def ask_bytes(
    listen: Iterable[str],
    path: str,
    *,
    method: str,
    token: bytes | None,
    certificate: str | None,
    timeout: float,
    body: bytes | None = None,
) -> tuple[int, bytes]:
    """As `ask`, with the answer's body as it came."""
    entry = choose(listen)
    connection = _connection(entry, certificate, timeout)
    is_change = method != "GET" and not entry.startswith("unix:")
    headers: dict[str, str | bytes] = {} if body is None else {"Content-Type": "application/json"}
    if is_change and token is not None:
        headers["Authorization"] = b"Bearer " + token
    is_there = False
    try:
        connection.connect()
        is_there = True
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        kind = AskError if is_there or isinstance(error, PermissionError | ssl.SSLError) else NobodyError
        raise kind(f"routerd does not answer at {entry}: {_why(entry, error, timeout)}") from None
    finally:
        connection.close()


def _connection(entry: str, certificate: str | None, timeout: float) -> http.client.HTTPConnection:
    if entry.startswith("unix:"):
        return UnixConnection(entry.removeprefix("unix:"), timeout)
    host, _, port = entry.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host).strip("[]")
    if certificate is None:
        return http.client.HTTPConnection(host, int(port), timeout=timeout)
    return http.client.HTTPSConnection(host, int(port), timeout=timeout, context=_only(certificate))


def _only(certificate: str) -> ssl.SSLContext:
    """Trust in this certificate and no other, whatever name it is for. Raises `AskError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(certificate)
    except OSError as error:
        raise AskError(f"the certificate {certificate} cannot be used: {error.strerror}") from None
    return context


def _why(entry: str, error: Exception, timeout: float) -> str:
    """The reason in words, and what to do about it."""
    if isinstance(error, TimeoutError):
        return f"nothing came within {timeout:g} s; look at its log"
    if isinstance(error, _NOBODY):
        return f"{os.strerror(error.errno or 0)}; is it running?"
    if isinstance(error, PermissionError):
        return "Permission denied; run this as root, or as a member of the socket's group"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "it has another certificate than http.tls_cert"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"what came is no HTTP ({type(error).__name__})"
