"""`/v1/events` over real HTTP: resuming, filters, readers that leave, readers that never read, and the end."""

import asyncio
import gc
import http.client
import json
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from routerd.api import stream
from routerd.api.service import ApiService
from routerd.events import EventLog
from routerd.model import Event
from tests.api.scene import ANY, AT, Client, Daemon, serving, until

Row = tuple[str, str, dict[str, object]]


class Feed:
    """A daemon's side: adds events as the daemon does."""

    def __init__(self, service: ApiService, log: EventLog) -> None:
        self.service, self.log = service, log

    @property
    def streams(self) -> object:
        return self.service.status()["event_streams"]

    def emit(self, subject: str, kind: str = "peer", filler: str = "") -> None:
        self.log.add(Event(kind, subject, "up", AT, {"filler": filler} if filler else {}))
        self.service.wake()


class Reader:
    """A client that reads events; in HTTP/1.0, where a stream is not cut into chunks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id = ""

    @classmethod
    async def connect(cls, service: ApiService, query: str = "", last_id: str | None = None) -> "Reader":
        address = service.addresses()[ANY]
        assert isinstance(address, tuple)
        made = cls(*await asyncio.open_connection(*address[:2]))
        resume = "" if last_id is None else f"Last-Event-ID: {last_id}\r\n"
        made._writer.write(f"GET /v1/events{query} HTTP/1.0\r\nHost: localhost\r\n{resume}\r\n".encode())
        head = (await asyncio.wait_for(made._reader.readuntil(b"\r\n\r\n"), 10)).decode()
        made.status = int(head.split()[1])
        made.headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        return made

    async def block(self) -> dict[str, str]:
        """The next lines up to an empty one, without comments."""
        text = (await asyncio.wait_for(self._reader.readuntil(b"\n\n"), 10)).decode()
        fields = dict(line.split(": ", 1) for line in text.split("\n") if line and line != ":")
        self.last_id = fields.get("id", self.last_id)
        return fields

    async def row(self) -> Row:
        """The next event; what is none is skipped."""
        while True:
            fields = await self.block()
            if "data" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])

    async def subjects(self, count: int) -> list[object]:
        return [(await self.row())[2].get("subject") for _ in range(count)]

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self._reader.read(), 10)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def feeding(kept: int = 1000) -> AsyncIterator[Feed]:
    log = EventLog("run", kept)
    async with serving(Daemon(events=log), ANY) as service:
        yield Feed(service, log)


def with_feed(test: Callable[[Feed], Awaitable[None]], kept: int = 1000) -> None:
    async def main() -> None:
        async with feeding(kept) as feed:
            await test(feed)

    asyncio.run(main())


def test_events_come_at_once() -> None:
    async def test(feed: Feed) -> None:
        feed.emit("before")
        reader = await Reader.connect(feed.service)
        assert reader.status == 200
        assert reader.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert reader.headers["Cache-Control"] == "no-store"
        start = time.monotonic()
        feed.emit("endpoint-a")
        assert await reader.row() == (
            "run-2",
            "peer",
            {"id": "run-2", "kind": "peer", "subject": "endpoint-a", "what": "up", "at": "2026-11-22T10:00:00.000Z"},
        )
        assert time.monotonic() - start < 1.0
        await reader.close()

    with_feed(test)


def test_a_browser_reads_chunks() -> None:
    def read(address: tuple[str, int]) -> list[bytes]:
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.request("GET", "/v1/events?last_event_id=0")
        response = connection.getresponse()
        lines = [response.readline() for _ in range(6)]
        response.close()
        connection.close()
        return lines

    async def test(feed: Feed) -> None:
        feed.emit("endpoint-a")
        address = feed.service.addresses()[ANY]
        assert isinstance(address, tuple)
        lines = await asyncio.to_thread(read, address)
        assert lines[:5] == [b"retry: 2000\n", b"id: run-0\n", b"\n", b"id: run-1\n", b"event: peer\n"]

    with_feed(test)


def test_resume_after_a_break() -> None:
    async def test(feed: Feed) -> None:
        reader = await Reader.connect(feed.service)
        feed.emit("one")
        assert await reader.subjects(1) == ["one"]
        await reader.close()
        for name in ("two", "three"):
            feed.emit(name)
        by_header = await Reader.connect(feed.service, last_id=reader.last_id)
        by_query = await Reader.connect(feed.service, f"?last_event_id={reader.last_id}")
        feed.emit("four")
        for again in (by_header, by_query):
            assert await again.subjects(3) == ["two", "three", "four"]
            await again.close()

    with_feed(test)


def test_a_reader_that_saw_no_event_yet_resumes_as_well() -> None:
    async def test(feed: Feed) -> None:
        feed.emit("old")
        reader = await Reader.connect(feed.service)
        assert await reader.block() == {"retry": "2000", "id": "run-1"}
        await reader.close()
        feed.emit("new")
        again = await Reader.connect(feed.service, last_id=reader.last_id)
        assert await again.subjects(1) == ["new"]
        await again.close()

    with_feed(test)


def test_what_is_lost_is_said() -> None:
    async def test(feed: Feed) -> None:
        for number in range(1, 51):
            feed.emit(f"s{number}")
        reader = await Reader.connect(feed.service, last_id="run-5")
        assert await reader.row() == ("run-40", "lost", {"id": "run-40", "kind": "lost", "count": 35})
        assert await reader.subjects(10) == [f"s{number}" for number in range(41, 51)]
        await reader.close()
        stranger = await Reader.connect(feed.service, last_id="earlier-5")
        assert (await stranger.row())[1:] == ("lost", {"id": "run-40", "kind": "lost", "count": None})
        assert await stranger.subjects(1) == ["s41"]
        await stranger.close()

    with_feed(test, kept=10)


def test_a_filter() -> None:
    async def test(feed: Feed) -> None:
        reader = await Reader.connect(feed.service, "?kind=peer,route")
        for number in range(300):
            feed.emit(f"10.0.0.{number}", kind="lease")
        feed.emit("endpoint-a")
        feed.emit("10.0.0.0/24", kind="route")
        assert await reader.subjects(2) == ["endpoint-a", "10.0.0.0/24"]
        assert reader.last_id == "run-302"
        await reader.close()
        bad = await Reader.connect(feed.service, "?kind=peers")
        assert bad.status == 400
        assert "kind is one or more of" in json.loads(await bad.rest())["error"]
        await bad.close()

    with_feed(test)


def test_a_heartbeat_moves_the_place_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_HEARTBEAT", 0.1)

    async def test(feed: Feed) -> None:
        reader = await Reader.connect(feed.service, "?kind=peer")
        assert await reader.block() == {"retry": "2000", "id": "run-0"}
        feed.emit("unseen", kind="lease")
        for _ in range(3):
            assert await reader.block() == {"id": "run-1"}
        await reader.close()

    with_feed(test)


def test_a_burst_comes_whole_and_in_order() -> None:
    async def test(feed: Feed) -> None:
        readers = [await Reader.connect(feed.service) for _ in range(3)]
        for number in range(900):
            feed.emit(f"s{number}")
        for reader in readers:
            assert await reader.subjects(900) == [f"s{number}" for number in range(900)]
            await reader.close()

    with_feed(test)


def test_a_place_is_free_as_soon_as_its_reader_left() -> None:
    async def test(feed: Feed) -> None:
        for _ in range(3):
            readers = [await Reader.connect(feed.service) for _ in range(stream.MOST_STREAMS)]
            assert feed.streams == stream.MOST_STREAMS
            refused = await Reader.connect(feed.service)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "15")
            assert "error" in json.loads(await refused.rest())
            await refused.close()
            assert (await Client(feed.service, ANY).ask("/livez")).status == 200
            for reader in readers:
                await reader.close()
            await until(lambda: feed.streams == 0, 2.0)

    with_feed(test)


def test_a_thousand_connects_are_bounded() -> None:
    async def connect(address: tuple[str, int]) -> socket.socket | None:
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        await asyncio.get_running_loop().sock_sendall(sock, b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sock

    async def test(feed: Feed) -> None:
        address = feed.service.addresses()[ANY]
        assert isinstance(address, tuple)
        socks: list[socket.socket] = []
        highest = 0
        for _ in range(1000):
            try:
                sock = await connect(address[:2])
            except OSError:
                continue
            assert sock is not None
            socks.append(sock)
            if len(socks) > 300:
                socks.pop(0).close()
            assert isinstance(feed.streams, int)
            highest = max(highest, feed.streams)
        assert highest == stream.MOST_STREAMS
        for sock in socks:
            sock.close()
        await until(lambda: feed.streams == 0, 5.0)
        reader = await Reader.connect(feed.service)
        feed.emit("after")
        assert await reader.subjects(1) == ["after"]
        await reader.close()

    with_feed(test)


def _never_reading(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(address)
    sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def test_readers_that_never_read_cost_no_memory_and_no_delay() -> None:
    async def test(feed: Feed) -> None:
        address = feed.service.addresses()[ANY]
        assert isinstance(address, tuple)
        deaf = [await asyncio.to_thread(_never_reading, address[:2]) for _ in range(20)]
        await until(lambda: feed.streams == 20)
        reader = await Reader.connect(feed.service)
        tracemalloc.start()
        slowest = 0.0
        sizes: list[int] = []
        # 200 kB a round: after the first ones the kernel and the server keep no more for one reader.
        for turn in range(6):
            start = time.monotonic()
            for number in range(100):
                feed.emit(f"s{turn}-{number}", filler="x" * 2000)
            assert await reader.subjects(100) == [f"s{turn}-{number}" for number in range(100)]
            slowest = max(slowest, time.monotonic() - start)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        # 100 events a round, kept once and not once a reader (4 MB). Patience with the others would be 10 s.
        assert sizes[-1] - sizes[2] < 1_000_000
        assert slowest < 5.0
        await reader.close()
        for sock in deaf:
            sock.close()

    with_feed(test)


def test_a_reader_that_never_reads_is_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stream, "_PATIENCE", 0.3)
    caplog.set_level("INFO", "routerd.api")

    async def test(feed: Feed) -> None:
        address = feed.service.addresses()[ANY]
        assert isinstance(address, tuple)
        deaf = await asyncio.to_thread(_never_reading, address[:2])
        await until(lambda: feed.streams == 1)
        for number in range(900):
            feed.emit(f"s{number}", filler="x" * 2000)
        await until(lambda: feed.streams == 0)
        reader = await Reader.connect(feed.service)
        feed.emit("last")
        assert await reader.subjects(1) == ["last"]
        await reader.close()
        deaf.close()

    with_feed(test)
    assert "http 127.0.0.1: dropped, as it has not read its events for" in caplog.text


@pytest.mark.parametrize("deaf", [False, True])
def test_streams_end_at_stop(deaf: bool) -> None:
    async def main() -> None:
        socks: list[socket.socket] = []
        async with feeding() as feed:
            reader = await Reader.connect(feed.service)
            if deaf:
                address = feed.service.addresses()[ANY]
                assert isinstance(address, tuple)
                socks.append(await asyncio.to_thread(_never_reading, address[:2]))
                await until(lambda: feed.streams == 2)
                for number in range(400):
                    feed.emit(f"s{number}", filler="x" * 2000)
                assert await reader.subjects(400) == [f"s{number}" for number in range(400)]
            await asyncio.sleep(0.1)
            start = time.monotonic()
        assert time.monotonic() - start < 1.0
        await reader.rest()
        await reader.close()
        for sock in socks:
            sock.close()

    asyncio.run(main())


def test_head_and_other_methods() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed.service, ANY)
        head = await client.ask("/v1/events", "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert (await client.ask("/v1/events", "POST")).status == 405
        assert feed.streams == 0

    with_feed(test)


def test_a_reader_that_closes_its_side_is_gone() -> None:
    async def test(feed: Feed) -> None:
        address = feed.service.addresses()[ANY]
        assert isinstance(address, tuple)
        reader, writer = await asyncio.open_connection(*address[:2])
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 2000")
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        await until(lambda: feed.streams == 0, 2.0)
        writer.close()

    with_feed(test)


def test_no_events_no_path() -> None:
    async def main() -> None:
        async with serving(Daemon(), ANY) as service:
            assert (await Client(service, ANY).ask("/v1/events")).status == 404

    asyncio.run(main())
