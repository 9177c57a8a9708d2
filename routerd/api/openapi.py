"""The OpenAPI 3.1 document of the HTTP interface, made from tables: every path, parameter and answer. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from routerd.api import negotiation
from routerd.api.pages import MOST_ROWS, MOST_TAGGED_ROWS, SHORT_ROWS
from routerd.api.shapes import SHAPES, TEXT, closed, ref, rows
from routerd.api.sse import KINDS
from routerd.api.views import Json

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_ABOUT = (
    "Which peers of the VPN are reachable, which routes and leases the site has, and what is wrong. GET never changes "
    "anything, and HEAD is answered like GET without the body. Changes are for who can open the Unix socket, and "
    "elsewhere for who sends the token. Fields may be added; clients ignore those that they do not know."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what it says, its media type, and the shape of its JSON. `optional` headers may be missing."""

    text: str
    shape: Json
    media: str = "application/json"
    headers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `body` is the shape of what is sent; `needs` the source without which it is not there."""

    path: str
    name: str
    text: str
    answers: Mapping[int, Answer]
    method: str = "get"
    parameters: tuple[str, ...] = ()
    body: str = ""
    needs: str = ""
    errors: tuple[int, ...] = field(default=())


_ERRORS = {
    304: "what If-None-Match names is still current",
    400: "a parameter breaks its rule, or the request is no valid HTTP",
    401: "no valid token: send it as Authorization: Bearer TOKEN, or ask over the Unix socket",
    403: "not possible over TCP: no usable token is configured",
    404: "there is no such thing",
    405: "the method is not allowed here; Allow lists those that are",
    406: "Accept excludes the media type of this path",
    408: "the body did not come within 5 s",
    409: "the configuration reserves the address, or none is on trial",
    413: "the body is larger than 64 KiB",
    414: "the path is too long",
    417: "Expect says something else than 100-continue",
    421: "the Host header is neither an IP address nor a name of this machine",
    431: "the headers are too large",
    501: "the method is not known here",
    503: "too many ask for this at once, or the lease file cannot be used; try again later",
}
_ALWAYS = (400, 405, 406, 413, 414, 417, 421, 431, 501)
_CHANGE = (401, 403, 408)

_HEADERS: dict[str, Json] = {
    "ETag": {
        "description": "names this content, for If-None-Match; missing where a list has more than "
        f"{MOST_TAGGED_ROWS:,} rows, or where several lists of more than {SHORT_ROWS:,} rows are sent at once",
        "schema": TEXT,
    },
    "Link": {"description": 'the next part of the list, rel="next", unless this was the last', "schema": TEXT},
    "Allow": {"description": "the methods that are allowed", "schema": TEXT},
    "WWW-Authenticate": {"description": "how to authenticate", "schema": TEXT},
}
_ERROR_HEADERS = {401: ("WWW-Authenticate",), 405: ("Allow",), 304: ("ETag",)}

_PARAMETERS: dict[str, Json] = {
    "name": {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "the name of a peer, or its public key; '/' and '+' may be percent-encoded",
        "schema": {"type": "string", "minLength": 1},
    },
    "address": {
        "name": "address",
        "in": "path",
        "required": True,
        "description": "the leased address",
        "schema": {"type": "string", "format": "ipv4"},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "answer with at most so many rows, in the order of their keys",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
    },
    "after": {
        "name": "after",
        "in": "query",
        "description": "begin behind this key; the Link header of a part holds the one for the next part",
        "schema": TEXT,
    },
    "verbose": {
        "name": "verbose",
        "in": "query",
        "description": "list also the checks that passed; 0, false and no say the contrary",
        "schema": TEXT,
    },
    "kind": {
        "name": "kind",
        "in": "query",
        "description": f"only these kinds of events, separated by commas: {', '.join(KINDS)}",
        "schema": TEXT,
    },
    "last_event_id": {
        "name": "last_event_id",
        "in": "query",
        "description": "go on behind this event, as the header Last-Event-ID says it; 0: all that are kept",
        "schema": TEXT,
    },
    "confirm": {
        "name": "confirm",
        "in": "query",
        "description": "put it into force on trial: it is taken back after this time (from 1s to 24h, such as 60s), "
        "unless POST /v1/confirm comes before",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,3}s$"},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "the ETag of what is known already: 304 without a body while it is current",
        "schema": TEXT,
    },
}

_PAGED = ("limit", "after", "If-None-Match")


def _list(key: str, shape: str, text: str) -> Operation:
    answer = Answer(text, closed({key: rows(ref(shape))}), optional=("ETag", "Link"))
    return Operation(f"/v1/{key}", f"{key}List", text, {200: answer}, parameters=_PAGED, errors=(304,))


def _plain(text: str) -> Answer:
    return Answer(text, TEXT, "text/plain")


_READY = {200: _plain("all duties are met"), 503: _plain("what is not met, one line each")}
_HEALTH_MEDIA = negotiation.HEALTH[0]
_SUMMARY = {
    200: Answer("pass or warn", ref("Health"), _HEALTH_MEDIA),
    503: Answer("fail", ref("Health"), _HEALTH_MEDIA),
}
_OF_PEER = {
    200: Answer("it is reachable", ref("PeerHealth"), headers=("ETag",)),
    503: Answer("it is not", ref("PeerHealth")),
}
_RELOADED = {
    200: Answer("the configuration was read anew", ref("Reloaded")),
    422: Answer("its faults; nothing changed", ref("Refused")),
}

OPERATIONS = (
    Operation("/livez", "live", "Does the process run?", {200: _plain("it does")}),
    Operation("/readyz", "ready", "Are routerd's own duties met?", _READY, parameters=("verbose",)),
    Operation("/healthz", "healthz", "The same as /readyz.", _READY, parameters=("verbose",)),
    Operation("/health", "health", "The summary as health+json.", _SUMMARY),
    _list("peers", "Peer", "All peers."),
    Operation(
        "/v1/peers/{name}",
        "peer",
        "One peer.",
        {200: Answer("the peer", ref("Peer"), headers=("ETag",))},
        parameters=("name", "If-None-Match"),
        errors=(304, 404),
    ),
    Operation(
        "/v1/peers/{name}/health",
        "peerHealth",
        "Is the peer reachable? For load balancers and keepalived.",
        _OF_PEER,
        parameters=("name", "If-None-Match"),
        errors=(304, 404),
    ),
    Operation(
        "/v1/peers/{name}/probe",
        "peerProbe",
        "Probe the peer now.",
        {200: Answer("the peer after the probe", ref("Peer"))},
        method="post",
        parameters=("name",),
        needs="probe",
        errors=(404, *_CHANGE),
    ),
    _list("routes", "Route", "All routes towards the VPN, and what becomes of each."),
    _list("hosts", "Host", "All hosts of the site that are known, and what is known of their routes."),
    _list("leases", "Lease", "All DHCP leases."),
    Operation(
        "/v1/leases/{address}",
        "leaseRelease",
        "Forget a lease: its address is free at once.",
        {200: Answer("it is forgotten", ref("Released"))},
        method="delete",
        parameters=("address",),
        needs="release",
        errors=(404, 409, 503, *_CHANGE),
    ),
    Operation(
        "/v1/leases/import",
        "leaseImport",
        "Take over leases of another DHCP server; what is known here, and what is reserved, wins.",
        {200: Answer("what became of each, in their order", ref("Imported"))},
        method="post",
        body="Import",
        needs="take_over",
        errors=(503, *_CHANGE),
    ),
    Operation(
        "/v1/leases/save",
        "leaseSave",
        "The lease file as it is now, as one SQLite database: for backups.",
        {200: Answer("the database", {"type": "string", "format": "binary"}, negotiation.BINARY[0])},
        method="post",
        needs="saved",
        errors=(503, *_CHANGE),
    ),
    _list("problems", "Problem", "All problems, first causes first."),
    Operation(
        "/v1/status",
        "status",
        "The summary, and every service's report.",
        {200: Answer("the summary", ref("Status"), headers=("ETag",))},
        parameters=("If-None-Match",),
        errors=(304,),
    ),
    Operation(
        "/v1/events",
        "events",
        "What changes, as server-sent events.",
        {200: Answer("an endless stream", TEXT, "text/event-stream")},
        parameters=("kind", "last_event_id"),
        needs="events",
        errors=(503,),
    ),
    Operation(
        "/v1/reload",
        "reload",
        "Read the configuration anew.",
        _RELOADED,
        method="post",
        parameters=("confirm",),
        needs="reload",
        errors=_CHANGE,
    ),
    Operation(
        "/v1/confirm",
        "confirm",
        "Keep the configuration that is on trial.",
        {200: Answer("it stays in force", ref("Confirmed"))},
        method="post",
        needs="confirm",
        errors=(409, 503, *_CHANGE),
    ),
    Operation(
        "/metrics",
        "metrics",
        "Everything countable, for Prometheus.",
        {200: Answer("Prometheus' text format", TEXT, PROMETHEUS)},
        errors=(503,),
    ),
    Operation(
        "/openapi.json",
        "openapi",
        "This document.",
        {200: Answer("an OpenAPI 3.1 document", {"type": "object"}, headers=("ETag",))},
        parameters=("If-None-Match",),
        errors=(304,),
    ),
)


def document(version: str, sources: Collection[str]) -> Json:
    """The document of a daemon of this version; `sources` names what it has of the sources that may be absent."""
    paths: dict[str, dict[str, Json]] = {}
    for operation in OPERATIONS:
        if not operation.needs or operation.needs in sources:
            paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "routerd", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": SHAPES,
            "responses": {f"E{status}": _error(status) for status in _ERRORS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> Json:
    answers: dict[str, Json] = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    for status in (*_ALWAYS, *operation.errors):
        answers.setdefault(str(status), {"$ref": f"#/components/responses/E{status}"})
    found: Json = {
        "operationId": operation.name,
        "summary": operation.text,
        "parameters": [_PARAMETERS[name] for name in operation.parameters],
        "responses": dict(sorted(answers.items())),
    }
    if operation.body:
        content = {"application/json": {"schema": ref(operation.body)}}
        found["requestBody"] = {"required": True, "content": content}
    if operation.method != "get":
        found["security"] = [{}, {"token": []}]
    return found


def _answer(answer: Answer) -> Json:
    found: Json = {"description": answer.text, "content": {answer.media: {"schema": answer.shape}}}
    headers = {name: _HEADERS[name] | {"required": True} for name in answer.headers}
    headers |= {name: _HEADERS[name] for name in answer.optional}
    if headers:
        found["headers"] = headers
    return found


def _error(status: int) -> Json:
    found: Json = {"description": _ERRORS[status]}
    if status != 304:
        found["content"] = {"application/json": {"schema": ref("Error")}}
    if status in _ERROR_HEADERS:
        found["headers"] = {name: _HEADERS[name] | {"required": True} for name in _ERROR_HEADERS[status]}
    return found
