"""Lists over HTTP: whole or in parts, made and sent in pieces; ETag and 304 also for long ones, in bounded memory."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from hashlib import blake2b
from typing import TypeVar

from aiohttp import hdrs, web

from routerd.api import pages, views
from routerd.api.answers import ETAG, ROWS_AT_ONCE, error_answer, pieces
from routerd.api.negotiation import TAG_BYTES, etag_of, is_known
from routerd.api.pages import MOST_TAGGED_ROWS, SHORT_ROWS

MOST_HELD = 2
"""Long lists that are in memory as a whole at the same time: up to 6 MB each."""

T = TypeVar("T")
View = Callable[[T], views.Json]


class Lists:
    """All answers to lists.

    To name the content of a list takes all of it. Up to 1,000 rows that costs nothing; up to 10,000 rows two lists at
    a time are kept until they are sent. Longer ones, and any third one, go out while they are made, without a name.
    """

    def __init__(self) -> None:
        self._held = 0

    async def part(
        self, request: web.Request, key: str, rows: Iterable[T], view: View[T], order: pages.Order[T]
    ) -> web.StreamResponse:
        """The part of a list that the request asks for, with the way to the next one, or the whole list."""
        try:
            page = pages.parse_page(order, request.query)
        except ValueError as error:
            return error_answer(400, str(error))
        if page is None:
            return await self._whole(request, key, rows, view)
        best: list[T] = []
        async for piece in pieces(rows):
            best = page.merge(best, piece)
        best, target = page.split(best, request.path)
        answer = await self._whole(request, key, best, view)
        if target is not None:
            answer.headers[hdrs.LINK] = f'<{target}>; rel="next"'
        return answer

    async def _whole(self, request: web.Request, key: str, rows: Iterable[T], view: View[T]) -> web.StreamResponse:
        """`{key: rows}`, made in pieces, so that a long list never holds the event loop for long."""
        made = _texts(key, rows, view)
        texts: list[str] = []
        async for text in made:
            texts.append(text)
            if len(texts) * ROWS_AT_ONCE > SHORT_ROWS:
                return await self._long(request, texts, made)
        return web.Response(text="".join([*texts, "]}\n"]), content_type="application/json")

    async def _long(self, request: web.Request, texts: list[str], made: AsyncIterator[str]) -> web.StreamResponse:
        if self._held >= MOST_HELD:
            return await _send(request, texts, made)
        self._held += 1
        try:
            tag = blake2b(digest_size=TAG_BYTES)
            for text in texts:
                tag.update(text.encode())
            async for text in made:
                texts.append(text)
                tag.update(text.encode())
                if len(texts) * ROWS_AT_ONCE > MOST_TAGGED_ROWS:
                    return await _send(request, texts, made)
            name = etag_of(tag)
            if is_known(request.headers.getall(hdrs.IF_NONE_MATCH, []), name):
                return web.Response(status=304, headers={ETAG: name})
            return await _send(request, texts, None, {ETAG: name})
        finally:
            self._held -= 1


async def _texts(key: str, rows: Iterable[T], view: View[T]) -> AsyncIterator[str]:
    """The text of the list without its end, piece by piece."""
    head = f'{{"{key}": ['
    async for piece in pieces(rows):
        yield head + json.dumps([view(row) for row in piece])[1:-1]
        head = ", "
    if head != ", ":
        yield head


async def _send(
    request: web.Request, texts: list[str], made: AsyncIterator[str] | None, headers: dict[str, str] | None = None
) -> web.StreamResponse:
    """Send what there is, and then what is made meanwhile; what was sent is forgotten."""
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json; charset=utf-8", **(headers or {})})
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    texts.reverse()
    while texts:
        await response.write(texts.pop().encode())
    if made is not None:
        async for text in made:
            await response.write(text.encode())
    await response.write(b"]}\n")
    await response.write_eof()
    return response
