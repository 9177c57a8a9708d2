"""Keeps routerd's kernel routes and forwarding settings as the plan wants them, and takes them back at the end."""

import asyncio
import logging
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

from routerd.model import Check, KernelPart, KernelRoute, Problem, Sysctl
from routerd.routes.desired import diff, on_link_prefixes, released, restores, sysctl_changes, sysctl_keys
from routerd.system import sysctl
from routerd.system.files import RUNTIME, runtime_directory
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError

log = logging.getLogger(__name__)

_RESYNC = 60.0
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0


class Kernel(Protocol):
    """What is asked of the kernel; `Netlink` is one, tests have another. Every method raises NetlinkError."""

    async def own_routes(self) -> set[KernelRoute]:
        """Routes that routerd made."""

    async def foreign_routes(self, prefixes: Iterable[IPv4Network]) -> set[IPv4Network]:
        """Prefixes that others have routes for."""

    async def add_route(self, route: KernelRoute) -> None:
        """Add it unless it is there."""

    async def delete_route(self, route: KernelRoute) -> None:
        """Delete it if it is there."""

    def close(self) -> None:
        """Give everything back."""


class RoutesService:
    """Routes with protocol 121 and settings below net.ipv4.conf.

    Failures are retried by `run` and shown by `problems`; `apply` and `resync` never raise because of them.
    """

    name = "routes"

    def __init__(self, *, kernel: Kernel | None = None, runtime: Path = RUNTIME) -> None:
        self._kernel: Kernel = Netlink() if kernel is None else kernel
        self._runtime = runtime
        self._originals: sysctl.Originals | None = None
        self._part: KernelPart | None = None
        self._lock, self._applied = asyncio.Lock(), asyncio.Event()
        self._problems: tuple[Problem, ...] = ()

    async def apply(self, part: KernelPart) -> None:
        """Make the kernel as `part` says, whoever left it how; an empty part removes all that routerd ever made.

        Returns when everything was tried once.
        """
        self._part = part
        await self.resync()
        self._applied.set()

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
                    log.warning("%s: %s: %s; trying again", problem.subject, problem.code, dict(problem.values))
            self._problems = tuple(problems)

    async def run(self) -> None:
        """Retry and check for ever. Cancelling it removes routerd's routes and restores the settings."""
        retry = _FIRST_RETRY
        try:
            while True:
                try:
                    async with asyncio.timeout(retry if self._problems else _RESYNC):
                        await self._applied.wait()
                    self._applied.clear()
                    retry = _FIRST_RETRY
                except TimeoutError:
                    await self.resync()
                    retry = min(retry * 2, _LAST_RETRY) if self._problems else _FIRST_RETRY
        finally:
            await self.apply(KernelPart())
            for problem in self._problems:
                log.warning("%s: left as it is: %s", problem.subject, dict(problem.values))
            self._part = None
            self._kernel.close()

    @property
    def applied(self) -> bool:
        """Was any part applied since the start?"""
        return self._part is not None

    def problems(self) -> tuple[Problem, ...]:
        """What could not be done at the last try."""
        return self._problems

    def checks(self) -> tuple[Check, ...]:
        """Whether forwarding is on and the routes are there; forwarding is read when this is called."""
        if self._part is None:
            return (Check("forwarding", False, "not set up yet"), Check("kernel-routes", False, "not set up yet"))
        wishes = [wish for wish in self._part.sysctls if wish.name == "forwarding" and wish.value]
        off = [wish.interface for wish in wishes if not _read(wish.interface, wish.name)]
        lost = [dict(p.values).get("route", p.subject) for p in self._problems if p.code == "kernel-route"]
        return (
            Check("forwarding", not off, f"off at {', '.join(off)}" if off else ""),
            Check("kernel-routes", not lost, f"missing: {', '.join(lost)}" if lost else ""),
        )

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
        for route in add:
            try:
                await self._kernel.add_route(route)
                log.info("route %s: added", _text(route))
            except NetlinkError as error:
                unserved.add(route.prefix)
                problems.append(_route_problem(route, error))
        for route in delete:
            # The route that should have come in its place could not be added; the old one is better than none.
            if route.prefix in unserved:
                continue
            try:
                await self._kernel.delete_route(route)
                log.info("route %s: deleted", _text(route))
            except NetlinkError as error:
                problems.append(_route_problem(route, error))
        return problems

    # ------------------------------------------------------------ settings

    def _sync_settings(self, part: KernelPart) -> list[Problem]:
        try:
            originals = self._open_originals()
            unwanted = released(part, originals.values)
            current = _read_all(sysctl_keys(part))
            changes = sysctl_changes(part, current)
            originals.remember({(wish.interface, wish.name): current[wish.interface, wish.name] for wish in changes})
        except OSError as error:
            # Nothing is changed before the way back is on disk.
            reason = f"the original values cannot be kept in {self._runtime}: {error.strerror}"
            return [_setting_problem(wish, reason) for wish in part.sysctls]
        problems = [problem for wish in changes for problem in _write(wish)]
        return problems + self._restore(originals, unwanted)

    def _restore(self, originals: sysctl.Originals, keys: set[tuple[str, str]]) -> list[Problem]:
        if not keys:
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
        try:
            originals.forget(keys - failed)
        except OSError as error:
            log.warning("settings: %s cannot be removed: %s", originals.path, error.strerror)
        return problems

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
        missing = " (the capability CAP_NET_ADMIN is missing)" if isinstance(error, PermissionError) else ""
        return [_setting_problem(wish, f"{error.strerror}{missing}")]
    return []


def _setting_problem(wish: Sysctl, reason: str) -> Problem:
    name = f"net.ipv4.conf.{wish.interface}.{wish.name}"
    return Problem(
        "forwarding-off" if wish.name == "forwarding" else "sysctl",
        f"interface {wish.interface}",
        (("interface", wish.interface), ("name", name), ("value", str(wish.value)), ("reason", reason)),
        within=(f"lan {wish.interface}",),
    )


def _route_problem(route: KernelRoute, error: NetlinkError) -> Problem:
    values = (("route", _text(route)), ("prefix", str(route.prefix)), ("reason", error.reason))
    within = ("routes", f"interface {route.interface}", f"lan {route.interface}") if route.interface else ("routes",)
    return Problem("kernel-route", f"route {route.prefix}", values, within)


def _text(route: KernelRoute) -> str:
    words = [str(route.prefix)]
    if route.gateway is not None:
        words += ["via", str(route.gateway)]
    if route.interface is not None:
        words += ["dev", route.interface]
    if route.gateway is None and route.interface is None:
        words.insert(0, "unreachable")
    return " ".join([*words, "metric", str(route.metric)])
