"""The HTTP service: keeps a server on every address of `http.listen`, and tries again where that fails."""

import asyncio
import errno
import importlib
import logging
import socket
import ssl
from typing import TYPE_CHECKING

from routerd.api.auth import LEAST_TOKEN
from routerd.api.sites import Site, not_installed, site_problem
from routerd.api.sources import Sources
from routerd.config.model import Http
from routerd.model import Problem
from routerd.reports import Check
from routerd.system.secret import SecretError, read_secret
from routerd.system.tls import Certificate

if TYPE_CHECKING:
    from routerd.api.server import Server

log = logging.getLogger("routerd.api")

_LOOK_EVERY = 10.0


class BindError(Exception):
    """An address for HTTP cannot be had; the text says why and what to do."""


class ApiService:
    """Serves HTTP from `sources`. What goes wrong here is shown as a problem and never ends the daemon."""

    name = "api"

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._sites: dict[str, Site] = {}
        self._import_error: ImportError | None = None
        self._wake, self._bell = asyncio.Event(), asyncio.Event()
        self._token_file: str | None = None
        self._certificate: Certificate | None = None
        self._server: Server | None = None

    async def apply(self, part: Http) -> None:
        """Take over where to serve; addresses that stay are not touched, nor connections that are open."""
        self._token_file = part.token_file
        had_tls = self._certificate is not None
        self._set_certificate(part)
        await self._refresh(force=True)
        changed = {listen for listen, site in self._sites.items() if site.is_tcp and had_tls != self._has_tls}
        for listen in changed | self._sites.keys() - set(part.listen):
            self._sites.pop(listen).close()
        for listen in part.listen:
            self._sites.setdefault(listen, Site(listen))
        self._wake.set()

    def bind(self, part: Http) -> None:
        """Take every address at once, long before anything is served, so that one in use stops the start.

        Raises `BindError` for an address that another program holds or that needs a right, and gives back the others.
        What may come later, such as an address that this machine does not have yet, is left to `run`.
        """
        self._token_file = part.token_file
        self._set_certificate(part)
        for listen in part.listen:
            site = self._sites.setdefault(listen, Site(listen))
            try:
                site.bind()
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EEXIST, errno.EACCES):
                    self.close()
                    values = dict(site_problem(site, error).values)
                    text = f"HTTP cannot be served at {listen}: {values['reason']}; {values['hint']}"
                    raise BindError(text) from None

    @property
    def _has_tls(self) -> bool:
        return self._certificate is not None

    def _tls(self) -> ssl.SSLContext | None:
        return None if self._certificate is None else self._certificate.context

    def _set_certificate(self, part: Http) -> None:
        files = (part.tls_cert or "", part.tls_key or "")
        if part.tls_cert is None:
            self._certificate = None
        elif self._certificate is None or self._certificate.files != files:
            # Until the new files are good the certificate from before stays in use.
            before, self._certificate = self._certificate, Certificate(*files)
            self._certificate.context = None if before is None else before.context

    async def _refresh(self, *, force: bool = False) -> None:
        """Load the certificate if its files have changed; one that is bad leaves the old one in use."""
        certificate = self._certificate
        if certificate is None:
            return
        error = certificate.error
        if not await asyncio.to_thread(certificate.refresh, force=force):
            return
        if certificate.error is None:
            log.info("http: the certificate %s is in use", certificate.files[0])
        elif error is None or error.reason != certificate.error.reason:
            log.warning("http: the certificate %s cannot be used: %s", certificate.files[0], certificate.error)

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
        server = self._server
        if server is None:
            return {"listen": sites, "event_streams": 0, "connections": 0, "counters": {}}
        streams = 0 if server.streams is None else len(server.streams)
        counts = {"event_streams": streams, "connections": len(server.connections)}
        return {"listen": sites, **counts, "counters": dict(server.counters)}

    def addresses(self) -> dict[str, object]:
        """The socket names that are served now, by entry of `http.listen`."""
        sites = self._sites.values()
        return {site.listen: site.server.sockets[0].getsockname() for site in sites if site.server is not None}

    def problems(self) -> tuple[Problem, ...]:
        """The addresses that cannot be served, and a token that cannot be used, with the mend of each."""
        if self._import_error is not None:
            return tuple(not_installed(site, self._import_error) for site in self._sites.values())
        found = [site_problem(site, site.error) for site in self._sites.values() if site.error is not None]
        try:
            self._token()
        except SecretError as error:
            values = (("path", self._token_file or ""), ("reason", error.reason), ("hint", error.hint))
            found.append(Problem("http-token", "http", values))
        if self._certificate is not None and (bad := self._certificate.error) is not None:
            now = "the one from before is in use" if self._certificate.context else "TCP addresses are not served"
            path = self._certificate.files[0]
            shown = (("path", path), ("reason", bad.reason), ("hint", bad.hint), ("now", now))
            found.append(Problem("http-tls", "http", shown))
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
        await self._refresh()
        await server.start()
        self._server = server
        try:
            while True:
                self._wake.clear()
                check = asyncio.get_running_loop().time() + _LOOK_EVERY
                deadline = await self._open_sites(server)
                try:
                    async with asyncio.timeout_at(check if deadline is None else min(check, deadline)):
                        await self._wake.wait()
                except TimeoutError:
                    await self._refresh()
        finally:
            self._server = None
            for site in self._sites.values():
                site.close()
            await server.stop()

    async def _open_sites(self, server: "Server") -> float | None:
        """Open what is to be opened now; when to try again. Nothing is served in plain that should be encrypted."""
        now = asyncio.get_running_loop().time()
        certificate = self._certificate
        tls = None if certificate is None else self._tls
        plain = certificate is None
        ready = [site for site in self._sites.values() if plain or self._tls() is not None or not site.is_tcp]
        for site in ready:
            site.close_if_lost()
            if site.server is None and now >= site.retry_at:
                await site.open(server, now, tls)
                if self._sites.get(site.listen) is not site or certificate is not self._certificate:
                    site.close()
        return min((site.retry_at for site in ready if site.server is None), default=None)


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0]}) - {""}
