"""The one place that knows all services: builds them, starts them in order, hands them the plan, and stops them."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from routerd import __version__
from routerd.api.service import ApiService, BindError
from routerd.api.sources import Sources
from routerd.config.model import Config
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.health import ProblemTracker
from routerd.model import Check, Facts, Plan, Problem, ProblemReport, WireGuardDevice
from routerd.observe.service import ObserveService
from routerd.peers.service import PeersService
from routerd.plan import plan
from routerd.routes.service import RoutesService
from routerd.system.sockets_dhcp import SocketError

log = logging.getLogger("routerd")

_WINDOW = 0.05


class StartError(Exception):
    """routerd cannot start; the text says why and what to do."""


class _Stop(Exception):
    """An administrator asked for the end."""


class App:
    """routerd with one configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.plan = Plan()
        self._facts = Facts()
        self._changed = asyncio.Event()
        self._tracker = ProblemTracker()
        self.observe = ObserveService(self._on_facts, self._on_devices, on_change=self._on_kernel_change)
        self.dhcp = DhcpService(LeaseStore(config.leases.store.removeprefix("sqlite:")))
        self.routes = RoutesService()
        self.peers = PeersService(self._changed.set)
        self.api = ApiService(
            Sources(
                peers=self.peers.reports,
                peer=self.peers.find,
                routes=lambda: self.plan.routes,
                leases=self.dhcp.report,
                problems=self._problem_reports,
                checks=self._checks,
                status=self._status,
                version=__version__,
                started=time.time(),
            )
        )
        self._kernel_changed = asyncio.Event()

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Start, run until SIGTERM or SIGINT, stop in order. Raises `StartError` with nothing left behind."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self._start()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._spawn(tasks, "dhcp", self.dhcp.run())
                self._spawn(tasks, "observe", self.observe.run())
                self._spawn(tasks, "routes", self.routes.run())
                self._spawn(tasks, "peers", self.peers.run())
                self._spawn(tasks, "plan", self._distribute())
                self._spawn(tasks, "resync", self._resync())
                self._spawn(tasks, "api", self.api.run())
                gc.freeze()
                await stop.wait()
                log.info("routerd: stopping")
                raise _Stop
        except* _Stop:
            pass
        log.info("routerd: stopped")

    @staticmethod
    def _spawn(tasks: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> None:
        tasks.create_task(work, name=name)

    async def _start(self) -> None:
        """Everything that DHCP needs, and no more, so that it answers soon."""
        try:
            self.api.bind(self.config.http)
            vpns = {vpn.name: vpn.interface for vpn in self.config.vpns if vpn.interface is not None}
            self.observe.configure([lan.interface for lan in self.config.lans], vpns)
            self._facts, _ = await asyncio.gather(self.observe.first(), self.dhcp.open())
            self.plan = plan(self.config, self._facts)
            self.dhcp.apply(self.plan.dhcp, first=True)
        except (BindError, SocketError, StoreError) as error:
            await self.dhcp.abandon()
            self.observe.close()
            self.api.close()
            raise StartError(str(error)) from None
        self._changed.set()

    # ------------------------------------------------------------ facts to plan to services

    def _on_facts(self, facts: Facts) -> None:
        self._facts = facts
        self._changed.set()

    def _on_devices(self, devices: dict[str, WireGuardDevice]) -> None:
        self.peers.observed(devices)

    def _on_kernel_change(self) -> None:
        self._kernel_changed.set()

    async def _distribute(self) -> None:
        applied: Plan | None = None
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.plan = plan(self.config, replace(self._facts, reachable=self.peers.reachable()))
            if self.plan != applied:
                applied = self.plan
                self.dhcp.apply(applied.dhcp)
                await self.routes.apply(applied.kernel)
                await self.peers.apply(applied.peers)
            await asyncio.sleep(_WINDOW)

    async def _resync(self) -> None:
        while True:
            await self._kernel_changed.wait()
            self._kernel_changed.clear()
            await self.routes.resync()

    # ------------------------------------------------------------ what is shown

    def _problems(self) -> list[Problem]:
        services = (self.observe, self.dhcp, self.routes, self.peers, self.api)
        return [*self.plan.problems, *(problem for service in services for problem in service.problems())]

    def _problem_reports(self) -> tuple[ProblemReport, ...]:
        now = time.time()
        self._tracker.update(self._problems(), now)
        return self._tracker.report(now)

    def _checks(self) -> tuple[Check, ...]:
        """routerd's own duties. An interface that is missing keeps it from them; a peer's state does not."""
        waiting = [p for p in self.plan.problems if p.code.startswith("interface-")]
        found = [Check(problem.subject, False, problem.code.replace("-", " ")) for problem in waiting]
        return (*found, *self.dhcp.checks(), *self.routes.checks(), *self.peers.checks(), *self.api.checks())

    def _status(self) -> dict[str, object]:
        return {"dhcp": {"counters": dict(self.dhcp.counters)}}
