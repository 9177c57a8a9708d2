"""`routerd clean`: removes everything that routerd ever installed, also what a daemon that was killed has left."""

import argparse
import asyncio
import contextlib
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from routerd.beside.options_file_service import FileError, OptionsFile
from routerd.beside.starter_service import (
    configured_files,
    configured_servers,
    record_path,
    recorded_servers,
    withdraw_all,
)
from routerd.beside.words import ServerKey
from routerd.config.fault import ConfigError
from routerd.config.model import Config, Http, Leases
from routerd.config.store import read_config
from routerd.dhcp.asking_service import ask_servers
from routerd.health import ProblemTracker
from routerd.model import KernelPart, Problem
from routerd.routes.problems import route_text, setting_name
from routerd.routes.service import RoutesService
from routerd.system import learned_routes, sysctl
from routerd.system.capabilities import NET_ADMIN
from routerd.system.confirm_mark import MarkFile
from routerd.system.files import RUNTIME
from routerd.system.leftovers import LeftoverError, is_served, remove_stale_socket, remove_table
from routerd.system.listen_file import ListenFile
from routerd.system.lock import DaemonLock, LockedError
from routerd.system.neighbours import Proxy, remove_own_proxies
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError
from routerd.system.privileges import PrivilegeError, check

HELP = "remove everything that routerd ever installed; leases stay"


@dataclass(slots=True)
class _Outcome:
    """What was done, in words."""

    neighbours: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    nft: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `clean` needs only the arguments that all commands share."""


def run(args: argparse.Namespace) -> int:
    """Remove it and print what was removed. 1 while a daemon runs, without CAP_NET_ADMIN, or if something stays."""
    lock = DaemonLock(command="clean")
    try:
        check((NET_ADMIN,), purpose="removing routes, settings and rules")
        with contextlib.suppress(OSError):
            lock.take_soon(0.0)
        return _clean(args)
    except LockedError as error:
        print(f"routerd clean: {error}; {error.mend}", file=sys.stderr)
        return 1
    except (PrivilegeError, LeftoverError) as error:
        print(f"routerd clean: {error}", file=sys.stderr)
        return 1
    finally:
        lock.give_back()


def _clean(args: argparse.Namespace) -> int:
    http = _http(args.config)
    _refuse_while_served(http)
    # What fails is printed below, in one place.
    logging.getLogger("routerd").addHandler(logging.NullHandler())
    outcome = _Outcome()
    # First what is answered for, so that nothing is when its rules are gone.
    _clean_proxies(outcome)
    asyncio.run(_clean_kernel(outcome))
    _clean_learned(outcome)
    _collect(outcome.nft, outcome, remove_table)
    _clean_servers(args.config, outcome)
    for entry in http.listen:
        _collect(outcome.files, outcome, partial(remove_stale_socket, entry))
    _collect(outcome.files, outcome, _remove_mark)
    ListenFile().remove()
    _print(outcome, args.json)
    return 1 if outcome.problems else 0


def _http(path: str) -> Http:
    """How the daemon would serve HTTP; how it does so by default if the configuration cannot be read."""
    try:
        return read_config(path, secrets=False).http
    except ConfigError:
        return Http()


def _refuse_while_served(http: Http) -> None:
    for entry in http.listen:
        if is_served(entry, http.tls_cert):
            raise LeftoverError(f"a daemon runs, it answers at {entry}; stop it first: systemctl stop routerd")


async def _clean_kernel(outcome: _Outcome) -> None:
    """Routes and settings; their own service knows best how they are taken back."""
    netlink = Netlink()
    try:
        originals = sysctl.Originals(RUNTIME)
        kept_file = originals.path.exists()
        before = {key: sysctl.read(*key) for key in originals.values}
        routes = await netlink.own_routes()
        service = RoutesService(kernel=netlink)
        await service.apply(KernelPart())
        left = await netlink.own_routes()
        outcome.routes += sorted(route_text(route) for route in routes - left)
        outcome.problems += _texts(service.problems())
    except NetlinkError as error:
        outcome.problems.append(str(error))
        return
    except OSError as error:
        outcome.problems.append(f"{RUNTIME}: {error.strerror}")
        return
    finally:
        netlink.close()
    _compare(outcome, originals.values, before)
    if originals.path.exists():
        outcome.problems.append(f"{originals.path}: stays, until all settings are restored")
    elif kept_file:
        outcome.files.append(str(originals.path))


def _clean_servers(path: str, outcome: _Outcome) -> None:
    """What other DHCP servers were told: those of the configuration, and those that are remembered."""
    try:
        config: Config | None = read_config(path, secrets=False)
    except ConfigError:
        config = None
    record = record_path(Leases().store if config is None else config.leases.store)
    recorded = recorded_servers(record)
    configured, files = (configured_servers(config), configured_files(config)) if config else (frozenset(), {})
    found = asyncio.run(withdraw_all(recorded | configured, ask_servers, files))
    for key, withdrawn in found.items():
        outcome.servers += withdrawn.removed
        # Of a server that is only named now nothing is known; that it does not answer says nothing.
        if withdrawn.left is not None and (withdrawn.removed or key in recorded):
            gone = f"; if that Kea is gone for good, remove {record}" if key.kind == "kea" else ""
            outcome.problems.append(withdrawn.left + gone)
        elif key.kind == "dnsmasq":
            _collect(outcome.files, outcome, partial(_remove_options, key))
    if recorded and not any(found[key].left for key in recorded):
        try:
            record.unlink(missing_ok=True)
        except OSError as error:
            outcome.problems.append(f"{record}: {error.strerror}")
        else:
            outcome.files.append(str(record))


def _remove_options(key: ServerKey) -> str | None:
    path = Path(key.path)
    try:
        there = OptionsFile(path).read() is not None
        OptionsFile(path).empty(remove=True)
    except FileError as error:
        if error.foreign:
            return None
        raise LeftoverError(f"{path}: {error}") from None
    return str(path) if there else None


def _clean_learned(outcome: _Outcome) -> None:
    try:
        outcome.routes += map(str, learned_routes.remove_all())
    except NetlinkError as error:
        outcome.problems.append(str(error))


def _clean_proxies(outcome: _Outcome) -> None:
    try:
        removed, failed = remove_own_proxies()
    except NetlinkError as error:
        outcome.problems.append(str(error))
        return
    undone = {proxy for proxy, _ in failed}
    outcome.neighbours += [_proxy_text(proxy) for proxy in sorted(removed) if proxy not in undone]
    outcome.problems += [str(error) for _, error in failed]


def _proxy_text(proxy: Proxy) -> str:
    try:
        name = socket.if_indextoname(proxy.link)
    except OSError:
        name = str(proxy.link)
    return f"{proxy.address} dev {name}"


def _compare(outcome: _Outcome, originals: Mapping[sysctl.Key, int], before: Mapping[sysctl.Key, int | None]) -> None:
    failed = sysctl.Originals(RUNTIME).values
    for key, original in sorted(originals.items()):
        now = sysctl.read(*key)
        if key in failed:
            continue
        if now == original != before[key]:
            outcome.settings.append(f"{setting_name(*key)} = {original}")
        elif now is not None and now != original:
            outcome.kept.append(f"{setting_name(*key)} = {now}: something else forwards on this machine")


def _remove_mark() -> str | None:
    """Nothing is left that a trial could take back."""
    file = MarkFile()
    try:
        return file.remove()
    except OSError as error:
        raise LeftoverError(f"{file.path}: cannot be removed: {error.strerror}") from None


def _texts(problems: Iterable[Problem]) -> list[str]:
    tracker = ProblemTracker()
    tracker.update(problems, 0.0)
    return [report.text for report in tracker.report(3600.0)]


def _collect(done: list[str], outcome: _Outcome, remove: Callable[[], str | None]) -> None:
    try:
        removed = remove()
    except LeftoverError as error:
        outcome.problems.append(str(error))
        return
    if removed is not None:
        done.append(removed)


def _print(outcome: _Outcome, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(outcome), indent=2))
        return
    lines = [f"removed proxy neighbour {text}" for text in outcome.neighbours]
    lines += [f"removed route {text}" for text in outcome.routes]
    lines += [f"restored {text}" for text in outcome.settings]
    lines += [f"removed nft {text}" for text in outcome.nft]
    lines += [f"removed {text}" for text in outcome.servers]
    lines += [f"removed {text}" for text in outcome.files]
    lines += [f"left {text}" for text in outcome.kept]
    print("\n".join(lines) if lines else "nothing of routerd's is here")
    for text in outcome.problems:
        print(f"routerd clean: {text}", file=sys.stderr)
