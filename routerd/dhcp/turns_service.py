"""Deals with many things in turns, so that a burst of them holds up nothing else."""

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
