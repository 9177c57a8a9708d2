"""What is answered to readers: one method a path."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from aiohttp import hdrs, web

from routerd.api import negotiation, openapi, pages, views
from routerd.api.answers import count, error_answer, json_answer, not_allowed, pieces
from routerd.api.health import PeerTally, health
from routerd.api.lists import Lists
from routerd.api.scrapes import Scrapes
from routerd.api.sources import Sources
from routerd.reports import PeerReport

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPTIONAL = ("events", "reload", "confirm", "release", "take_over", "saved", "probe")
READ = "GET,HEAD"


def accepting(offered: Sequence[str], handler: Handler) -> Handler:
    """The handler, for clients that accept one of the media types; 406 for others."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if negotiation.choose(request.headers.getall(hdrs.ACCEPT, []), offered) is None:
            return error_answer(406, f"this is served as {' or '.join(offered)}")
        return await handler(request)

    return checked


def find_peer(sources: Sources, name: str) -> PeerReport | None:
    """The peer of this name or public key."""
    return sources.peer(name) if sources.peer is not None else views.find_peer(sources.peers(), name)


def peer_path(request: web.Request) -> tuple[str, str]:
    """The peer's name in the path as it was sent, and what of it is asked for."""
    try:
        return views.peer_path(request.raw_path)
    except ValueError:
        return views.peer_path(request.rel_url.raw_path)


def unknown_peer(name: str) -> web.Response:
    """404."""
    return error_answer(404, f"no peer has the name or public key {name!r}")


def wrong_method(request: web.Request, allowed: str, *, can_probe: bool) -> web.Response:
    """405 for a path that has other methods; `allowed` are those of its pattern, which the peers' paths share."""
    if request.path.startswith("/v1/peers/"):
        name, part = peer_path(request)
        if part == "/probe" and not can_probe:
            return unknown_peer(name)
        allowed = hdrs.METH_POST if part == "/probe" else READ
    return not_allowed(request, allowed)


class Readers:
    """The answers to GET, made from the sources."""

    def __init__(self, sources: Sources, scrapes: Scrapes) -> None:
        self._sources = sources
        self._scrapes = scrapes
        self._lists = Lists()

    def paths(self) -> dict[str, Handler]:
        """The handler of each path."""
        text = {"/livez": self._livez, "/readyz": self._readyz, "/healthz": self._readyz, "/metrics": self._metrics}
        json = {
            "/openapi.json": self._openapi,
            "/v1/peers": self._list_of("peers", self._sources.peers, views.peer, pages.PEERS),
            "/v1/peers/{name:.+}": self._peer,
            "/v1/routes": self._list_of("routes", self._sources.routes, views.route, pages.ROUTES),
            "/v1/leases": self._list_of("leases", self._sources.leases, views.lease, pages.LEASES),
            "/v1/hosts": self._list_of("hosts", self._sources.hosts, views.host, pages.HOSTS),
            "/v1/problems": self._list_of("problems", self._sources.problems, views.problem, pages.PROBLEMS),
            "/v1/status": self._status,
        }
        found = {path: accepting(negotiation.TEXT, handler) for path, handler in text.items()}
        found |= {path: accepting(negotiation.JSON, handler) for path, handler in json.items()}
        return found | {"/health": accepting(negotiation.HEALTH, self._health)}

    def _now(self) -> float:
        return (self._sources.now or time.time)()

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        verbose = request.query.get("verbose", "0").lower() not in ("0", "false", "no")
        status, text = views.readiness(self._sources.checks(), verbose=verbose)
        return web.Response(status=status, text=text)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        tally = PeerTally()
        async for piece in pieces(self._sources.peers()):
            tally.add(piece)
        status, body = health(self._sources.version, self._now(), self._sources.checks(), tally)
        accept = request.headers.getall(hdrs.ACCEPT, [])
        return json_answer(status, body, negotiation.choose(accept, negotiation.HEALTH) or negotiation.HEALTH[0])

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        return await self._scrapes.handle(request)

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        there = [name for name in _OPTIONAL if getattr(self._sources, name) is not None]
        return json_answer(200, openapi.document(self._sources.version, there))

    async def _peer(self, request: web.Request) -> web.StreamResponse:
        name, part = peer_path(request)
        if part == "/probe" and self._sources.probe is not None:
            return not_allowed(request, hdrs.METH_POST)
        report = find_peer(self._sources, name)
        if report is None or part == "/probe":
            return unknown_peer(name)
        if part:
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
        config = None if sources.config is None else views.config(sources.config())
        status = views.status(sources.version, sources.started, self._now(), counts, sources.status(), config)
        deadline = None if sources.deadline is None else sources.deadline()
        return json_answer(200, status | views.trial(deadline))

    def _list_of(
        self, key: str, source: Callable[[], Iterable[T]], view: Callable[[T], views.Json], order: pages.Order[T]
    ) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await self._lists.part(request, key, source(), view, order)

        return handler
