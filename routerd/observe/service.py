"""Keeps the facts about this machine current: interfaces, default gateways, WireGuard devices."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from routerd.model import DefaultGateway, Facts, Forwarding6, Interface, Problem, VpnFacts, WireGuardDevice
from routerd.observe.facts import assemble, links_of, networks_behind, vpn_facts
from routerd.observe.gateway_service import GatewayWatch
from routerd.observe.kernel import Kernel, Watch
from routerd.system import sysctl
from routerd.system.monitor import Monitor
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError
from routerd.system.wireguard import WireGuardError, read_device

log = logging.getLogger(__name__)

_WINDOW = 0.05
_RESYNC = 60.0
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0
_FIRST_READ = 1.5
_FIRST_POLL = 0.25
_LONGEST_POLL = 10.0
_POLL_SHARE = 20


class ObserveService:
    """Calls `on_facts` whenever the facts differ from those before, and `on_devices` after every poll.

    `on_devices` gets the devices, by the vpn's name, that could be read in this poll. Failures are retried and shown
    by `problems`; nothing but a bug ends `run`. `poll` is the seconds between two polls of the devices; after a change
    they come faster for a while, because WireGuard tells nobody when its peers change. Where reading takes long, for
    thousands of peers, the pause is twenty times as long, up to 10 s. `on_change` is called after
    links, addresses, settings, default routes or routerd's own routes changed, also if no fact did, and once a minute.
    """

    name = "observe"

    def __init__(
        self,
        on_facts: Callable[[Facts], None],
        on_devices: Callable[[dict[str, WireGuardDevice]], None],
        *,
        on_change: Callable[[], None] | None = None,
        poll: float = 1.5,
        kernel: Kernel | None = None,
        read: Callable[[str], Awaitable[WireGuardDevice]] | None = None,
        monitor: Callable[[Callable[[], None]], Watch] = Monitor,
        forwarding6: Callable[[], Forwarding6] = sysctl.forwarding6,
    ) -> None:
        self._on_facts, self._on_devices, self._poll = on_facts, on_devices, poll
        self._on_change = on_change
        self._kernel: Kernel = Netlink() if kernel is None else kernel
        self._read = read or (lambda interface: read_device(interface, netlink=self._kernel))
        self._open_monitor = monitor
        self._read_forwarding6, self._forwarding6 = forwarding6, Forwarding6.ON
        self._monitor: Watch | None = None
        self._wanted: frozenset[str] = frozenset()
        self._vpns: dict[str, str] = {}
        self._subnets: tuple[IPv4Network, ...] = ()
        self._interfaces: dict[str, Interface] = {}
        self._gateways: tuple[DefaultGateway, ...] = ()
        self._known: dict[str, VpnFacts] = {}
        self._unreadable: dict[str, WireGuardError] = {}
        self._unread_times: dict[str, int] = {}
        self._took = 0.0
        self._failure: NetlinkError | None = None
        self._was_read = False
        self._changed, self._poll_now = asyncio.Event(), asyncio.Event()
        self._hops: tuple[IPv4Address, ...] = ()
        self._watch = GatewayWatch(lambda: links_of(self._hops, self._interfaces, self._vpns.values()), self._publish)
        self._pause = poll
        self.facts = Facts()
        """The latest facts; read only."""

    def configure(
        self,
        interfaces: Collection[str],
        vpns: Mapping[str, str],
        subnets: Collection[IPv4Network] = (),
        hops: Collection[IPv4Address] = (),
    ) -> None:
        """Observe these interfaces, and these vpns (name to interface; its interface is observed as well).

        `subnets` are networks of the site that are on none of the interfaces, `hops` machines whose link-layer
        addresses are to be known.
        May be called again at any time; while `run` runs, new facts follow by themselves.
        """
        kept = {name for name, interface in vpns.items() if self._vpns.get(name) == interface}
        self._known = {name: facts for name, facts in self._known.items() if name in kept}
        self._unreadable = {name: error for name, error in self._unreadable.items() if name in kept}
        self._unread_times = {name: times for name, times in self._unread_times.items() if name in kept}
        self._vpns = dict(vpns)
        self._subnets = tuple(subnets)
        self._hops = tuple(dict.fromkeys(hops))
        self._watch.configure(self._hops)
        self._wanted = frozenset(interfaces) | frozenset(vpns.values())
        self._changed.set()

    async def first(self) -> Facts:
        """Read everything once and return it, within about 2 s: what takes longer is left to `run`. Never raises.

        `on_facts` and `on_devices` are not called.
        """
        await self._read_kernel()
        try:
            async with asyncio.timeout(_FIRST_READ):
                await self._read_devices()
        except TimeoutError:
            late = [name for name in self._vpns if name not in self._known and name not in self._unreadable]
            log.info("vpn %s: WireGuard does not answer at once; routerd starts without it", ", ".join(late) or "?")
        self.facts = self._assemble()
        return self.facts

    async def run(self) -> None:
        """Observe for ever. Cancelling it closes the sockets."""
        self._changed.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="observe-kernel")
                tasks.create_task(self._follow_devices(), name="observe-wireguard")
                tasks.create_task(self._watch.run(), name="observe-gateways")
        finally:
            self.close()

    def close(self) -> None:
        """Close the sockets, where `run` did not do so because it never ran."""
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        self._watch.close()
        self._kernel.close()

    def status(self) -> dict[str, object]:
        """The interfaces, default gateways and vpns as they were read last."""
        interfaces = {
            name: {"index": found.index, "up": found.up, "mtu": found.mtu, "addresses": list(map(str, found.addresses))}
            for name, found in sorted(self._interfaces.items())
        }
        vpns = {
            name: {
                "interface": interface,
                "found": interface in self._interfaces,
                "peers": len(self._known[name].peers) if name in self._known else None,
                "error": self._unreadable[name].reason if name in self._unreadable else None,
                "failed_reads": self._unread_times.get(name, 0),
            }
            for name, interface in sorted(self._vpns.items())
        }
        gateways = [{"address": str(gateway.address), "interface": gateway.interface} for gateway in self._gateways]
        error = None if self._failure is None else str(self._failure)
        return {"interfaces": interfaces, "default_gateways": gateways, "vpns": vpns, "error": error}

    def problems(self) -> tuple[Problem, ...]:
        """What cannot be read now. An interface that does not exist is a fact and no problem of this service."""
        found = []
        if self._failure is not None:
            found.append(Problem("netlink", "kernel", (("reason", str(self._failure)),)))
        for name, error in self._unreadable.items():
            values = (("reason", error.reason), ("hint", error.hint), ("interface", error.interface))
            found.append(Problem("wireguard-unreadable", f"vpn {name}", values))
        return tuple(found)

    async def _follow(self) -> None:
        retry = _FIRST_RETRY
        while True:
            try:
                async with asyncio.timeout(_RESYNC if self._failure is None else retry):
                    await self._changed.wait()
            except TimeoutError:
                retry = min(retry * 2, _LAST_RETRY) if self._failure is not None else _FIRST_RETRY
            else:
                # The window starts at the first change and is not extended: a steady flow of changes delays nothing.
                await asyncio.sleep(_WINDOW)
            self._changed.clear()
            await self._read_kernel()
            if self._publish():
                self._watch.look_soon()
                self._pause = min(_FIRST_POLL, self._poll)
            self._poll_now.set()
            if self._on_change is not None:
                self._on_change()

    async def _follow_devices(self) -> None:
        while True:
            try:
                async with asyncio.timeout(max(self._pause, min(_POLL_SHARE * self._took, _LONGEST_POLL))):
                    await self._poll_now.wait()
            except TimeoutError:
                self._pause = min(2 * self._pause, self._poll)
            self._poll_now.clear()
            devices = await self._read_devices()
            begin = asyncio.get_running_loop().time()
            self._publish()
            self._on_devices(devices)
            self._took += asyncio.get_running_loop().time() - begin

    async def _read_kernel(self) -> None:
        try:
            if self._monitor is None:
                self._monitor = self._open_monitor(self._changed.set)
            self._interfaces = await self._kernel.interfaces(self._wanted)
            self._gateways = await self._kernel.default_gateways()
            self._forwarding6 = self._read_forwarding6()
        except OSError as error:
            self._failed(NetlinkError("watch for changes", error.errno or errno.EIO))
            return
        except NetlinkError as error:
            self._failed(error)
            return
        if self._failure is not None:
            log.info("kernel: the network state can be read again")
        self._failure, self._was_read = None, True
        self._remember()

    def _failed(self, error: NetlinkError) -> None:
        if self._failure is None or str(self._failure) != str(error):
            log.warning("kernel: the network state cannot be read: %s; trying again", error)
        self._failure = error

    async def _read_devices(self) -> dict[str, WireGuardDevice]:
        vpns = dict(self._vpns)
        devices: dict[str, WireGuardDevice] = {}
        self._took = 0.0

        async def read(name: str, interface: str) -> None:
            begin = asyncio.get_running_loop().time()
            try:
                device = await self._read(interface)
            except WireGuardError as error:
                self._unread(name, interface, error)
                if not error.hung:
                    # To wait costs nothing. To read a flood of nonsense does.
                    self._took = max(self._took, asyncio.get_running_loop().time() - begin)
                return
            self._took = max(self._took, asyncio.get_running_loop().time() - begin)
            if self._vpns.get(name) == interface:
                devices[name] = device
                known = replace(vpn_facts(device, self._site()), last=self._last(name))
                if known != self._known.get(name):
                    self._known[name] = known
                if self._unreadable.pop(name, None) is not None:
                    log.info("vpn %s: the WireGuard state can be read again", name)

        await asyncio.gather(*(read(name, interface) for name, interface in vpns.items()))
        self._remember()
        return devices

    def _site(self) -> list[IPv4Network]:
        """The networks of the site, in which a peer may be now as well."""
        tunnels = set(self._vpns.values())
        lans = [found for name, found in self._interfaces.items() if name not in tunnels]
        return [*self._subnets, *(address.network for lan in lans for address in lan.addresses)]

    def _last(self, name: str) -> tuple[IPv4Network, ...]:
        known = self._known.get(name)
        return () if known is None else known.last

    def _remember(self) -> None:
        """Keep what is behind every vpn whose interface is up, for the time when it is not."""
        for name, known in self._known.items():
            interface = self._interfaces.get(self._vpns[name])
            if interface is not None and interface.up:
                self._known[name] = replace(known, last=networks_behind(interface, known))

    def _unread(self, name: str, interface: str, error: WireGuardError) -> None:
        if self._vpns.get(name) != interface:
            return
        if error.missing:
            self._unreadable.pop(name, None)
            return
        self._unread_times[name] = self._unread_times.get(name, 0) + 1
        before = self._unreadable.get(name)
        if before is None or before.reason != error.reason:
            log.warning(
                "vpn %s: the WireGuard state cannot be read: %s; trying again; %s", name, error.reason, error.hint
            )
        self._unreadable[name] = error

    def _assemble(self) -> Facts:
        facts = assemble(self._interfaces, self._gateways, self._wanted, self._vpns, self._known)
        facts = replace(facts, link_layer=self._watch.known, forwarding6=self._forwarding6)
        return facts if self._was_read else replace(facts, read=False)

    def _publish(self) -> bool:
        facts = self._assemble()
        if facts == self.facts:
            return False
        self.facts = facts
        self._on_facts(facts)
        return True
