"""A daemon that is played: a Unix socket that answers with JSON that was written down before."""

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

NOW = "2026-11-22T12:00:00.500Z"

Answers = Mapping[str, tuple[int, Any]]


def peer(name: str, state: str = "up", reachable: bool | None = True, **values: object) -> dict[str, Any]:
    return {
        "name": name,
        "public_key": "Ab/+d9mV4lKqvA7wU1nq0c5b0hY2m7k3D1Jtq7v9S1E=",
        "vpn": "vpn",
        "addresses": ["10.0.0.1"],
        "endpoint": "203.0.113.1:51821",
        "state": state,
        "reachable": reachable,
        "since": "2026-11-22T11:57:00.000Z",
        "last_handshake": "2026-11-22T11:58:30.000Z",
        "rx_bytes": 1234567,
        "tx_bytes": 812,
        "probe": {"kind": "icmp", "rtt_ms": 1.234, "last_success": "2026-11-22T11:59:58.500Z", "failures": 0},
        **values,
    }


def lease(number: int, **values: object) -> dict[str, Any]:
    return {
        "address": f"192.168.200.{number}",
        "mac": f"02:00:00:00:00:{number:02x}",
        "client_id": None,
        "hostname": f"host-{number}",
        "lan": "lan0",
        "state": "bound",
        "starts": "2026-11-22T11:30:00Z",
        "expires": "2026-11-22T12:30:01Z",
        "accepts_routes": True,
        "routes_current": True if values.get("state", "bound") == "bound" else None,
        **values,
    }


def problem(severity: str, subject: str, text: str, caused_by: str | None = None) -> dict[str, Any]:
    since = "2026-11-20T11:00:00.000Z"
    fields = {"code": "peer-down", "subject": subject, "severity": severity, "text": text, "since": since}
    return {**fields, "mend": "Look at it.", "caused_by": caused_by}


ROUTE = {
    "prefix": "10.0.0.0/24",
    "gateway": "192.168.200.2",
    "metric": 1,
    "lan": "lan0",
    "channels": ["dhcp"],
    "state": "offered",
    "reason": "vpn is behind 192.168.200.2",
}


def lan(name: str, leases: int = 43, current: int = 41, not_accepting: int = 2, handed_out: int = 1) -> dict[str, Any]:
    """A LAN of `services.dhcp.lans`, as far as it is shown."""
    counts = {"handed_out": handed_out, "leases": leases, "current": current}
    rest = {"accepting": leases - not_accepting, "not_accepting": not_accepting, "unknown": 0}
    return {"lan": name, "routes": {**counts, **rest}}


def answers(
    peers: list[dict[str, Any]] | None = None,
    leases: list[dict[str, Any]] | None = None,
    problems: list[dict[str, Any]] | None = None,
    total: int | None = None,
    lans: list[dict[str, Any]] | None = None,
    hosts: dict[str, int] | None = None,
) -> dict[str, tuple[int, Any]]:
    """The answers of a daemon that is well, by method and path."""
    peers, leases, problems = peers or [], leases or [], problems or []
    counts = {"peers": {}, "routes": {}, "problems": {}, "leases": {"bound": len(leases) if total is None else total}}
    services = {"dhcp": {"lans": lans or []}, "hosts": hosts or {"known": 0}}
    status = {"version": "0.1.0", "started": "2026-11-22T07:00:00Z", "now": NOW, "uptime_s": 18000.5}
    return {
        "GET /v1/status": (200, {**status, "counts": counts, "services": services}),
        "GET /readyz": (200, "ok\n"),
        "GET /v1/peers": (200, {"peers": peers}),
        "GET /v1/routes": (200, {"routes": [ROUTE]}),
        "GET /v1/leases": (200, {"leases": leases}),
        "GET /v1/leases?limit=20": (200, {"leases": leases[:20]}),
        "GET /v1/problems": (200, {"problems": problems}),
        **{f"GET /v1/peers/{one['name']}": (200, one) for one in peers},
    }


class Played:
    """A daemon that is served; `config` is its configuration file, `asked` every request with its headers."""

    def __init__(self, directory: Path, known: Answers) -> None:
        self.answers = dict(known)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.socket = directory / "routerd.sock"
        self.config = directory / "routerd.toml"
        self.config.write_text(
            '[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n'
            f'[http]\nlisten = ["127.0.0.1:1", "unix:{self.socket}"]\n'
        )


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def played(directory: Path, known: Answers) -> Iterator[Played]:
    """Serve these answers; what is not known is answered with 404."""
    daemon = Played(directory, known)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = f"{self.command} {self.path}"
            daemon.asked.append((asked, dict(self.headers)))
            status, body = daemon.answers.get(asked, (404, {"error": "no such resource"}))
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    with _Server(str(daemon.socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            thread.join()
            daemon.socket.unlink()
