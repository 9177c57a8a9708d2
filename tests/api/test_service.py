"""The HTTP service as its clients see it: real sockets on loopback, and Unix sockets in a directory of the test."""

import asyncio
import http.client
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from routerd.api import service as service_module
from routerd.config.model import Http
from routerd.health import ProblemTracker
from routerd.reports import Check
from tests.api.scene import ANY, AT, KEY, Client, Daemon, lease, serving, until, with_client


def test_every_path() -> None:
    async def test(client: Client) -> None:
        assert (await client.ask("/livez")).body == b"ok\n"
        assert (await client.ask("/readyz")).status == 200
        assert (await client.ask("/healthz?verbose")).body == b"[+]dhcp eth0 ok\nreadyz check passed\n"
        peers = (await client.ask("/v1/peers")).json["peers"]
        assert isinstance(peers, list)
        assert [(row["name"], row["state"], row["reachable"]) for row in peers] == [
            ("endpoint-a", "up", True),
            ("gone", "down", False),
        ]
        assert (await client.ask("/v1/routes")).json["routes"] == [
            {
                "prefix": "10.0.0.0/24",
                "gateway": None,
                "metric": 1,
                "lan": "eth0",
                "channels": ["dhcp"],
                "state": "offered",
                "reason": "",
            }
        ]
        assert len((await client.ask("/v1/leases")).json["leases"]) == 3  # type: ignore[arg-type]
        assert (await client.ask("/v1/problems")).json == {"problems": []}
        status = (await client.ask("/v1/status")).json
        assert status["counts"] == {
            "peers": {"up": 1, "down": 1},
            "routes": {"offered": 1},
            "leases": {"bound": 3},
            "problems": {},
        }
        assert (status["version"], status["uptime_s"]) == ("0.1.0", 60)
        assert status["services"] == {"dhcp": {"offers": 3}}

    with_client(test)


def test_ready_is_503_while_a_duty_is_not_met() -> None:
    async def test(client: Client) -> None:
        answer = await client.ask("/readyz")
        assert (answer.status, answer.body) == (503, b"[-]dhcp eth0 failed: no\nreadyz check failed\n")
        assert (await client.ask("/livez")).status == 200

    with_client(test, Daemon(checks=(Check("dhcp eth0", False, "no"),)))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/peers/endpoint-a", 200),
        ("/v1/peers/gone", 200),
        ("/v1/peers/nobody", 404),
        ("/v1/peers/endpoint-a/health", 200),
        ("/v1/peers/gone/health", 503),
        ("/v1/peers/nobody/health", 404),
        (f"/v1/peers/{quote(KEY, safe='')}", 200),
        (f"/v1/peers/{quote(KEY, safe='')}/health", 200),
        (f"/v1/peers/{quote(KEY, safe='').lower()}", 404),
        (f"/v1/peers/{KEY}", 200),
        (f"/v1/peers/{KEY}/health", 200),
        ("/v1/peers/", 404),
        ("/", 404),
        ("/v2/peers", 404),
    ],
)
def test_peer_paths(path: str, status: int) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask(path)
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("application/json")
        assert ("error" in answer.json) == (status == 404)

    with_client(test)


def test_an_absolute_request_target() -> None:
    async def test(client: Client) -> None:
        answer = await client.raw(
            b"GET http://127.0.0.1/v1/peers/endpoint-a/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200 ")

    with_client(test)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/peers", "/v1/leases", "/v1/status", "/v1/peers/gone"])
def test_head_has_no_body(path: str) -> None:
    async def test(client: Client) -> None:
        got, head = await client.ask(path), await client.ask(path, "HEAD")
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]

    with_client(test, Daemon(leases=1000))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405(method: str) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask("/v1/peers", method)
        assert answer.status == 405
        assert sorted(answer.headers["Allow"].split(",")) == ["GET", "HEAD"]
        assert "error" in answer.json
        assert (await client.ask("/nothing", method)).status == 404

    with_client(test)


@pytest.mark.parametrize(
    ("path", "cache"),
    [("/livez", "no-store"), ("/nothing", "no-store"), ("/v1/leases", "no-cache"), ("/metrics", "no-store")],
)
def test_headers(path: str, cache: str) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask(path)
        assert answer.headers["Server"] == "routerd"
        assert answer.headers["Cache-Control"] == cache

    with_client(test)


def test_a_foreign_host_is_refused() -> None:
    async def test(client: Client) -> None:
        for host, status in [
            ("evil.example", 421),
            ("evil.example:8121", 421),
            ("localhost:1", 200),
            (socket.gethostname().upper(), 200),
            ("192.168.200.2", 200),
        ]:
            answer = await client.ask("/livez", headers={"Host": host})
            assert answer.status == status, host
        without = await client.raw(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert without.split()[1] == b"400"
        twice = await client.raw(
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        )
        assert twice.split()[1] == b"400"
        assert (await client.raw(b"GET /livez HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\nok\n")

    with_client(test)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 400, 1001])
def test_a_list_is_whole_at_every_size(count: int) -> None:
    async def test(client: Client) -> None:
        leases = (await client.ask("/v1/leases")).json["leases"]
        assert isinstance(leases, list)
        assert [row["address"] for row in leases] == [str(lease(number).address) for number in range(count)]

    with_client(test, Daemon(leases=count))


@pytest.mark.parametrize(
    ("query", "first", "rows"),
    [
        ("limit=10", 0, 10),
        ("limit=1000", 0, 1000),
        (f"limit=10&after={lease(41).address}", 42, 10),
        (f"after={lease(1).address}", 2, 1000),
        (f"limit=10&after={lease(2995).address}", 2996, 4),
        ("limit=10&after=255.255.255.255", 0, 0),
    ],
)
def test_a_part_of_a_list(query: str, first: int, rows: int) -> None:
    async def test(client: Client) -> None:
        leases = (await client.ask(f"/v1/leases?{query}")).json["leases"]
        assert isinstance(leases, list)
        assert [row["address"] for row in leases] == [str(lease(n).address) for n in range(first, first + rows)]

    with_client(test, Daemon(leases=3000))


def test_parts_of_peers_and_bad_parts() -> None:
    async def test(client: Client) -> None:
        peers = (await client.ask("/v1/peers?limit=5&after=endpoint-a")).json["peers"]
        assert isinstance(peers, list)
        assert [row["name"] for row in peers] == ["gone"]
        for query in ("limit=0", "limit=1001", "limit=x", "limit=", "after=nonsense", "limit=-1"):
            answer = await client.ask(f"/v1/leases?{query}")
            assert (answer.status, list(answer.json)) == (400, ["error"])

    with_client(test)


@pytest.mark.parametrize("leases", [10_000, 50_000])
def test_a_long_list_does_not_hold_the_loop(leases: int) -> None:
    async def test(client: Client) -> None:
        await client.ask("/livez")
        asking = asyncio.create_task(client.ask("/v1/leases"))
        pauses = []
        while not asking.done():
            before = time.thread_time()
            await asyncio.sleep(0)
            # The CPU time of this thread: what other processes and the client's thread take does not count.
            pauses.append(time.thread_time() - before)
        assert len((await asking).json["leases"]) == leases  # type: ignore[arg-type]
        assert max(pauses) < 0.010
        assert len(pauses) > leases / 200

    with_client(test, Daemon(leases=leases))


@pytest.mark.parametrize(("broken_after", "status"), [(0, 500), (100, 500), (1500, 500)])
def test_a_bug_behind_a_source_is_a_500(broken_after: int, status: int) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask("/v1/leases")
        assert (answer.status, answer.json) == (status, {"error": "internal error"})
        assert (await client.ask("/livez")).status == 200

    with_client(test, Daemon(leases=2000, broken_after=broken_after))


def test_a_bug_in_the_middle_of_a_list_breaks_the_connection() -> None:
    async def test(client: Client) -> None:
        with pytest.raises(http.client.IncompleteRead):
            await client.ask("/v1/leases")
        assert (await client.ask("/livez")).status == 200

    with_client(test, Daemon(leases=12_000, broken_after=11_000))


def test_clients_that_leave_early() -> None:
    async def test(client: Client) -> None:
        assert isinstance(client.address, tuple)
        for _ in range(5):
            _, writer = await asyncio.open_connection(*client.address[:2])
            writer.write(b"GET /v1/leases HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await writer.drain()
            writer.transport.abort()
        assert (await client.ask("/livez")).status == 200

    with_client(test, Daemon(leases=20_000))


def test_a_port_in_use_is_a_problem_until_it_is_free() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            async with serving(Daemon(), listen, ANY, wait=False) as service:
                await until(lambda: ANY in service.addresses())
                tracker = ProblemTracker()
                tracker.update(service.problems(), AT)
                (problem,) = tracker.report(AT)
                assert problem.text == f"http {listen}: cannot be served: Address already in use"
                assert "ss -ltnp" in problem.mend
                assert [check.ok for check in service.checks()] == [False]
                assert (await Client(service, ANY).ask("/livez")).status == 200
                other.close()
                await until(lambda: listen in service.addresses())
                assert service.problems() == ()
                assert [check.ok for check in service.checks()] == [True]
                assert (await Client(service, listen).ask("/livez")).status == 200

    asyncio.run(main())


def test_every_kind_of_failure_has_a_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    listens = [f"unix:{tmp_path}/file", f"unix:{tmp_path}/file/x.sock", f"unix:{tmp_path}/{'x' * 200}"]
    listens += ["203.0.113.7:8121", "nonsense"]

    async def main() -> None:
        async with serving(Daemon(), *listens, wait=False) as service:
            await until(lambda: len(service.problems()) == len(listens))
            for problem in service.problems():
                values = dict(problem.values)
                assert values["reason"]
                assert values["hint"].endswith(".")
            assert (tmp_path / "file").is_file()

    asyncio.run(main())


def test_apply_touches_only_what_changed(tmp_path: Path) -> None:
    first, second = f"unix:{tmp_path}/a.sock", f"unix:{tmp_path}/b.sock"

    async def main() -> None:
        async with serving(Daemon(), ANY, first) as service:
            before = service.addresses()[ANY]
            await service.apply(Http((ANY, second)))
            await until(lambda: second in service.addresses())
            assert service.addresses().keys() == {ANY, second}
            assert service.addresses()[ANY] == before
            assert not (tmp_path / "a.sock").exists()
            assert (await Client(service, second).ask("/livez")).status == 200
            await service.apply(Http(()))
            assert service.addresses() == {}

    asyncio.run(main())


def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "made" / "routerd.sock"

    async def main() -> None:
        async with serving(Daemon(), f"unix:{path}") as service:
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            answer = await Client(service, f"unix:{path}").ask("/v1/peers/gone/health")
            assert answer.status == 503
        assert not path.exists()

    asyncio.run(main())


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "routerd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def main() -> None:
        async with serving(Daemon(), f"unix:{path}") as service:
            assert (await Client(service, f"unix:{path}").ask("/livez")).status == 200

    asyncio.run(main())


def test_a_unix_socket_that_was_removed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_LOOK_EVERY", 0.05)
    path = tmp_path / "routerd.sock"

    async def main() -> None:
        async with serving(Daemon(), f"unix:{path}") as service:
            path.unlink()
            await until(lambda: path.exists() and bool(service.addresses()))
            assert (await Client(service, f"unix:{path}").ask("/livez")).status == 200
        assert not path.exists()

    asyncio.run(main())


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "routerd.sock"

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            inode = path.stat().st_ino
            async with serving(Daemon(), f"unix:{path}", wait=False) as service:
                await until(lambda: bool(service.problems()))
                values = dict(service.problems()[0].values)
                assert values["reason"] == "Address already in use"
            assert path.stat().st_ino == inode

    asyncio.run(main())


def test_a_unix_socket_of_another_daemon_is_not_removed_at_stop(tmp_path: Path) -> None:
    path = tmp_path / "routerd.sock"

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as other:
            async with serving(Daemon(), f"unix:{path}"):
                os.rename(path, tmp_path / "moved")
                other.bind(str(path))
            assert path.exists()

    asyncio.run(main())


def test_stop_does_not_wait_for_idle_clients() -> None:
    async def main() -> None:
        async with serving(Daemon(), ANY) as service:
            address = service.addresses()[ANY]
            assert isinstance(address, tuple)
            _, writer = await asyncio.open_connection(*address[:2])
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.sleep(0.05)
            start = time.monotonic()
        assert time.monotonic() - start < 1.0
        writer.close()
        await writer.wait_closed()

    asyncio.run(main())


def test_the_service_imports_aiohttp_late() -> None:
    code = "import sys, routerd.api.service; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
