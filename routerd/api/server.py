"""The HTTP server on aiohttp: paths, streaming, errors as JSON. Imported late, as importing aiohttp takes long."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from ipaddress import IPv4Address
from itertools import islice
from typing import Any, TypeVar

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from routerd.api import pages, views
from routerd.api.access import host_allowed
from routerd.api.sources import Sources

log = logging.getLogger("routerd.api")

_MOST_CONNECTIONS = 256
_LARGEST_BODY = 64 * 1024
_ROWS = 200
_CONNECTION: dict[str, Any] = {"keepalive_timeout": 15.0, "lingering_time": 1.0, "access_log": None}
_SERVER = "routerd"

T = TypeVar("T")
K = TypeVar("K", str, IPv4Address)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Connection(RequestHandler):
    """aiohttp's connection, whose own error pages are like ours and which logs no stranger's bad bytes as errors."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request, and close the connection."""
        log.debug("http: bad request: %s", exc)
        if request.writer.output_size > 0:
            raise ConnectionResetError from exc
        response = _error(status, "the request is not valid HTTP" if status < 500 else "internal error")
        response.force_close()
        return response


class _Refused(asyncio.Protocol):
    """A connection over the limit: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class Server:
    """All HTTP connections of the daemon. `names` are the host names, lower case, that may stand in a Host header."""

    def __init__(self, sources: Sources, names: Collection[str]) -> None:
        self._sources = sources
        self._names = names
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_BODY)
        app.on_response_prepare.append(_name_server)
        for path, handler in self._routes().items():
            app.router.add_get(path, handler)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)

    async def start(self) -> None:
        """Get ready for `listen`."""
        await self._runner.setup()

    async def listen(self, sock: socket.socket) -> asyncio.Server:
        """Serve on a socket that listens already; it belongs to the server returned."""
        return await asyncio.get_running_loop().create_server(self._connection, sock=sock)

    async def stop(self) -> None:
        """End all connections, within about 2 s."""
        await self._runner.cleanup()

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        # A limit, so that no client uses up the file descriptors that other services need.
        if server is None or len(server.connections) >= _MOST_CONNECTIONS:
            return _Refused()
        return _Connection(server, loop=asyncio.get_running_loop(), **_CONNECTION)

    def _routes(self) -> dict[str, _Handler]:
        return {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/healthz": self._readyz,
            "/v1/peers": self._peers,
            "/v1/peers/{name:.+}": self._peer,
            "/v1/routes": self._list_of("routes", self._sources.routes, views.route),
            "/v1/leases": self._leases,
            "/v1/problems": self._list_of("problems", self._sources.problems, views.problem),
            "/v1/status": self._status,
        }

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        refused = self._refusal(request)
        if refused is not None:
            return refused
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as error:
            allow = {"Allow": error.headers[hdrs.ALLOW]}
            return _error(error.status, f"{request.method} is not allowed here", allow)
        except web.HTTPException as error:
            return _error(error.status, "no such resource" if error.status == 404 else error.reason)
        except ConnectionResetError:
            raise
        except Exception:
            log.exception("http: %s %s failed", request.method, request.path)
            if request.writer.output_size > 0:
                # The answer has begun: breaking the connection is the only way left to say that it is not whole.
                raise ConnectionResetError from None
            return _error(500, "internal error")

    def _refusal(self, request: web.Request) -> web.Response | None:
        hosts = request.headers.getall(hdrs.HOST, [])
        is_unix = _is_unix(request)
        if len(hosts) != 1 and not is_unix and (hosts or request.version >= (1, 1)):
            return _error(400, "exactly one Host header is needed")
        if hosts and not is_unix and not host_allowed(hosts[0], self._names):
            return _error(421, "this Host is not served here: use an IP address, localhost or this machine's name")
        if (request.content_length or 0) > _LARGEST_BODY:
            response = _error(413, f"the body is larger than {_LARGEST_BODY} bytes")
            response.force_close()
            return response
        return None

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        verbose = request.query.get("verbose", "0").lower() not in ("0", "false", "no")
        status, text = views.readiness(self._sources.checks(), verbose=verbose)
        return web.Response(status=status, text=text)

    async def _peers(self, request: web.Request) -> web.StreamResponse:
        return await _part_or_all(request, "peers", self._sources.peers(), views.peer, pages.PEERS)

    async def _leases(self, request: web.Request) -> web.StreamResponse:
        return await _part_or_all(request, "leases", self._sources.leases(), views.lease, pages.LEASES)

    async def _peer(self, request: web.Request) -> web.StreamResponse:
        try:
            name, wants_health = views.peer_path(request.raw_path)
        except ValueError:
            name, wants_health = views.peer_path(request.rel_url.raw_path)
        find = self._sources.peer
        report = find(name) if find is not None else views.find_peer(self._sources.peers(), name)
        if report is None:
            return _error(404, f"no peer has the name or public key {name!r}")
        if wants_health:
            status, body = views.peer_health(report)
            return _json(status, body)
        return _json(200, views.peer(report))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        sources = self._sources
        counts = {
            "peers": await _count(sources.peers(), lambda report: report.state.value),
            "routes": await _count(sources.routes(), lambda route: route.state.value),
            "leases": await _count(sources.leases(), lambda report: report.state),
            "problems": await _count(sources.problems(), lambda report: report.severity),
        }
        now = (sources.now or time.time)()
        return _json(200, views.status(sources.version, sources.started, now, counts, sources.status()))

    def _list_of(self, key: str, source: Callable[[], Iterable[T]], view: Callable[[T], views.Json]) -> _Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await _stream(request, key, source(), view)

        return handler


async def _part_or_all(
    request: web.Request, key: str, rows: Iterable[T], view: Callable[[T], views.Json], order: pages.Order[T, K]
) -> web.StreamResponse:
    try:
        page = pages.parse_page(order, request.query)
    except ValueError as error:
        return _error(400, str(error))
    if page is None:
        return await _stream(request, key, rows, view)
    best: list[T] = []
    rows = iter(rows)
    while piece := list(islice(rows, _ROWS)):
        best = page.merge(best, piece)
        await asyncio.sleep(0)
    return await _stream(request, key, best, view)


async def _stream(
    request: web.Request, key: str, rows: Iterable[T], view: Callable[[T], views.Json]
) -> web.StreamResponse:
    """Send `{key: rows}` in pieces, so that a long list never holds the event loop for long."""
    rows = iter(rows)
    piece = list(islice(rows, _ROWS))
    head = f'{{"{key}": ['
    if len(piece) < _ROWS:
        return web.Response(text=f"{head}{_rows(piece, view)}]}}\n", content_type="application/json")
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json; charset=utf-8"})
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    while piece:
        await response.write((head + _rows(piece, view)).encode())
        await asyncio.sleep(0)
        head = ", "
        piece = list(islice(rows, _ROWS))
    await response.write(b"]}\n")
    await response.write_eof()
    return response


async def _count(rows: Iterable[T], state: Callable[[T], str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    rows = iter(rows)
    while piece := list(islice(rows, _ROWS)):
        views.tally(counts, map(state, piece))
        await asyncio.sleep(0)
    return counts


def _rows(piece: list[T], view: Callable[[T], views.Json]) -> str:
    return ", ".join(json.dumps(view(row)) for row in piece)


def _json(status: int, body: views.Json) -> web.Response:
    return web.Response(status=status, text=json.dumps(body) + "\n", content_type="application/json")


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    response = _json(status, {"error": text})
    response.headers.update({hdrs.SERVER: _SERVER, **(headers or {})})
    return response


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = _SERVER
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _is_unix(request: web.Request) -> bool:
    sock = request.transport.get_extra_info("socket") if request.transport is not None else None
    return sock is not None and sock.family == socket.AF_UNIX
