"""Opens the lease file as soon as its disk lets it be made, where that could not be at the start."""

import asyncio
from collections.abc import Callable

from routerd.dhcp.store_file import StoreError
from routerd.dhcp.store_health import StoreHealth
from routerd.dhcp.store_thread import StoreThread, Taken


class Opening:
    """`then` hears, once, what the file held; until then `health` is told why there is none."""

    def __init__(self, disk: StoreThread, health: StoreHealth, then: Callable[[Taken], None]) -> None:
        self._disk, self._health, self._then = disk, health, then
        self._try: asyncio.Task[None] | None = None

    def try_again(self) -> None:
        """Try it, unless an earlier try goes on."""
        if self._try is None or self._try.done():
            self._try = asyncio.get_running_loop().create_task(self._once())

    def stop(self) -> None:
        """Try no more."""
        if self._try is not None:
            self._try.cancel()

    async def _once(self) -> None:
        try:
            taken = await self._disk.take_over()
        except StoreError as error:
            self._health.absent(str(error).removeprefix(f"{self._disk.path}: "))
            return
        if taken.absent:
            self._health.absent(taken.unwritable)
        else:
            self._then(taken)
