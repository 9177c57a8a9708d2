"""`routerd run`: the daemon, in the foreground."""

import argparse
import asyncio
import sys

from routerd.app import App, StartError
from routerd.config.fault import ConfigError
from routerd.config.store import read_config
from routerd.system.log import start_log

HELP = "run the daemon in the foreground; stop it with SIGTERM"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `run` needs only the arguments that all commands share."""


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT (0); 2 for a bad configuration, 1 where it cannot start."""
    try:
        config = read_config(args.config)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    start_log(config.log.level, config.log.format)
    # The loop shares the interpreter with the thread that stores leases; a fast hand-over keeps DHCP's delay low.
    sys.setswitchinterval(0.0005)
    try:
        asyncio.run(App(config, str(args.config), lambda: read_config(args.config)).run())
    except StartError as error:
        print(f"routerd: {error}", file=sys.stderr)
        return 1
    return 0
