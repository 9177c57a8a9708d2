"""Keeps options 121 and 249 current in a Kea of this machine, over its control socket, and nothing else of it.

Kea's configuration is read (config-get), patched, tested (config-test), read again, set (config-set) and read once
more: an edit by somebody else in between begins it anew, so none is lost. Then, where nothing of the administrator's
can be lost by it (kea_file.py), Kea is asked to write its file (config-write): its next start has the routes at once.
Where it is not written, they are put back as soon as Kea is seen to have started anew, when its control socket is
another one, or to have loaded a configuration, when the sockets are that it serves by (kea_seen_service.py). What shows
by neither is noticed by a digest of its configuration. Kea logs every command, so it is asked for that seldom
(`interval`), and more often for a while after its file was changed: the edit may be loaded then.

Kea answers no client while it takes a configuration. So routes that went away and are back have to stay for a while
before it is told them again (HoldDown), and after every change it is left alone for a multiple of the time it took. A
withdrawal waits for neither.

Nothing here waits for Kea but this service's own task.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from routerd.beside.hold import HoldDown
from routerd.beside.kea_config import subnets_of
from routerd.beside.kea_farewell_service import is_gone_without, left_behind, take_out
from routerd.beside.kea_file_service import KeaFile
from routerd.beside.kea_lans_service import KeaLans
from routerd.beside.kea_patch import Patched, patch
from routerd.beside.kea_seen_service import Seen, look
from routerd.beside.kea_shown import KeaShown, problems
from routerd.beside.kea_talk_service import KeaChangedError, KeaTalk, Read
from routerd.beside.kea_wire import KeaError, KeaRefusesError
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesideNetwork, BesidePart
from routerd.config.model import Kea
from routerd.model import Problem
from routerd.reports import Check

log = logging.getLogger("routerd.beside")

_TICK = 1.0
_SOON, _SOON_FOR = 2.0, 30.0
_SHARE = 200
"""Kea is asked for its configuration in at most a 200th of the time, …"""
_PAUSE = 20
"""… and changed in at most a 20th."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_FAREWELL = 4.0
_CLEAN = 30.0

Told = tuple[IPv4Network, IPv4Network, IPv4Address]
"""A network, and a route that its clients are told."""


class KeaService:
    """One Kea, by its control socket. `apply` only notes what is wanted; `run` does it, and tries again.

    `named` is its configuration file where only the caller knows it, as `routerd clean` does.
    """

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None], named: str | None = None) -> None:
        self._path, self._changed = key.path, changed
        self._named = named
        self._talk = KeaTalk(key.path)
        self._file = KeaFile(self._talk)
        self._hold = HoldDown()
        self._parts: tuple[BesidePart, ...] | None = None
        self._admitted: tuple[BesidePart, ...] | None = None
        self._last: tuple[BesidePart, ...] = ()
        self._told: frozenset[Told] = frozenset()
        self._due = asyncio.Event()
        self._shown = KeaShown()
        self._lans = KeaLans(ask, self._shown)
        self._digest: str | None = None
        self._settled = self._in_file = self._meddled = False
        self._refused: tuple[str, tuple[BesidePart, ...], str] | None = None
        self._seen = Seen()
        self._wait = _FIRST_WAIT
        self._next = self._tried = 0.0
        self._soon_until = 0.0

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        """Hand out this from now on; () removes all that was ever made."""
        if parts != self._parts:
            self._last = parts or self._last
            self._parts = parts
            self._settled = self._settled and bool(parts)
            self._admit(parts)
            self._due.set()

    def _admit(self, wanted: tuple[BesidePart, ...]) -> tuple[BesidePart, ...]:
        """What of it Kea shall hand out now."""
        now = time.monotonic()
        parts = self._hold.admit(wanted, now)
        if parts != self._admitted:
            self._admitted, self._digest, self._settled, self._next = parts, None, False, now
        return parts

    async def run(self) -> None:
        """Keep Kea as the parts say until cancelled."""
        while True:
            parts = await self._rest()
            before = self.problems(), self.checks()
            if parts is not None:
                await self._round(parts)
            elif self._settled:
                await self._lans.ask_all(self._admitted or (), self._due)
            if (self.problems(), self.checks()) != before or not self._admitted:
                self._changed()

    async def _rest(self) -> tuple[BesidePart, ...] | None:
        """Until something new is wanted, Kea's socket or file is another one, or it is time to look: what Kea shall
        hand out. None where it is time to ask the LANs.
        """
        while True:
            self._due.clear()
            if self._parts is not None:
                parts = self._admit(self._parts)
                now = time.monotonic()
                if self._is_new():
                    self._next = now
                # Every change costs Kea a pause: what changes together is told it together.
                if now >= self._next and now >= self._free_at(parts):
                    return parts
                if self._settled and self._lans.is_due:
                    return None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._due.wait()

    def _free_at(self, parts: tuple[BesidePart, ...]) -> float:
        """When Kea may be changed again: a withdrawal does not wait for longer than the last change took.

        A Kea that has ended is not changed, only found to have.
        """
        factor = 0 if self._seen.socket is None else 1 if self._told - _routes_of(parts) else _PAUSE
        return max(self._tried + _TICK, self._talk.ended + factor * self._talk.took)

    def _is_new(self) -> bool:
        """Was Kea started anew, has it ended or loaded something, or was its file changed?"""
        before, self._seen = self._seen, look(self._path, self._file.watched, self._seen)
        is_other = self._seen.socket != before.socket
        if is_other and self._seen.socket is not None:
            self._refused, self._talk.took = None, 0.0
            self._lans.started()
        if self._seen.file != before.file:
            self._soon_until, self._digest = time.monotonic() + _SOON_FOR, None
        return is_other or (self._seen != before and self._shown.trouble is None)

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
            if isinstance(error, KeaChangedError):
                self._refused = error.digest, parts, str(error)
                self._wait = _LONGEST_WAIT
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
        if not self._settled:
            self._next = now
            return
        self._next = now + max(min(_SOON, interval) if now < self._soon_until else interval, _SHARE * took)
        if was is not None:
            log.info("kea %s: it answers and has what it should", self._path)

    # ------------------------------------------------------------ Kea's configuration

    async def _settle(self, parts: tuple[BesidePart, ...]) -> None:
        networks = [network for part in parts for network in part.networks]
        if self._shown.version is None:
            self._shown.version = await self._talk.version()
        first = await self._talk.read()
        if self._refused is not None and self._refused[:2] == (first.digest, parts):
            raise KeaRefusesError(self._refused[2])
        await self._look_at_file(first, networks)
        self._told |= _routes_of(parts)
        made, read = await self._change(first, networks)
        self._told, self._refused = _routes_of(parts), None
        if made.changed:
            self._shown.changes += 1
            log.info("kea %s: options 121 and 249 %s", self._path, _told(made, parts))
        if await self._file.write(read.config):
            log.info("kea %s: it has written its configuration to %s", self._path, self._file.path)
        self._shown.file, self._shown.reason = self._file.path, self._file.reason
        made = await _patched(read.config, networks)
        self._shown.take(made, subnets_of(read.config))
        self._seen = look(self._path, self._file.watched, self._seen)
        # What is wanted, or somebody else has changed, meanwhile is still to be done.
        self._settled = not made.changed and parts == self._admitted
        self._digest = read.digest if self._settled else None
        self._in_file = not parts and await self._file.has_ours(read, self._settings().config_file)
        self._lans.expect(parts, read.config)

    async def _look_at_file(self, read: Read, networks: list[BesideNetwork]) -> None:
        kea = self._settings()
        if not kea.write:
            self._file.leave(read, kea.config_file)
        elif networks or await self._file.has_ours(read, kea.config_file):
            await self._file.look(read, kea.config_file)

    async def _change(self, read: Read, networks: list[BesideNetwork]) -> tuple[Patched, Read]:
        """Have Kea take the patched configuration, if it differs: what was changed, and what Kea has afterwards."""
        self._meddled = True
        return await self._talk.change(read, lambda config: _patched(config, networks))

    async def withdraw(self) -> Withdrawn:
        """Remove all that was ever made, once and soon."""
        limit = _CLEAN if self._parts is None else _FAREWELL
        self._talk = KeaTalk(self._path, limit)
        file, named = self._file, self._settings().config_file or self._named
        file.use(self._talk)
        try:
            async with asyncio.timeout(limit):
                done = await take_out(self._talk, file, named)
            if done.left is None:
                self._forget()
            return done
        except TimeoutError:
            reason: object = f"no answer within {limit:g} s"
        except KeaError as error:
            reason = error
        self._settled = False
        known = file.watched or named
        if await is_gone_without(self._path, known) and not self._shown.held:
            self._forget()
            return Withdrawn()
        return Withdrawn(left=await left_behind(self._path, known, str(reason)))

    def _forget(self) -> None:
        """Nothing of routerd's is there any more."""
        self._shown.held, self._parts = (), ()
        self._settled, self._in_file = True, False

    # ------------------------------------------------------------ what is shown

    @property
    def is_untouched(self) -> bool:
        """Was nothing ever changed in Kea by this process?"""
        return not self._meddled

    @property
    def is_clear(self) -> bool:
        """Is nothing of routerd's in Kea, as far as is known?"""
        return self._settled and not (self._shown.held or self._in_file or self._parts)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps Kea from handing out what it should."""
        return problems(self._shown, self._path, self._admitted or ())

    def checks(self) -> tuple[Check, ...]:
        """Does Kea have what it should, and tell it, on every LAN?"""
        ready = self._settled and self._shown.trouble is None
        text = "" if ready else str(self._shown.trouble or "not asked yet")
        why = {part.lan: text or self._shown.untold(part) for part in self._admitted or self._parts or ()}
        return tuple(
            Check(f"dhcp {lan}", not reason, f"Kea: {reason}" if reason else "") for lan, reason in why.items()
        )

    def status(self) -> dict[str, object]:
        """For /v1/status."""
        return self._shown.status(self._settings(), (part.lan for part in self._parts or ()))

    def _settings(self) -> Kea:
        """Those of all its LANs: what is more careful counts."""
        keas = [part.settings.kea for part in self._parts or self._last]
        named = next((kea.config_file for kea in keas if kea.config_file is not None), None)
        interval = min((kea.interval for kea in keas), default=Kea().interval)
        return Kea(self._path, all(kea.write for kea in keas), named, interval)


def _routes_of(parts: tuple[BesidePart, ...]) -> frozenset[Told]:
    return frozenset((net.network, *route) for part in parts for net in part.networks for route in net.routes)


async def _patched(config: dict[str, Any], networks: list[BesideNetwork]) -> Patched:
    """As `patch`, beside the loop: it takes a quarter of a second for 10,000 reservations."""
    return await asyncio.to_thread(patch, config, networks)


def _told(made: Patched, parts: tuple[BesidePart, ...]) -> str:
    routes = {network.network: network.routes for part in parts for network in part.networks}
    told = [f"of {net} hold {', '.join(str(prefix) for prefix, _ in routes[net])}" for net in made.held]
    return "; ".join(told) or "are removed"
