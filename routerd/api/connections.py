"""HTTP connections: how many there may be, how large a head, and how long one may be silent or unread."""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, BadHttpMethod, LineTooLong
from aiohttp.web_protocol import RequestHandler

from routerd.api.answers import SERVER, error_answer

log = logging.getLogger("routerd.api")

MOST_CONNECTIONS = 256
KEPT_FOR_UNIX = 32
LARGEST_HEAD = 32 * 1024
HANDSHAKE_SECONDS = 10.0
HEAD_SECONDS = 10.0
UNREAD_SECONDS = 10.0
KEEPALIVE_SECONDS = 15.0
_LONGEST_LINE = 8192
_LONGEST_FIELD = 8190
_MOST_HEADERS = 64
_LOOK = 1.0

_WHOLE_LINE = re.compile(r"b'[!#$%&*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/1\.[01]'")
"""A request line in the error of aiohttp's parser, which refuses methods that it does not know as no HTTP at all."""
_UNEXPECTED = "the header Expect may only say 100-continue"
_TOO_LARGE = f"the headers are larger than {LARGEST_HEAD} bytes"


class Connection(RequestHandler):
    """aiohttp's connection, whose own error pages are like ours and which logs no stranger's bad bytes as errors."""

    __slots__ = (
        *("_answered", "_has_ended", "_head_until", "_house", "_unparsed", "_unread", "_unread_until", "_wire"),
        "is_endless",
    )

    def __init__(self, server: web.Server, house: "Connections") -> None:
        settings: dict[str, Any] = {"keepalive_timeout": KEEPALIVE_SECONDS, "lingering_time": 1.0, "access_log": None}
        # No unpacking of bodies: a few bytes could stand for gigabytes.
        settings |= {"max_line_size": _LONGEST_LINE, "max_field_size": _LONGEST_FIELD, "auto_decompress": False}
        super().__init__(server, loop=asyncio.get_running_loop(), max_headers=_MOST_HEADERS, **settings)
        self._house = house
        self.is_endless = False
        """The answer goes on for as long as the client is there."""
        self._has_ended = False
        self._answered = 0
        self._wire: asyncio.Transport | None = None
        self._unparsed = 0
        self._unread = 0
        self._head_until: float | None = None
        self._unread_until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        self._head_until = asyncio.get_running_loop().time() + HEAD_SECONDS
        self._house.made(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say so to whoever writes to it, which aiohttp itself does only at the next write."""
        super().connection_lost(exc)
        self._wire = None
        self._house.lost(self)

    def data_received(self, data: bytes) -> None:
        """Read, but no head without an end."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_until = None
            self._unparsed = 0
        elif self._waiter is not None:
            self._unparsed += len(data)
            if self._unparsed > LARGEST_HEAD and self._wire is not None:
                self._house.counters["bad-requests"] += 1
                self._wire.write(_raw_error(431, _TOO_LARGE))
                self.force_close()

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's returns None always
        """The client sends no more: what it has asked for is answered, and then the connection ends.

        An endless answer ends at once, because nothing else says that its client is gone. TLS has no half closing.
        """
        is_idle = self._answered == self._request_count
        if is_idle or self.is_endless or self._wire is None or self._wire.get_extra_info("ssl_object") is not None:
            return False
        self._has_ended = True
        self._close_after_last()
        return True

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; aiohttp's own errors are made like ours."""
        if isinstance(resp, web.HTTPException):
            self._house.counters["bad-requests"] += 1
            resp = error_answer(resp.status, _UNEXPECTED if resp.status == 417 else resp.reason)
        if self._has_ended and self._close_after_last() and not resp.prepared:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1

    def _close_after_last(self) -> bool:
        if self._messages:
            return False
        self.close()
        return True

    def look(self, now: float) -> None:
        """Give the connection up where nothing was asked in time, or where an answer is not read."""
        wire = self._wire
        if wire is None:
            return
        if self._head_until is not None and now >= self._head_until:
            self._house.counters["late-requests"] += 1
            wire.abort()
            return
        unread = wire.get_write_buffer_size()
        if unread == 0 or unread < self._unread:
            self._unread_until = 0.0
        elif not self._unread_until:
            self._unread_until = now + UNREAD_SECONDS
        elif now >= self._unread_until:
            self._house.counters["unread-answers"] += 1
            wire.abort()
        self._unread = unread

    def give_up(self) -> None:
        """End the connection whatever waits in it."""
        if self._wire is not None:
            self._wire.abort()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request, and close the connection."""
        if isinstance(exc, ConnectionError):
            raise exc  # The client is gone, or was dropped as it does not read.
        log.debug("http %s: bad request: %s", request.remote, exc)
        self._house.counters["bad-requests"] += 1
        if request.writer.output_size > 0:
            raise ConnectionResetError from exc
        status, text = _judge(status, exc)
        response = error_answer(status, text)
        response.force_close()
        return response


def _judge(status: int, error: BaseException | None) -> tuple[int, str]:
    if isinstance(error, LineTooLong):
        if error.args[1] == _LONGEST_LINE:
            return 414, f"the request line is longer than {_LONGEST_LINE} bytes"
        return 431, f"a header is longer than {_LONGEST_FIELD} bytes"
    if isinstance(error, BadHttpMessage) and "Too many headers" in error.message:
        return 431, f"there are more than {_MOST_HEADERS} headers"
    if isinstance(error, BadHttpMethod) and _WHOLE_LINE.search(error.message):
        return 501, "this method is not known here"
    return status, "the request is not valid HTTP" if status < 500 else "internal error"


def _raw_error(status: int, text: str) -> bytes:
    body = json.dumps({"error": text}) + "\n"
    head = f"HTTP/1.1 {status} Request Header Fields Too Large\r\nServer: {SERVER}\r\nConnection: close\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class Refused(asyncio.Protocol):
    """A connection over the limit: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class Connections:
    """All connections. `lost` is called when one has ended."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self.counters: Counter[str] = Counter()
        self._ended = lost
        self._open: set[Connection] = set()
        self._begun: dict[Connection, float] = {}

    def __len__(self) -> int:
        return len(self._open) + len(self._begun)

    def accept(self, server: web.Server | None, *, unix: bool) -> Connection | None:
        """A protocol for a connection that came; None over the limit, so that descriptors are left for DHCP.

        It counts from now on, and until it is `lost`, or `begun` without ever having been made. Where nobody says so
        it counts for as long as a handshake may take.
        """
        now = asyncio.get_running_loop().time()
        while self._begun and next(iter(self._begun.values())) <= now:
            del self._begun[next(iter(self._begun))]
        most = MOST_CONNECTIONS if unix else MOST_CONNECTIONS - KEPT_FOR_UNIX
        if server is None or len(self) >= most:
            self.counters["refused-connections"] += 1
            return None
        connection = Connection(server, self)
        self._begun[connection] = now + HANDSHAKE_SECONDS
        return connection

    def begun(self, connection: Connection) -> None:
        """Its handshake is over, one way or the other."""
        self._begun.pop(connection, None)

    def made(self, connection: Connection) -> None:
        """The connection can be used."""
        self.begun(connection)
        self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        """The connection has ended."""
        self._open.discard(connection)
        self._ended()

    async def watch(self) -> None:
        """Look at all connections every second, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            now = asyncio.get_running_loop().time()
            for connection in list(self._open):
                connection.look(now)

    def abort(self) -> None:
        """End those that were told to end and did not, because their answer is not read."""
        for connection in list(self._open):
            connection.give_up()
