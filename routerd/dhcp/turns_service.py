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
    """A time in which something is not done again; `again` is called when it is over, if somebody asked meanwhile."""

    def __init__(self, again: Callable[[], None]) -> None:
        self._again = again
        self._end = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, now: float, seconds: float) -> None:
        """Pause from `now` on."""
        self._end = now + seconds

    def is_over(self, now: float) -> bool:
        """May it be done? If not, it is asked again by itself."""
        if now >= self._end:
            return True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._end - now, self._over)
        return False

    def cancel(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        self._again()
