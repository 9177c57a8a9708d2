"""A daemon behind the HTTP service, and clients that ask it: what the tests of the HTTP service share."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.api.service import ApiService
from routerd.api.sources import Sources
from routerd.config.model import Http
from routerd.events import EventLog
from routerd.lease_records import Import, Imported
from routerd.model import Route, RouteState, WireGuardDevice
from routerd.reports import (
    Check,
    ConfigReport,
    Confirmed,
    HostLease,
    HostReport,
    LeaseReport,
    PeerReport,
    PeerState,
    ProblemReport,
    Released,
    ReloadResult,
    ReturnPath,
)

AT = 1795341600.0
KEY = "Ab/+d9mV4lKqvA7wU1nq0c5b0hY2m7k3D1Jtq7v9S1E="
ANY = "127.0.0.1:0"

Headers = Mapping[str, str | bytes]


def peer(name: str, state: PeerState, key: str | None = None) -> PeerReport:
    return PeerReport(name, key, "vpn", (), None, state, AT, None, None, None, "icmp", None, None, 0)


def lease(number: int) -> LeaseReport:
    address = IPv4Address(0x0A000000 + number)
    return LeaseReport(address, "02:00:00:00:00:01", None, None, "eth0", "bound", AT, AT + 3600)


def host(report: LeaseReport) -> HostReport:
    known = (report.address, report.mac, report.hostname, report.lan)
    lease_of = HostLease(report.expires, routes_current=True)
    return HostReport(*known, lease_of, True, ReturnPath.UNKNOWN, None, "site-gateway", False, report.starts)


@dataclass
class Daemon:
    """What stands behind the sources."""

    peers: tuple[PeerReport, ...] = (peer("endpoint-a", PeerState.UP, KEY), peer("gone", PeerState.DOWN))
    leases: int = 3
    hosts: tuple[HostReport, ...] = ()
    """Beside one for each lease."""
    checks: tuple[Check, ...] = (Check("dhcp eth0", True),)
    broken_after: int | None = None
    events: EventLog | None = None
    reload: Callable[[], Awaitable[ReloadResult]] | None = None
    release: Callable[[IPv4Address], Awaitable[Released]] | None = None
    take_over: Callable[[Import], Awaitable[Imported]] | None = None
    saved: Callable[[], Awaitable[bytes | None]] | None = None
    config: Callable[[], ConfigReport] | None = None
    probe: Callable[[str], Awaitable[PeerReport | None]] | None = None
    reload_on_trial: Callable[[float], Awaitable[ReloadResult]] | None = None
    confirm: Callable[[], Awaitable[Confirmed]] | None = None
    deadline: Callable[[], float | None] | None = None
    problems: tuple[ProblemReport, ...] = ()
    devices: Mapping[str, WireGuardDevice] = field(default_factory=dict)
    routes: tuple[Route, ...] = (
        Route(IPv4Network("10.0.0.0/24"), None, "eth0", ("dhcp",), RouteState.OFFERED, "", metric=1),
    )
    services: Mapping[str, object] = field(default_factory=lambda: {"dhcp": {"offers": 3}})

    def sources(self) -> Sources:
        return Sources(
            peers=lambda: self.peers,
            routes=lambda: self.routes,
            leases=self._leases,
            hosts=lambda: (*map(host, self._leases()), *self.hosts),
            problems=lambda: self.problems,
            checks=lambda: self.checks,
            status=lambda: self.services,
            devices=lambda: self.devices,
            version="0.1.0",
            started=AT,
            now=lambda: AT + 60,
            events=self.events,
            reload=self.reload,
            release=self.release,
            take_over=self.take_over,
            saved=self.saved,
            config=self.config,
            probe=self.probe,
            reload_on_trial=self.reload_on_trial,
            confirm=self.confirm,
            deadline=self.deadline,
        )

    def _leases(self) -> Iterator[LeaseReport]:
        for number in range(self.leases):
            if number == self.broken_after:
                raise RuntimeError("a bug")
            yield lease(number)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        loaded = json.loads(self.body)
        assert isinstance(loaded, dict)
        return loaded


class _UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def _ask(address: object, method: str, path: str, headers: Headers, body: bytes | None) -> Answer:
    if isinstance(address, str):
        connection: http.client.HTTPConnection = _UnixConnection(address, timeout=10)
        headers = {"Host": "anything.example", **headers}
    else:
        assert isinstance(address, tuple)
        connection = http.client.HTTPConnection(address[0], address[1], timeout=10)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class Client:
    """Asks one address of the service from another thread."""

    def __init__(self, service: ApiService, listen: str) -> None:
        self.service, self.listen = service, listen

    @property
    def address(self) -> object:
        return self.service.addresses()[self.listen]

    async def ask(
        self, path: str, method: str = "GET", headers: Headers | None = None, body: bytes | None = None
    ) -> Answer:
        return await asyncio.to_thread(_ask, self.address, method, path, headers or {}, body)

    async def raw(self, data: bytes) -> bytes:
        assert isinstance(self.address, tuple)
        reader, writer = await asyncio.open_connection(*self.address[:2])
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
            await writer.wait_closed()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(
    daemon: Daemon,
    *listen: str,
    wait: bool = True,
    token_file: str | None = None,
    tls: tuple[str, str] | tuple[None, None] = (None, None),
) -> AsyncIterator[ApiService]:
    service = ApiService(daemon.sources())
    await service.apply(Http(listen, token_file, *tls))
    task = asyncio.create_task(service.run())
    try:
        if wait:
            await until(lambda: len(service.addresses()) == len(listen))
        yield service
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def with_client(test: Callable[[Client], Awaitable[None]], daemon: Daemon | None = None) -> None:
    async def main() -> None:
        async with serving(daemon or Daemon(), ANY) as service:
            await test(Client(service, ANY))

    asyncio.run(main())
