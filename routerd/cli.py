"""The command line: arguments, and the exit code of what they ask for."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from routerd import __version__

DEFAULT_CONFIG = "/etc/routerd/routerd.toml"
_ALL = (
    "run",
    "check",
    "plan",
    "reload",
    "confirm",
    "status",
    "leases",
    "export",
    "backup",
    "restore",
    "lab",
    "clean",
)
# A router's package has no example network: it is larger than all that a daemon needs.
COMMANDS = tuple(name for name in _ALL if name != "lab" or find_spec("routerd.lab") is not None)


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The argument parser; with `only`, other commands are known by name but not loaded."""
    top = argparse.ArgumentParser(
        prog="routerd", description="Makes a WireGuard point-to-site network routable for a whole site."
    )
    top.add_argument("--version", action="version", version=f"routerd {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    where = "the configuration: a file, or uci:NAME for /etc/config/NAME of OpenWrt (%(default)s)"
    shared.add_argument("--config", metavar="FILE", default=DEFAULT_CONFIG, help=where)
    shared.add_argument("--json", action="store_true", help="print facts as JSON")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        if only is not None and name != only:
            commands.add_parser(name)
            continue
        module = import_module(f"routerd.commands.{name}")
        command = commands.add_parser(name, parents=[shared], help=module.HELP, description=module.HELP)
        module.add_arguments(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: fine; 2: bad arguments or configuration; 1: anything else."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Only the command that is asked for is imported: a router that restarts serves DHCP sooner.
    only = next((word for word in words if word in COMMANDS), None)
    args = parser(only).parse_args(words)
    try:
        return int(import_module(f"routerd.commands.{args.command}").run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads our output has gone (`routerd status | head`); Python must not complain at exit either.
        _close_output()
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO) or error.filename is not None:
            raise
        _close_output()
        print(f"routerd {args.command}: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1


def _close_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
