"""`routerd run`: the daemon, in the foreground."""

import argparse
import asyncio
import gc
import logging
import os
import sys

from routerd.app import App, StartError
from routerd.commands import trial
from routerd.commands.own_files import places
from routerd.commands.run_trial import NotBackError, RefusedError, RunTrial
from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import ConfigFile
from routerd.system import capabilities, sockets_rip
from routerd.system.listen_file import ListenFile
from routerd.system.listeners import remember_listeners
from routerd.system.lock import DaemonLock, LockedError
from routerd.system.log import start_log
from routerd.system.privileges import PrivilegeError, User, find_user, may_settle, settle
from routerd.system.sockets_dhcp import remember_holders

HELP = "run the daemon in the foreground; stop it with SIGTERM"

log = logging.getLogger("routerd")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a user, and the time for a trial."""
    parser.add_argument(
        "--user",
        metavar="NAME[:GROUP]",
        type=_user,
        help="started as root, run on as this user, with the three capabilities that routerd needs",
    )
    trial.add_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT (0); 2 for a bad configuration, 1 where it cannot start or was not confirmed."""
    source = ConfigFile(args.config)
    try:
        # A secret that cannot be used silences RIP, not DHCP: here it is a problem, at a reload and in `check` a fault.
        config = source.read(secrets=False)
    except ConfigError as error:
        return _faulty(error)
    if source.disabled is not None:
        print(f"routerd: {source.disabled}", file=sys.stderr)
        return 0
    start_log(config.log.level, config.log.format)
    for name in source.waiting:
        log.warning("interface %s: has no device yet, by netifd and by the network file; it is looked for again", name)
    # The loop shares the interpreter with the thread that stores leases; a fast hand-over keeps DHCP's delay low.
    sys.setswitchinterval(0.0005)
    # A list of thousands makes many objects and no cycles: to look for those after every 700 took a quarter of it.
    gc.set_threshold(10_000, 20, 20)
    # Whose the ports are, if they are taken, can be seen before the rights are reduced only.
    remember_holders()
    if any(lan.rip is not None for lan in config.lans):
        sockets_rip.remember_holders()
    remember_listeners(forward.listen for lan in config.lans for forward in lan.forwards)
    lock = DaemonLock()
    try:
        return _run(args, source, config, lock)
    except LockedError as error:
        why = error.mend if error.command else "one daemon serves all LANs and vpns of a network namespace"
        print(f"routerd: {error}; {why}", file=sys.stderr)
        return 1
    except RefusedError as error:
        print(f"routerd: {error}", file=sys.stderr)
        return 2
    except (PrivilegeError, StartError, NotBackError) as error:
        print(f"routerd: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"routerd: {lock.path}: {error.strerror}; start as root, or let this user write there", file=sys.stderr)
        return 1
    finally:
        lock.give_back()


def _run(args: argparse.Namespace, source: ConfigFile, config: Config, lock: DaemonLock) -> int:
    may_settle(args.user)
    tried = RunTrial(source, args.confirm)
    # Before anything is touched: a second daemon would undo what the first one does, and take its files.
    tried.lock(lock)
    config = tried.choose(config)
    settle(args.user, places(config), _also(config))
    if not os.access(source.file, os.R_OK):
        log.warning("%s: cannot be read by this user any more, so a reload will fail", source.file)
    try:
        confirm = tried.service()
    except ConfigError as error:
        return _faulty(error, 1)
    is_back = False
    try:
        again = source.again if source.is_uci else None
        read, listening = source.read_enabled, ListenFile()
        app = App(config, source.path, read, lambda: source.text, confirm, again, listening.write)
        try:
            asyncio.run(app.run())
        finally:
            listening.remove()
    finally:
        is_back = confirm.finish()
    if not confirm.is_expired:
        return 0 if is_back else 1
    end = "all is as it was before" if is_back else "not all could be taken back, see above"
    print(f"routerd: the configuration was not confirmed in time; {end}", file=sys.stderr)
    return 1


def _faulty(error: ConfigError, code: int = 2) -> int:
    for fault in error.errors:
        print(fault, file=sys.stderr)
    return code


def _also(config: Config) -> tuple[int, ...]:
    """Capabilities that this configuration has a use for: a dnsmasq that stays gets a SIGHUP after a change."""
    stays = any(lan.dhcp is not None and lan.dhcp.mode == "dnsmasq" for lan in config.lans)
    return (capabilities.KILL,) if stays else ()


def _user(text: str) -> User:
    try:
        return find_user(text)
    except PrivilegeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
