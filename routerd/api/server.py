"""The HTTP server on aiohttp: paths, streaming, errors as JSON. Imported late, as importing aiohttp takes long."""

import asyncio
import logging
import socket
from collections.abc import Callable, Collection
from typing import Any

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from routerd.api.access import host_allowed
from routerd.api.answers import SERVER, client, error_answer, is_unix
from routerd.api.commands import Commands, Token
from routerd.api.handlers import Handler, Readers
from routerd.api.sources import Sources
from routerd.api.stream import Streams, ring

log = logging.getLogger("routerd.api")

_MOST_CONNECTIONS = 256
_LARGEST_BODY = 64 * 1024
_CONNECTION: dict[str, Any] = {"keepalive_timeout": 15.0, "lingering_time": 1.0, "access_log": None}


class _Connection(RequestHandler):
    """aiohttp's connection, whose own error pages are like ours and which logs no stranger's bad bytes as errors."""

    __slots__ = ("_lost",)

    def __init__(self, server: web.Server, lost: Callable[[], None]) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_CONNECTION)
        self._lost = lost

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say so to whoever writes to it, which aiohttp itself does only at the next write."""
        super().connection_lost(exc)
        self._lost()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request, and close the connection."""
        log.debug("http %s: bad request: %s", request.remote, exc)
        if request.writer.output_size > 0:
            raise ConnectionResetError from exc
        response = error_answer(status, "the request is not valid HTTP" if status < 500 else "internal error")
        response.force_close()
        return response


class _Refused(asyncio.Protocol):
    """A connection over the limit: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class Server:
    """All HTTP connections of the daemon. `names` are the host names, lower case, that may stand in a Host header.

    `token` gives the token for changes over TCP; `bell` rings when there are new events.
    """

    def __init__(self, sources: Sources, names: Collection[str], token: Token, bell: asyncio.Event) -> None:
        self._names = names
        self._bell = bell
        self.streams = None if sources.events is None else Streams(sources.events, bell)
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_BODY)
        app.on_response_prepare.append(_name_server)
        for path, handler in Readers(sources).paths().items():
            app.router.add_get(path, handler)
        if self.streams is not None:
            app.router.add_get("/v1/events", self.streams.handle)
        for (method, path), handler in Commands(sources, token).paths().items():
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)

    async def start(self) -> None:
        """Get ready for `listen`."""
        await self._runner.setup()

    async def listen(self, sock: socket.socket) -> asyncio.Server:
        """Serve on a socket that listens already; it belongs to the server returned."""
        return await asyncio.get_running_loop().create_server(self._connection, sock=sock)

    async def stop(self) -> None:
        """End all connections, within about 2 s."""
        if self.streams is not None:
            self.streams.close()
        await self._runner.cleanup()

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        # A limit, so that no client uses up the file descriptors that other services need.
        if server is None or len(server.connections) >= _MOST_CONNECTIONS:
            return _Refused()
        return _Connection(server, lambda: ring(self._bell))

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = self._refusal(request)
        if refused is not None:
            return refused
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as error:
            allow = {"Allow": error.headers[hdrs.ALLOW]}
            return error_answer(error.status, f"{request.method} is not allowed here", allow)
        except web.HTTPException as error:
            return error_answer(error.status, "no such resource" if error.status == 404 else error.reason)
        except ConnectionResetError:
            raise
        except Exception:
            log.exception("http %s: %s %s failed; answered with 500", client(request), request.method, request.path)
            if request.writer.output_size > 0:
                # The answer has begun: breaking the connection is the only way left to say that it is not whole.
                raise ConnectionResetError from None
            return error_answer(500, "internal error")

    def _refusal(self, request: web.Request) -> web.Response | None:
        hosts = request.headers.getall(hdrs.HOST, [])
        trusted = is_unix(request)
        if len(hosts) != 1 and not trusted and (hosts or request.version >= (1, 1)):
            return error_answer(400, "exactly one Host header is needed")
        if hosts and not trusted and not host_allowed(hosts[0], self._names):
            return error_answer(
                421, "this Host is not served here: use an IP address, localhost or this machine's name"
            )
        if (request.content_length or 0) > _LARGEST_BODY:
            response = error_answer(413, f"the body is larger than {_LARGEST_BODY} bytes")
            response.force_close()
            return response
        return None


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = SERVER
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
