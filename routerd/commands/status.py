"""`routerd status`: what the running daemon knows: peers, routes, leases, problems."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import quote

from routerd.commands.table import table
from routerd.config.fault import ConfigError
from routerd.config.store import read_config
from routerd.system.http_client import AskError, ask

HELP = "show peers, routes, leases and problems of the running daemon"

_LISTS = ("peers", "routes", "leases", "problems")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of one peer."""
    parser.add_argument("--peer", metavar="NAME", help="only this peer; exit 1 unless it is reachable")


def run(args: argparse.Namespace) -> int:
    """Print the status. 1 where the daemon does not answer, or the peer asked for is not reachable."""
    try:
        listen = read_config(args.config).http.listen
        return _one_peer(args, listen) if args.peer is not None else _everything(args, listen)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    except AskError as error:
        print(f"routerd status: {error}", file=sys.stderr)
        return 1


def _one_peer(args: argparse.Namespace, listen: tuple[str, ...]) -> int:
    code, peer = ask(listen, f"/v1/peers/{quote(args.peer, safe='')}")
    if code != 200:
        print(f"routerd status: {_error(peer)}", file=sys.stderr)
        return 1
    print(json.dumps(peer, indent=2) if args.json else "\n".join(_peers([peer])).rstrip())
    return 0 if peer["reachable"] else 1


def _everything(args: argparse.Namespace, listen: tuple[str, ...]) -> int:
    code, status = ask(listen, "/v1/status")
    if code != 200:
        raise AskError(f"/v1/status answered {code}: {_error(status)}")
    lists = {name: ask(listen, f"/v1/{name}")[1][name] for name in _LISTS}
    if args.json:
        print(json.dumps(status | lists, indent=2))
        return 0
    lines = [f"routerd {status['version']}, started {status['started']}", ""]
    lines += _peers(lists["peers"]) + _routes(lists["routes"]) + _leases(lists["leases"])
    lines += _problems(lists["problems"])
    print("\n".join(lines).rstrip())
    return 0


def _error(body: Any) -> str:
    return str(body.get("error", body)) if isinstance(body, dict) else str(body)


def _peers(peers: list[dict[str, Any]]) -> list[str]:
    head = ("NAME", "STATE", "SINCE", "ADDRESSES", "ENDPOINT", "LAST HANDSHAKE", "RTT")
    rows = []
    for peer in peers:
        rtt = peer["probe"]["rtt_ms"]
        cells = (peer["name"], peer["state"], peer["since"], ",".join(peer["addresses"]), peer["endpoint"])
        rows.append((*cells, peer["last_handshake"], None if rtt is None else f"{rtt:.1f} ms"))
    return table("Peers", head, rows, "none")


def _routes(routes: list[dict[str, Any]]) -> list[str]:
    head = ("PREFIX", "VIA", "LAN", "CHANNELS", "STATE", "REASON")
    rows = [(r["prefix"], r["gateway"], r["lan"], ",".join(r["channels"]), r["state"], r["reason"]) for r in routes]
    return table("Routes", head, rows, "none")


def _leases(leases: list[dict[str, Any]]) -> list[str]:
    head = ("ADDRESS", "MAC", "HOSTNAME", "LAN", "STATE", "EXPIRES")
    rows = [tuple(lease[key.lower()] for key in head) for lease in leases]
    return table("Leases", head, rows, "none")


def _problems(problems: list[dict[str, Any]]) -> list[str]:
    lines = []
    for problem in problems:
        because = f" (because of {problem['caused_by']})" if problem["caused_by"] else ""
        lines += [f"  {problem['severity']}: {problem['text']}{because}", f"    {problem['mend']}"]
    return ["Problems:", *lines] if lines else ["Problems: none"]
