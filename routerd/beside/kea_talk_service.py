"""What routerd asks of Kea: its configuration, a test of another one, to take it, and to write it to its file."""

import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from routerd.beside.kea_door_service import ask
from routerd.beside.kea_file import Since
from routerd.beside.kea_marked import to_put_back, why_untouched
from routerd.beside.kea_patch import Patched
from routerd.beside.kea_wire import (
    SUCCESS,
    UNSUPPORTED,
    Answer,
    KeaError,
    KeaRefusesError,
    answer,
    command,
    dhcp4,
    hash_of,
)

_QUICK = 5.0
_LONG = 30.0
_TRIES = 4


class Read(NamedTuple):
    """Kea's configuration, the process that has it (0: unknown), and a digest to tell it from a later one."""

    config: dict[str, Any]
    pid: int
    digest: str


class KeaChangedError(KeaRefusesError):
    """It made something else of the options that it was given. `digest` is of what it has now, "" where unknown."""

    def __init__(self, text: str, digest: str) -> None:
        super().__init__(text)
        self.digest = digest


class KeaTalk:
    """One Kea. Every method raises `KeaError`; `limit` bounds the seconds of each command, where it is set.

    `took` are the seconds of the last change, which ended at `ended` (monotonic). Kea answers no client meanwhile.
    """

    def __init__(self, path: str, limit: float | None = None) -> None:
        self.path = path
        self._limit = limit
        self._has_hash = True
        self.took = self.ended = 0.0

    async def read(self) -> Read:
        """config-get."""
        said = await ask(self.path, command("config-get"), self._limit or _QUICK)
        found = answer(said.data)
        return Read(dhcp4(found), said.pid, _digest(said.data, found))

    async def digest(self) -> str:
        """The digest that `read` would have, as cheap as this Kea can say it."""
        if self._has_hash:
            said = await ask(self.path, command("config-hash-get"), self._limit or _QUICK)
            found = answer(said.data)
            known = hash_of(found) if found.result == SUCCESS else None
            if known is not None:
                return known
            self._has_hash = found.result != UNSUPPORTED
        said = await ask(self.path, command("config-get"), self._limit or _QUICK)
        return _digest(said.data, None)

    async def test(self, config: dict[str, Any]) -> None:
        """config-test."""
        await self._do("config-test", {"Dhcp4": config})

    async def set(self, config: dict[str, Any]) -> None:
        """config-set."""
        await self._do("config-set", {"Dhcp4": config})

    async def change(self, read: Read, make: Callable[[dict[str, Any]], Awaitable[Patched]]) -> tuple[Patched, Read]:
        """Have Kea take what `make` makes of its configuration, if it differs from `read`, what Kea has: what was
        changed, and what Kea has afterwards. An edit by somebody else in between begins it anew, so none is lost.

        It is set once at most. Raises `KeaChangedError` where Kea makes something else of it: then what it had before
        is in force again.
        """
        for _ in range(_TRIES):
            made = await make(read.config)
            if not made.changed:
                return made, read
            if (reason := why_untouched(read.config)) is not None:
                raise KeaRefusesError(reason)
            began = time.monotonic()
            await self.test(made.config)
            again = await self.read()
            if again.config == read.config:
                try:
                    return made, await self._set(read, made)
                finally:
                    self.ended = time.monotonic()
                    self.took = self.ended - began
            read = again
        raise KeaRefusesError("its configuration is being changed all the time")

    async def _set(self, read: Read, made: Patched) -> Read:
        await self.set(made.config)
        after = await self.read()
        back = to_put_back(read.config, made.config, after.config)
        if back is None:
            return after
        if back != after.config:
            try:
                await self.set(back)
                after = await self.read()
            except KeaError as error:
                text = f"it does not keep the options as they were set, and what it had before cannot be set: {error}"
                raise KeaChangedError(text, "") from None
        raise KeaChangedError("it does not keep the options as they were set; what it had before is back", after.digest)

    async def write(self) -> str:
        """config-write to the file Kea was started with: the file's name as Kea says it."""
        found = await self._do("config-write", None)
        return str(found.arguments.get("filename", ""))

    async def since(self) -> Since | None:
        """status-get; None where this Kea does not say it."""
        said = await ask(self.path, command("status-get"), self._limit or _QUICK)
        found = answer(said.data).arguments
        uptime, reload = found.get("uptime"), found.get("reload")
        return Since(uptime, reload) if isinstance(uptime, int) and isinstance(reload, int) else None

    async def version(self) -> str:
        """version-get."""
        said = await ask(self.path, command("version-get"), self._limit or _QUICK)
        return answer(said.data).text

    async def _do(self, name: str, arguments: dict[str, Any] | None) -> Answer:
        said = await ask(self.path, command(name, arguments), self._limit or _LONG)
        found = answer(said.data)
        if found.result != SUCCESS:
            raise KeaRefusesError(f"{name}: {found.text or f'result {found.result}'}")
        return found


def _digest(data: bytes, found: Answer | None) -> str:
    known = hash_of(found) if found is not None else None
    return known or hashlib.sha256(data).hexdigest()
