"""Server-sent events: many readers of one queue, each with no more of its own than a place in it."""

import asyncio
import logging
import socket
from collections import Counter
from contextlib import suppress

from aiohttp import hdrs, web

from routerd.api import sse
from routerd.api.answers import client, error_answer
from routerd.api.connections import Connection
from routerd.events import EventLog

log = logging.getLogger("routerd.api")

MOST_STREAMS = 32
_PATIENCE = 10.0
_HEARTBEAT = 15.0
_PAUSE = 0.05
_ROWS = 100
_BUFFER = 16 * 1024
_KERNEL_BUFFER = 64 * 1024
_HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    # nginx in front would else hold events back until its buffer is full.
    "X-Accel-Buffering": "no",
}


class Streams:
    """All event streams. `bell` is set for a moment when there are new events or a connection ended.

    `counters` are the HTTP service's own.
    """

    def __init__(self, events: EventLog, bell: asyncio.Event, counters: Counter[str]) -> None:
        self._events = events
        self._counters = counters
        self._bell = bell
        self._encoder = sse.Encoder(events)
        self._open: set[asyncio.Transport] = set()
        self._slots = 0
        self._closing = False

    def __len__(self) -> int:
        return self._slots

    def close(self) -> None:
        """End all streams: at once those that are not read, soon the others. No new ones begin."""
        self._closing = True
        for transport in self._open:
            if transport.get_write_buffer_size():
                transport.abort()
        ring(self._bell)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `/v1/events` for as long as the reader stays."""
        try:
            kinds = sse.parse_kinds(request.query.getall("kind", []))
        except ValueError as error:
            return error_answer(400, str(error))
        if self._closing or self._slots >= MOST_STREAMS:
            return error_answer(503, f"{MOST_STREAMS} readers are served at most", {hdrs.RETRY_AFTER: "15"})
        response = web.StreamResponse(headers=_HEADERS)
        if request.method == hdrs.METH_HEAD:
            await response.prepare(request)
            return response
        transport = request.transport
        if transport is None:
            return response
        self._slots += 1
        self._open.add(transport)
        try:
            await self._serve(_Reader(request, response, transport, self._counters), kinds)
        finally:
            self._open.discard(transport)
            self._slots -= 1
        return response

    async def _serve(self, reader: "_Reader", kinds: frozenset[str] | None) -> None:
        cursor, text = sse.start(self._events, reader.last_id)
        await reader.begin(text)
        while not self._closing and reader.stays():
            rows = self._events.after(cursor, _ROWS)
            text = self._encoder.text(cursor, rows, kinds)
            cursor = rows[-1].number if rows else cursor
            if not text and not rows and not await self._rung(reader.silent_since + _HEARTBEAT):
                text = sse.heartbeat(self._events.text_id(cursor))
            if text:
                await reader.send(text)
                # A burst goes out in pieces, and costs no more than this many of them a second.
                await asyncio.sleep(_PAUSE)

    async def _rung(self, deadline: float) -> bool:
        """Wait for the bell; False where it was silent until the deadline."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._bell.wait()
        except TimeoutError:
            return False


class _Reader:
    """One connection that events are sent on."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        transport: asyncio.Transport,
        counters: Counter[str],
    ) -> None:
        self.last_id = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
        self.silent_since = 0.0
        self._counters = counters
        self._request, self._response, self._transport = request, response, transport

    async def begin(self, text: str) -> None:
        """Send the headers and the first lines."""
        if isinstance(self._request.protocol, Connection):
            self._request.protocol.is_endless = True
        # Bounds what waits for this reader, here and in the kernel.
        self._transport.set_write_buffer_limits(high=_BUFFER)
        with suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
        await self._response.prepare(self._request)
        await self.send(text)

    def stays(self) -> bool:
        """Whether the connection is open."""
        return not self._transport.is_closing()

    async def send(self, text: str) -> None:
        """Send it; ConnectionResetError where the reader is gone, or was dropped as it does not read."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._response.write(text.encode())
                await self._request.writer.drain()
        except TimeoutError:
            log.info("http %s: dropped, as it has not read its events for %d s", client(self._request), _PATIENCE)
            self._counters["unread-answers"] += 1
            self._transport.abort()
            raise ConnectionResetError from None
        self.silent_since = asyncio.get_running_loop().time()


def ring(bell: asyncio.Event) -> None:
    """Wake everybody who waits for the bell now; who comes later waits for the next time."""
    bell.set()
    bell.clear()
