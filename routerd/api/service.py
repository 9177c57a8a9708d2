"""The HTTP service: keeps a server on every address of `http.listen`, and tries again where that fails."""

import asyncio
import errno
import importlib
import logging
import os
import socket
from typing import TYPE_CHECKING

from routerd.api.access import TcpListen, UnixListen, parse_listen
from routerd.api.auth import LEAST_TOKEN
from routerd.api.sources import Sources
from routerd.config.model import Http
from routerd.model import Check, Problem
from routerd.system.secret import SecretError, read_secret
from routerd.system.sockets_http import identity, listen_tcp, listen_unix, remove_unix

if TYPE_CHECKING:
    from routerd.api.server import Server

log = logging.getLogger("routerd.api")

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0


class BindError(Exception):
    """An address for HTTP cannot be had; the text says why and what to do."""


class _Site:
    """One entry of `http.listen`: its server, or why there is none."""

    def __init__(self, listen: str) -> None:
        self.listen = listen
        self.target: TcpListen | UnixListen | None = None
        self.server: asyncio.Server | None = None
        self.made: tuple[int, int] | None = None
        self.listener: socket.socket | None = None
        self.error: OSError | ValueError | None = None
        self.retry_at = 0.0
        self.delay = _FIRST_DELAY

    def bind(self) -> None:
        """Take the address now, to be served later. Raises OSError or ValueError."""
        self.target = parse_listen(self.listen)
        self.listener = self._socket(self.target)

    async def open(self, server: "Server", now: float) -> None:
        """Try to serve; a failure is kept in `error`, and `retry_at` set."""
        try:
            if self.listener is None:
                self.bind()
            assert self.listener is not None
            sock, self.listener = self.listener, None
            try:
                self.server = await server.listen(sock)
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


class ApiService:
    """Serves HTTP from `sources`. What goes wrong here is shown as a problem and never ends the daemon."""

    name = "api"

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._sites: dict[str, _Site] = {}
        self._import_error: ImportError | None = None
        self._wake, self._bell = asyncio.Event(), asyncio.Event()
        self._token_file: str | None = None
        self._server: Server | None = None

    async def apply(self, part: Http) -> None:
        """Take over where to serve; addresses that stay are not touched, nor connections that are open."""
        self._token_file = part.token_file
        for listen in self._sites.keys() - set(part.listen):
            self._sites.pop(listen).close()
        for listen in part.listen:
            self._sites.setdefault(listen, _Site(listen))
        self._wake.set()

    def bind(self, part: Http) -> None:
        """Take every address at once, long before anything is served, so that one in use stops the start.

        Raises `BindError` for an address that another program holds or that needs a right, and gives back the others.
        What may come later, such as an address that this machine does not have yet, is left to `run`.
        """
        self._token_file = part.token_file
        for listen in part.listen:
            site = self._sites.setdefault(listen, _Site(listen))
            try:
                site.bind()
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EEXIST, errno.EACCES):
                    self.close()
                    values = dict(_problem(site, error).values)
                    text = f"HTTP cannot be served at {listen}: {values['reason']}; {values['hint']}"
                    raise BindError(text) from None

    def close(self) -> None:
        """Give back what `bind` took, where `run` never ran."""
        for site in self._sites.values():
            site.close()
        self._sites.clear()

    def wake(self) -> None:
        """There are new events: send them to who listens."""
        self._bell.set()
        self._bell.clear()

    def status(self) -> dict[str, object]:
        """Where HTTP is served, since what goes wrong, and how many read events."""
        sites = [
            {"listen": site.listen, "served": site.server is not None, "error": site.error and str(site.error)}
            for site in self._sites.values()
        ]
        streams = None if self._server is None else self._server.streams
        return {"listen": sites, "event_streams": 0 if streams is None else len(streams)}

    def addresses(self) -> dict[str, object]:
        """The socket names that are served now, by entry of `http.listen`."""
        sites = self._sites.values()
        return {site.listen: site.server.sockets[0].getsockname() for site in sites if site.server is not None}

    def problems(self) -> tuple[Problem, ...]:
        """The addresses that cannot be served, and a token that cannot be used, with the mend of each."""
        if self._import_error is not None:
            return tuple(_not_installed(site, self._import_error) for site in self._sites.values())
        found = [_problem(site, site.error) for site in self._sites.values() if site.error is not None]
        try:
            self._token()
        except SecretError as error:
            values = (("path", self._token_file or ""), ("reason", error.reason), ("hint", error.hint))
            found.append(Problem("http-token", "http", values))
        return tuple(found)

    def _token(self) -> bytes | None:
        # Read anew each time: a new token is in force as soon as it is written.
        return None if self._token_file is None else read_secret(self._token_file, LEAST_TOKEN)

    def checks(self) -> tuple[Check, ...]:
        """One check: whether every address is served."""
        missing = [site.listen for site in self._sites.values() if site.server is None]
        if self._server is None:
            return (Check(self.name, False, "not started"),)
        return (Check(self.name, not missing, f"not served: {', '.join(missing)}" if missing else ""),)

    async def run(self) -> None:
        """Serve until cancelled; then end all connections and remove the Unix sockets."""
        # In a thread, because it takes about 0.3 s, during which DHCP has to go on.
        try:
            module = await asyncio.to_thread(importlib.import_module, "routerd.api.server")
        except ImportError as error:
            self._import_error = error
            log.error("http: cannot be served: %s; all else goes on, but nothing can be asked until a restart", error)
            await asyncio.Event().wait()
        server: Server = module.Server(self._sources, _own_names(), self._token, self._bell)
        await server.start()
        self._server = server
        try:
            while True:
                self._wake.clear()
                deadline = await self._open_sites(server)
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            self._server = None
            for site in self._sites.values():
                site.close()
            await server.stop()

    async def _open_sites(self, server: "Server") -> float | None:
        """Open what is to be opened now; when to try again."""
        now = asyncio.get_running_loop().time()
        for site in list(self._sites.values()):
            if site.server is None and now >= site.retry_at:
                await site.open(server, now)
                if self._sites.get(site.listen) is not site:
                    site.close()
        return min((site.retry_at for site in self._sites.values() if site.server is None), default=None)


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0]}) - {""}


def _not_installed(site: _Site, error: ImportError) -> Problem:
    hint = 'Install it and restart routerd: pip install "aiohttp>=3.14.1"'
    values = (("listen", site.listen), ("reason", str(error)), ("hint", hint))
    return Problem("http-socket", f"http {site.listen}", values, ("http",))


def _problem(site: _Site, error: OSError | ValueError) -> Problem:
    reason = str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        reason = os.strerror(error.errno)
    values = (("listen", site.listen), ("reason", reason), ("hint", _hint(site, error)))
    return Problem("http-socket", f"http {site.listen}", values, ("http",))


def _hint(site: _Site, error: OSError | ValueError) -> str:
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
