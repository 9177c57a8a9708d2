"""Where things are on this machine: HTTP listen addresses, the lease store, and files."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import Http
from routerd.config.schema import Bad, Kind
from routerd.config.values import text_of

LONGEST_SOCKET_PATH = 107
_TCP = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*):([0-9]{1,5})")


def _absolute(path: str, example: str) -> str:
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise Bad("must name a file by its absolute path", f'for example "{example}"')
    return path


def parse_listen(value: Any) -> str:
    """A place to serve HTTP in its canonical form: `v4:port`, `[v6]:port` or `unix:/path`; raises Bad."""
    text = text_of(value, "a listen address", "127.0.0.1:8121")
    if text.startswith("unix:"):
        path = _absolute(text.removeprefix("unix:"), "unix:/run/routerd/routerd.sock")
        if len(path.encode()) > LONGEST_SOCKET_PATH:
            raise Bad(f"must not be longer than {LONGEST_SOCKET_PATH} bytes", "use a shorter path")
        return text
    match = _TCP.fullmatch(text)
    if match is None:
        raise Bad("must be ADDRESS:PORT, [IPV6]:PORT or unix:/PATH", 'for example "127.0.0.1:8121" or "[::1]:8121"')
    host, port = match[1], int(match[2])
    if not 1 <= port <= 65535:
        raise Bad("must have a port from 1 to 65535", 'for example "127.0.0.1:8121"')
    return f"{_host(host, port)}:{port}"


def _host(host: str, port: int) -> str:
    try:
        if host.startswith("["):
            v6 = IPv6Address(host[1:-1])
            if not v6.is_multicast and v6.scope_id is None:
                return f"[{v6}]"
        else:
            v4 = IPv4Address(host)
            if not v4.is_multicast:
                return str(v4)
    except ValueError:
        pass
    example = f"0.0.0.0:{port}" if not host else f"127.0.0.1:{port}"
    raise Bad("must have an IP address for its host", f'for example "{example}"')


def parse_store(value: Any) -> str:
    """The lease store as `sqlite:/path`; raises Bad."""
    text = text_of(value, "a lease store", "sqlite:/var/lib/routerd/leases.db")
    if not text.startswith("sqlite:"):
        raise Bad("must begin with sqlite:", 'for example "sqlite:/var/lib/routerd/leases.db"')
    return "sqlite:" + _absolute(text.removeprefix("sqlite:"), "sqlite:/var/lib/routerd/leases.db")


def file_path(example: str) -> Kind:
    """The kind of an absolute path of a file."""
    return Kind(
        "absolute path of a file", lambda value: _absolute(text_of(value, "the path of a file", example), example)
    )


def make_http(values: dict[str, Any], path: str, faults: Faults) -> Http:
    """The Http of a parsed section; a certificate without its key, or the contrary, is a fault."""
    for key, other in (("tls_key", "tls_cert"), ("tls_cert", "tls_key")):
        if other in values and key not in values and faults.clean(f"{path}.{key}"):
            faults.add(f"{path}.{key}", None, f"is missing: {other} needs it", f"set {key}, or remove {other}")
    return Http(**values)


LISTEN = Kind("ADDRESS:PORT, [IPV6]:PORT or unix:/PATH", parse_listen)
STORE = Kind("sqlite:/PATH", parse_store)
TOKEN_FILE = file_path("/etc/routerd/http.token")
TLS_CERT = file_path("/etc/routerd/http.crt")
TLS_KEY = file_path("/etc/routerd/http.key")
SECRET_FILE = file_path("/etc/routerd/rip.key")
