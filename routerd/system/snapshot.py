"""What is routerd's in the kernel, taken and put back as a whole: routes, settings, rules, proxy neighbours."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from routerd.model import KernelRoute
from routerd.system import learned_routes, sysctl
from routerd.system.files import RUNTIME, runtime_directory
from routerd.system.learned_routes import LearnedRoute
from routerd.system.leftovers import LeftoverError, replace_table, table_text
from routerd.system.neighbours import Proxy, change_proxies, proxies
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError

_EXPIRES = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_MILLISECONDS = (86_400_000, 3_600_000, 60_000, 1_000, 1)
_TIMED = re.compile(
    r"([^{},\n]*?\btimeout \S+ expires )([0-9dhms]+)"
    r"((?:\s+comment \"[^\"\n]*\")?(?:\s*: [^,}\n]*?)?)(?=\s*[,}])(,\s*)?"
)


class SnapshotError(OSError):
    """The kernel cannot be read; the text says what and why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What routerd, this or an earlier one, has in the kernel. `settings` are values as they were, of those that it
    had changed, and `originals` what its file says that they were before that. `taken` is a time of CLOCK_BOOTTIME.
    """

    taken: float
    routes: frozenset[KernelRoute]
    learned: frozenset[LearnedRoute]
    proxies: frozenset[Proxy]
    table: str | None
    settings: Mapping[sysctl.Key, int]
    originals: Mapping[sysctl.Key, int]


async def take(runtime: Path = RUNTIME) -> Snapshot:
    """What there is now. Raises `SnapshotError`."""
    netlink = Netlink()
    try:
        originals = sysctl.Originals(runtime).values
        settings = {key: value for key in originals if (value := sysctl.read(*key)) is not None}
        return Snapshot(
            time.clock_gettime(time.CLOCK_BOOTTIME),
            frozenset(await netlink.own_routes()),
            frozenset(await asyncio.to_thread(learned_routes.read)),
            frozenset(proxy for proxy in await proxies() if proxy.own),
            await asyncio.to_thread(table_text),
            settings,
            originals,
        )
    except (NetlinkError, LeftoverError) as error:
        raise SnapshotError(str(error)) from None
    except OSError as error:
        raise SnapshotError(f"the settings cannot be read: {error.strerror}") from None
    finally:
        netlink.close()


async def restore(snapshot: Snapshot, runtime: Path = RUNTIME) -> list[str]:
    """Make it so again, by changing what differs only; what could not be done, in words.

    Nothing is answered for without its rules: proxy neighbours go first and come last.
    """
    failed: list[str] = []
    try:
        present = {proxy for proxy in await proxies() if proxy.own}
        failed += [str(error) for _, error in await change_proxies((), present - snapshot.proxies)]
    except NetlinkError as error:
        failed.append(str(error))
    failed += await _restore_routes(snapshot.routes)
    failed += await asyncio.to_thread(_restore_learned, snapshot.learned)
    failed += _restore_settings(snapshot, runtime)
    failed += await asyncio.to_thread(_restore_table, snapshot)
    try:
        present = {proxy for proxy in await proxies() if proxy.own}
        failed += [str(error) for _, error in await change_proxies(snapshot.proxies - present, ())]
    except NetlinkError as error:
        failed.append(str(error))
    return failed


async def _restore_routes(wanted: frozenset[KernelRoute]) -> list[str]:
    failed = []
    netlink = Netlink()
    try:
        present = await netlink.own_routes()
        for change, routes in ((netlink.add_route, wanted - present), (netlink.delete_route, present - wanted)):
            for route in sorted(routes, key=str):
                try:
                    await change(route)
                except NetlinkError as error:
                    failed.append(str(error))
    except NetlinkError as error:
        failed.append(str(error))
    finally:
        netlink.close()
    return failed


def _restore_learned(wanted: frozenset[LearnedRoute]) -> list[str]:
    try:
        present = learned_routes.read()
        failed = learned_routes.change(sorted(wanted - present, key=str), sorted(present - wanted, key=str))
    except NetlinkError as error:
        return [str(error)]
    return [f"the learned route {route} cannot be changed (errno {code})" for route, code in failed.items()]


def _restore_settings(snapshot: Snapshot, runtime: Path) -> list[str]:
    """All that was changed since, as the file of originals says, and all that was so when the snapshot was taken."""
    failed = []
    try:
        file = sysctl.Originals(runtime_directory(runtime))
        wanted = {**file.values, **snapshot.settings}
        for key in sorted(wanted, key=lambda key: (key[0] != "all", key)):
            try:
                if sysctl.read(*key) not in (None, wanted[key]):
                    sysctl.write(*key, wanted[key])
            except FileNotFoundError:
                continue  # the interface is gone
            except OSError as error:
                failed.append(f"the setting {key[1]} of {key[0]} cannot be set to {wanted[key]}: {error.strerror}")
        if not failed:
            file.remember(snapshot.originals)
            file.forget(set(file.values) - set(snapshot.originals))
    except OSError as error:
        failed.append(f"{runtime}: {error.strerror}")
    return failed


def _restore_table(snapshot: Snapshot) -> list[str]:
    try:
        if table_text() != snapshot.table:
            elapsed = time.clock_gettime(time.CLOCK_BOOTTIME) - snapshot.taken
            replace_table(None if snapshot.table is None else aged(snapshot.table, elapsed))
    except LeftoverError as error:
        return [str(error)]
    return []


def aged(table: str, seconds: float) -> str:
    """The table's text with so much less time for each element that ends by itself; those whose time is over go."""

    def age(match: re.Match[str]) -> str:
        rest = _milliseconds(match[2]) - round(seconds * 1000)
        return f"{match[1]}{rest}ms{match[3]}{match[4] or ''}" if rest > 0 else ""

    aged_lines = _TIMED.sub(age, table)
    # What is left of a set whose last elements went.
    without = re.sub(r",(\s*)\}", r"\1}", aged_lines)
    return re.sub(r"[ \t]*elements = \{\s*\}\n", "", without)


def _milliseconds(text: str) -> int:
    match = _EXPIRES.fullmatch(text)
    if match is None:
        return 0
    return sum(int(digits or 0) * unit for digits, unit in zip(match.groups(), _MILLISECONDS, strict=True))


# ---------------------------------------------------------------- as JSON


def encode(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as JSON has it."""
    return {
        "taken": snapshot.taken,
        "routes": [[_text(field) for field in _fields(route)] for route in snapshot.routes],
        "learned": [[_text(field) for field in route] for route in snapshot.learned],
        "proxies": [[proxy.link, str(proxy.address)] for proxy in snapshot.proxies],
        "table": snapshot.table,
        "settings": [[*key, value] for key, value in snapshot.settings.items()],
        "originals": [[*key, value] for key, value in snapshot.originals.items()],
    }


def decode(document: Mapping[str, Any]) -> Snapshot:
    """The snapshot of what `encode` made. Raises ValueError for anything else."""
    try:
        return Snapshot(
            float(document["taken"]),
            frozenset(_route(*row) for row in document["routes"]),
            frozenset(_learned(*row) for row in document["learned"]),
            frozenset(Proxy(int(link), IPv4Address(address)) for link, address in document["proxies"]),
            document["table"],
            _settings(document["settings"]),
            _settings(document["originals"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no snapshot: {error}") from None


def _fields(route: KernelRoute) -> tuple[object, ...]:
    return route.prefix, route.gateway, route.interface, route.metric, route.mtu


def _text(field: object) -> object:
    return field if field is None or isinstance(field, int | str) else str(field)


def _route(prefix: str, gateway: str | None, interface: str | None, metric: int, mtu: int | None) -> KernelRoute:
    return KernelRoute(
        IPv4Network(prefix), None if gateway is None else IPv4Address(gateway), interface, metric=metric, mtu=mtu
    )


def _learned(prefix: str, gateway: str, link: int, metric: int) -> LearnedRoute:
    return LearnedRoute(ip_network(prefix), ip_address(gateway), link, metric)


def _settings(rows: Iterable[tuple[str, str, int]]) -> dict[sysctl.Key, int]:
    return {(interface, name): int(value) for interface, name, value in rows}
