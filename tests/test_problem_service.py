"""The watch over problems: how soon it tells, since when they are, and what it costs while nothing changes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from routerd import health, problem_service
from routerd.model import Event, Problem
from routerd.problem_service import ProblemService

HIDDEN = Problem("peer-no-endpoint", "peer z", (("name", "z"),))  # with 30 s of patience
DOWN = Problem("peer-down", "peer a", (("what", "does not answer"), ("hint", "look")))
MISSING = Problem("interface-missing", "lan eth0")  # with 1 s


class Watched:
    """Problems that a test changes, and what is told of them."""

    def __init__(self, *problems: Problem) -> None:
        self.problems, self.looks, self.told = [*problems], 0, list[tuple[str, str, float]]()
        self.service = ProblemService(self.find, self.emit)

    def find(self) -> list[Problem]:
        self.looks += 1
        return list(self.problems)

    def emit(self, event: Event) -> None:
        self.told.append((event.what, event.subject, event.at))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.service.run())
        try:
            async with asyncio.timeout(10):
                while not self.looks:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until_told(self, count: int) -> None:
        while len(self.told) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def run(test: Callable[[Watched], object], *problems: Problem) -> Watched:
    watched = Watched(*problems)

    async def main() -> None:
        async with watched.running():
            await test(watched)  # type: ignore[misc]

    asyncio.run(main())
    return watched


def test_a_hidden_problem_holds_up_no_other() -> None:
    async def test(watched: Watched) -> None:
        began = time.time()
        watched.problems.append(DOWN)
        await watched.until_told(1)
        ((what, subject, at),) = watched.told
        assert (what, subject) == ("appeared", "peer a")
        assert at - began < 1.6
        (row,) = watched.service.reports()
        assert row.since - began < 1.6
        watched.problems.remove(DOWN)
        ended = time.time()
        await watched.until_told(2)
        assert watched.told[1][:2] == ("gone", "peer a")
        assert watched.told[1][2] - ended < 1.6

    run(test, HIDDEN)


def test_what_is_announced_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_service, "_LOOK_EVERY", 60.0)

    async def test(watched: Watched) -> None:
        # In the middle of its pause: what comes just after a look waits for a tenth of a second.
        await asyncio.sleep(0.2)
        began = time.time()
        watched.problems.append(DOWN)
        watched.service.look_soon()
        await watched.until_told(1)
        assert watched.told[0][2] - began < 1.0
        assert watched.service.reports()[0].since - began < 1.0

    run(test, HIDDEN)


def test_the_end_of_patience_is_told_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_service, "_LOOK_EVERY", 60.0)

    async def test(watched: Watched) -> None:
        began = time.time()
        await watched.until_told(1)
        assert watched.told[0][:2] == ("appeared", "lan eth0")
        assert 0.9 < watched.told[0][2] - began < 1.9

    run(test, MISSING, HIDDEN)


def test_while_nothing_changes_nothing_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_service, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(problem_service, "_SHORTEST", 0.01)
    made = []
    fill = health._fill
    monkeypatch.setattr(health, "_fill", lambda *args: made.append(0) or fill(*args))

    async def test(watched: Watched) -> None:
        async with asyncio.timeout(5):
            while watched.looks < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    watched = run(test, *(Problem("peer-down", f"peer {number}") for number in range(50)), HIDDEN)
    assert len(made) == 2 * 50
    assert len(watched.told) == 50


def test_who_asks_again_and_again_is_not_looked_for_each_time() -> None:
    async def test(watched: Watched) -> None:
        looks = watched.looks
        for _ in range(50):
            watched.service.look_soon()
            await asyncio.sleep(0.01)
        assert watched.looks - looks <= 10

    run(test)
