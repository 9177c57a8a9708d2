"""Clients that send garbage, too much, too slowly or nothing: each is bounded, counted, and harms nobody else."""

import asyncio
import http.client
import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.api import connections, stream
from routerd.api.service import ApiService
from routerd.events import EventLog
from routerd.model import Event
from routerd.reports import PeerState
from tests.api.scene import ANY, AT, Client, Daemon, peer, serving, until, with_client

HOST = b"Host: localhost\r\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times are shortened."""
    for name in ("HEAD_SECONDS", "UNREAD_SECONDS", "HANDSHAKE_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(connections, "KEEPALIVE_SECONDS", 0.5)
    monkeypatch.setattr(connections, "_LOOK", 0.05)


def _counters(client: Client) -> dict[str, int]:
    found = client.service.status()["counters"]
    assert isinstance(found, dict)
    return found


def _connections(service: ApiService) -> int:
    found = service.status()["connections"]
    assert isinstance(found, int)
    return found


async def _connect(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert isinstance(client.address, tuple)
    return await asyncio.open_connection(*client.address[:2])


async def _alive(client: Client) -> None:
    assert (await client.ask("/livez")).status == 200


GARBAGE = [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (b"GET / HTTP/x\r\n" + HOST + b"\r\n", 400),
    (b"\r\n\r\n\r\n\0\0\0\r\n\r\n", 400),
    (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X" * 70_000 + b": x\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: x\r\n" * 200 + b"\r\n", 431),
    (b"GET /livez HTTP/1.1\r\n" + HOST + (b"X: " + b"x" * 4000 + b"\r\n") * 20 + b"\r\n", 431),
    (b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET /livez\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
]


GARBAGE += [
    (b"GET /livez HTTP/1.1\r\n" + HOST + b"Expect: foo\r\nConnection: close\r\n\r\n", 417),
    (b"GET /nothing HTTP/1.1\r\n" + HOST + b"Expect: foo\r\nConnection: close\r\n\r\n", 417),
    (b"PUT /livez HTTP/1.1\r\n" + HOST + b"Expect: foo\r\nContent-Length: 5\r\n\r\n", 417),
    (b"GET http://evil.example/livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 421),
]


@pytest.mark.parametrize(("data", "status"), GARBAGE)
def test_garbage(data: bytes, status: int) -> None:
    async def test(client: Client) -> None:
        answer = await client.raw(data)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1."), answer
        assert head.split()[1] == str(status).encode()
        assert b"\r\nserver: routerd" in head.lower()
        assert b"aiohttp" not in head
        assert "error" in json.loads(body)
        counters = _counters(client)
        assert counters.get("bad-requests", 0) + counters.get("refused-requests", 0) == 1
        await _alive(client)
        await until(lambda: _connections(client.service) == 0)

    with_client(test)


@pytest.mark.parametrize("method", [b"FOO", b"get", b"G-T"])
def test_an_unknown_method(method: bytes) -> None:
    async def test(client: Client) -> None:
        answer = await client.raw(method + b" /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        # The parser in C refuses what it does not know; the one in Python takes every name, in capitals.
        status = head.split()[1]
        if status == b"405":
            assert b"\r\nallow: get,head" in head.lower()
        elif status != b"200" or method != b"get":
            assert status == b"501"
        assert status == b"200" or "error" in json.loads(body)

    with_client(test)


@pytest.mark.parametrize("piped", [1, 3])
def test_who_closes_its_side_after_asking_is_answered(tmp_path: Path, piped: int) -> None:
    unix = f"unix:{tmp_path}/routerd.sock"
    head = b"GET /v1/leases HTTP/1.1\r\n" + HOST + b"\r\n"

    async def main() -> None:
        async with serving(Daemon(leases=3000), ANY, unix) as service:
            client = Client(service, ANY)
            for opened in (_connect(client), asyncio.open_unix_connection(f"{tmp_path}/routerd.sock")):
                reader, writer = await opened
                writer.write(head * piped)
                writer.write_eof()
                answer = await asyncio.wait_for(reader.read(), 10)
                assert answer.count(b"HTTP/1.1 200 OK") == piped
                assert answer.count(b'"address"') == 3000 * piped
                writer.close()
            await until(lambda: _connections(service) == 0)
            assert set(_counters(client)) == {"requests"}

    asyncio.run(main())


@pytest.mark.parametrize("data", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\nGET /li"])
def test_who_closes_its_side_without_a_whole_request_is_let_go(data: bytes) -> None:
    async def test(client: Client) -> None:
        reader, writer = await _connect(client)
        writer.write(data)
        if data.endswith(b"/li"):
            assert (await asyncio.wait_for(reader.readuntil(b"ok\n"), 5)).startswith(b"HTTP/1.1 200")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await until(lambda: _connections(client.service) == 0, 5.0)

    with_client(test)


def test_a_head_without_end_is_cut() -> None:
    async def test(client: Client) -> None:
        reader, writer = await _connect(client)
        writer.write(b"GET / HTTP/1.1\r\n" + HOST)
        try:
            for _ in range(60):
                writer.write(b"X: " + b"x" * 1000 + b"\r\n")
                await asyncio.sleep(0.001)
            answer = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            answer = b"HTTP/1.1 431 "
        assert answer.startswith(b"HTTP/1.1 431 ")
        writer.transport.abort()
        assert _counters(client)["bad-requests"] == 1
        await _alive(client)

    with_client(test)


def test_random_bytes() -> None:
    rng = random.Random(4)

    async def test(client: Client) -> None:
        for _ in range(200):
            data = rng.randbytes(rng.randrange(1, 300))
            if rng.random() < 0.5:
                data = b"GET /" + data
            _, writer = await _connect(client)
            writer.write(data + b"\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.transport.abort()
        await _alive(client)
        await until(lambda: _connections(client.service) == 0)

    with_client(test)


PATHS = [
    (b"/v1/peers/%00", 404),
    (b"/v1/peers/%ff%fe", 404),
    (b"/v1/peers/%ff%fe/health", 404),
    (b"/v1/peers/\xff\xfe", None),
    (b"/v1/peers/%zz", 404),
    (b"/v1/peers/%", 404),
    (b"/v1/peers/..%2f..%2fetc%2fpasswd", 404),
    (b"/v1/peers/../../etc/passwd", None),
    (b"/v1/peers//", 404),
    (b"/v1/peers/%0d%0aX:%20y", 404),
    (b"/v1/leases?after=%ff", 400),
    (b"/v1/peers?after=%00%ff", 200),
    (b"/v1/peers/" + b"%2F" * 2000, 404),
    (b"*", None),
    (b"http://[::1", None),
    (b"//evil.example/v1/peers", None),
]


@pytest.mark.parametrize(("path", "status"), PATHS)
def test_odd_paths(path: bytes, status: int | None) -> None:
    async def test(client: Client) -> None:
        answer = await client.raw(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        found = int(answer.split()[1])
        assert found == status if status else 200 <= found < 500
        assert b"\r\nx: y" not in answer.lower().partition(b"\r\n\r\n")[0]
        await _alive(client)

    with_client(test)


def test_a_large_body_is_refused() -> None:
    async def test(client: Client) -> None:
        head = b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 65537\r\n\r\n"
        assert (await client.raw(head + b"x" * 65537)).startswith(b"HTTP/1.1 413 ")

    with_client(test)


def test_a_chunked_body_without_end_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        listen = f"unix:{tmp_path}/routerd.sock"

        async def reload() -> object:
            raise AssertionError

        async with serving(Daemon(reload=reload), listen):  # type: ignore[arg-type]
            reader, writer = await asyncio.open_unix_connection(f"{tmp_path}/routerd.sock")
            writer.write(b"POST /v1/reload HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
            writer.write((b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 8)
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 413 ")
            writer.transport.abort()

    asyncio.run(main())


def test_pipelined_requests_are_all_answered_in_order() -> None:
    async def test(client: Client) -> None:
        paths = ["/livez", "/v1/peers/endpoint-a/health", "/v1/peers/gone/health"] * 200
        requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths]
        data = "".join(requests) + "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = await client.raw(data.encode())
        found = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        # A body ends without a line end of HTTP, so the next answer follows it in the same line.
        assert answer.count(b"HTTP/1.1 200 OK") == 401
        assert answer.count(b"HTTP/1.1 503 ") == 200
        assert found[0] == b"200"

    with_client(test)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("data", [b"", b"G", b"GET /livez HTTP/1.1\r\nHost: local", b"\r\n\r\n"])
def test_nothing_or_half_a_head_is_closed_in_time(data: bytes) -> None:
    async def test(client: Client) -> None:
        reader, writer = await _connect(client)
        begin = asyncio.get_running_loop().time()
        writer.write(data)
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        except ConnectionError:
            pass
        assert asyncio.get_running_loop().time() - begin < 3
        writer.transport.abort()
        await until(lambda: _counters(client).get("late-requests") == 1 and _connections(client.service) == 0)
        await _alive(client)

    with_client(test)


@pytest.mark.usefixtures("impatient")
def test_a_drip_is_closed_in_time() -> None:
    async def test(client: Client) -> None:
        _, writer = await _connect(client)
        for byte in b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 100:
            if _counters(client).get("late-requests"):
                break
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the connection was not closed")
        writer.transport.abort()

    with_client(test)


@pytest.mark.usefixtures("impatient")
def test_an_idle_connection_is_closed_and_a_half_second_head_with_it() -> None:
    async def test(client: Client) -> None:
        for more in (b"", b"GET /li"):
            reader, writer = await _connect(client)
            writer.write(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n" + more)
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 200 ")
            writer.close()
            await writer.wait_closed()
        await until(lambda: _connections(client.service) == 0)

    with_client(test)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize(
    ("path", "leases", "peers"),
    [(b"/v1/leases", 60_000, 0), (b"/v1/leases?limit=1000", 1001, 0), (b"/metrics", 0, 2000)],
)
def test_answers_that_nobody_reads_are_given_up(path: bytes, close: bytes, leases: int, peers: int) -> None:
    crowd = tuple(peer(f"peer-{number}", PeerState.UP) for number in range(peers))

    async def test(client: Client) -> None:
        assert isinstance(client.address, tuple)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(client.address[:2])
            sock.setblocking(False)
            head = b"GET " + path + b" HTTP/1.1\r\n" + HOST
            data = (head + b"\r\n") * 200 + head + close + b"\r\n"
            await asyncio.get_running_loop().sock_sendall(sock, data)
            await until(lambda: _counters(client).get("unread-answers") == 1)
        await until(lambda: _connections(client.service) == 0)
        assert _counters(client)["requests"] < 100
        await _alive(client)

    with_client(test, Daemon(leases=leases, peers=crowd))


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[list[socket.socket]]:
    """Sockets that are closed after the test."""
    made: list[socket.socket] = []
    yield made
    for sock in made:
        sock.close()


def _crowd(client: Client, made: list[socket.socket], count: int) -> None:
    assert isinstance(client.address, tuple)
    for _ in range(count):
        made.append(socket.create_connection(client.address[:2], timeout=10))


def test_a_crowd_leaves_room_for_the_unix_socket(tmp_path: Path, crowd: list[socket.socket]) -> None:
    unix = f"unix:{tmp_path}/routerd.sock"

    async def main() -> None:
        async with serving(Daemon(), ANY, unix) as service:
            client = Client(service, ANY)
            most = connections.MOST_CONNECTIONS - connections.KEPT_FOR_UNIX
            await asyncio.to_thread(_crowd, client, crowd, most)
            await until(lambda: _connections(service) == most)
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                await client.ask("/livez")
            assert _counters(client)["refused-connections"] == 1
            await _alive(Client(service, unix))
            for sock in crowd:
                sock.close()
            await until(lambda: _connections(service) == 0)
            await _alive(client)

    asyncio.run(main())


def test_a_thousand_event_streams_that_never_read(crowd: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_PATIENCE", 0.3)
    log = EventLog("run")
    daemon = Daemon(events=log)

    async def test(client: Client) -> None:
        assert isinstance(client.address, tuple)
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            sock = socket.socket()
            sock.setblocking(False)
            crowd.append(sock)
            try:
                await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, client.address[:2]), 10)
                sock.send(b"GET /v1/events HTTP/1.1\r\n" + HOST + b"\r\n")
            except ConnectionError:
                pass
        await until(lambda: client.service.status()["event_streams"] == 32)
        for number in range(2000):
            log.add(Event("lease", f"10.0.0.{number}", "bound", AT, {"hostname": "x" * 200}))
        client.service.wake()
        # None of them reads: the streams end by themselves, and what ends is counted as what it is.
        await until(lambda: client.service.status()["event_streams"] == 0)
        assert _connections(client.service) <= connections.MOST_CONNECTIONS - connections.KEPT_FOR_UNIX
        assert _counters(client)["refused-connections"] >= 700
        assert _counters(client)["unread-answers"] == 32
        assert "bad-requests" not in _counters(client)
        for sock in crowd:
            sock.close()
        await until(lambda: _connections(client.service) == 0)
        assert len(os.listdir("/proc/self/fd")) <= files + 2
        await _alive(client)

    with_client(test, daemon)
