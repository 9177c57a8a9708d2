"""What is answered to readers: one method a path."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web

from routerd.api import pages, views
from routerd.api.answers import count, error_answer, json_answer, list_answer, part_answer
from routerd.api.sources import Sources

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Readers:
    """The answers to GET, made from the sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def paths(self) -> dict[str, Handler]:
        """The handler of each path."""
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

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        verbose = request.query.get("verbose", "0").lower() not in ("0", "false", "no")
        status, text = views.readiness(self._sources.checks(), verbose=verbose)
        return web.Response(status=status, text=text)

    async def _peers(self, request: web.Request) -> web.StreamResponse:
        return await part_answer(request, "peers", self._sources.peers(), views.peer, pages.PEERS)

    async def _leases(self, request: web.Request) -> web.StreamResponse:
        return await part_answer(request, "leases", self._sources.leases(), views.lease, pages.LEASES)

    async def _peer(self, request: web.Request) -> web.StreamResponse:
        try:
            name, wants_health = views.peer_path(request.raw_path)
        except ValueError:
            name, wants_health = views.peer_path(request.rel_url.raw_path)
        find = self._sources.peer
        report = find(name) if find is not None else views.find_peer(self._sources.peers(), name)
        if report is None:
            return error_answer(404, f"no peer has the name or public key {name!r}")
        if wants_health:
            status, body = views.peer_health(report)
            return json_answer(status, body)
        return json_answer(200, views.peer(report))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        sources = self._sources
        counts = {
            "peers": await count(sources.peers(), lambda report: report.state.value),
            "routes": await count(sources.routes(), lambda route: route.state.value),
            "leases": await count(sources.leases(), lambda report: report.state),
            "problems": await count(sources.problems(), lambda report: report.severity),
        }
        now = (sources.now or time.time)()
        config = None if sources.config is None else views.config(sources.config())
        return json_answer(200, views.status(sources.version, sources.started, now, counts, sources.status(), config))

    def _list_of(self, key: str, source: Callable[[], Iterable[T]], view: Callable[[T], views.Json]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await list_answer(request, key, source(), view)

        return handler
