"""The OpenAPI document against the real answers: generated requests, and every answer of a populated service."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis import checks as standard
from schemathesis.specs.openapi import checks

from routerd.api import openapi
from routerd.api.commands import Commands
from routerd.api.handlers import Readers
from routerd.api.scrapes import Scrapes
from routerd.config.fault import ConfigFault
from routerd.events import EventLog
from routerd.lease_records import CONFLICT, Import, Imported, Outcome
from routerd.model import Event
from routerd.reports import (
    Check,
    ConfigReport,
    Confirmed,
    Evidence,
    HostEvidence,
    HostReport,
    PeerReport,
    PeerState,
    ProblemReport,
    Released,
    ReloadResult,
    ReturnPath,
)
from tests.api.scene import ANY, AT, KEY, Client, Daemon, peer, serving

EXAMPLES = 12
SKIPPED = ("/v1/events",)
"""Endless answers."""

HOST = HostReport(
    IPv4Address("10.0.1.1"),
    None,
    None,
    "eth0",
    None,
    None,
    ReturnPath.VIA_ROUTER,
    HostEvidence("tcp", "02:00:00:00:00:01", AT),
    "masquerade",
    True,
    None,
)
FAULT = ConfigFault("lan[0].interface", '"no such"', "must be an interface name", "correct it")


class _Changes:
    """A daemon that can do everything."""

    def __init__(self) -> None:
        self.ok = True
        self.peers = {"endpoint-a": _full_peer(), "gone": peer("gone", PeerState.DOWN)}

    async def reload(self) -> ReloadResult:
        return ReloadResult(self.ok, () if self.ok else (FAULT,))

    async def reload_on_trial(self, seconds: float) -> ReloadResult:
        return await self.reload()

    async def confirm(self) -> Confirmed:
        return Confirmed.DONE if self.ok else Confirmed.NOTHING

    async def release(self, address: IPv4Address) -> Released:
        return list(Released)[int(address) % len(Released)]

    async def take_over(self, asked: Import) -> Imported:
        outcomes = tuple(Outcome(each.address, CONFLICT, each.state, "why", each.line) for each in asked.records)
        return Imported(outcomes, stored=self.ok)

    async def saved(self) -> bytes | None:
        return b"SQLite format 3\0" if self.ok else None

    async def probe(self, name: str) -> PeerReport | None:
        return self.peers.get(name)


def _full_peer() -> PeerReport:
    report = PeerReport(
        "endpoint-a", KEY, "vpn", ("10.0.0.1",), "203.0.113.1:51821", PeerState.UP, AT, AT, 1, 2, "icmp", 0.01, AT, 0
    )
    return report._replace(evidence=(Evidence("probe", AT), Evidence("traffic", None)), failure="no answer")


def populated(changes: _Changes) -> Daemon:
    """A daemon with one of everything."""
    log = EventLog("run")
    log.add(Event("peer", "endpoint-a", "up", AT))
    return Daemon(
        peers=(*changes.peers.values(), peer("c/d é", PeerState.UNKNOWN)),
        leases=20,
        hosts=(HOST,),
        checks=(Check("dhcp eth0", True), Check("api", True)),
        problems=(ProblemReport("peer-down", "peer gone", "warning", "text", "mend", AT, "x (y)"),),
        events=log,
        reload=changes.reload,
        release=changes.release,
        reload_on_trial=changes.reload_on_trial,
        confirm=changes.confirm,
        deadline=lambda: AT + 60,
        probe=changes.probe,
        take_over=changes.take_over,
        saved=changes.saved,
        config=lambda: ConfigReport("/etc/routerd/routerd.toml", AT, (FAULT,)),
    )


@contextmanager
def _url(daemon: Daemon) -> Iterator[str]:
    """The daemon served from a thread."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    found: list[Any] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with serving(daemon, ANY) as service:
            address = service.addresses()[ANY]
            assert isinstance(address, tuple)
            found.extend((f"http://127.0.0.1:{address[1]}", stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(found[1].set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with _url(populated(_Changes())) as found:
        yield found


NAMES = {"events", "reload", "confirm", "release", "take_over", "saved", "probe"}
DOCUMENT = json.loads(json.dumps(openapi.document("0.1.0", NAMES)))
CASES = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item if path not in SKIPPED]


def _parameters(path: str, method: str) -> list[str]:
    return [parameter["name"] for parameter in DOCUMENT["paths"][path][method]["parameters"]]


@pytest.mark.parametrize(("path", "method"), CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema", "ignore::ResourceWarning")
def test_generated_requests_are_answered_as_promised(url: str, path: str, method: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema[path][method.upper()]
    wanted = [
        standard.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    if path.startswith("/v1/leases/") or path in ("/readyz", "/healthz", "/health", "/v1/peers/{name}/health"):
        # There 503 is an answer, not a fault.
        wanted.remove(standard.not_a_server_error)

    # Where every text is a good one, there is nothing bad to generate.
    negative = any(parameter in ("limit", "address") for parameter in _parameters(path, method))
    modes = list(schemathesis.GenerationMode) if negative else [schemathesis.GenerationMode.POSITIVE]
    for mode in modes:

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
        )
        @hypothesis.seed(4)
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            response = case.call(base_url=url, timeout=10)
            case.validate_response(response, checks=wanted)

        ask()


def _validator(shape: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator(shape | {"components": DOCUMENT["components"]}, validate_formats=True)


ASKED = [
    ("GET", path, template, status)
    for path, template, status in (
        ("/health", "/health", 200),
        ("/v1/peers", "/v1/peers", 200),
        ("/v1/peers?limit=1", "/v1/peers", 200),
        ("/v1/peers/endpoint-a", "/v1/peers/{name}", 200),
        ("/v1/peers/nobody", "/v1/peers/{name}", 404),
        ("/v1/peers/endpoint-a/health", "/v1/peers/{name}/health", 200),
        ("/v1/peers/gone/health", "/v1/peers/{name}/health", 503),
        ("/v1/routes", "/v1/routes", 200),
        ("/v1/leases", "/v1/leases", 200),
        ("/v1/hosts", "/v1/hosts", 200),
        ("/v1/hosts?after=10.0.0.19", "/v1/hosts", 200),
        ("/v1/hosts?limit=0", "/v1/hosts", 400),
        ("/v1/leases?after=x", "/v1/leases", 400),
        ("/v1/problems", "/v1/problems", 200),
        ("/v1/status", "/v1/status", 200),
        ("/openapi.json", "/openapi.json", 200),
    )
]
ASKED += [
    ("POST", "/v1/peers/endpoint-a/probe", "/v1/peers/{name}/probe", 403),
    ("DELETE", "/v1/leases/10.0.0.1", "/v1/leases/{address}", 403),
    ("PUT", "/v1/leases", "/v1/leases", 405),
    ("GET", "/v1/peers/endpoint-a/probe", "/v1/peers/{name}/probe", 405),
    ("POST", "/v1/peers/endpoint-a", "/v1/peers/{name}", 405),
]
ALLOWED = [
    ("/livez", "GET,HEAD"),
    ("/v1/leases", "GET,HEAD"),
    ("/v1/leases/10.0.0.1", "DELETE"),
    ("/v1/reload", "POST"),
    ("/v1/peers/endpoint-a", "GET,HEAD"),
    ("/v1/peers/endpoint-a/health", "GET,HEAD"),
    ("/v1/peers/endpoint-a/probe", "POST"),
    ("/v1/peers/nobody/probe", "POST"),
]


@pytest.mark.parametrize(("path", "allowed"), ALLOWED)
def test_allow_is_the_same_for_every_wrong_method(path: str, allowed: str) -> None:
    async def main() -> None:
        async with serving(populated(_Changes()), ANY) as service:
            client = Client(service, ANY)
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - set(allowed.split(",")):
                answer = await client.ask(path, method)
                assert (answer.status, answer.headers.get("Allow")) == (405, allowed), method
                assert list(answer.json) == ["error"]

    asyncio.run(main())


def test_without_probes_on_demand_there_is_no_such_path() -> None:
    async def main() -> None:
        async with serving(Daemon(), ANY) as service:
            client = Client(service, ANY)
            assert (await client.ask("/v1/peers/endpoint-a/probe", "PUT")).status == 404
            assert (await client.ask("/v1/peers/endpoint-a", "PUT")).headers["Allow"] == "GET,HEAD"

    asyncio.run(main())


@pytest.mark.parametrize(("method", "path", "template", "status"), ASKED)
def test_every_answer_has_its_shape(method: str, path: str, template: str, status: int) -> None:
    async def main() -> None:
        async with serving(populated(_Changes()), ANY) as service:
            answer = await Client(service, ANY).ask(path, method)
        assert answer.status == status
        item = DOCUMENT["paths"][template]
        promised = next(iter(item.values()))["responses"][str(status)]
        if "$ref" in promised:
            promised = DOCUMENT["components"]["responses"][promised["$ref"].rpartition("/")[2]]
        ((media, content),) = promised["content"].items()
        assert answer.headers["Content-Type"].startswith(media)
        _validator(content["schema"]).validate(answer.json)
        headers = {name.lower() for name in answer.headers}
        promises = promised.get("headers", {})
        assert {name.lower() for name, header in promises.items() if header.get("required")} <= headers
        # Nothing comes that is not promised; short lists have a tag, and Link is there where a part is not the last.
        assert {name for name in ("ETag", "Link", "Allow", "WWW-Authenticate") if name.lower() in headers} <= {
            *promises
        }
        assert ("etag" in headers) == (status == 200 and path != "/health")
        assert ("link" in headers) == (path == "/v1/peers?limit=1")

    asyncio.run(main())


def test_changes_have_their_shapes(tmp_path: Any) -> None:
    changes = _Changes()
    unix = f"unix:{tmp_path}/routerd.sock"

    async def main() -> None:
        async with serving(populated(changes), unix) as service:
            client = Client(service, unix)
            for path, template, method, status in (
                ("/v1/peers/endpoint-a/probe", "/v1/peers/{name}/probe", "POST", 200),
                ("/v1/peers/nobody/probe", "/v1/peers/{name}/probe", "POST", 404),
                ("/v1/reload", "/v1/reload", "POST", 200),
                ("/v1/leases/0.0.0.0", "/v1/leases/{address}", "DELETE", 200),
                ("/v1/leases/0.0.0.1", "/v1/leases/{address}", "DELETE", 404),
                ("/v1/leases/0.0.0.2", "/v1/leases/{address}", "DELETE", 409),
                ("/v1/leases/0.0.0.3", "/v1/leases/{address}", "DELETE", 503),
                ("/v1/leases/nonsense", "/v1/leases/{address}", "DELETE", 404),
            ):
                answer = await client.ask(path, method)
                assert answer.status == status, path
                promised = DOCUMENT["paths"][template][method.lower()]["responses"][str(status)]
                if "$ref" in promised:
                    promised = DOCUMENT["components"]["responses"][promised["$ref"].rpartition("/")[2]]
                _validator(promised["content"]["application/json"]["schema"]).validate(answer.json)
            changes.ok = False
            refused = await client.ask("/v1/reload", "POST")
            assert refused.status == 422
            content = DOCUMENT["paths"]["/v1/reload"]["post"]["responses"]["422"]["content"]
            _validator(content["application/json"]["schema"]).validate(refused.json)

    asyncio.run(main())


def test_every_path_is_in_the_document_and_no_other() -> None:
    sources = populated(_Changes()).sources()
    served = {("get", path) for path in Readers(sources, Scrapes(sources, {})).paths()} | {("get", "/v1/events")}
    served |= {(method.lower(), path) for method, path in Commands(sources, lambda: None).paths()}
    served = {(method, path.replace("{name:.+}", "{name}")) for method, path in served}
    served -= {("post", "/v1/peers/{name}")}
    served |= {("get", "/v1/peers/{name}/health"), ("post", "/v1/peers/{name}/probe")}
    assert {(operation.method, operation.path) for operation in openapi.OPERATIONS} == served


def test_what_the_daemon_lacks_is_not_promised() -> None:
    paths = openapi.document("0.1.0", ())["paths"]
    assert isinstance(paths, dict)
    lacking = {"/v1/events", "/v1/reload", "/v1/leases/{address}", "/v1/leases/import", "/v1/peers/{name}/probe"}
    assert lacking.isdisjoint(paths)
    assert set(paths) < set(DOCUMENT["paths"])
