"""The HTTP GET of a probe: its request, and what the first line of the answer means. Pure."""

import re
from ipaddress import IPv6Address

from routerd.config.probes import Probing
from routerd.peers.failures import CLOSED, NOT_HTTP, STATUS

_BEGUN = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}[ \r\n]")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}(?: [^\n]*)?\r?\n(?:[^\r\n][^\n]*\n)*\r?\n")
_LONGEST_LINE = 512
_MOST = 16_384
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


def is_whole(answer: bytes) -> bool:
    """Whether the first line of the final answer is there, or so much that there will be none."""
    rest = _final(answer)
    has_line = (b"\n" in rest or len(rest) >= _LONGEST_LINE) and not _BEGUN.match(rest)
    return has_line or len(answer) >= _MOST


def failure(answer: bytes) -> str:
    """Why an answer is none of 2xx or 3xx; empty if it is one. Interim ones (RFC 9110 section 15.2) are passed over."""
    answer = _final(answer)
    if not answer:
        return CLOSED
    line = _STATUS.match(answer.replace(b"\r\n", b"\n", 1))
    if line is None:
        return NOT_HTTP
    return "" if line[1][:1] in (b"2", b"3") else f"{STATUS}{line[1].decode('ascii')}"


def _final(answer: bytes) -> bytes:
    """What follows the whole interim answers at the beginning; 101 is final, as nobody asked for another protocol."""
    at = 0
    while (interim := _INTERIM.match(answer, at)) is not None:
        at = interim.end()
    return answer[at:]
