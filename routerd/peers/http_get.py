"""The HTTP GET of a probe: its request, and what the first line of the answer means. Pure."""

import re
from ipaddress import IPv6Address

from routerd.config.probes import Probing

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\n]*)?\n")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def request(probing: Probing) -> bytes:
    """The GET, after whose answer the other side closes."""
    host = f"[{probing.host}]" if isinstance(probing.host, IPv6Address) else str(probing.host)
    port = "" if probing.port == _DEFAULT_PORTS[probing.scheme] else f":{probing.port}"
    lines = (
        f"GET {probing.path} HTTP/1.1",
        f"Host: {host}{port}",
        "User-Agent: routerd",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def failure(answer: bytes) -> str:
    """Why an answer is none of 2xx or 3xx; empty if it is one."""
    if not answer:
        return "closed before it answered"
    line = _STATUS.match(answer.replace(b"\r\n", b"\n", 1))
    if line is None:
        return "the answer is not HTTP"
    return "" if line[1][:1] in (b"2", b"3") else f"status {line[1].decode('ascii')}"
