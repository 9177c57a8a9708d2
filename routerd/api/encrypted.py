"""Accepts connections for TLS. asyncio's own server would give the ones over the limit a handshake before refusing."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from routerd.api.connections import HANDSHAKE_SECONDS, Connection, Connections

SHUTDOWN_SECONDS = 2.0
_BURST = 64
_PAUSE = 1.0

Tls = Callable[[], ssl.SSLContext | None]


class EncryptedServer:
    """Serves TLS on a socket that listens already and is its own now; `accept` gives a connection, None if refused.

    `tls` gives the context of the next connection; while it gives None there are none.
    """

    def __init__(
        self, sock: socket.socket, tls: Tls, house: Connections, accept: Callable[[], Connection | None]
    ) -> None:
        self._sock, self._tls, self._house, self._accept = sock, tls, house, accept
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The socket, as asyncio's server has it."""
        return (self._sock,)

    def close(self) -> None:
        """Stop accepting, and end handshakes that are under way."""
        if self._pause is not None:
            self._pause.cancel()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
        for task in self._handshakes:
            task.cancel()

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def _readable(self) -> None:
        for _ in range(_BURST):
            try:
                raw, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptor is left: trying at once again would only burn time.
                self._loop.remove_reader(self._sock.fileno())
                self._pause = self._loop.call_later(_PAUSE, self._listen)
                return
            tls = self._tls()
            connection = None if tls is None else self._accept()
            if tls is None or connection is None:
                raw.close()
                continue
            raw.setblocking(False)
            task = self._loop.create_task(self._begin(raw, tls, connection), name="http-handshake")
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _begin(self, raw: socket.socket, tls: ssl.SSLContext, connection: Connection) -> None:
        try:
            with suppress(OSError):
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    raw,
                    ssl=tls,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=SHUTDOWN_SECONDS,
                )
                return
            self._house.counters["failed-handshakes"] += 1
        finally:
            self._house.begun(connection)
