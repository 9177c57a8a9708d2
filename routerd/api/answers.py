"""Answers of the HTTP service: JSON, errors as JSON, rows in pieces; and who asks."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from itertools import islice
from typing import TypeVar

from aiohttp import hdrs, web

from routerd.api import views
from routerd.api.negotiation import etag, is_known

SERVER = "routerd"
ETAG = "ETag"
ROWS_AT_ONCE = 200

T = TypeVar("T")


async def pieces(rows: Iterable[T]) -> AsyncIterator[list[T]]:
    """The rows in pieces, with other work between them."""
    rows = iter(rows)
    # Making the copy that the rows come from takes its time, too.
    await asyncio.sleep(0)
    while piece := list(islice(rows, ROWS_AT_ONCE)):
        yield piece
        await asyncio.sleep(0)


async def count(rows: Iterable[T], state: Callable[[T], str]) -> dict[str, int]:
    """How many rows there are of each state, counted in pieces."""
    counts: dict[str, int] = {}
    async for piece in pieces(rows):
        views.tally(counts, map(state, piece))
    return counts


def tagged(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The answer with a name of its content, or 304 where the client has that content already."""
    if response.status != 200 or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD) or response.content_type != "application/json":
        return response
    tag = etag(response.body)
    if is_known(request.headers.getall(hdrs.IF_NONE_MATCH, []), tag):
        response = web.Response(status=304, headers={key: response.headers[key] for key in _kept(response)})
    response.headers[ETAG] = tag
    return response


def _kept(response: web.Response) -> Iterable[str]:
    return (key for key in (hdrs.LINK,) if key in response.headers)


def json_answer(status: int, body: views.Json, media: str = "application/json") -> web.Response:
    """A JSON object."""
    return web.Response(status=status, text=json.dumps(body) + "\n", content_type=media)


def error_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """What is wrong, as `{"error": text}`."""
    response = json_answer(status, {"error": text})
    response.headers.update({hdrs.SERVER: SERVER, **(headers or {})})
    return response


def not_allowed(request: web.Request, allowed: str) -> web.Response:
    """405, and the methods that are allowed."""
    return error_answer(405, f"{request.method} is not allowed here", {hdrs.ALLOW: allowed})


def is_unix(request: web.Request) -> bool:
    """Whether the request came through a Unix socket."""
    sock = request.transport.get_extra_info("socket") if request.transport is not None else None
    return sock is not None and sock.family == socket.AF_UNIX


def client(request: web.Request) -> str:
    """Who asks, for the log."""
    return "unix" if is_unix(request) else request.remote or "?"
