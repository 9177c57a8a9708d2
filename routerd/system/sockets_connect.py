"""TCP connections of probes: bound to an interface and a source address, closed whatever happens to the probe."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from routerd.system.sockets_probe import Address, bind, socket_address

_IP_BIND_ADDRESS_NO_PORT = 24
_CHUNK = 4096
_MOST_RECEIVED = 1 << 18
T = TypeVar("T")


class ConnectSocket:
    """One non-blocking TCP socket. Cancelling any of its methods and then closing it leaves nothing behind."""

    def __init__(self, version: int, interface: str | None = None, source: Address | None = None) -> None:
        """Open it for IP version 4 or 6. Raises OSError: ENODEV, EADDRNOTAVAIL, EMFILE and others."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            # The port is chosen when it connects: chosen now, it would be one that no other connection has.
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            bind(self._socket, interface, source)
        except BaseException:
            self._socket.close()
            raise
        self._interface = interface
        self._received = 0

    async def connect(self, address: Address, port: int) -> None:
        """Connect. Raises OSError with the reason: ECONNREFUSED and others."""
        await asyncio.get_running_loop().sock_connect(self._socket, socket_address(address, self._interface, port))

    async def ask(self, request: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
        """Send the request; what is answered until it is whole or the other side closes. Raises OSError."""
        await asyncio.get_running_loop().sock_sendall(self._socket, request)
        answer = b""
        while not is_whole(answer) and (data := await self._receive()):
            answer += data
        return answer

    async def ask_tls(self, request: bytes, name: str, is_whole: Callable[[bytes], bool]) -> bytes:
        """The same over TLS, where the certificate must be of `name`. Raises OSError, of which ssl.SSLError is one."""
        context = await asyncio.to_thread(_context)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
        await self._turn(tls.do_handshake, incoming, outgoing)
        await self._turn(lambda: tls.write(request), incoming, outgoing)
        answer = b""
        with contextlib.suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            while not is_whole(answer) and (data := await self._turn(lambda: tls.read(_CHUNK), incoming, outgoing)):
                answer += data
        return answer

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        self._socket.close()

    async def _turn(self, call: Callable[[], T], incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> T:
        """Call it until it wants no more from the other side."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                pass
            finally:
                if outgoing.pending:
                    await asyncio.get_running_loop().sock_sendall(self._socket, outgoing.read())
            if data := await self._receive():
                incoming.write(data)
            else:
                incoming.write_eof()

    async def _receive(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self._socket, _CHUNK)
        self._received += len(data)
        return data if self._received <= _MOST_RECEIVED else b""


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
