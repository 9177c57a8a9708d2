"""Asks a running routerd over HTTP: the first Unix socket of `http.listen`, else the first TCP address."""

import http.client
import json
import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self


class AskError(Exception):
    """The daemon gave no usable answer; the text says which address was asked and why there was none."""


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
    """The entry of `http.listen` to ask. Raises `AskError` if there is none."""
    entries = list(listen)
    unix = [entry for entry in entries if entry.startswith("unix:")]
    if not entries:
        raise AskError("http.listen is empty: the daemon cannot be asked")
    return (unix or entries)[0]


def ask(listen: Iterable[str], path: str, *, timeout: float = 5.0) -> tuple[int, Any]:
    """GET `path`: the status, and the body (decoded where it is JSON). Raises `AskError`."""
    entry = choose(listen)
    connection: http.client.HTTPConnection
    if entry.startswith("unix:"):
        connection = UnixConnection(entry.removeprefix("unix:"), timeout)
    else:
        host, _, port = entry.rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise AskError(f"routerd does not answer at {entry} ({error}); is it running?") from None
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, body
