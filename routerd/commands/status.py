"""`routerd status`: what the running daemon knows: peers, routes, leases, problems."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from routerd.commands import terminal
from routerd.commands.daemon import Daemon, find_daemon
from routerd.commands.leases_view import lease_table
from routerd.commands.status_view import FIRST_LEASES, Document, document_lines, peer_lines, peer_table
from routerd.commands.table import Paper
from routerd.commands.words import unix
from routerd.system.http_client import AskError

HELP = "show peers, routes, leases and problems of the running daemon"

_WATCH = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of what to show, and how often."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--peer", metavar="NAME", help="only this peer; exit 1 unless it is reachable")
    what.add_argument("--probe", metavar="NAME", help="probe this peer now, then as --peer")
    what.add_argument("--peers", action="store_true", help="only the peers, all of them")
    what.add_argument("--leases", action="store_true", help="only the leases, all of them, as `routerd leases`")
    parser.add_argument(
        "--watch", metavar="SECONDS", type=_seconds, nargs="?", const=_WATCH, help="draw anew every 2 s, or so often"
    )


def run(args: argparse.Namespace) -> int:
    """Print the status. 1 where the daemon does not answer, or the peer asked for is not reachable."""
    if args.watch is not None and (args.json or args.probe is not None):
        return _refuse("--watch goes neither with --json nor with --probe", 2)
    if args.watch is not None and not terminal.can_watch():
        return _refuse("--watch needs a terminal; without it the status is printed once", 2)
    daemon = find_daemon(args.config)
    try:
        if args.watch is not None:
            return _watch(args, daemon)
        if args.peer is not None or args.probe is not None:
            return _one_peer(args, daemon)
        print(_as_json(args, daemon) if args.json else _text(_lines(args, daemon, terminal.paper())))
        return 0
    except AskError as error:
        return _refuse(str(error), 1)


# ---------------------------------------------------------------- what is asked for


def _one_peer(args: argparse.Namespace, daemon: Daemon) -> int:
    peer = _probed(args.probe, daemon) if args.probe is not None else daemon.peer(args.peer)
    if args.json:
        print(json.dumps(peer, indent=2))
    else:
        print(_text(_peer(peer, daemon, terminal.paper())))
    return 0 if peer["reachable"] else 1


def _probed(name: str, daemon: Daemon) -> dict[str, Any]:
    """The peer after a probe made now, or as it is where this daemon cannot probe on demand."""
    peer = daemon.peer(name)
    probed = daemon.probe(name)
    if probed is None:
        print("note: this daemon cannot probe on demand; what it measured last is shown", file=sys.stderr)
    return probed or peer


def _as_json(args: argparse.Namespace, daemon: Daemon) -> str:
    if args.peers:
        return json.dumps({"peers": daemon.rows("peers")}, indent=2)
    if args.leases:
        return json.dumps({"leases": daemon.rows("leases")}, indent=2)
    found = _document(daemon, all_leases=True)
    checks = {"ready": not found.failed, "failed": [{"name": name, "text": text} for name, text in found.failed]}
    lists = {"peers": found.peers, "routes": found.routes, "leases": found.leases, "problems": found.problems}
    return json.dumps({**found.status, **checks, **lists}, indent=2)


def _lines(args: argparse.Namespace, daemon: Daemon, paper: Paper, *, problems_first: bool = False) -> list[str]:
    if args.peers:
        return peer_table(daemon.rows("peers"), time.time(), paper)
    if args.leases:
        return lease_table(daemon.rows("leases"), time.time(), paper)
    found = _document(daemon)
    now = unix(found.status["now"]) or time.time()
    return document_lines(found, now, paper, problems_first=problems_first)


def _peer(peer: dict[str, Any], daemon: Daemon, paper: Paper) -> list[str]:
    subject = f"peer {peer['name']}"
    problems = [problem for problem in daemon.rows("problems") if problem["subject"] == subject]
    return peer_lines(peer, problems, time.time(), paper)


def _document(daemon: Daemon, *, all_leases: bool = False) -> Document:
    return Document(
        status=daemon.get("/v1/status"),
        failed=daemon.failed(),
        peers=daemon.rows("peers"),
        routes=daemon.rows("routes"),
        leases=daemon.rows("leases", "" if all_leases else f"?limit={FIRST_LEASES}"),
        problems=daemon.rows("problems"),
    )


# ---------------------------------------------------------------- how it is shown


def _watch(args: argparse.Namespace, daemon: Daemon) -> int:
    draw: Callable[[Paper], list[str]]
    if args.peer is not None:
        draw = lambda paper: _peer(daemon.peer(args.peer), daemon, paper)  # noqa: E731
    else:
        draw = lambda paper: _lines(args, daemon, paper, problems_first=True)  # noqa: E731

    def picture(paper: Paper) -> list[str]:
        try:
            return draw(paper)
        except AskError as error:
            return [f"{error}", "", f"Asking again every {args.watch:g} s; Ctrl-C ends this."]

    terminal.watch(picture, args.watch)
    return 0


def _text(lines: list[str]) -> str:
    return "\n".join(lines).rstrip()


def _refuse(text: str, code: int) -> int:
    print(f"routerd status: {text}", file=sys.stderr)
    return code


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 3600")
    return seconds
