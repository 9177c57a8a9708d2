"""Answers of the HTTP service: JSON, errors as JSON, long lists in pieces; and who asks."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from itertools import islice
from typing import TypeVar

from aiohttp import hdrs, web

from routerd.api import pages, views

SERVER = "routerd"
_ROWS = 200

T = TypeVar("T")
K = TypeVar("K", str, IPv4Address)


async def part_answer(
    request: web.Request, key: str, rows: Iterable[T], view: Callable[[T], views.Json], order: pages.Order[T, K]
) -> web.StreamResponse:
    """The part of a list that the request asks for, or the whole list."""
    try:
        page = pages.parse_page(order, request.query)
    except ValueError as error:
        return error_answer(400, str(error))
    if page is None:
        return await list_answer(request, key, rows, view)
    best: list[T] = []
    rows = iter(rows)
    while piece := list(islice(rows, _ROWS)):
        best = page.merge(best, piece)
        await asyncio.sleep(0)
    return await list_answer(request, key, best, view)


async def list_answer(
    request: web.Request, key: str, rows: Iterable[T], view: Callable[[T], views.Json]
) -> web.StreamResponse:
    """Send `{key: rows}` in pieces, so that a long list never holds the event loop for long."""
    rows = iter(rows)
    piece = list(islice(rows, _ROWS))
    head = f'{{"{key}": ['
    if len(piece) < _ROWS:
        return web.Response(text=f"{head}{_rows(piece, view)}]}}\n", content_type="application/json")
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json; charset=utf-8"})
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    while piece:
        await response.write((head + _rows(piece, view)).encode())
        await asyncio.sleep(0)
        head = ", "
        piece = list(islice(rows, _ROWS))
    await response.write(b"]}\n")
    await response.write_eof()
    return response


async def count(rows: Iterable[T], state: Callable[[T], str]) -> dict[str, int]:
    """How many rows there are of each state, counted in pieces."""
    counts: dict[str, int] = {}
    rows = iter(rows)
    while piece := list(islice(rows, _ROWS)):
        views.tally(counts, map(state, piece))
        await asyncio.sleep(0)
    return counts


def _rows(piece: list[T], view: Callable[[T], views.Json]) -> str:
    return ", ".join(json.dumps(view(row)) for row in piece)


def json_answer(status: int, body: views.Json) -> web.Response:
    """A JSON object."""
    return web.Response(status=status, text=json.dumps(body) + "\n", content_type="application/json")


def error_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """What is wrong, as `{"error": text}`."""
    response = json_answer(status, {"error": text})
    response.headers.update({hdrs.SERVER: SERVER, **(headers or {})})
    return response


def is_unix(request: web.Request) -> bool:
    """Whether the request came through a Unix socket."""
    sock = request.transport.get_extra_info("socket") if request.transport is not None else None
    return sock is not None and sock.family == socket.AF_UNIX


def client(request: web.Request) -> str:
    """Who asks, for the log."""
    return "unix" if is_unix(request) else request.remote or "?"
