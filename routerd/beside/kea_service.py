"""Keeps options 121 and 249 current in a Kea of this machine, over its control socket, and nothing else of it.

Kea's configuration is read (config-get), patched, tested (config-test), read again, set (config-set) and read once
more: an edit by somebody else in between begins it anew, so none is lost. Then, where nothing of the administrator's
can be lost by it (kea_file.py), Kea is asked to write its file (config-write): its next start has the routes at once.
Where it is not written, they are put back as soon as Kea is seen to have started anew. That, and edits of others, are
noticed by its socket's identity, which is looked at often, and by a digest of its configuration, which costs Kea more.

Nothing here waits for Kea but this service's own task.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from routerd.beside.kea_door_service import identity
from routerd.beside.kea_file_service import KeaFile
from routerd.beside.kea_patch import Patched, has_marked, patch
from routerd.beside.kea_shown import KeaShown, problems
from routerd.beside.kea_talk_service import KeaTalk, Read
from routerd.beside.kea_wire import KeaError, KeaRefusesError
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesideNetwork, BesidePart
from routerd.model import Problem
from routerd.reports import Check

log = logging.getLogger("routerd.beside")

_TICK = 1.0
_LOOK, _SELDOM = 5.0, 300.0
_SHARE = 200
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_TRIES = 4
_FAREWELL = 4.0


class KeaService:
    """One Kea, by its control socket. `apply` only notes what is wanted; `run` does it, and tries again."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        self._path, self._changed = key.path, changed
        self._talk = KeaTalk(key.path)
        self._file = KeaFile(self._talk)
        self._parts: tuple[BesidePart, ...] | None = None
        self._due = asyncio.Event()
        self._shown = KeaShown()
        self._digest: str | None = None
        self._identity: tuple[int, int] | None = None
        self._wait = _FIRST_WAIT
        self._next = 0.0
        self._tried = 0.0

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        """Hand out this from now on; () removes all that was ever made."""
        if parts != self._parts:
            self._parts = parts
            self._digest = None
            self._due.set()

    async def run(self) -> None:
        """Keep Kea as the parts say until cancelled."""
        while True:
            await self._rest()
            if self._parts is None:
                continue
            before = self.problems()
            await self._round(self._parts)
            if self.problems() != before or not self._parts:
                self._changed()

    async def _rest(self) -> None:
        """Until something new is wanted, Kea's socket is another one, or it is time to look."""
        while not self._due.is_set():
            now = time.monotonic()
            if self._parts is not None and (now >= self._next or self._is_new(now)):
                return
            try:
                await asyncio.wait_for(self._due.wait(), _TICK)
            except TimeoutError:
                continue
        # Every config-set costs Kea a pause: what changes together is told it together.
        await asyncio.sleep(max(0.0, self._tried + _TICK - time.monotonic()))
        self._due.clear()

    def _is_new(self, now: float) -> bool:
        found = identity(self._path)
        if found == self._identity or now < self._tried + _TICK:
            return False
        self._identity = found
        return found is not None

    async def _round(self, parts: tuple[BesidePart, ...]) -> None:
        self._tried = time.monotonic()
        self._identity = identity(self._path)
        was = self._shown.trouble
        try:
            if self._digest is None or await self._talk.digest() != self._digest:
                await self._settle(parts)
        except KeaError as error:
            self._shown.trouble, self._digest = error, None
            self._next = time.monotonic() + self._wait
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            if str(error) != str(was):
                log.warning("kea %s: %s; tried again", self._path, error)
            return
        self._shown.trouble, self._wait = None, _FIRST_WAIT
        self._next = time.monotonic() + min(max(_LOOK, _SHARE * self._shown.seconds), _SELDOM)
        if was is not None:
            log.info("kea %s: it answers and has what it should", self._path)

    # ------------------------------------------------------------ Kea's configuration

    async def _settle(self, parts: tuple[BesidePart, ...]) -> None:
        networks = [network for part in parts for network in part.networks]
        if self._shown.version is None:
            self._shown.version = await self._talk.version()
        first = await self._talk.read()
        self._shown.seconds = first.seconds
        _refuse_database(first.config, networks)
        await self._look_at_file(parts, first, networks)
        made, read = await self._change(first, networks)
        if made.changed:
            self._shown.changes += 1
            log.info("kea %s: option 121 and 249 of %s", self._path, _told(made, parts))
        if await self._file.write(read.config):
            log.info("kea %s: it has written its configuration to %s", self._path, self._file.path)
        self._shown.file, self._shown.reason = self._file.path, self._file.reason
        self._shown.take(patch(read.config, networks), _serves(read.config))
        # What was wanted meanwhile is still to be done.
        self._digest = read.digest if parts == self._parts else None

    async def _look_at_file(self, parts: tuple[BesidePart, ...], read: Read, networks: list[BesideNetwork]) -> None:
        keas = [part.settings.kea for part in parts]
        if not all(kea.write for kea in keas):
            self._file.forget()
            return
        if parts or patch(read.config, networks).changed or await self._file.has_ours(read):
            named = next((kea.config_file for kea in keas if kea.config_file is not None), None)
            await self._file.look(read, named)

    async def _change(self, read: Read, networks: list[BesideNetwork]) -> tuple[Patched, Read]:
        """Have Kea take the patched configuration, if it differs: what was changed, and what Kea has afterwards."""
        done: Patched | None = None
        for _ in range(_TRIES):
            made = patch(read.config, networks)
            if not made.changed:
                return done or made, read
            await self._talk.test(made.config)
            again = await self._talk.read()
            if again.config == read.config:
                await self._talk.set(made.config)
                done, again = made, await self._talk.read()
            read = again
        reason = (
            "it does not keep the options" if done is not None else "its configuration is being changed all the time"
        )
        raise KeaRefusesError(reason)

    async def withdraw(self) -> Withdrawn:
        """Remove all that was ever made, once and soon."""
        self._talk = KeaTalk(self._path, _FAREWELL)
        try:
            async with asyncio.timeout(_FAREWELL):
                return await self._withdraw()
        except TimeoutError:
            reason: object = f"no answer within {_FAREWELL:g} s"
        except KeaError as error:
            reason = error
        if identity(self._path) is None and not self._shown.held:
            return Withdrawn()
        return Withdrawn(left=f"kea {self._path}: options 121 and 249 may still be handed out: {reason}")

    async def _withdraw(self) -> Withdrawn:
        file = KeaFile(self._talk) if self._parts is None else self._file
        file.use(self._talk)
        read = await self._talk.read()
        had, in_file = has_marked(read.config), await file.has_ours(read)
        if in_file:
            await file.look(read, None)
        made, read = await self._change(read, [])
        if in_file:
            await file.write(read.config)
        self._shown.take(made, _serves(read.config))
        removed = (f"options 121 and 249 from Kea at {self._path}",) if had else ()
        if in_file and file.reason is not None:
            return Withdrawn(removed, f"kea {self._path}: its file {file.path} still has the options: {file.reason}")
        return Withdrawn(removed)

    # ------------------------------------------------------------ what is shown

    @property
    def is_clear(self) -> bool:
        """Is nothing of routerd's in Kea, as far as is known?"""
        return self._digest is not None and not self._shown.held and not self._parts

    def problems(self) -> tuple[Problem, ...]:
        """What keeps Kea from handing out what it should."""
        return problems(self._shown, self._path, self._parts or ())

    def checks(self) -> tuple[Check, ...]:
        """Does Kea have what it should, on every LAN?"""
        ready = self._digest is not None and self._shown.trouble is None
        text = str(self._shown.trouble or "not asked yet")
        return tuple(Check(f"kea {part.lan}", ready, "" if ready else text) for part in self._parts or ())

    def status(self) -> dict[str, object]:
        """For /v1/status."""
        return self._shown.status()


def _refuse_database(config: dict[str, Any], networks: list[BesideNetwork]) -> None:
    """What Kea read from a database would be set as its own, and then be there twice."""
    control = config.get("config-control")
    if networks and isinstance(control, dict) and control.get("config-databases"):
        raise KeaRefusesError("its configuration comes from a database (config-control), which routerd does not change")


def _serves(config: dict[str, Any]) -> tuple[str, ...]:
    shared = [each for each in config.get("shared-networks") or () if isinstance(each, dict)]
    subnets = [subnet for each in (config, *shared) for subnet in each.get("subnet4") or ()]
    return tuple(str(subnet.get("subnet")) for subnet in subnets if isinstance(subnet, dict))


def _told(made: Patched, parts: tuple[BesidePart, ...]) -> str:
    routes = {network.network: network.routes for part in parts for network in part.networks}
    told = [f"{net} now hold {', '.join(str(prefix) for prefix, _ in routes[net])}" for net in made.held]
    return "; ".join(told) or "routerd's are removed"
