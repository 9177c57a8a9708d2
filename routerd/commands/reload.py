"""`routerd reload`: the running daemon reads its configuration again, on trial if that is wanted."""

import argparse
import json
import sys
import time
from typing import Any

from routerd.commands import trial
from routerd.commands.daemon import Answer, find_daemon
from routerd.commands.words import unix
from routerd.config.durations import format_duration
from routerd.config.fault import escape
from routerd.system.http_client import AskError

HELP = "have the running daemon read its configuration again; with faults it keeps the one that it has"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the time for a trial."""
    note = "; refused where leases.store is another one: what is given meanwhile must not be lost with the trial"
    trial.add_argument(parser, note)


def run(args: argparse.Namespace) -> int:
    """Ask the daemon. 2 where the configuration has faults, 1 where no daemon answers or it refuses."""
    try:
        answer = find_daemon(args.config).reload(None if args.confirm is None else format_duration(args.confirm))
    except AskError as error:
        print(f"routerd reload: {error}", file=sys.stderr)
        return 1
    return _report(args, answer)


def _report(args: argparse.Namespace, answer: Answer) -> int:
    status, body = answer
    errors: list[dict[str, Any]] = body.get("errors", []) if isinstance(body, dict) and status == 422 else []
    if args.json:
        print(json.dumps(body, indent=2))
    elif status == 200:
        print(_done(args, body))
    elif errors:
        for error in errors:
            value = f" {error['value']}:" if error["value"] else ""
            print(escape(f"{error['path']}:{value} {error['rule']}; {error['mend']}"), file=sys.stderr)
        print("routerd reload: not taken over; the daemon goes on with the one that it has", file=sys.stderr)
    else:
        text = body.get("error", body) if isinstance(body, dict) else body
        print(f"routerd reload: {escape(str(text).strip())[:200]}", file=sys.stderr)
    return 0 if status == 200 else 2 if errors else 1


def _done(args: argparse.Namespace, body: Any) -> str:
    """What was done, and what is to be done while it is on trial, also where an earlier reload began that."""
    if args.confirm is not None:
        return f"reloaded on trial: {_what_next(format_duration(args.confirm))}"
    deadline = _deadline(body)
    if deadline is None:
        return "reloaded"
    left = format_duration(max(0, round(deadline - time.time())))
    return f"reloaded within the trial, whose deadline stays: {_what_next(left)}"


def _what_next(left: str) -> str:
    return f"run `routerd confirm` within {left}, or it is taken back"


def _deadline(body: Any) -> float | None:
    """When what runs is taken back (Unix seconds), as a daemon says it that has something on trial."""
    said = body.get("confirm") if isinstance(body, dict) else None
    return unix(said.get("deadline")) if isinstance(said, dict) else None
