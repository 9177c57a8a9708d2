"""The kinds of probes: how the key `probe` of a peer is written, and what each way of writing means."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from routerd.config.model import Address
from routerd.config.schema import Bad, Kind
from routerd.config.values import parse_address, text_of

UNSENT = frozenset(("handshake", "none"))
"""The kinds that send nothing."""

_WORDS = ("icmp", "handshake", "none")
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://(\[[^\[\]/?#]*\]|[^\[\]/?#:@]*)(?::([0-9]{1,5}))?([/?][!-~]*)?")
_LONGEST = 255
_EXAMPLE = "http://10.0.0.1:8080/health"


class Probing(NamedTuple):
    """What a probe is. `scheme` is icmp, tcp, http, https, handshake or none; `host` is that of an URL."""

    scheme: str
    port: int = 0
    host: Address | None = None
    path: str = ""

    @property
    def connects(self) -> bool:
        """Whether it opens a TCP connection."""
        return self.scheme in ("tcp", "http", "https")


def parse_probe(value: Any) -> str:
    """A kind of probe as `probing` reads it; raises Bad."""
    text = text_of(value, "a kind of probe", "icmp")
    if text in _WORDS:
        return text
    if text.startswith("tcp:"):
        return f"tcp:{_port(text.removeprefix('tcp:'), 'tcp:22')}"
    if text.startswith(("http://", "https://")):
        return _parse_url(text)
    listed = ", ".join(f'"{word}"' for word in _WORDS)
    raise Bad("must be a kind of probe", f'use one of {listed}, "tcp:22" (any port), or "{_EXAMPLE}"')


@lru_cache(maxsize=4096)
def probing(kind: str) -> Probing:
    """What a kind means that `parse_probe` has accepted."""
    scheme, _, rest = kind.partition(":")
    if scheme == "tcp":
        return Probing("tcp", int(rest))
    url = _URL.fullmatch(kind)
    if url is None:
        return Probing(scheme)
    host, port, path = parse_address(url[2].strip("[]")), int(url[3] or _PORTS[url[1]]), url[4] or "/"
    return Probing(url[1], port, host, path if path.startswith("/") else f"/{path}")


def _parse_url(text: str) -> str:
    if len(text) > _LONGEST:
        raise Bad(f"must not be longer than {_LONGEST} characters", "shorten it")
    if "@" in text or "#" in text:
        raise Bad("must not hold a user, a password or a fragment", f'for example "{_EXAMPLE}"')
    url = _URL.fullmatch(text)
    if url is None:
        raise Bad("must be an URL of printable ASCII without spaces", f'for example "{_EXAMPLE}"')
    if url[3] is not None:
        _port(url[3], _EXAMPLE)
    bracketed = url[2].startswith("[")
    try:
        address = parse_address(url[2].strip("[]"))
    except Bad:
        # A name would have to be looked up by way of this very site, and may lead past the tunnel.
        raise Bad("must have the IP address of one machine for its host", f'for example "{_EXAMPLE}"') from None
    if bracketed != (address.version == 6):
        raise Bad("must have brackets around an IPv6 address only", 'for example "http://[fd00::1]/"')
    return text


def _port(text: str, example: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise Bad("must have a port from 1 to 65535", f'for example "{example}"')
    return int(text)


PROBE = Kind("icmp, handshake, none, tcp:PORT or an URL http(s)://ADDRESS…", parse_probe)
