"""The HTTP server on aiohttp: paths, limits, errors as JSON. Imported late, as importing aiohttp takes long."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Collection
from functools import partial

from aiohttp import hdrs, web

from routerd.api.access import host_allowed, target_host
from routerd.api.answers import SERVER, client, error_answer, is_unix, tagged
from routerd.api.commands import Commands, Token
from routerd.api.connections import LARGEST_HEAD, Connection, Connections, Refused
from routerd.api.encrypted import EncryptedServer, Tls
from routerd.api.handlers import Handler, Readers, accepting, wrong_method
from routerd.api.negotiation import EVENTS
from routerd.api.scrapes import Scrapes
from routerd.api.sources import Sources
from routerd.api.stream import Streams, ring

log = logging.getLogger("routerd.api")

_LARGEST_BODY = 64 * 1024
_SECONDS_TO_STOP = 2.0


class Server:
    """All HTTP connections of the daemon. `names` are the host names, lower case, that may stand in a Host header.

    `token` gives the token for changes over TCP; `bell` rings when there are new events.
    """

    def __init__(self, sources: Sources, names: Collection[str], token: Token, bell: asyncio.Event) -> None:
        self._names = names
        self._can_probe = sources.probe is not None
        self.connections = Connections(partial(ring, bell))
        self.streams = None if sources.events is None else Streams(sources.events, bell, self.counters)
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_BODY)
        app.on_response_prepare.append(_name_server)
        for path, handler in Readers(sources, Scrapes(sources, self.connections.counters)).paths().items():
            app.router.add_get(path, handler)
        if self.streams is not None:
            app.router.add_get("/v1/events", accepting(EVENTS, self.streams.handle))
        for (method, path), handler in Commands(sources, token).paths().items():
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SECONDS_TO_STOP)
        self._watch: asyncio.Task[None] | None = None

    @property
    def counters(self) -> Counter[str]:
        """Requests, and what went wrong with connections."""
        return self.connections.counters

    async def start(self) -> None:
        """Get ready for `listen`."""
        await self._runner.setup()
        self._watch = asyncio.create_task(self.connections.watch(), name="http-watch")

    async def listen(self, sock: socket.socket, tls: Tls | None = None) -> asyncio.Server | EncryptedServer:
        """Serve on a socket that listens already; it belongs to the server returned."""
        accept = partial(self._accept, unix=sock.family == socket.AF_UNIX)
        if tls is not None:
            return EncryptedServer(sock, tls, self.connections, accept)
        return await asyncio.get_running_loop().create_server(lambda: accept() or Refused(), sock=sock)

    async def stop(self) -> None:
        """End all connections, within about 2 s."""
        if self._watch is not None:
            self._watch.cancel()
        if self.streams is not None:
            self.streams.close()
        await self._runner.cleanup()
        self.connections.abort()

    def _accept(self, *, unix: bool) -> Connection | None:
        return self.connections.accept(self._runner.server, unix=unix)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.counters["requests"] += 1
        transport = request.transport
        if transport is not None and transport.get_write_buffer_size():
            # Who sends many requests and reads no answer waits, instead of filling the memory.
            await request.writer.drain()
        refused = self._refusal(request)
        if refused is not None:
            self.counters["refused-requests"] += 1
            return refused
        try:
            return tagged(request, await handler(request))
        except web.HTTPMethodNotAllowed as error:
            return wrong_method(request, error.headers[hdrs.ALLOW], can_probe=self._can_probe)
        except web.HTTPException as error:
            return error_answer(error.status, "no such resource" if error.status == 404 else error.reason)
        except ConnectionResetError:
            raise
        except web.RequestPayloadError:
            return error_answer(400, "the body is not valid HTTP")
        except Exception:
            log.exception("http %s: %s %s failed; answered with 500", client(request), request.method, request.path_qs)
            if request.writer.output_size > 0:
                # The answer has begun: breaking the connection is the only way left to say that it is not whole.
                raise ConnectionResetError from None
            return error_answer(500, "internal error")

    def _refusal(self, request: web.Request) -> web.Response | None:
        hosts = request.headers.getall(hdrs.HOST, [])
        trusted = is_unix(request)
        if len(hosts) != 1 and not trusted and (hosts or request.version >= (1, 1)):
            return error_answer(400, "exactly one Host header is needed")
        # A target with an authority overrules the header (RFC 9112 section 3.2.2).
        host = target_host(request.raw_path) or next(iter(hosts), None)
        if host is not None and not trusted and not host_allowed(host, self._names):
            return error_answer(
                421, "this Host is not served here: use an IP address, localhost or this machine's name"
            )
        if sum(len(name) + len(value) + 4 for name, value in request.raw_headers) > LARGEST_HEAD:
            return _closing(error_answer(431, f"the headers are larger than {LARGEST_HEAD} bytes"))
        if (request.content_length or 0) > _LARGEST_BODY:
            return _closing(error_answer(413, f"the body is larger than {_LARGEST_BODY} bytes"))
        return None


def _closing(response: web.Response) -> web.Response:
    """The answer, after which the connection ends."""
    response.force_close()
    return response


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = SERVER
    # What has a tag may be kept, if it is asked for anew each time.
    response.headers[hdrs.CACHE_CONTROL] = "no-cache" if hdrs.ETAG in response.headers else "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
