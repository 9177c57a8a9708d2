"""The servers that something was made in, as a file remembers them: a later configuration may not name them. Pure."""

from collections.abc import Iterable

from routerd.beside.words import ServerKey

FILE = "beside-servers"
_KINDS = ("dnsmasq", "kea")
_LARGEST = 256


def encode_servers(servers: Iterable[ServerKey]) -> bytes:
    """One line a server."""
    lines = sorted(f"{key.kind}\t{key.path}\t{key.also}\n" for key in servers)
    return "".join(lines).encode(errors="surrogateescape")


def decode_servers(data: bytes) -> tuple[ServerKey, ...]:
    """The servers of a file; lines that make no sense are left out."""
    found = []
    for line in data.decode(errors="surrogateescape").splitlines()[:_LARGEST]:
        parts = line.split("\t")
        if len(parts) == 3 and parts[0] in _KINDS and parts[1].startswith("/"):
            found.append(ServerKey(*parts))
    return tuple(dict.fromkeys(found))
