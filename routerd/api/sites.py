"""One entry of `http.listen`: its socket and its server, or why there is none and what to do."""

import asyncio
import errno
import logging
import os
import socket
from typing import TYPE_CHECKING

from routerd.api.access import TcpListen, UnixListen, parse_listen
from routerd.model import Problem
from routerd.system.sockets_http import identity, listen_tcp, listen_unix, remove_unix

if TYPE_CHECKING:
    from routerd.api.encrypted import EncryptedServer, Tls
    from routerd.api.server import Server

log = logging.getLogger("routerd.api")

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0


class Site:
    """One entry of `http.listen`: its server, or why there is none."""

    def __init__(self, listen: str) -> None:
        self.listen = listen
        self.target: TcpListen | UnixListen | None = None
        self.server: asyncio.Server | EncryptedServer | None = None
        self.made: tuple[int, int] | None = None
        self.listener: socket.socket | None = None
        self.error: OSError | ValueError | None = None
        self.retry_at = 0.0
        self.delay = _FIRST_DELAY

    def bind(self) -> None:
        """Take the address now, to be served later. Raises OSError or ValueError."""
        self.target = parse_listen(self.listen)
        self.listener = self._socket(self.target)

    @property
    def is_tcp(self) -> bool:
        """Whether this is a TCP address."""
        return not self.listen.startswith("unix:")

    async def open(self, server: "Server", now: float, tls: "Tls | None") -> None:
        """Try to serve; a failure is kept in `error`, and `retry_at` set."""
        try:
            if self.listener is None:
                self.bind()
            assert self.listener is not None
            sock, self.listener = self.listener, None
            try:
                self.server = await server.listen(sock, tls if self.is_tcp else None)
            except BaseException:
                sock.close()
                raise
        except (OSError, ValueError) as error:
            if self.error is None:
                log.warning("http %s: cannot be served: %s; trying again", self.listen, error)
            self.error = error
            self.retry_at = now + self.delay
            self.delay = min(2 * self.delay, _LONGEST_DELAY)
        else:
            self.error, self.delay = None, _FIRST_DELAY
            log.info("http %s: serving", self.listen)

    def close_if_lost(self) -> None:
        """Stop serving a Unix socket whose file is gone (a cleaned directory), so that it is made anew."""
        if isinstance(self.target, UnixListen) and self.server is not None and identity(self.target.path) is None:
            log.warning("http %s: the socket was removed; making it anew", self.listen)
            self.close()

    def close(self) -> None:
        """Stop accepting; connections that are open go on until the whole service stops."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        if self.server is not None:
            self.server.close()
            self.server = None
        if isinstance(self.target, UnixListen):
            remove_unix(self.target.path, self.made)
            self.made = None

    def _socket(self, target: TcpListen | UnixListen) -> socket.socket:
        if isinstance(target, TcpListen):
            return listen_tcp(target.host, target.port)
        sock = listen_unix(target.path)
        self.made = identity(target.path)
        return sock


def not_installed(site: Site, error: ImportError) -> Problem:
    """HTTP is not served at all, because a library is missing."""
    hint = 'Install it and restart routerd: pip install "aiohttp>=3.14.1"'
    values = (("listen", site.listen), ("reason", str(error)), ("hint", hint))
    return Problem("http-socket", f"http {site.listen}", values, ("http",))


def site_problem(site: Site, error: OSError | ValueError) -> Problem:
    """The entry is not served."""
    reason = str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        reason = os.strerror(error.errno)
    values = (("listen", site.listen), ("reason", reason), ("hint", _hint(site, error)))
    return Problem("http-socket", f"http {site.listen}", values, ("http",))


def _hint(site: Site, error: OSError | ValueError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    target = site.target
    change = "or change `listen` in [http]."
    if isinstance(target, UnixListen):
        directory = os.path.dirname(target.path)
        return {
            errno.EADDRINUSE: f"Another program serves it, look with: ss -xlp src {target.path}; stop it, {change}",
            errno.EEXIST: f"Remove the file {target.path}, {change}",
            errno.EACCES: f"Let routerd write to {directory}, {change}",
        }.get(code or 0, f"Make {directory} writable for routerd, {change}")
    if target is None:
        return "Write `listen` in [http] as host:port, [v6]:port or unix:/path."
    return {
        errno.EADDRINUSE: f"Another program holds the port, look with: ss -ltnp sport = :{target.port}; stop it, "
        + change,
        errno.EADDRNOTAVAIL: f"Give this machine the address {target.host}, {change}",
        errno.EACCES: f"A port below 1024 needs CAP_NET_BIND_SERVICE: give it to routerd, {change}",
    }.get(code or 0, f"Look at the address {target.host}, {change}")
