"""The one place that knows all services: builds them, starts them in order, hands them the plan, and stops them."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from routerd import __version__
from routerd.api.service import ApiService, BindError
from routerd.api.sources import ConfigReport, ReloadResult, Sources
from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.model import Config
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.events import EventLog
from routerd.hosts.known import known_hosts, reserved_addresses
from routerd.model import Event, Facts, PeersPart, Plan, Problem, Route, WireGuardDevice
from routerd.nat.starter_service import NatStarter
from routerd.observe.service import ObserveService
from routerd.peers.service import PeersService
from routerd.plan import plan
from routerd.plan_peers import changes, peers_part
from routerd.plan_through import relayed_networks
from routerd.problem_service import ProblemService
from routerd.reports import Check
from routerd.routes.service import RoutesService
from routerd.system.log import start_log
from routerd.system.monitor import Monitor
from routerd.system.process import own_process
from routerd.system.sockets_dhcp import SocketError

log = logging.getLogger("routerd")

_WINDOW = 0.05
_UNREADY = frozenset(
    (
        "interface-missing",
        "interface-down",
        "interface-no-address",
        "no-prefixes",
        "pool-not-on-link",
        "reservation-not-on-link",
        "router-not-on-link",
    )
)
"""Problems of the plan that keep routerd from a duty. A shared address that another machine holds does not."""


class StartError(Exception):
    """routerd cannot start; the text says why and what to do."""


class _Stop(Exception):
    """An administrator asked for the end."""


class App:
    """routerd with one configuration at a time. `read` reads it anew from where `path` says it is."""

    def __init__(self, config: Config, path: str, read: Callable[[], Config]) -> None:
        self.config = config
        self.path = path
        self.plan = Plan()
        self._read = read
        self._loaded = time.time()
        self._faults: tuple[ConfigFault, ...] = ()
        self._facts = Facts()
        self._devices: dict[str, WireGuardDevice] = {}
        self._part = PeersPart()
        self._stopping = False
        self._changed, self._kernel_changed = asyncio.Event(), asyncio.Event()
        self._applying, self._reloading = asyncio.Lock(), asyncio.Lock()
        self.problems = ProblemService(self._problems, self._emit)
        self.events = EventLog(f"{int(time.time()):x}")
        self.routes, self.nat = RoutesService(), NatStarter()
        self.observe = ObserveService(
            self._on_facts,
            self._on_devices,
            on_change=self._kernel_changed.set,
            monitor=partial(Monitor, removed=self.routes.removed),
        )
        self.dhcp = DhcpService(LeaseStore(_store_path(config)), self._emit)
        self.peers = PeersService(self._on_peers, self._emit)
        self.api = ApiService(self._sources())

    def _sources(self) -> Sources:
        return Sources(
            peers=self.peers.reports,
            peer=self.peers.find,
            routes=lambda: self.plan.routes,
            leases=self.dhcp.report,
            hosts=lambda: known_hosts(self.dhcp.report(), reserved_addresses(self.plan.dhcp)),
            problems=self.problems.reports,
            checks=self._checks,
            status=self._status,
            config=lambda: ConfigReport(self.path, self._loaded, self._faults),
            devices=lambda: self._devices,
            events=self.events,
            reload=self.reload,
            release=self.dhcp.release,
            probe=self.peers.probe_now,
            version=__version__,
            started=time.time(),
        )

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Start, run until SIGTERM or SIGINT, stop in order; SIGHUP reloads. Raises `StartError`."""
        stop, hang_up = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self._start()
        # Not by the loop, which would make it deadly again when it closes.
        signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(hang_up.set))
        try:
            async with asyncio.TaskGroup() as tasks:
                services = (self.dhcp, self.observe, self.routes, self.nat, self.peers, self.api)
                for service in services:
                    tasks.create_task(service.run(), name=service.name)
                tasks.create_task(self._distribute(), name="plan")
                tasks.create_task(self._resync(), name="resync")
                tasks.create_task(self.problems.run(), name=self.problems.name)
                tasks.create_task(self._on_hang_up(hang_up), name="reload")
                gc.freeze()
                await stop.wait()
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                self._stopping = True
                async with self._reloading:
                    log.info("routerd: stopping")
                raise _Stop
        except* _Stop:
            pass
        log.info("routerd: stopped")

    async def _start(self) -> None:
        """Everything that DHCP needs, and no more, so that it answers soon."""
        try:
            self.api.bind(self.config.http)
            self._configure_observe()
            self._facts, _ = await asyncio.gather(self.observe.first(), self.dhcp.open())
            self.dhcp.configure(self.config.leases.sync)
            self._set_plan(plan(self.config, self._facts))
            self.dhcp.apply(self.plan.dhcp, first=True)
        except (BindError, SocketError, StoreError) as error:
            await self.dhcp.abandon()
            self.observe.close()
            self.api.close()
            raise StartError(str(error)) from None
        self._changed.set()

    def _configure_observe(self) -> None:
        vpns = {vpn.name: vpn.interface for vpn in self.config.vpns if vpn.interface is not None}
        self.observe.configure([lan.interface for lan in self.config.lans], vpns, relayed_networks(self.config))

    # ------------------------------------------------------------ reload

    async def _on_hang_up(self, hang_up: asyncio.Event) -> None:
        while True:
            await hang_up.wait()
            hang_up.clear()
            await self.reload()

    async def reload(self) -> ReloadResult:
        """Take over the configuration as it is now, or keep the running one if that has faults. One at a time."""
        async with self._reloading:
            if self._stopping:
                return ReloadResult(
                    False, (ConfigFault("routerd", None, "is stopping", "reload after its next start"),)
                )
            try:
                config = await asyncio.to_thread(self._read)
                if config.leases.store != self.config.leases.store:
                    await self.dhcp.move(LeaseStore(_store_path(config)))
                await self._take_over(config)
            except ConfigError as error:
                return self._refuse(error.errors)
            except StoreError as error:
                mend = "set a path that can be written"
                return self._refuse((ConfigFault("leases.store", config.leases.store, str(error), mend),))
            log.info("config %s: taken over", self.path)
            return ReloadResult(True, ())

    def _refuse(self, faults: tuple[ConfigFault, ...]) -> ReloadResult:
        self._faults = faults
        self.problems.look_soon()
        for fault in faults:
            log.error("config %s: %s", self.path, fault, extra={"every": True})
        log.error("config %s: not taken over; routerd goes on with the one it has", self.path)
        return ReloadResult(False, faults)

    async def _take_over(self, config: Config) -> None:
        if config.log != self.config.log:
            start_log(config.log.level, config.log.format)
        self.config, self._faults, self._loaded = config, (), time.time()
        self.dhcp.configure(config.leases.sync)
        self._configure_observe()
        # Facts first: a plan from old facts would take new interfaces for missing ones and withdraw what works.
        self._facts = await self.observe.first()
        await self._apply()
        await self.api.apply(config.http)
        self._emit(Event("daemon", "config", "reloaded", time.time(), {"path": self.path}))

    # ------------------------------------------------------------ facts to plan to services

    def _on_facts(self, facts: Facts) -> None:
        self._facts = facts
        self._changed.set()

    def _on_devices(self, devices: dict[str, WireGuardDevice]) -> None:
        self._devices = devices
        self.peers.observed(devices)

    def _on_peers(self) -> None:
        self.problems.look_soon()
        if any(vpn.withdraw == "all-peers-down" for vpn in self.config.vpns):
            self._changed.set()

    async def _distribute(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._apply()
            # The window starts at the first change and is not extended.
            await asyncio.sleep(_WINDOW)

    async def _apply(self) -> None:
        async with self._applying:
            made = plan(self.config, replace(self._facts, all_down=self.peers.all_down()))
            part = peers_part(self.config, self._facts)
            if made != self.plan or not self.routes.applied:
                self._set_plan(made)
                self.dhcp.apply(made.dhcp)
                await self.routes.apply(made.kernel)
                await self.nat.apply(made.nat)
            if replace(part, targets=()) != replace(self._part, targets=()):
                await self.peers.apply(part)
            elif part != self._part:
                self.peers.update(changes(self._part, part))
            self._part = part
            self.problems.look_soon()

    def _set_plan(self, made: Plan) -> None:
        before = {_route_key(route): route.state for route in self.plan.routes}
        self.plan = made
        for route in made.routes:
            if before.pop(_route_key(route), None) is not route.state:
                self._emit_route(route, route.state.value)
        for (prefix, lan, _), _state in before.items():
            self._emit(Event("route", prefix, "gone", time.time(), {"lan": lan}))

    def _emit_route(self, route: Route, what: str) -> None:
        data = {"lan": route.lan, "gateway": str(route.gateway), "reason": route.reason}
        self._emit(Event("route", str(route.prefix), what, time.time(), data))

    async def _resync(self) -> None:
        while True:
            await self._kernel_changed.wait()
            self._kernel_changed.clear()
            await self.routes.resync()

    # ------------------------------------------------------------ what is shown

    def _emit(self, event: Event) -> None:
        self.events.add(event)
        self.api.wake()

    def _problems(self) -> list[Problem]:
        services = (self.observe, self.dhcp, self.routes, self.nat, self.peers, self.api)
        found = [*self.plan.problems, *(problem for service in services for problem in service.problems())]
        if self._faults:
            values = (("path", self.path), ("count", _count(len(self._faults))), ("first", str(self._faults[0])))
            found.append(Problem("config-invalid", "config", values))
        return found

    def _checks(self) -> tuple[Check, ...]:
        """routerd's own duties. An interface that is missing keeps it from them; a peer's state does not."""
        waiting = [p for p in self.plan.problems if p.code in _UNREADY]
        found = [Check(problem.subject, False, problem.code.replace("-", " ")) for problem in waiting]
        return (
            *found,
            *self.dhcp.checks(),
            *self.routes.checks(),
            *self.nat.checks(),
            *self.peers.checks(),
            *self.api.checks(),
        )

    def _status(self) -> dict[str, object]:
        services = (self.observe, self.dhcp, self.routes, self.nat, self.peers, self.api)
        return {"process": own_process(), **{service.name: service.status() for service in services}}


def _count(faults: int) -> str:
    return f"{faults} fault{'' if faults == 1 else 's'}"


def _store_path(config: Config) -> str:
    return config.leases.store.removeprefix("sqlite:")


def _route_key(route: Route) -> tuple[str, str, str]:
    return (str(route.prefix), route.lan, str(route.gateway))
