"""Keeps options 121 and 249 current in a Kea of this machine, over its control socket, and nothing else of it.

Kea's configuration is read (config-get), patched, tested (config-test), read again, set (config-set) and read once
more: an edit by somebody else in between begins it anew, so none is lost. Then, where nothing of the administrator's
can be lost by it (kea_file.py), Kea is asked to write its file (config-write): its next start has the routes at once.
Where it is not written, they are put back as soon as Kea is seen to have started anew: its socket is another one then.
Edits of others are noticed by a digest of its configuration. Kea logs every command, so it is asked for that seldom
(`interval`), and more often for a while after its file was changed: the edit may be loaded then.

Nothing here waits for Kea but this service's own task.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from routerd.beside.kea_config import subnets_of
from routerd.beside.kea_door_service import identity
from routerd.beside.kea_file_service import KeaFile
from routerd.beside.kea_patch import Patched, has_marked, patch
from routerd.beside.kea_shown import KeaShown, problems
from routerd.beside.kea_talk_service import KeaTalk, Read
from routerd.beside.kea_wire import KeaError, KeaRefusesError
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesideNetwork, BesidePart
from routerd.config.model import Kea
from routerd.model import Problem
from routerd.reports import Check

log = logging.getLogger("routerd.beside")

_TICK = 1.0
_SOON, _SOON_FOR = 2.0, 30.0
_SHARE = 100
_SHARE = 200
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_FAREWELL = 4.0
_CLEAN = 30.0

Identity = tuple[int, int] | None


class KeaService:
    """One Kea, by its control socket. `apply` only notes what is wanted; `run` does it, and tries again."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        self._path, self._changed = key.path, changed
        self._talk = KeaTalk(key.path)
        self._file = KeaFile(self._talk)
        self._parts: tuple[BesidePart, ...] | None = None
        self._last: tuple[BesidePart, ...] = ()
        self._due = asyncio.Event()
        self._shown = KeaShown()
        self._digest: str | None = None
        self._settled = False
        self._seen: tuple[Identity, Identity] = (None, None)
        self._wait = _FIRST_WAIT
        self._next = self._tried = 0.0
        self._soon_until = 0.0

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        """Hand out this from now on; () removes all that was ever made."""
        if parts != self._parts:
            self._last = parts or self._last
            self._parts, self._digest, self._settled = parts, None, False
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
        """Until something new is wanted, Kea's socket or file is another one, or it is time to look."""
        while not self._due.is_set():
            if self._parts is not None and (self._is_new() or time.monotonic() >= self._next):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), _TICK)
        # Every config-set costs Kea a pause: what changes together is told it together.
        await asyncio.sleep(max(0.0, self._tried + _TICK - time.monotonic()))
        self._due.clear()

    def _is_new(self) -> bool:
        """Was Kea started anew, or its file changed?"""
        (socket, file), (socket_now, file_now) = self._seen, self._look()
        self._seen = (socket_now, file_now)
        if file_now != file:
            self._soon_until, self._digest = time.monotonic() + _SOON_FOR, None
            return self._shown.trouble is None
        return socket_now not in (None, socket)

    def _look(self) -> tuple[Identity, Identity]:
        return identity(self._path), identity(self._file.watched) if self._file.watched else None

    async def _round(self, parts: tuple[BesidePart, ...]) -> None:
        self._tried = time.monotonic()
        was = self._shown.trouble
        took = 0.0
        try:
            if self._digest is None or await self._talk.digest() != self._digest:
                await self._settle(parts)
            else:
                took = time.monotonic() - self._tried
        except KeaError as error:
            self._shown.trouble, self._digest = error, None
            self._next = time.monotonic() + self._wait
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            if str(error) != str(was):
                log.warning("kea %s: %s; tried again", self._path, error)
            return
        self._shown.trouble, self._wait = None, _FIRST_WAIT
        now = time.monotonic()
        interval = self._settings().interval
        # While Kea says what it has, it answers no client.
        self._next = now + max(min(_SOON, interval) if now < self._soon_until else interval, _SHARE * took)
        if was is not None:
            log.info("kea %s: it answers and has what it should", self._path)

    # ------------------------------------------------------------ Kea's configuration

    async def _settle(self, parts: tuple[BesidePart, ...]) -> None:
        networks = [network for part in parts for network in part.networks]
        if self._shown.version is None:
            self._shown.version = await self._talk.version()
        first = await self._talk.read()
        _refuse_database(first.config, networks)
        await self._look_at_file(first, networks)
        made, read = await self._change(first, networks)
        if made.changed:
            self._shown.changes += 1
            log.info("kea %s: options 121 and 249 %s", self._path, _told(made, parts))
        if await self._file.write(read.config):
            log.info("kea %s: it has written its configuration to %s", self._path, self._file.path)
        self._shown.file, self._shown.reason = self._file.path, self._file.reason
        self._shown.take(await _patched(read.config, networks), subnets_of(read.config))
        self._seen = self._look()
        # What was wanted meanwhile is still to be done.
        self._settled = parts == self._parts
        self._digest = read.digest if self._settled else None

    async def _look_at_file(self, read: Read, networks: list[BesideNetwork]) -> None:
        kea = self._settings()
        if not kea.write:
            self._file.leave(read, kea.config_file)
        elif networks or await self._file.has_ours(read, kea.config_file):
            await self._file.look(read, kea.config_file)

    async def _change(self, read: Read, networks: list[BesideNetwork]) -> tuple[Patched, Read]:
        """Have Kea take the patched configuration, if it differs: what was changed, and what Kea has afterwards."""
        return await self._talk.change(read, lambda config: _patched(config, networks))

    async def withdraw(self) -> Withdrawn:
        """Remove all that was ever made, once and soon."""
        limit = _CLEAN if self._parts is None else _FAREWELL
        self._talk = KeaTalk(self._path, limit)
        try:
            async with asyncio.timeout(limit):
                return await self._withdraw()
        except TimeoutError:
            reason: object = f"no answer within {limit:g} s"
        except KeaError as error:
            reason = error
        if identity(self._path) is None and not self._shown.held:
            return Withdrawn()
        return Withdrawn(left=f"kea {self._path}: options 121 and 249 may still be handed out: {reason}")

    async def _withdraw(self) -> Withdrawn:
        file, named = self._file, self._settings().config_file
        file.use(self._talk)
        read = await self._talk.read()
        had, in_file = has_marked(read.config), await file.has_ours(read, named)
        if in_file:
            await file.look(read, named)
        made, read = await self._change(read, [])
        if in_file:
            await file.write(read.config)
        self._shown.take(made, subnets_of(read.config))
        removed = (f"options 121 and 249 from Kea at {self._path}",) if had else ()
        if in_file and file.reason is not None:
            return Withdrawn(removed, f"kea {self._path}: its file {file.path} still has the options: {file.reason}")
        return Withdrawn(removed)

    # ------------------------------------------------------------ what is shown

    @property
    def is_clear(self) -> bool:
        """Is nothing of routerd's in Kea, as far as is known?"""
        return self._settled and not self._shown.held and not self._parts

    def problems(self) -> tuple[Problem, ...]:
        """What keeps Kea from handing out what it should."""
        return problems(self._shown, self._path, self._parts or ())

    def checks(self) -> tuple[Check, ...]:
        """Does Kea have what it should, on every LAN?"""
        ready = self._settled and self._shown.trouble is None
        text = f"Kea: {self._shown.trouble or 'not asked yet'}"
        return tuple(Check(f"dhcp {part.lan}", ready, "" if ready else text) for part in self._parts or ())

    def status(self) -> dict[str, object]:
        """For /v1/status."""
        return self._shown.status(self._settings(), (part.lan for part in self._parts or ()))

    def _settings(self) -> Kea:
        """Those of all its LANs: what is more careful counts."""
        keas = [part.settings.kea for part in self._parts or self._last]
        named = next((kea.config_file for kea in keas if kea.config_file is not None), None)
        interval = min((kea.interval for kea in keas), default=Kea().interval)
        return Kea(self._path, all(kea.write for kea in keas), named, interval)


def _refuse_database(config: dict[str, Any], networks: list[BesideNetwork]) -> None:
    """What Kea read from a database would be set as its own, and then be there twice."""
    control = config.get("config-control")
    if networks and isinstance(control, dict) and control.get("config-databases"):
        raise KeaRefusesError("its configuration comes from a database (config-control), which routerd does not change")


async def _patched(config: dict[str, Any], networks: list[BesideNetwork]) -> Patched:
    """As `patch`, beside the loop: it takes a quarter of a second for 10,000 reservations."""
    return await asyncio.to_thread(patch, config, networks)


def _told(made: Patched, parts: tuple[BesidePart, ...]) -> str:
    routes = {network.network: network.routes for part in parts for network in part.networks}
    told = [f"of {net} hold {', '.join(str(prefix) for prefix, _ in routes[net])}" for net in made.held]
    return "; ".join(told) or "are removed"
