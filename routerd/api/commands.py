"""What may be changed over HTTP, and by whom: through the Unix socket, or with the token."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from ipaddress import IPv4Address

from aiohttp import hdrs, web

from routerd.api import negotiation, views
from routerd.api.answers import client, error_answer, is_unix, json_answer, not_allowed
from routerd.api.auth import has_token
from routerd.api.handlers import READ, Handler, accepting, peer_path, unknown_peer
from routerd.api.sources import Sources
from routerd.config.schema import Bad
from routerd.confirm import parse_deadline
from routerd.lease_records import read_import
from routerd.reports import Confirmed, Released
from routerd.system.secret import SecretError

log = logging.getLogger("routerd.api")

_BODY_SECONDS = 5.0

Token = Callable[[], bytes | None]


class Commands:
    """The answers to POST and DELETE. `token` gives the token, None where none is configured, or raises SecretError."""

    def __init__(self, sources: Sources, token: Token) -> None:
        self._sources = sources
        self._token = token

    def paths(self) -> dict[tuple[str, str], Handler]:
        """The handler of each method and path; none for what the daemon cannot do."""
        found: dict[tuple[str, str], Handler] = {}
        if self._sources.reload is not None:
            found[hdrs.METH_POST, "/v1/reload"] = self._allowed(self._reload)
        if self._sources.confirm is not None:
            found[hdrs.METH_POST, "/v1/confirm"] = self._allowed(self._confirm)
        if self._sources.release is not None:
            found[hdrs.METH_DELETE, "/v1/leases/{address}"] = self._allowed(self._release)
        if self._sources.take_over is not None:
            found[hdrs.METH_POST, "/v1/leases/import"] = self._allowed(self._import)
        if self._sources.saved is not None:
            found[hdrs.METH_POST, "/v1/leases/save"] = self._allowed(self._save)
        if self._sources.probe is not None:
            found[hdrs.METH_POST, "/v1/peers/{name:.+}"] = self._of_peer(self._allowed(self._probe))
        media = {"/v1/leases/save": negotiation.BINARY}
        return {key: accepting(media.get(key[1], negotiation.JSON), handler) for key, handler in found.items()}

    def _of_peer(self, probe: Handler) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            if peer_path(request)[1] != "/probe":
                return not_allowed(request, READ)
            return await probe(request)

        return handler

    def _allowed(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            refused = self._refusal(request)
            if refused is not None:
                return refused
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    await request.read()
            except TimeoutError:
                return error_answer(408, f"the body did not come within {_BODY_SECONDS:.0f} s")
            log.info("http %s: %s %s", client(request), request.method, request.path_qs)
            return await handler(request)

        return guarded

    def _refusal(self, request: web.Request) -> web.Response | None:
        if is_unix(request):
            return None
        try:
            token = self._token()
        except SecretError:
            return error_answer(403, "the token of this server cannot be used now; /v1/problems says why")
        if token is None:
            return error_answer(403, "allowed over the Unix socket only, as [http] has no token_file")
        if has_token(request.headers.getall(hdrs.AUTHORIZATION, []), token):
            return None
        log.warning("http %s: %s %s refused: no valid token", client(request), request.method, request.path_qs)
        headers = {"WWW-Authenticate": 'Bearer realm="routerd"'}
        return error_answer(401, "a valid token is needed: Authorization: Bearer TOKEN", headers)

    async def _reload(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.reload is not None
        text = request.query.get("confirm")
        if text is None:
            result = await self._sources.reload()
        elif self._sources.reload_on_trial is None:
            return error_answer(400, "confirm: this daemon cannot try a configuration")
        else:
            try:
                seconds = parse_deadline(text)
            except Bad as error:
                return error_answer(400, f"confirm: {error.rule}; {error.mend}")
            result = await self._sources.reload_on_trial(seconds)
        if result.ok:
            deadline = None if self._sources.deadline is None else self._sources.deadline()
            return json_answer(200, {"reloaded": True, **views.trial(deadline)})
        return json_answer(422, {"reloaded": False, "errors": [asdict(error) for error in result.errors]})

    async def _confirm(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.confirm is not None
        outcome = await self._sources.confirm()
        if outcome is Confirmed.NOTHING:
            return error_answer(409, "no configuration is on trial, or not any more: there is nothing to confirm")
        if outcome is Confirmed.UNSTORED:
            return error_answer(503, "that it is confirmed cannot be kept, so it will be taken back; see the log")
        return json_answer(200, {"confirmed": True})

    async def _release(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.release is not None
        text = request.match_info["address"]
        try:
            address = IPv4Address(text)
        except ValueError:
            return error_answer(404, f"{text!r} is no IPv4 address")
        outcome = await self._sources.release(address)
        if outcome is Released.RESERVED:
            return error_answer(409, f"{address} is reserved: remove the reservation from the configuration")
        if outcome is Released.NONE:
            return error_answer(404, f"there is no lease of {address}")
        if outcome is Released.UNSTORED:
            return error_answer(503, f"{address} is free now, but the lease file cannot be written; see /v1/problems")
        return json_answer(200, {"released": str(address)})

    async def _import(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.take_over is not None
        try:
            asked = read_import(json.loads(await request.read()))
        except (ValueError, RecursionError) as error:
            wrong = "the body is no JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
            return error_answer(400, wrong)
        imported = await self._sources.take_over(asked)
        if not imported.stored:
            return error_answer(503, "the lease file cannot be written, so nothing is sure; see /v1/problems")
        return json_answer(200, {"leases": [views.outcome(each) for each in imported.outcomes]})

    async def _save(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.saved is not None
        data = await self._sources.saved()
        if data is None:
            return error_answer(503, "the lease file cannot be read; see /v1/problems")
        return web.Response(body=data, content_type=negotiation.BINARY[0])

    async def _probe(self, request: web.Request) -> web.StreamResponse:
        assert self._sources.probe is not None
        name, _ = peer_path(request)
        report = await self._sources.probe(name)
        return unknown_peer(name) if report is None else json_answer(200, views.peer(report))
