"""Keeps routerd's kernel routes and forwarding settings as the plan wants them, and takes them back at the end."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from routerd.model import FORWARDING6, KernelPart, KernelRoute, Problem, Sysctl
from routerd.reports import Check
from routerd.routes.contest import Contests
from routerd.routes.desired import diff, on_link_prefixes, released, restores, sysctl_changes, sysctl_keys
from routerd.routes.kernel import Kernel
from routerd.routes.problems import (
    cause,
    contested_route,
    contested_setting,
    route_key,
    route_problem,
    route_text,
    setting_name,
    setting_problem,
    why,
)
from routerd.system import sysctl
from routerd.system.files import RUNTIME, runtime_directory
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError
from routerd.system.route_removal import Removal

log = logging.getLogger(__name__)

_RESYNC = 60.0
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0

_SettingKey = tuple[str, str, int]


class RoutesService:
    """Routes with protocol 121 and settings below net.ipv4.conf and net.ipv6.conf.

    Failures are retried by `run` and shown by `problems`; `apply` and `resync` never raise because of them. What
    other programs take away is put back: at once the first time, then with a growing delay.
    """

    name = "routes"

    def __init__(self, *, kernel: Kernel | None = None, runtime: Path = RUNTIME) -> None:
        self._kernel: Kernel = Netlink() if kernel is None else kernel
        self._runtime = runtime
        self._originals: sysctl.Originals | None = None
        self._part: KernelPart | None = None
        self._lock, self._woken = asyncio.Lock(), asyncio.Event()
        self._problems: tuple[Problem, ...] = ()
        self._routes_lost: Contests[tuple[IPv4Network, int]] = Contests()
        self._settings_lost: Contests[_SettingKey] = Contests()
        self._settled: set[_SettingKey] = set()
        self._held: list[KernelRoute] = []

    async def apply(self, part: KernelPart) -> None:
        """Make the kernel as `part` says, whoever left it how; an empty part removes all that routerd ever made.

        Returns when everything was tried once.
        """
        self._part = part
        await self.resync()
        self._woken.set()

    def removed(self, removal: Removal) -> None:
        """Another program has removed a route; `resync` and `run` put it back when it is its turn."""
        key = (removal.prefix, removal.metric)
        for route in self._part.routes if self._part is not None else ():
            if route_key(route) == key:
                log.warning(
                    "route %s: removed by %s; it is put back", route_text(route), removal.who or "an unknown program"
                )
                self._routes_lost.lost(key, removal.who, _now())
                self._woken.set()

    async def resync(self) -> None:
        """Put back what others have changed since `apply`. Does nothing before the first one."""
        async with self._lock:
            if self._part is None:
                return
            problems = self._sync_settings(self._part)
            problems += await self._sync_routes(self._part)
            before = {str(problem) for problem in self._problems}
            for problem in problems:
                if str(problem) not in before:
                    log.warning("%s: %s; trying again", problem.subject, cause(problem))
            self._problems = tuple(problems)

    async def run(self) -> None:
        """Retry and check for ever. Cancelling it restores settings and removes the routes, unless they are kept."""
        retry = _FIRST_RETRY
        try:
            while True:
                try:
                    async with asyncio.timeout(self._nap(retry if self._problems else _RESYNC)):
                        await self._woken.wait()
                    self._woken.clear()
                    retry = _FIRST_RETRY
                except TimeoutError:
                    await self.resync()
                    retry = min(retry * 2, _LAST_RETRY) if self._problems else _FIRST_RETRY
        finally:
            if self._part is None or not self._part.keep:
                await self.apply(KernelPart())
            for problem in self._problems:
                log.warning("%s: %s; left as it is", problem.subject, cause(problem))
            self._part = None
            self._kernel.close()

    @property
    def applied(self) -> bool:
        """Was any part applied since the start?"""
        return self._part is not None

    def problems(self) -> tuple[Problem, ...]:
        """What could not be done at the last try, and what others take away."""
        part, now = self._part or KernelPart(), _now()
        routes, settings = dict(self._routes_lost.standing(now)), dict(self._settings_lost.standing(now))
        contested = [
            contested_route(route, routes[route_key(route)]) for route in part.routes if route_key(route) in routes
        ]
        contested += [
            contested_setting(wish.interface, wish.name, wish.value, settings[key])
            for wish in (part.sysctls if settings else ())
            if (key := _setting_key(wish)) in settings
        ]
        return (*self._problems, *contested)

    def status(self) -> dict[str, object]:
        """What is kept in the kernel: the routes, and the settings with their values as they are."""
        part = self._part or KernelPart()
        settings = [
            {"name": setting_name(wish.interface, wish.name), "wanted": wish.value, "value": value}
            for wish in part.sysctls
            if (value := _read(wish.interface, wish.name)) is not None
        ]
        return {"applied": self.applied, "routes": [route_text(route) for route in part.routes], "settings": settings}

    def checks(self) -> tuple[Check, ...]:
        """Whether forwarding is on and the routes are there; forwarding is read when this is called."""
        if self._part is None:
            return (Check("forwarding", False, "not set up yet"), Check("kernel-routes", False, "not set up yet"))
        wishes = [wish for wish in self._part.sysctls if wish.name in ("forwarding", FORWARDING6) and wish.value]
        off = list(dict.fromkeys(wish.interface for wish in wishes if not _read(wish.interface, wish.name)))
        lost = [dict(p.values).get("route", p.subject) for p in self._problems if p.code == "kernel-route"]
        lost += map(route_text, self._held)
        return (
            Check("forwarding", not off, f"off at {', '.join(off)}" if off else ""),
            Check("kernel-routes", not lost, f"missing: {', '.join(lost)}" if lost else ""),
        )

    def _nap(self, longest: float) -> float:
        now = _now()
        held = (self._routes_lost.next_deadline(now), self._settings_lost.next_deadline(now))
        return max(0.0, min([longest, *(at - now for at in held if at is not None)]))

    # ------------------------------------------------------------ routes

    async def _sync_routes(self, part: KernelPart) -> list[Problem]:
        try:
            present = await self._kernel.own_routes()
            prefixes = on_link_prefixes(part)
            foreign = await self._kernel.foreign_routes(prefixes) if prefixes else set()
        except NetlinkError as error:
            return [Problem("kernel-route", "routes", (("route", "table"), ("reason", error.reason)))]
        add, delete = diff(part, present, foreign)
        problems = []
        unserved = set()
        self._held = []
        for route in add:
            if self._routes_lost.held(route_key(route), _now()):
                self._held.append(route)
                self._woken.set()
                continue
            try:
                await self._kernel.add_route(route)
                self._routes_lost.put_back(route_key(route), _now())
                log.info("route %s: added", route_text(route))
            except NetlinkError as error:
                unserved.add(route.prefix)
                problems.append(route_problem(route, error.reason))
        for route in delete:
            # The route that should have come in its place could not be added; the old one is better than none.
            if route.prefix in unserved:
                continue
            try:
                await self._kernel.delete_route(route)
                log.info("route %s: deleted", route_text(route))
            except NetlinkError as error:
                problems.append(route_problem(route, error.reason))
        return problems

    # ------------------------------------------------------------ settings

    def _sync_settings(self, part: KernelPart) -> list[Problem]:
        try:
            originals = self._open_originals()
            unwanted = released(part, originals.values)
            current = _read_all(sysctl_keys(part))
            changes = self._due(sysctl_changes(part, current))
            originals.remember({(wish.interface, wish.name): current[wish.interface, wish.name] for wish in changes})
        except OSError as error:
            # Nothing is changed before the way back is on disk.
            reason = f"the original values cannot be kept in {self._runtime}: {error.strerror}"
            return [setting_problem(wish.interface, wish.name, wish.value, reason) for wish in part.sysctls]
        problems = []
        for wish in changes:
            found = _write(wish)
            problems += found
            if not found:
                self._settings_lost.put_back(_setting_key(wish), _now())
        current = _read_all(sysctl_keys(part))
        off = {_setting_key(wish) for wish in sysctl_changes(part, current)}
        self._settled = {_setting_key(wish) for wish in part.sysctls if (wish.interface, wish.name) in current} - off
        return problems + self._restore(originals, unwanted)

    def _due(self, changes: Iterable[Sysctl]) -> list[Sysctl]:
        """The changes that may be made now. What was as it should be at the last look was changed by someone else."""
        due = []
        for wish in changes:
            key = _setting_key(wish)
            if key in self._settled:
                log.warning("setting %s: changed by another program; set again", setting_name(*key[:2]))
                self._settings_lost.lost(key, "", _now())
            if not self._settings_lost.held(key, _now()):
                due.append(wish)
            else:
                self._woken.set()
        return due

    def _restore(self, originals: sysctl.Originals, keys: set[tuple[str, str]]) -> list[Problem]:
        if not keys:
            self._forget(originals, keys)
            return []
        current = _read_all(keys)
        # All originals go in, not only those to restore now: what routerd switched on is not "something else".
        rows = restores(originals.values, current, sysctl.forwarding_interfaces())
        problems: list[Problem] = []
        failed = set()
        for row in rows:
            if (row.interface, row.name) in keys:
                found = _write(row)
                problems += found
                failed |= {(row.interface, row.name)} if found else set()
        self._forget(originals, keys - failed)
        return problems

    @staticmethod
    def _forget(originals: sysctl.Originals, keys: set[tuple[str, str]]) -> None:
        """With nothing to remember the file goes, also one that an earlier boot or namespace has left."""
        try:
            originals.forget(keys)
        except OSError as error:
            log.warning("settings: %s cannot be changed: %s; tried again later", originals.path, error.strerror)

    def _open_originals(self) -> sysctl.Originals:
        if self._originals is None:
            self._originals = sysctl.Originals(runtime_directory(self._runtime))
        return self._originals


def _read(interface: str, name: str) -> int | None:
    try:
        return sysctl.read(interface, name)
    except OSError:
        return None


def _read_all(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    values = {key: _read(*key) for key in keys}
    return {key: value for key, value in values.items() if value is not None}


def _write(wish: Sysctl) -> list[Problem]:
    """Write the setting; the problem if that fails. An interface that is gone is none: there is nothing to set."""
    try:
        sysctl.write(wish.interface, wish.name, wish.value)
        log.info("interface %s: %s set to %d", wish.interface, wish.name, wish.value)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [setting_problem(wish.interface, wish.name, wish.value, why(error))]
    return []


def _setting_key(wish: Sysctl) -> _SettingKey:
    """The interface's index tells one that was made anew, with settings of its own, from one that was changed."""
    try:
        return wish.interface, wish.name, socket.if_nametoindex(wish.interface)
    except OSError:
        return wish.interface, wish.name, 0


def _now() -> float:
    return time.monotonic()
