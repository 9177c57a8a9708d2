"""One HTTP client with a connection that stays, asking at a steady rate; a delay counts from when it was to ask.

python -m tests.bench.load_http HOST PORT PATH RATE SECONDS. Prints status codes and delays as JSON.
"""

import gc
import json
import socket
import sys
import time
from collections import Counter

_HEAD_END = b"\r\n\r\n"


def _answer(sock: socket.socket) -> tuple[str, int]:
    """The status and the body's length of one whole answer."""
    data = b""
    while _HEAD_END not in data:
        data += _some(sock)
    head, _, body = data.partition(_HEAD_END)
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    got = len(body)
    while got < length:
        got += len(_some(sock))
    return lines[0].split()[1], length


def _some(sock: socket.socket) -> bytes:
    chunk = sock.recv(1 << 20)
    if not chunk:
        raise ConnectionError("the daemon closed the connection")
    return chunk


def run(sock: socket.socket, path: str, rate: float, seconds: float) -> dict[str, object]:
    """Ask; what came of it."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    statuses: Counter[str] = Counter()
    delays: list[float] = []
    gc.disable()
    begin = time.monotonic()
    for count in range(int(rate * seconds)):
        due = begin + count / rate
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        sock.sendall(request)
        statuses[_answer(sock)[0]] += 1
        delays.append(time.monotonic() - due)
    delays.sort()
    found: dict[str, object] = {"statuses": statuses, "rate": len(delays) / (time.monotonic() - begin)}
    for name, share in (("median_ms", 0.5), ("p99_ms", 0.99), ("worst_ms", 1.0)):
        found[name] = delays[min(len(delays) - 1, int(len(delays) * share))] * 1000
    return found


if __name__ == "__main__":
    host, port, path, rate, seconds = sys.argv[1:]
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(json.dumps(run(sock, path, float(rate), float(seconds))))
