"""Where HTTP is served, and to which Host names it answers. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address

LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class TcpListen:
    """A TCP address to listen on."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixListen:
    """A Unix socket to listen on."""

    path: str


def parse_listen(text: str) -> TcpListen | UnixListen:
    """An entry of `http.listen`: host:port, [v6]:port or unix:/path. Raises ValueError with the rule."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError(f"{text!r}: unix: is followed by an absolute path")
        return UnixListen(path)
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise ValueError(f"{text!r}: expected host:port, [v6]:port or unix:/path")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets")
    if not host:
        raise ValueError(f"{text!r}: the address is missing; 0.0.0.0 listens on all")
    return TcpListen(host, int(port))


_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE | re.ASCII)


def target_host(target: str) -> str | None:
    """Host and port of a request target in absolute form (`http://host:port/path`); None for any other form."""
    match = _ABSOLUTE.match(target)
    return None if match is None else match[1]


def host_allowed(header: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine itself: an IP literal, localhost, or one of `names` (lower case).

    A page of another site whose name was made to point here carries that site's name (DNS rebinding).
    """
    host = header.strip().lower()
    if host.startswith("["):
        literal, bracket, port = host[1:].partition("]")
        return bool(bracket) and _is_port(port) and _is_address(literal)
    name, colon, port = host.partition(":")
    if not _is_port(colon + port):
        return False
    name = name.removesuffix(".")
    return name == LOCALHOST or name in names or _is_address(name)


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isascii() and (text[1:] == "" or text[1:].isdigit()))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
