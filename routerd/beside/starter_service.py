"""One service for every DHCP server of this machine that stays; begins when a LAN first has such a server."""

import asyncio
import contextlib
import importlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from routerd.beside.record import FILE, decode_servers, encode_servers
from routerd.beside.words import Ask, Server, ServerKey, Withdrawn, server_of
from routerd.beside_part import BesidePart
from routerd.config.model import BESIDE_MODES, Config
from routerd.model import Problem
from routerd.reports import Check
from routerd.system.files import write_synced
from routerd.system.ubus import is_openwrt

log = logging.getLogger("routerd.beside")

_CLASSES = {
    "dnsmasq": ("routerd.beside.dnsmasq_service", "DnsmasqService"),
    "uci": ("routerd.beside.uci_service", "UciDnsmasqService"),
    "kea": ("routerd.beside.kea_service", "KeaService"),
}
_FAREWELL = 5.0


def make_server(key: ServerKey, ask: Ask, changed: Callable[[], None], file: str | None = None) -> Server:
    """The service for a server; its code is loaded now. `file` is a Kea's, where it is known."""
    module, name = _CLASSES["uci" if key.kind == "dnsmasq" and is_openwrt() else key.kind]
    more = () if file is None else (file,)
    made: Server = getattr(importlib.import_module(module), name)(key, ask, changed, *more)
    return made


def configured_servers(config: Config) -> frozenset[ServerKey]:
    """The servers that the configuration names."""
    dhcps = [lan.dhcp for lan in config.lans if lan.dhcp is not None]
    return frozenset(server_of(dhcp) for dhcp in dhcps if dhcp.mode in BESIDE_MODES)


def configured_files(config: Config) -> dict[ServerKey, str]:
    """The file of each Kea that the configuration names one for."""
    keas = [lan.dhcp.kea for lan in config.lans if lan.dhcp is not None and lan.dhcp.mode == "kea"]
    return {ServerKey("kea", kea.socket): kea.config_file for kea in keas if kea.config_file is not None}


def record_path(store: str) -> Path:
    """The file that remembers servers, beside the leases at `leases.store`."""
    return Path(store.removeprefix("sqlite:")).parent / FILE


def recorded_servers(path: Path) -> frozenset[ServerKey]:
    """The servers that the file remembers; none where it cannot be read."""
    try:
        return frozenset(decode_servers(path.read_bytes()))
    except OSError:
        return frozenset()


class BesideStarter:
    """Hands each server its part. Without such a server in the configuration, or in the record, nothing is loaded."""

    name = "beside"

    def __init__(self, ask: Ask, changed: Callable[[], None]) -> None:
        self._ask, self._changed = ask, changed
        self._servers: dict[ServerKey, Server] = {}
        self._configured: frozenset[ServerKey] = frozenset()
        self._recorded: frozenset[ServerKey] | None = None
        self._before: frozenset[ServerKey] = frozenset()
        """What an earlier routerd may have left something in."""
        self._path: Path | None = None
        self._woken = asyncio.Event()
        self._keep = False

    async def apply(self, parts: Iterable[BesidePart], config: Config) -> None:
        """Have every server hand out its parts.

        What was made in a server that the configuration does not name any more is removed. Where a LAN's interface is
        not there, nothing is known of its networks: a server of which no LAN is there stays as it is.
        """
        self._keep, self._configured = config.nat.keep, configured_servers(config)
        self._path = record_path(config.leases.store)
        if self._recorded is None:
            self._recorded = self._before = recorded_servers(self._path)
        wanted: dict[ServerKey, list[BesidePart]] = {}
        for part in parts:
            wanted.setdefault(server_of(part.settings), []).append(part)
        for key in sorted(self._configured | self._recorded, key=lambda key: (key.kind, key.path)):
            if key not in self._servers and not self._is_handed_over(key):
                self._servers[key] = await asyncio.to_thread(make_server, key, self._ask, self._wake)
        await self._remember()
        for key, server in self._servers.items():
            if key in wanted or not (key in self._configured or self._is_handed_over(key)):
                server.apply(tuple(wanted.get(key, ())))
        self._woken.set()

    def _is_handed_over(self, key: ServerKey) -> bool:
        """Does the configuration name it with another pid file? Then what was made is the new one's."""
        if key in self._configured:
            return False
        return any((key.kind, key.path) == (other.kind, other.path) for other in self._configured)

    def _wake(self) -> None:
        self._woken.set()
        self._changed()

    async def _remember(self) -> None:
        """Before something is made: a crash and another configuration must not leave it there for good."""
        known = frozenset(self._servers)
        if known == self._recorded or self._path is None:
            return
        self._recorded = known
        try:
            if known:
                await asyncio.to_thread(write_synced, self._path, encode_servers(known))
            else:
                with contextlib.suppress(FileNotFoundError):
                    await asyncio.to_thread(os.unlink, self._path)
        except OSError as error:
            log.warning(
                "beside: %s cannot be written: %s; after a crash, run routerd clean", self._path, error.strerror
            )

    async def run(self) -> None:
        """Run every server's service. Cancelled, it withdraws what was made, unless the configuration keeps it."""
        tasks: dict[ServerKey, asyncio.Task[None]] = {}
        try:
            while True:
                self._woken.clear()
                await self._retire(tasks)
                for key, server in self._servers.items():
                    if key not in tasks:
                        tasks[key] = asyncio.create_task(server.run(), name=f"beside {key.kind} {key.path}")
                woken = asyncio.create_task(self._woken.wait())
                try:
                    await asyncio.wait((woken, *tasks.values()), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
                for task in tasks.values():
                    if task.done():
                        task.result()
        finally:
            await _end(tasks.values())
            if not self._keep:
                await self._withdraw()

    async def _retire(self, tasks: dict[ServerKey, asyncio.Task[None]]) -> None:
        """Let go of servers that are not configured any more and have nothing of routerd's."""
        gone = [key for key in self._servers if key not in self._configured]
        for key in [key for key in gone if self._is_done_with(key) or self._is_handed_over(key)]:
            if key in tasks:
                await _end([tasks.pop(key)])
            self._servers.pop(key, None)
        await self._remember()

    def _is_done_with(self, key: ServerKey) -> bool:
        """Is nothing of routerd's in it? One that was never reached, now or before, has nothing."""
        return self._servers[key].is_clear or (self._servers[key].is_untouched and key not in self._before)

    async def _withdraw(self) -> None:
        self._servers = {key: server for key, server in self._servers.items() if not self._is_done_with(key)}
        try:
            async with asyncio.timeout(_FAREWELL):
                done = await asyncio.gather(*(server.withdraw() for server in self._servers.values()))
        except TimeoutError:
            log.warning("beside: a DHCP server does not answer; what it hands out stays: run routerd clean later")
            return
        for left in (each.left for each in done if each.left is not None):
            log.warning("beside: %s", left)
        self._servers = {key: server for key, server in self._servers.items() if not server.is_clear}
        await self._remember()

    # ------------------------------------------------------------ what is shown

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the other servers from handing out what they should."""
        return tuple(problem for server in self._servers.values() for problem in server.problems())

    def checks(self) -> tuple[Check, ...]:
        """Does every LAN's server hand out what it should?"""
        configured = (server for key, server in self._servers.items() if key in self._configured)
        return tuple(check for server in configured for check in server.checks())

    def status(self) -> dict[str, object]:
        """Every server."""
        servers = [{"kind": key.kind, "path": key.path, **each.status()} for key, each in self._servers.items()]
        return {"servers": servers}


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


async def withdraw_all(
    servers: Iterable[ServerKey], ask: Ask, files: Mapping[ServerKey, str]
) -> dict[ServerKey, Withdrawn]:
    """Remove what was ever made in these servers, for `routerd clean`. `files`: those of Keas."""
    made = {key: make_server(key, ask, lambda: None, files.get(key)) for key in servers}
    return {key: await server.withdraw() for key, server in made.items()}
