"""What systemd is told, and when the watchdog gets no sign of life."""

import asyncio
import logging

import pytest

from routerd.notify_service import NotifyService, status_line
from routerd.reports import Check, ProblemReport
from routerd.system.notify import Notifier


class Manager(Notifier):
    """Notes what it is told; deaf, it takes nothing."""

    def __init__(self, watchdog: float | None = None) -> None:
        super().__init__({"NOTIFY_SOCKET": "/nowhere"})
        self.watchdog = watchdog
        self.told: list[str] = []
        self.deaf = False

    def send(self, *lines: str) -> bool:
        if not self.deaf:
            self.told += [line for line in lines if not line.startswith("MONOTONIC")]
        return not self.deaf


class Scene:
    """A service whose routerd is as the test says."""

    def __init__(self, watchdog: float | None = None) -> None:
        self.manager, self.alive, self.status = Manager(watchdog), True, "Ready"
        self.service = NotifyService(lambda: self.alive, lambda: self.status, self.manager)

    async def until_told(self, line: str) -> None:
        """Let it run until it has told this."""
        task = asyncio.create_task(self.service.run())
        async with asyncio.timeout(10):
            while line not in self.manager.told:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_start_a_reload_and_a_stop() -> None:
    async def run() -> list[str]:
        scene = Scene()
        await scene.until_told("STATUS=Ready")
        with scene.service.reloading():
            scene.status = "Not ready\nWATCHDOG=1"
        scene.service.stopping()
        return scene.manager.told

    expected = ["READY=1", "STATUS=Ready", "RELOADING=1", "READY=1", "STATUS=Not ready\\nWATCHDOG=1"]
    assert asyncio.run(run()) == [*expected, "STOPPING=1", "STATUS=Stopping"]


def test_the_last_of_several_reloads_is_the_end() -> None:
    scene = Scene()
    with scene.service.reloading():
        with scene.service.reloading():
            pass
        assert scene.manager.told == ["RELOADING=1", "RELOADING=1"]
    assert scene.manager.told[2:] == ["READY=1", "STATUS=Ready"]


def test_what_could_not_be_sent_is_sent_later_and_only_the_newest_of_it() -> None:
    async def run() -> list[str]:
        scene = Scene(watchdog=0.15)
        scene.manager.deaf = True
        scene.service.stopping()
        with scene.service.reloading():
            pass
        scene.manager.deaf = False
        await scene.until_told("WATCHDOG=1")
        return scene.manager.told

    assert asyncio.run(run()) == ["READY=1", "STATUS=Ready", "WATCHDOG=1"]


def test_the_watchdog_is_fed_only_while_dhcp_is_alive(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> int:
        scene = Scene(watchdog=0.15)
        scene.alive = False
        asked = 0

        def alive() -> bool:
            nonlocal asked
            asked += 1
            if asked == 4:
                scene.alive = True
            return scene.alive

        scene.service = NotifyService(alive, lambda: scene.status, scene.manager)
        await scene.until_told("WATCHDOG=1")
        return asked

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(run()) == 4
    assert [record.message.partition(":")[0] for record in caplog.records] == ["dhcp"]


def test_without_a_manager_nothing_is_done() -> None:
    async def run() -> None:
        service = NotifyService(lambda: False, lambda: "", Notifier({}))
        await asyncio.wait_for(service.run(), 5)
        with service.reloading():
            service.stopping()

    asyncio.run(run())


def problem(text: str) -> ProblemReport:
    return ProblemReport("peer-down", "peer a", "warning", text, "mend", 0.0, None)


@pytest.mark.parametrize(
    ("checks", "problems", "line"),
    [
        ([Check("dhcp eth0", True)], [], "Ready; no problems"),
        (
            [Check("api", True), Check("dhcp eth0", False, "no address")],
            [],
            "Not ready: dhcp eth0: no address; no problems",
        ),
        ([], [problem("peer a: down")], "Ready; 1 problem: peer a: down"),
        ([], [problem("peer a: down"), problem("x")], "Ready; 2 problems, the first: peer a: down"),
    ],
)
def test_the_status_line(checks: list[Check], problems: list[ProblemReport], line: str) -> None:
    assert status_line(checks, problems) == line
