"""The one place that knows all services: builds them, starts them in order, hands them the plan, and stops them."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from routerd import __version__
from routerd.alias_leases_service import AliasLeases
from routerd.aliases.starter_service import AliasStarter, memory_path
from routerd.api.service import ApiService, BindError
from routerd.api.sources import Sources
from routerd.beside.starter_service import BesideStarter
from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.model import Config
from routerd.config_service import ConfigService
from routerd.confirm_service import ConfirmService
from routerd.dhcp.asking_service import ask_servers
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore, StoreError
from routerd.events import EventLog
from routerd.hosts.kept.starter_service import KeptStarter
from routerd.hosts.known import reserved_addresses
from routerd.hosts.service import HostsService
from routerd.model import Event, Facts, PeersPart, Plan, Problem, WireGuardDevice
from routerd.nat.starter_service import NatStarter
from routerd.notify_service import NotifyService, status_line
from routerd.observe.service import ObserveService
from routerd.peers.service import PeersService
from routerd.plan import plan
from routerd.plan_nat import decider
from routerd.plan_peers import changes, peers_part
from routerd.plan_shown import duties, route_events
from routerd.plan_through import relayed_networks
from routerd.problem_service import ProblemService
from routerd.reports import Check
from routerd.rip.starter_service import RipStarter
from routerd.routes.service import RoutesService
from routerd.system.log import start_log
from routerd.system.monitor import Monitor
from routerd.system.process import own_process
from routerd.system.sockets_dhcp import SocketError

log = logging.getLogger("routerd")

_WINDOW = 0.05


class StartError(Exception):
    """routerd cannot start; the text says why and what to do."""


class _Stop(Exception):
    """An administrator asked for the end."""


class App:
    """routerd with one configuration at a time. `read` reads it anew from where `path` says it is; `text` is what it
    read last, and `confirm` takes it back where it is on trial. `again` is as in `ConfigService`. `listening` is told
    where it is asked.
    """

    def __init__(
        self,
        config: Config,
        path: str,
        read: Callable[[], Config],
        text: Callable[[], str],
        confirm: ConfirmService,
        again: Callable[[], Config | None] | None = None,
        listening: Callable[[Iterable[str]], None] = lambda entries: None,
    ) -> None:
        self.config = config
        self._listening = listening
        self.confirm = confirm
        self.plan = Plan()
        self._facts = Facts()
        self._devices: dict[str, WireGuardDevice] = {}
        self._part = PeersPart()
        self._changed, self._kernel_changed = asyncio.Event(), asyncio.Event()
        self._applying = asyncio.Lock()
        self.problems = ProblemService(self._problems, self._emit)
        self.events = EventLog(f"{int(time.time()):x}")
        self.routes, self.nat = RoutesService(), NatStarter()
        self.observe = ObserveService(
            self._on_facts,
            self._on_devices,
            on_change=self._kernel_changed.set,
            monitor=partial(Monitor, removed=self.routes.removed, unlearned=self._on_unlearned),
        )
        self.hosts = HostsService(
            decider,
            self.nat.update,
            leases=lambda: self.dhcp.report(),
            reservations=lambda: reserved_addresses(self.plan.dhcp),
            emit=self._emit,
        )
        self.dhcp = DhcpService(LeaseStore(_store_path(config)), self._emit, self.hosts.acknowledged)
        self.peers = PeersService(self._on_peers, self._emit)
        self.rip = RipStarter(self._emit, self.peers.states)
        self.beside = BesideStarter(ask_servers, lambda: self.problems.look_soon())
        self.kept = KeptStarter(self._changed.set)
        self.aliases = AliasStarter(memory_path(config.leases.store), self.nat.ruled, self._changed.set, self._emit)
        self.leased = AliasLeases(lambda spans: self.dhcp.held(spans), self._changed.set)
        self.notify = NotifyService(self.dhcp.alive, self._summary)
        look = self.problems.look_soon
        self.source = ConfigService(path, read, self._take_over, self.notify.reloading, look, confirm, text, again)
        self.api = ApiService(self._sources())
        own = (self.dhcp, self.observe, self.routes, self.nat, self.hosts)
        self._services = (*own, self.kept, self.aliases, self.peers, self.rip, self.beside, self.api)

    def _sources(self) -> Sources:
        return Sources(
            peers=self.peers.reports,
            peer=self.peers.find,
            routes=lambda: self.plan.routes,
            leases=self.dhcp.report,
            hosts=self.hosts.reports,
            problems=self.problems.reports,
            checks=self._checks,
            status=self._status,
            config=self.source.report,
            devices=lambda: self._devices,
            events=self.events,
            reload=self.source.reload,
            reload_on_trial=self.source.reload,
            confirm=self.confirm.confirm,
            deadline=self.confirm.deadline,
            release=self.dhcp.release,
            take_over=self.dhcp.take_over,
            saved=self.dhcp.saved,
            probe=self.peers.probe_now,
            version=__version__,
            started=time.time(),
        )

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Start, run until SIGTERM or SIGINT, stop in order; SIGHUP reloads. Raises `StartError`."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self.confirm.bind(stop.set, self.source.go_back, self.problems.look_soon)
        await self._start()
        # Not by the loop, which would make it deadly again when it closes.
        signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(self.source.ask))
        try:
            async with asyncio.TaskGroup() as tasks:
                for service in self._services:
                    tasks.create_task(service.run(), name=service.name)
                tasks.create_task(self._distribute(), name="plan")
                tasks.create_task(self._resync(), name="resync")
                tasks.create_task(self.problems.run(), name=self.problems.name)
                tasks.create_task(self.notify.run(), name=self.notify.name)
                tasks.create_task(self.source.run(), name=self.source.name)
                tasks.create_task(self.confirm.run(), name=self.confirm.name)
                gc.freeze()
                await stop.wait()
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                await self.confirm.leave()
                await self.source.close()
                log.info("routerd: stopping")
                self.notify.stopping()
                self.confirm.stopping()
                await self.rip.farewell()
                # Nothing may be answered for without rules, and those of all services go at once.
                await self.aliases.release()
                raise _Stop
        except* _Stop:
            pass
        log.info("routerd: stopped")

    async def _start(self) -> None:
        """Everything that DHCP needs, and no more, so that it answers soon."""
        try:
            self.api.bind(self.config.http)
            self._listening(self.config.http.listen)
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
        lans = [lan.interface for lan in self.config.lans]
        hops = [gateway for vpn in self.config.vpns for gateway in vpn.gateways]
        self.observe.configure(lans, vpns, relayed_networks(self.config), hops)

    # ------------------------------------------------------------ reload

    async def _take_over(self, config: Config) -> None:
        """Put a configuration into force. Raises `ConfigError` if its leases cannot be kept where it says."""
        try:
            if config.leases.store != self.config.leases.store:
                await self.dhcp.move(LeaseStore(_store_path(config)))
        except StoreError as error:
            mend = "set a path that can be written"
            raise ConfigError([ConfigFault("leases.store", config.leases.store, str(error), mend)]) from None
        if config.log != self.config.log:
            start_log(config.log.level, config.log.format)
        self.config = config
        self.dhcp.configure(config.leases.sync)
        self.aliases.configure(memory_path(config.leases.store))
        self._configure_observe()
        # Facts first: a plan from old facts would take new interfaces for missing ones and withdraw what works.
        self._facts = await self.observe.first()
        await self._apply()
        await self.api.apply(config.http)
        self._listening(config.http.listen)
        self._emit(Event("daemon", "config", "reloaded", time.time(), {"path": self.source.path}))

    # ------------------------------------------------------------ facts to plan to services

    def _on_facts(self, facts: Facts) -> None:
        self._facts = facts
        self._changed.set()

    def _on_devices(self, devices: dict[str, WireGuardDevice]) -> None:
        self._devices = devices
        self.peers.observed(devices)

    def _on_peers(self) -> None:
        self.kept.look_soon()
        self.rip.peers_changed()
        self.problems.look_soon()
        if any(vpn.withdraw == "all-peers-down" for vpn in self.config.vpns):
            self._changed.set()

    def _on_unlearned(self) -> None:
        self.rip.resync()

    async def _distribute(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._apply()
            # The window starts at the first change and is not extended.
            await asyncio.sleep(_WINDOW)

    async def _apply(self) -> None:
        async with self._applying:
            config, facts = self.config, self._known_facts()
            made, part = plan(config, facts), peers_part(config, facts)
            if made != self.plan or not self.routes.applied:
                self._set_plan(made)
                self.dhcp.apply(made.dhcp)
                made = await self._with_claims(made, config, facts)
                await self.routes.apply(made.kernel)
                await self.rip.apply(made.rip, config)
                await self.nat.apply(made.nat)
                await self.aliases.settle()
            await self.rip.apply(self.plan.rip, config)
            await self.beside.apply(self.plan.beside, config)
            await self.hosts.apply(self.plan.nat, config.return_path)
            await self.kept.apply(self.plan.nat, config.return_path)
            if replace(part, targets=()) != replace(self._part, targets=()):
                await self.peers.apply(part)
            elif part != self._part:
                self.peers.update(changes(self._part, part))
            self._part = part
            self.problems.look_soon()

    def _known_facts(self) -> Facts:
        down, kept, claimed = self.peers.all_down(), self.kept.kept(), self.aliases.claimed()
        leased = self.leased.look(self.config)
        return replace(self._facts, all_down=down, kept=kept, claimed=claimed, leased=leased)

    async def _with_claims(self, made: Plan, config: Config, facts: Facts) -> Plan:
        """The plan with the rules of just those aliases that are claimed, also by a routerd before this one."""
        await self.aliases.take(made.aliases)
        claimed = self.aliases.claimed()
        if claimed != facts.claimed:
            made = plan(config, replace(facts, claimed=claimed))
            self._set_plan(made)
        return made

    def _set_plan(self, made: Plan) -> None:
        before, self.plan = self.plan, made
        for event in route_events(before, made, time.time()):
            self._emit(event)

    async def _resync(self) -> None:
        while True:
            await self._kernel_changed.wait()
            self._kernel_changed.clear()
            await self.routes.resync()
            self.aliases.resync()
            self.rip.resync()

    # ------------------------------------------------------------ what is shown

    def _emit(self, event: Event) -> None:
        self.events.add(event)
        self.leased.heard(event)
        self.api.wake()

    def _problems(self) -> list[Problem]:
        found = [problem for service in self._services for problem in service.problems()]
        return [*self.plan.problems, *found, *self.source.problems(), *self.confirm.problems()]

    def _checks(self) -> tuple[Check, ...]:
        """routerd's own duties; a peer's or a host's state is none."""
        services = (self.dhcp, self.routes, self.nat, self.hosts, self.peers, self.rip, self.beside, self.api)
        return (*duties(self.plan), *(check for service in services for check in service.checks()))

    def _summary(self) -> str:
        return status_line(self._checks(), self.problems.reports())

    def _status(self) -> dict[str, object]:
        return {"process": own_process(), **{service.name: service.status() for service in self._services}}


def _store_path(config: Config) -> str:
    return config.leases.store.removeprefix("sqlite:")
