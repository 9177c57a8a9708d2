"""Blocking calls in their own thread: in order, with their results, and never in the way of the event loop."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from routerd.system.worker import Worker


def test_calls_run_in_order_and_give_what_they_give() -> None:
    said: list[int] = []

    def say(number: int) -> int:
        said.append(number)
        if number == 2:
            raise ValueError("two")
        return number * 10

    async def main() -> None:
        worker = Worker("test")
        one, two, three = (worker.run(say, number) for number in (1, 2, 3))
        assert (await one, await three) == (10, 30)
        with pytest.raises(ValueError, match="two"):
            await two
        worker.end()

    asyncio.run(main())
    assert said == [1, 2, 3]


def test_a_call_that_hangs_holds_up_nothing_else() -> None:
    free = threading.Event()

    async def main() -> None:
        worker = Worker("test")
        hangs, behind = worker.run(free.wait, 10.0), worker.run(int, "7")
        done, _ = await asyncio.wait([hangs, behind], timeout=0.05)
        assert not done
        hangs.cancel()
        free.set()
        assert await behind == 7
        worker.end()

    asyncio.run(main())


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    code = """
import asyncio, time
from routerd.system.worker import Worker
async def main():
    Worker("test").run(time.sleep, 60.0)
    await asyncio.sleep(0.05)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=10, check=False).returncode == 0


def test_what_a_call_brought_is_not_kept() -> None:
    """It may be the leases of a whole site, and the next call may be long in coming."""

    class Large:
        pass

    async def main() -> None:
        worker = Worker("test")
        brought = weakref.ref(await worker.run(Large))
        for _ in range(200):
            gc.collect()
            if brought() is None:
                break
            await asyncio.sleep(0.01)
        assert brought() is None
        worker.end()

    asyncio.run(main())


def test_a_result_that_nobody_waits_for_any_more_is_dropped() -> None:
    free, done = threading.Event(), threading.Event()

    async def main() -> None:
        worker = Worker("test")
        worker.run(free.wait, 10.0)
        worker.run(done.set)

    asyncio.run(main())
    free.set()
    assert done.wait(5.0)
