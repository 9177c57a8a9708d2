"""The trial of a daemon: its mark on disk at each step, what it goes back to, and what its helper is told."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from routerd import confirm_service
from routerd.config.fault import ConfigError
from routerd.confirm import GRACE, Mark, digest
from routerd.confirm_service import ConfirmService
from routerd.reports import Confirmed
from routerd.system import snapshot
from routerd.system.confirm_mark import MarkFile
from routerd.system.snapshot import Snapshot
from tests.api.scene import until

EMPTY = Snapshot(0.0, frozenset(), frozenset(), frozenset(), None, {}, {})
AT = 1000.0


class Helper:
    """A helper process that writes down what it is told."""

    is_alive = True

    def __init__(self, trial: str, deadline: float) -> None:
        self.told: list[float | str] = [deadline]

    def move(self, deadline: float) -> None:
        self.told.append(deadline)

    def dismiss(self) -> None:
        self.told.append("over")


class Scene:
    """A daemon that runs `before`."""

    def __init__(self, directory: Path, mark: Mark | None = None) -> None:
        self.file = MarkFile(directory)
        if mark is not None:
            self.file.write(mark)
        self.did: list[str] = []
        self.can_go_back = True
        self.helpers: list[Helper] = []
        self.service = ConfirmService("/etc/routerd.toml", "before", mark, self.file)
        self.service.bind(lambda: self.did.append("stop"), self._go_back, lambda: None)

    def helper(self, trial: str, deadline: float) -> Any:
        self.helpers.append(Helper(trial, deadline))
        return self.helpers[-1]

    async def _go_back(self) -> bool:
        text = self.service.previous()
        if text is not None and self.can_go_back:
            self.did.append(text)
            await self.service.went_back()
        return self.can_go_back

    async def reload(self, text: str, seconds: float | None) -> None:
        await self.service.begin(text, seconds, is_reload=True)
        self.service.taken_over(text)

    def codes(self) -> list[str]:
        return [problem.code for problem in self.service.problems()]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a scene at the time `AT`."""

    async def take(runtime: Path) -> Snapshot:
        return EMPTY

    monkeypatch.setattr(snapshot, "take", take)
    monkeypatch.setattr(confirm_service, "boot_time", lambda: AT)
    monkeypatch.setattr(confirm_service, "_LONGEST_NAP", 0.01)

    def run(test: Callable[[Scene], Awaitable[None]], mark: Mark | None = None) -> None:
        async def main() -> None:
            scene = Scene(tmp_path, mark)
            monkeypatch.setattr(confirm_service, "_guard", scene.helper)
            await asyncio.wait_for(test(scene), 10)

        asyncio.run(main())

    return run


def test_confirmed(play: Callable[..., None]) -> None:
    async def test(scene: Scene) -> None:
        assert await scene.service.confirm() is Confirmed.NOTHING
        await scene.reload("new", 60.0)
        mark = scene.file.read()
        assert mark is not None
        assert (mark.digest, mark.deadline, mark.previous, mark.is_pending) == (digest("new"), 1060.0, "before", True)
        assert scene.codes() == ["not-confirmed"]
        assert await scene.service.confirm() is Confirmed.DONE
        assert await scene.service.confirm() is Confirmed.NOTHING
        assert (scene.file.read(), scene.codes(), scene.service.deadline()) == (None, [], None)
        assert scene.helpers[0].told[-1] == "over"
        await scene.reload("newer", 60.0)
        mark = scene.file.read()
        assert mark is not None
        assert mark.previous == "new"

    play(test)


def test_a_reload_while_one_is_on_trial(play: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    async def test(scene: Scene) -> None:
        await scene.reload("new", 60.0)
        caplog.clear()
        for text, seconds, deadline in (("newer", None, 1060.0), ("newest", 5.0, 1005.0)):
            await scene.reload(text, seconds)
            mark = scene.file.read()
            assert mark is not None
            assert (mark.digest, mark.deadline, mark.previous) == (digest(text), deadline, "before")
            assert scene.helpers[0].told[-1] == deadline + GRACE
        kept, anew = caplog.messages
        assert "belongs to the trial, which ends in 1m; run `routerd confirm` to keep it" in kept
        assert "on trial for 5s; run `routerd confirm` to keep it" in anew
        assert len(scene.helpers) == 1
        assert await scene.service.confirm() is Confirmed.DONE
        await scene.reload("last", 60.0)
        mark = scene.file.read()
        assert mark is not None
        assert mark.previous == "newest"

    play(test)


def test_what_cannot_be_taken_over_was_no_trial(play: Callable[..., None]) -> None:
    async def test(scene: Scene) -> None:
        await scene.service.begin("new", 60.0, is_reload=True)
        await scene.service.abandon()
        assert (scene.file.read(), scene.codes()) == (None, [])
        assert scene.helpers[0].told[-1] == "over"
        await scene.reload("good", 60.0)
        await scene.service.begin("bad", 5.0, is_reload=True)
        await scene.service.abandon()
        mark = scene.file.read()
        assert mark is not None
        assert (mark.digest, mark.deadline) == (digest("good"), 1060.0)
        assert scene.helpers[1].told[-1] == 1060.0 + GRACE

    play(test)


def test_without_a_mark_there_is_no_trial(play: Callable[..., None], tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        scene.file.path = tmp_path / "missing" / "mark"
        with pytest.raises(ConfigError, match="cannot be kept: No such file or directory"):
            await scene.service.begin("new", 60.0, is_reload=True)
        assert scene.codes() == []
        # It was there before the mark could be, and has nothing to do.
        assert [helper.told for helper in scene.helpers] == [[1065.0, "over"]]

    play(test)


def test_another_lease_store_is_no_trial(play: Callable[..., None]) -> None:
    def stored(name: str, more: str = "") -> str:
        return f'[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n[leases]\nstore = "sqlite:/{name}"\n{more}'

    async def test(scene: Scene) -> None:
        await scene.reload(stored("one.db"), None)
        with pytest.raises(ConfigError) as caught:
            await scene.service.begin(stored("two.db"), 60.0, is_reload=True)
        (fault,) = caught.value.errors
        assert (fault.path, fault.value) == ("leases.store", '"sqlite:/two.db"')
        assert "sqlite:/one.db" in fault.rule
        assert (scene.file.read(), scene.codes(), scene.helpers) == (None, [], [])
        await scene.reload(stored("one.db", "[http]\nlisten = []\n"), 60.0)
        # Within the trial it would be lost just so.
        with pytest.raises(ConfigError, match=r"leases\.store"):
            await scene.service.begin(stored("two.db"), None, is_reload=True)
        mark = scene.file.read()
        assert mark is not None
        assert (mark.is_pending, mark.digest) == (True, digest(stored("one.db", "[http]\nlisten = []\n")))
        assert await scene.service.confirm() is Confirmed.DONE
        await scene.reload(stored("two.db"), None)
        await scene.reload(stored("two.db", "# changed"), 60.0)

    play(test)


@pytest.mark.parametrize("can_go_back", [True, False])
def test_the_deadline_of_a_reload(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, can_go_back: bool
) -> None:
    async def test(scene: Scene) -> None:
        scene.can_go_back = can_go_back
        await scene.reload("new", 60.0)
        running = asyncio.create_task(scene.service.run())
        await asyncio.sleep(0)
        assert scene.did == []
        monkeypatch.setattr(confirm_service, "boot_time", lambda: AT + 60)
        await until(lambda: bool(scene.did))
        assert await scene.service.confirm() is Confirmed.NOTHING
        assert scene.did == (["before"] if can_go_back else ["stop"])
        assert scene.service.is_expired is not can_go_back
        if can_go_back:
            await until(lambda: scene.helpers[0].told[-1] == "over")
            mark = scene.file.read()
            assert mark is not None
            assert (mark.is_pending, mark.previous, mark.snapshot) == (False, "before", None)
            assert scene.codes() == ["configuration-rolled-back"]
            # Somebody asks for it all the same.
            await scene.reload("new", None)
            assert (scene.file.read(), scene.codes()) == (None, [])
        running.cancel()

    play(test)


def test_a_start_that_failed_was_no_trial(play: Callable[..., None]) -> None:
    earlier = Mark("t", digest("new"), 5.0, is_pending=False, previous="old")
    made: list[Scene] = []

    async def test(scene: Scene) -> None:
        await scene.service.begin("new", 60.0, is_reload=False)
        mark = scene.file.read()
        assert mark is not None
        assert (mark.is_reload, mark.previous) == (False, "old")
        made.append(scene)

    play(test, earlier)
    (scene,) = made
    with pytest.MonkeyPatch.context() as patch:

        async def restore(found: Snapshot) -> list[str]:
            assert found == EMPTY
            return []

        patch.setattr(snapshot, "restore", restore)
        assert scene.service.finish()
    assert scene.file.read() == earlier
    assert scene.helpers[0].told[-1] == "over"
