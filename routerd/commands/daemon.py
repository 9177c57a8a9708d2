"""The running daemon, as commands ask it."""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from ipaddress import IPv4Address
from typing import Any, TypeVar
from urllib.parse import quote

from routerd.api.auth import LEAST_TOKEN
from routerd.cli import DEFAULT_CONFIG
from routerd.commands.words import count
from routerd.config.fault import ConfigError, escape
from routerd.config.model import Http
from routerd.config.store import ConfigFile
from routerd.system.http_client import AskError, NobodyError, ask, ask_bytes, choose
from routerd.system.listen_file import ListenFile
from routerd.system.listeners import entries_of
from routerd.system.lock import holder
from routerd.system.secret import SecretError, read_secret

Answer = tuple[int, Any]
Sent = TypeVar("Sent")

_PROBE_TIMEOUT = 30.0
_STORE_TIMEOUT = 15.0
_RELOAD_TIMEOUT = 30.0
_SAVE_TIMEOUT = 60.0
_FAILED = re.compile(r"\[-\](.*?) failed: (.*)")


def nearest(name: str, names: list[str]) -> str:
    """The end of a sentence about an unknown name: the name that was meant, if one is near."""
    near = get_close_matches(name, names, n=1) or [one for one in names if one.lower() == name.lower()]
    return f"; did you mean {near[0]!r}?" if near else ""


class Daemon:
    """Asks the daemon where a configuration says that it listens. Every method raises `AskError`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object of GET `path`, which must be there."""
        return self._object(path, *self._ask(path))

    def rows(self, name: str, query: str = "") -> list[dict[str, Any]]:
        """The list `/v1/NAME`."""
        rows = self.get(f"/v1/{name}{query}").get(name)
        if not isinstance(rows, list):
            raise AskError(f"/v1/{name} answered without {name}: is that routerd at {choose(self._http.listen)}?")
        return rows

    def failed(self) -> list[tuple[str, str]]:
        """The duties that routerd does not meet now, each with the reason."""
        status, text = self._ask("/readyz")
        found = _FAILED.findall(str(text))
        return found or ([] if status == 200 else [(f"/readyz answered {status}", "")])

    def peer(self, name: str) -> dict[str, Any]:
        """One peer; where no peer has this name, the error says which one was meant."""
        path = _peer_path(name)
        status, body = self._ask(path)
        if status != 404:
            return self._object(path, status, body)
        names = [str(key) for row in self.rows("peers") for key in (row["name"], row["public_key"]) if key]
        raise AskError(f"no peer has the name or public key {name!r}{nearest(name, names)}")

    def probe(self, name: str) -> dict[str, Any] | None:
        """Have a peer probed at once: the peer afterwards; None where this daemon cannot do that."""
        path = f"{_peer_path(name)}/probe"
        status, body = self._ask(path, method="POST", timeout=_PROBE_TIMEOUT)
        return None if status in (404, 405, 501) else self._object(path, status, body)

    def release(self, address: IPv4Address) -> Answer:
        """Have a lease forgotten: the status of the answer, and what it says."""
        status, body = self._ask(f"/v1/leases/{address}", method="DELETE", timeout=_STORE_TIMEOUT)
        return status, _text(body)

    def take_over(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Have leases of another server taken over: what became of each, in their order."""
        path, body = "/v1/leases/import", json.dumps(asked).encode()
        status, found = self._ask(path, method="POST", timeout=_STORE_TIMEOUT, body=body)
        rows = self._object(path, status, found).get("leases")
        if not isinstance(rows, list):
            raise AskError(f"{path} answered without leases: is that routerd at {choose(self._http.listen)}?")
        return rows

    def saved(self) -> bytes:
        """The lease file as it is now, as one SQLite database."""
        path = "/v1/leases/save"

        def send(http: Http) -> tuple[int, bytes]:
            certificate, token = http.tls_cert, self._token()
            return ask_bytes(
                http.listen, path, method="POST", token=token, certificate=certificate, timeout=_SAVE_TIMEOUT
            )

        status, data = self._sent(send)
        if status != 200:
            raise AskError(f"{path} answered {status}: {escape(data.decode(errors='replace').strip())[:200]}")
        return data

    def reload(self, confirm: str | None) -> Answer:
        """Have the configuration read anew, on trial for the time `confirm`: the status of the answer, and its body."""
        path = "/v1/reload" if confirm is None else f"/v1/reload?confirm={quote(confirm, safe='')}"
        return self._ask(path, method="POST", timeout=_RELOAD_TIMEOUT)

    def confirm(self) -> Answer:
        """Have the configuration that is on trial kept: the status of the answer, and what it says."""
        status, body = self._ask("/v1/confirm", method="POST", timeout=_STORE_TIMEOUT)
        return status, _text(body)

    def _ask(
        self,
        path: str,
        *,
        method: str = "GET",
        timeout: float = 5.0,
        body: bytes | None = None,
    ) -> Answer:
        def send(http: Http) -> Answer:
            certificate, token = http.tls_cert, None if method == "GET" else self._token()
            return ask(
                http.listen, path, method=method, token=token, certificate=certificate, timeout=timeout, body=body
            )

        return self._sent(send)

    def _sent(self, send: Callable[[Http], Sent]) -> Sent:
        """What is answered where the configuration says, or, where nobody is, where the daemon that runs listens."""
        try:
            return send(self._http)
        except NobodyError as error:
            self._http = _where_it_runs(self._http, error)
            return send(self._http)

    def _object(self, path: str, status: int, body: Any) -> dict[str, Any]:
        if status != 200:
            raise AskError(f"{path} answered {status}: {_text(body)}")
        if not isinstance(body, dict):
            raise AskError(f"{path} answered without JSON: is that routerd at {choose(self._http.listen)}?")
        return body

    def _token(self) -> bytes | None:
        if self._http.token_file is None or choose(self._http.listen).startswith("unix:"):
            return None
        try:
            return read_secret(self._http.token_file, LEAST_TOKEN)
        except SecretError as error:
            raise AskError(f"the token in {self._http.token_file} cannot be used: {error}") from None


def _where_it_runs(http: Http, error: NobodyError) -> Http:
    """As `http`, but where this network namespace's daemon listens. Raises the error where that is nowhere else."""
    process = holder()
    if process is None:
        raise error
    # A process may wait for connections elsewhere too, as those do that measure; what it says itself is better.
    said = ListenFile().read(process)
    entries = entries_of(process) if said is None else said
    asked = choose(http.listen) if http.listen else None
    others = tuple(entry for entry in entries if entry != asked)
    if said is None and not entries:
        raise AskError(
            f"{error} A daemon runs (process {process}), but where it listens cannot be seen from here: run this as "
            "root, or give with --config the configuration that is in force"
        ) from None
    if not others:
        raise error
    why = f"nobody listens at {asked}" if http.listen else "http.listen is empty"
    note = f"note: {why}; the daemon that runs (process {process}) listens at {choose(others)}, asking there"
    print(escape(note), file=sys.stderr)
    return replace(http, listen=others)


def find_daemon(path: str) -> Daemon:
    """The daemon of this configuration; where that cannot be read, what can be known of it must do, with a note."""
    source = ConfigFile(path)
    try:
        return Daemon(source.read(secrets=False).http)
    except ConfigError as error:
        if path == DEFAULT_CONFIG and not os.path.lexists(path):
            return Daemon(Http())
        http = error.partial.http if error.partial is not None else Http()
        first = error.errors[0]
        if first.path in (escape(path), escape(source.file)):
            why = f"{first.path} {first.rule}"
        else:
            why = f"{escape(path)} has {count(len(error.errors), 'fault')} (routerd check lists them)"
        print(f"note: {why}; asking at {choose(http.listen or Http().listen)}", file=sys.stderr)
        return Daemon(http if http.listen else Http())


def _peer_path(name: str) -> str:
    return f"/v1/peers/{quote(name, safe='')}"


def _text(body: Any) -> str:
    text = str(body.get("error", body)) if isinstance(body, dict) else str(body)
    return escape(text.strip())[:200]
