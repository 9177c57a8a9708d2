"""What may be changed over HTTP, and who may: POST /v1/reload and DELETE /v1/leases/ADDRESS."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routerd.api import commands
from routerd.api.service import ApiService
from routerd.config.fault import ConfigFault
from routerd.health import ProblemTracker
from routerd.reports import ConfigReport, Released, ReloadResult
from tests.api.scene import ANY, AT, Client, Daemon, serving, until

TOKEN = "Zk3-secret-token-of-the-test"
FAULT = ConfigFault("lan[0].interface", '"no such"', "must be an interface name", "correct it")


class Reloader:
    """A daemon that can reload and release."""

    def __init__(self, result: ReloadResult | Exception = ReloadResult(True)) -> None:  # noqa: B008
        self.result = result
        self.calls = 0
        self.released: list[IPv4Address] = []

    async def reload(self) -> ReloadResult:
        self.calls += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def release(self, address: IPv4Address) -> Released:
        self.released.append(address)
        return {"10.0.0.1": Released.DONE, "10.0.0.2": Released.RESERVED}.get(str(address), Released.NONE)

    def daemon(self) -> Daemon:
        return Daemon(reload=self.reload, release=self.release)


def with_service(
    reloader: Reloader,
    tmp_path: Path,
    test: Callable[[Client, Client], Awaitable[None]],
    *,
    token_file: Path | None = None,
) -> None:
    """Run `test` with a client over TCP and one over the Unix socket."""
    unix = f"unix:{tmp_path}/routerd.sock"

    async def main() -> None:
        token = None if token_file is None else str(token_file)
        async with serving(reloader.daemon(), ANY, unix, token_file=token) as service:
            await test(Client(service, ANY), Client(service, unix))

    asyncio.run(main())


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "http.token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


def bearer(token: str | bytes) -> dict[str, str | bytes]:
    return {"Authorization": b"Bearer " + token if isinstance(token, bytes) else f"Bearer {token}"}


def test_reload_over_the_unix_socket(tmp_path: Path) -> None:
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask("/v1/reload", "POST")
        assert (answer.status, answer.json) == (200, {"reloaded": True})

    with_service(reloader, tmp_path, test)
    assert reloader.calls == 1


def test_faults_are_those_of_check(tmp_path: Path) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask("/v1/reload", "POST")
        assert (answer.status, answer.json) == (
            422,
            {
                "reloaded": False,
                "errors": [
                    {
                        "path": "lan[0].interface",
                        "value": '"no such"',
                        "rule": "must be an interface name",
                        "mend": "correct it",
                    }
                ],
            },
        )

    with_service(Reloader(ReloadResult(False, (FAULT,))), tmp_path, test)


def test_a_bug_in_reload_is_a_500(tmp_path: Path) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask("/v1/reload", "POST")
        assert (answer.status, answer.json) == (500, {"error": "internal error"})
        assert (await unix.ask("/livez")).status == 200

    with_service(Reloader(RuntimeError("a bug")), tmp_path, test)


def test_no_token_is_configured(tmp_path: Path) -> None:
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        for headers in ({}, bearer(TOKEN), bearer("")):
            answer = await tcp.ask("/v1/reload", "POST", headers)
            assert answer.status == 403
            assert "token_file" in str(answer.json["error"])
            assert (await tcp.ask("/v1/leases/10.0.0.1", "DELETE", headers)).status == 403

    with_service(reloader, tmp_path, test)
    assert (reloader.calls, reloader.released) == (0, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer{TOKEN}"},
        {"Authorization": f"Bearer {TOKEN} {TOKEN}"},
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer(TOKEN.upper()),
        bearer("x" * 5000),
        bearer("ß" * 10),
        bearer("β".encode() * 10),
        bearer(b"\xff\xfe" + TOKEN.encode()),
    ],
    ids=lambda headers: repr(headers)[:60],
)
def test_a_wrong_token(tmp_path: Path, token_file: Path, headers: dict[str, str | bytes]) -> None:
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        for path, method in (("/v1/reload", "POST"), ("/v1/leases/10.0.0.1", "DELETE")):
            answer = await tcp.ask(path, method, headers)
            assert (answer.status, list(answer.json)) == (401, ["error"])
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="routerd"'
        assert (await unix.ask("/v1/reload", "POST", headers)).status == 200

    with_service(reloader, tmp_path, test, token_file=token_file)
    assert (reloader.calls, reloader.released) == (1, [])


def test_two_tokens_are_none(tmp_path: Path, token_file: Path) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        line = f"Authorization: Bearer {TOKEN}\r\n".encode()
        begin = b"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n"
        assert (await tcp.raw(begin + line + b"\r\n")).startswith(b"HTTP/1.1 200 ")
        assert not (await tcp.raw(begin + line + line + b"\r\n")).startswith(b"HTTP/1.1 200 ")

    with_service(Reloader(), tmp_path, test, token_file=token_file)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_token(
    tmp_path: Path, token_file: Path, scheme: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "routerd")

    def change() -> None:
        token_file.write_text("another-token-of-the-test")

    async def test(tcp: Client, unix: Client) -> None:
        assert (await tcp.ask("/v1/reload", "POST")).status == 401
        answer = await tcp.ask("/v1/reload", "POST", {"Authorization": f"{scheme} {TOKEN}"})
        assert (answer.status, answer.json) == (200, {"reloaded": True})
        # A new token is in force at once.
        change()
        assert (await tcp.ask("/v1/reload", "POST", bearer(TOKEN))).status == 401
        assert (await tcp.ask("/v1/reload", "POST", bearer("another-token-of-the-test"))).status == 200

    with_service(Reloader(), tmp_path, test, token_file=token_file)
    assert "POST /v1/reload" in caplog.text
    assert TOKEN not in caplog.text
    assert "another-token" not in caplog.text
    assert "token-of-the-test" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o666, 0o602])
def test_a_token_that_others_can_read_is_none(tmp_path: Path, token_file: Path, mode: int) -> None:
    token_file.chmod(mode)
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        assert (await tcp.ask("/v1/reload", "POST", bearer(TOKEN))).status == 403
        problems = tcp.service.problems()
        tracker = ProblemTracker()
        tracker.update(problems, AT)
        (report,) = tracker.report(AT)
        assert report.text == f"http: the token file {token_file} cannot be used: other users can read or change it"
        assert "chmod 600" in report.mend
        assert (await unix.ask("/v1/reload", "POST")).status == 200
        os.chmod(token_file, 0o600)
        assert tcp.service.problems() == ()
        assert (await tcp.ask("/v1/reload", "POST", bearer(TOKEN))).status == 200

    with_service(reloader, tmp_path, test, token_file=token_file)
    assert reloader.calls == 2


def test_a_token_file_that_is_missing_or_no_file(tmp_path: Path, token_file: Path) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        for make in (
            token_file.unlink,
            lambda: os.mkfifo(token_file, 0o600),
            lambda: (token_file.unlink(), token_file.mkdir(0o700)),
        ):
            make()
            assert (await tcp.ask("/v1/reload", "POST", bearer(TOKEN))).status == 403
            assert [problem.code for problem in tcp.service.problems()] == ["http-token"]
            assert (await tcp.ask("/livez")).status == 200

    with_service(Reloader(), tmp_path, test, token_file=token_file)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(tmp_path: Path, method: str) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        for client in (tcp, unix):
            answer = await client.ask("/v1/reload", method)
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    reloader = Reloader()
    with_service(reloader, tmp_path, test)
    assert reloader.calls == 0


def test_a_body_that_is_too_large(tmp_path: Path, token_file: Path) -> None:
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        begin = f"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
        sized = await tcp.raw(begin + b"Content-Length: 65537\r\n\r\n" + b"x" * 65537)
        assert sized.startswith(b"HTTP/1.1 413 ")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        chunked = await tcp.raw(
            begin + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 4 + b"0\r\n\r\n"
        )
        assert chunked.startswith(b"HTTP/1.1 413 ")
        assert (await tcp.ask("/v1/reload", "POST", bearer(TOKEN), b"{}")).status == 200

    with_service(reloader, tmp_path, test, token_file=token_file)
    assert reloader.calls == 1


def test_a_body_that_does_not_come(tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_BODY_SECONDS", 0.1)
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        begin = f"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
        assert (await tcp.raw(begin + b"Content-Length: 10\r\n\r\nx")).startswith(b"HTTP/1.1 408 ")

    with_service(reloader, tmp_path, test, token_file=token_file)
    assert reloader.calls == 0


def test_a_foreign_page_cannot_reload(tmp_path: Path, token_file: Path) -> None:
    async def test(tcp: Client, unix: Client) -> None:
        headers = {"Host": "evil.example", **bearer(TOKEN)}
        assert (await tcp.ask("/v1/reload", "POST", headers)).status == 421

    with_service(Reloader(), tmp_path, test, token_file=token_file)


@pytest.mark.parametrize(
    ("address", "status", "asked"),
    [
        ("10.0.0.1", 200, True),
        ("10.0.0.2", 409, True),
        ("10.0.0.3", 404, True),
        ("10.0.0.256", 404, False),
        ("10.0.0.01", 404, False),
        ("fd00::1", 404, False),
        ("%1b%5b0m", 404, False),
    ],
)
def test_release(tmp_path: Path, address: str, status: int, asked: bool) -> None:
    reloader = Reloader()

    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask(f"/v1/leases/{address}", "DELETE")
        assert answer.status == status
        assert list(answer.json) == (["released"] if status == 200 else ["error"])
        assert (await unix.ask(f"/v1/leases/{address}")).status == 405

    with_service(reloader, tmp_path, test)
    assert [str(one) for one in reloader.released] == ([address] if asked else [])


def test_what_the_daemon_cannot_do_has_no_path() -> None:
    async def main() -> None:
        async with serving(Daemon(), ANY) as service:
            client = Client(service, ANY)
            assert (await client.ask("/v1/reload", "POST")).status == 404
            assert (await client.ask("/v1/leases/10.0.0.1", "DELETE")).status == 404

    asyncio.run(main())


def test_the_status_names_the_configuration_and_its_faults() -> None:
    daemon = Daemon(config=lambda: ConfigReport("/etc/routerd/routerd.toml", AT, (FAULT,)))

    async def main() -> None:
        async with serving(daemon, ANY) as service:
            status = (await Client(service, ANY).ask("/v1/status")).json
            assert status["config"] == {
                "path": "/etc/routerd/routerd.toml",
                "loaded": "2026-11-22T10:00:00.000Z",
                "errors": [asdict(FAULT)],
            }
            # The client has hung up by now, or will at once.
            await until(lambda: service.status()["connections"] == 0)
            assert service.status() == {
                "listen": [{"listen": ANY, "served": True, "error": None}],
                "event_streams": 0,
                "connections": 0,
                "counters": {"requests": 1},
            }

    asyncio.run(main())


def test_the_service_reports_what_it_cannot_serve() -> None:
    async def main() -> None:
        service = ApiService(Daemon().sources())
        assert service.status() == {"listen": [], "event_streams": 0, "connections": 0, "counters": {}}

    asyncio.run(main())
