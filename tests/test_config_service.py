"""Reloads: one at a time, refused as a whole, and none once routerd stops."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import pytest

from routerd import config_service
from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.model import Config
from routerd.config_service import ConfigService

FAULT = ConfigFault("lan[0].dhcp.pools", "x", "is no range", "write FIRST-LAST")


class Scene:
    """A service whose file has `fault` or none, and what it did."""

    def __init__(self) -> None:
        self.fault: ConfigFault | None = None
        self.did: list[str] = []
        self.gate, self.begun = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.service = ConfigService(
            "/etc/routerd.toml", self._read, self._take_over, self._during, lambda: self.did.append("refused")
        )

    def _read(self) -> Config:
        if self.fault is not None:
            raise ConfigError([self.fault])
        return Config((), ())

    async def _take_over(self, config: Config) -> None:
        self.did.append("begins")
        self.begun.set()
        await self.gate.wait()
        self.did.append("ends")

    @contextlib.contextmanager
    def _during(self) -> Iterator[None]:
        self.did.append("reloading")
        yield
        self.did.append("ready")


def play(test: Callable[[Scene], Awaitable[None]]) -> None:
    async def scene() -> None:
        await test(Scene())

    asyncio.run(asyncio.wait_for(scene(), 5))


def test_faults_are_kept_until_a_configuration_is_taken_over() -> None:
    async def test(scene: Scene) -> None:
        scene.fault = FAULT
        before = scene.service.report()
        assert (await scene.service.reload()).errors == (FAULT,)
        assert scene.service.report() == type(before)(before.path, before.loaded, (FAULT,))
        (problem,) = scene.service.problems()
        assert (problem.code, dict(problem.values)["count"]) == ("config-invalid", "1 fault")
        scene.fault = None
        assert (await scene.service.reload()).ok
        assert scene.service.report().loaded >= before.loaded
        assert list(scene.service.problems()) == []
        assert scene.did == ["reloading", "refused", "ready", "reloading", "begins", "ends", "ready"]

    play(test)


def test_the_end_waits_for_what_is_under_way_and_lets_nothing_follow() -> None:
    async def test(scene: Scene) -> None:
        scene.gate.clear()
        running = asyncio.create_task(scene.service.run())
        scene.service.ask()
        scene.service.ask()
        await scene.begun.wait()
        closing = asyncio.create_task(scene.service.close())
        second = asyncio.create_task(scene.service.reload())
        await asyncio.sleep(0.01)
        assert not closing.done()
        scene.gate.set()
        await closing
        assert "ends" in scene.did
        assert (await second).errors[0].rule == "is stopping"
        assert scene.did.count("begins") == 1
        running.cancel()

    play(test)


def test_devices_that_were_lacking_are_taken_over_without_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_service, "_AGAIN", 0.01)

    async def test(scene: Scene) -> None:
        answers: list[Config | ConfigError | None] = [None, ConfigError([FAULT]), Config((), ()), None]
        loop, all_asked, reloaded = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def again() -> Config | None:
            answer = answers.pop(0) if answers else None
            if not answers:
                loop.call_soon_threadsafe(all_asked.set)
            if isinstance(answer, ConfigError):
                raise answer
            return answer

        async def take_over(config: Config) -> None:
            scene.did.append("taken over")
            if "reloading" in scene.did:
                reloaded.set()

        service = ConfigService("x", scene._read, take_over, scene._during, lambda: None, again=again)
        running = asyncio.create_task(service.run())
        await all_asked.wait()
        # A reload that is asked for is one even so.
        service.ask()
        await reloaded.wait()
        running.cancel()
        assert scene.did[:3] == ["taken over", "reloading", "taken over"]
        assert service.report().errors == ()

    play(test)


@pytest.mark.parametrize("turns", range(5))
def test_a_stop_that_meets_a_wish_to_reload_ends_it(turns: int) -> None:
    async def test(scene: Scene) -> None:
        service = ConfigService(
            "x", scene._read, scene._take_over, scene._during, lambda: None, again=lambda: Config((), ())
        )
        running = asyncio.create_task(service.run())
        await asyncio.sleep(0)
        service.ask()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running], timeout=2)
        assert running.cancelled()

    play(test)
