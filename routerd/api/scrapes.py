"""Answers to Prometheus: the facts are taken in the event loop in pieces, the text is made beside it."""

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from routerd.api.answers import count, error_answer, pieces
from routerd.api.openapi import PROMETHEUS
from routerd.api.sources import Sources
from routerd.reports import PeerReport

if TYPE_CHECKING:
    from routerd.api.metrics import Snapshot

_MOST = 4
_CHUNK = 64 * 1024


class Scrapes:
    """All scrapes. `counters` are the HTTP service's own."""

    def __init__(self, sources: Sources, counters: Mapping[str, int]) -> None:
        self._sources = sources
        self._counters = counters
        self._running = 0
        self._one = asyncio.Lock()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `/metrics`."""
        if self._running >= _MOST:
            return error_answer(503, f"{_MOST} scrapes at once at most", {hdrs.RETRY_AFTER: "5"})
        self._running += 1
        try:
            return await self._answer(request)
        finally:
            self._running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: PROMETHEUS})
        if request.method == hdrs.METH_HEAD:
            await response.prepare(request)
            return response
        try:
            module = await asyncio.to_thread(importlib.import_module, "routerd.api.metrics")
        except ImportError as error:
            return error_answer(503, f"{error}; install it: pip install prometheus-client")
        texts = module.texts(await self._snapshot(module.Snapshot))
        await response.prepare(request)
        while text := await self._next(texts):
            for start in range(0, len(text), _CHUNK):
                await response.write(text[start : start + _CHUNK])
        await response.write_eof()
        return response

    async def _next(self, texts: Iterator[bytes]) -> bytes:
        async with self._one:
            return await asyncio.to_thread(next, texts, b"")

    async def _snapshot(self, make: "Callable[..., Snapshot]") -> "Snapshot":
        sources = self._sources
        peers: list[PeerReport] = []
        async for piece in pieces(sources.peers()):
            peers += piece
        leases: Counter[tuple[str, str]] = Counter()
        async for rows in pieces(sources.leases()):
            leases.update((report.lan, report.state) for report in rows)
        services = sources.status()
        dhcp = _part(services, "dhcp")
        return make(
            version=sources.version,
            started=sources.started,
            ready=all(check.ok for check in sources.checks()),
            peers=peers,
            devices=dict(sources.devices()) if sources.devices is not None else {},
            leases=leases,
            routes=await count(sources.routes(), lambda route: route.state.value),
            problems=Counter((report.code, report.severity) for report in sources.problems()),
            dhcp=_part(dhcp, "counters"),
            lans=dhcp.get("lans", ()),
            rip=_part(services, "rip").get("speakers", ()),
            hosts=_part(services, "hosts"),
            nat=_part(services, "nat"),
            http=dict(self._counters),
            process=_part(services, "process"),
        )


def _part(values: Mapping[str, object], key: str) -> dict[str, object]:
    part = values.get(key)
    return dict(part) if isinstance(part, Mapping) else {}
