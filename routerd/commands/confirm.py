"""`routerd confirm`: what is on trial stays in force."""

import argparse
import json
import sys

from routerd.commands.daemon import find_daemon
from routerd.system.http_client import AskError

HELP = "keep the configuration that is on trial, by `run` or `reload` with `--confirm`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `confirm` needs only the arguments that all commands share."""


def run(args: argparse.Namespace) -> int:
    """Ask the daemon. 1 where none answers, where nothing is on trial, or where it is too late."""
    try:
        status, text = find_daemon(args.config).confirm()
    except AskError as error:
        status, text = 0, str(error)
    if args.json:
        print(json.dumps({"confirmed": status == 200, **({} if status == 200 else {"error": text})}, indent=2))
    elif status == 200:
        print("confirmed: the configuration stays in force")
    else:
        print(f"routerd confirm: {text}", file=sys.stderr)
    return 0 if status == 200 else 1
