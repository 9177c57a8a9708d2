"""Work in turns and with pauses, so that a burst of it holds up nothing else and costs less."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 64
"""Replies after which the messages that have come in are read: a relay agent's socket holds a few hundred replies."""


class Turns(Generic[T]):
    """Calls `deal` with every item in order: so many at once, the next after what else the event loop has to do."""

    def __init__(self, deal: Callable[[T], None], at_once: int = AT_ONCE) -> None:
        self._deal, self._at_once = deal, at_once
        self._items: deque[T] = deque()
        self._next: asyncio.Handle | None = None

    def extend(self, items: Iterable[T]) -> None:
        """Deal with these after those before them: with the first ones now, where none wait."""
        self._items.extend(items)
        if self._next is None:
            self._turn()

    def flush(self) -> None:
        """Deal with all that wait now."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._items:
            self._deal(self._items.popleft())

    def _turn(self) -> None:
        self._next = None
        for _ in range(min(self._at_once, len(self._items))):
            self._deal(self._items.popleft())
        if self._items:
            self._next = asyncio.get_running_loop().call_soon(self._turn)


class Pause:
    """A time in which something is not done again; `again` is called when it is over, if somebody asked meanwhile.

    It lasts for the least time, and longer, up to the most, until a turn of the event loop does not change `worked`:
    that counts what is done, and nobody waits where nothing is left to be done.
    """

    def __init__(self, again: Callable[[], None], worked: Callable[[], int]) -> None:
        self._again, self._worked = again, worked
        self._least = self._most = 0.0
        self._seen = -1
        self._next: asyncio.Handle | None = None

    def begin(self, least: float, most: float) -> None:
        """Pause from now on, for so many seconds."""
        self.cancel()
        now = asyncio.get_running_loop().time()
        self._least, self._most, self._seen = now + least, now + most, -1

    def is_over(self) -> bool:
        """May it be done? If not, it is asked again by itself."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._most:
            return True
        if self._next is None:
            self._next = loop.call_later(max(0.0, self._least - loop.time()), self._look)
        return False

    def cancel(self) -> None:
        """Ask no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        loop, worked = asyncio.get_running_loop(), self._worked()
        if worked != self._seen and loop.time() < self._most:
            self._seen = worked
            self._next = loop.call_soon(self._look)
            return
        self._next, self._most = None, 0.0
        self._again()
