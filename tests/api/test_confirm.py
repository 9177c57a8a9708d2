"""Trials over HTTP: POST /v1/reload?confirm=, POST /v1/confirm, and what the status says."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from routerd.reports import Confirmed, ReloadResult
from tests.api.scene import ANY, AT, Client, Daemon, serving


class Tried:
    """A daemon that can try a configuration."""

    def __init__(self, outcome: Confirmed = Confirmed.DONE) -> None:
        self.outcome = outcome
        self.asked: list[float | None] = []
        self.confirmed = 0

    async def reload(self) -> ReloadResult:
        self.asked.append(None)
        return ReloadResult(True)

    async def reload_on_trial(self, seconds: float) -> ReloadResult:
        self.asked.append(seconds)
        return ReloadResult(True)

    async def confirm(self) -> Confirmed:
        self.confirmed += 1
        return self.outcome

    def daemon(self) -> Daemon:
        deadline = AT + 90.25 if self.outcome is Confirmed.DONE else None
        return Daemon(
            reload=self.reload,
            reload_on_trial=self.reload_on_trial,
            confirm=self.confirm,
            deadline=lambda: deadline,
        )


def with_service(tried: Tried, tmp_path: Path, test: Callable[[Client, Client], Awaitable[None]]) -> None:
    """Run `test` with a client over TCP and one over the Unix socket."""
    unix = f"unix:{tmp_path}/routerd.sock"
    token = tmp_path / "http.token"
    token.write_text("Zk3-secret-token-of-the-test\n")
    token.chmod(0o600)

    async def main() -> None:
        async with serving(tried.daemon(), ANY, unix, token_file=str(token)) as service:
            await test(Client(service, ANY), Client(service, unix))

    asyncio.run(main())


def test_a_reload_on_trial(tmp_path: Path) -> None:
    tried = Tried()

    async def test(tcp: Client, unix: Client) -> None:
        deadline = {"deadline": "2026-11-22T10:01:30.250Z"}
        # Without a time it belongs to the trial that there is.
        for query in ("", "?confirm=60s", "?confirm=1m30s"):
            assert (await unix.ask(f"/v1/reload{query}", "POST")).json == {"reloaded": True, "confirm": deadline}
        assert (await unix.ask("/v1/status")).json["confirm"] == deadline

    with_service(tried, tmp_path, test)
    assert tried.asked == [None, 60.0, 90.0]


def test_a_reload_for_good(tmp_path: Path) -> None:
    tried = Tried(Confirmed.NOTHING)

    async def test(tcp: Client, unix: Client) -> None:
        assert (await unix.ask("/v1/reload", "POST")).json == {"reloaded": True}

    with_service(tried, tmp_path, test)


@pytest.mark.parametrize("text", ["", "0s", "60", "25h", "-1s", "%00", "%E2%88%9E"])
def test_a_time_that_is_none(tmp_path: Path, text: str) -> None:
    tried = Tried()

    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask(f"/v1/reload?confirm={text}", "POST")
        assert answer.status == 400
        assert str(answer.json["error"]).startswith("confirm: must be ")

    with_service(tried, tmp_path, test)
    assert tried.asked == []


@pytest.mark.parametrize(
    ("outcome", "status", "key"),
    [(Confirmed.DONE, 200, "confirmed"), (Confirmed.NOTHING, 409, "error"), (Confirmed.UNSTORED, 503, "error")],
)
def test_confirming(tmp_path: Path, outcome: Confirmed, status: int, key: str) -> None:
    tried = Tried(outcome)

    async def test(tcp: Client, unix: Client) -> None:
        answer = await unix.ask("/v1/confirm", "POST")
        assert (answer.status, list(answer.json)) == (status, [key])
        assert (await tcp.ask("/v1/confirm", "POST")).status == 401
        assert (await unix.ask("/v1/confirm")).status == 405
        assert ("confirm" in (await unix.ask("/v1/status")).json) == (outcome is Confirmed.DONE)

    with_service(tried, tmp_path, test)
    assert tried.confirmed == 1
