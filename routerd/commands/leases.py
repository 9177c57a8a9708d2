"""`routerd leases`: a list of leases, one of them, releasing one; taking leases over from other servers, and back."""

import argparse
import json
import re
import sys
import time
from ipaddress import IPv4Address
from typing import Any

from routerd.commands import leases_export, leases_import, terminal
from routerd.commands.daemon import Daemon, find_daemon, nearest
from routerd.commands.leases_view import STATES, lease_lines, lease_table
from routerd.system.http_client import AskError

HELP = "list, show and release DHCP leases, and move them from and to other DHCP servers"

_LIST = "list all leases; this is what `routerd leases` does by itself"
_SHOW = "show everything that is known of one lease"
_RELEASE = (
    "forget a lease: its address is free at once. The client is not told and goes on using the address until it asks "
    "again, so release only what is not in use. What a client has by its reservation is released by removing that."
)
_NO_MAC = re.compile(r"[^0-9a-f]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to do, and with which leases."""
    _add_filters(parser, None)
    # What stands behind the action must not be undone by its defaults.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--config", metavar="FILE", help="the configuration")
    shared.add_argument("--json", action="store_true", help="print facts as JSON")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    _add_filters(actions.add_parser("list", parents=[shared], help="list leases", description=_LIST), argparse.SUPPRESS)
    show = actions.add_parser("show", parents=[shared], help="show one lease", description=_SHOW)
    _add_filters(show, argparse.SUPPRESS)
    show.add_argument("client", metavar="ADDRESS|MAC|HOSTNAME", help="whose lease")
    release = actions.add_parser("release", parents=[shared], help="forget a lease", description=_RELEASE)
    release.add_argument("address", metavar="ADDRESS", type=_address, help="the leased address")
    for action in (leases_import, leases_export):
        command = actions.add_parser(action.NAME, parents=[shared], help=action.HELP, description=action.DESCRIPTION)
        action.add_arguments(command)


def _add_filters(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--lan", metavar="LAN", default=default, help="only leases of this LAN (its interface)")
    parser.add_argument("--state", choices=STATES, default=default, help="only leases in this state")


def run(args: argparse.Namespace) -> int:
    """Do it. 1 where the daemon does not answer, there is no such lease, or it cannot be released."""
    if args.action == leases_import.NAME:
        return leases_import.run(args)
    if args.action == leases_export.NAME:
        return leases_export.run(args)
    try:
        daemon = find_daemon(args.config)
        if args.action == "show":
            return _show(args, daemon)
        if args.action == "release":
            return _release(args, daemon)
        return _list(args, daemon)
    except AskError as error:
        return _refuse(str(error))


def _list(args: argparse.Namespace, daemon: Daemon) -> int:
    rows = daemon.rows("leases")
    leases = _chosen(args, rows)
    if args.lan is not None and not leases:
        lans = _lans(daemon, rows)
        if args.lan not in lans:
            return _refuse(f"no LAN {args.lan!r} has leases or is served{nearest(args.lan, lans)}")
    if args.json:
        print(json.dumps({"leases": leases}, indent=2))
    else:
        print("\n".join(lease_table(leases, time.time(), terminal.paper())).rstrip())
    return 0


def _chosen(args: argparse.Namespace, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if args.lan in (None, row["lan"]) and args.state in (None, row["state"])]


def _lans(daemon: Daemon, rows: list[dict[str, Any]]) -> list[str]:
    served = daemon.get("/v1/status")["services"].get("dhcp", {}).get("lans", [])
    return sorted({row["lan"] for row in (*rows, *served)})


def _show(args: argparse.Namespace, daemon: Daemon) -> int:
    rows = _chosen(args, daemon.rows("leases"))
    leases = [row for row in rows if _is_meant(args.client, row)]
    if not leases:
        names = [str(row[key]) for row in rows for key in ("address", "mac", "hostname") if row[key]]
        return _refuse(f"no lease has the address, MAC or hostname {args.client!r}{nearest(args.client, names)}")
    if args.json:
        print(json.dumps({"leases": leases}, indent=2))
    else:
        now, paper = time.time(), terminal.paper()
        print("\n".join(line for lease in leases for line in lease_lines(lease, now, paper)).rstrip())
    return 0


def _is_meant(client: str, lease: dict[str, Any]) -> bool:
    """Is it the lease of this address, MAC (colons, hyphens, dots or none) or hostname (in any case)?"""
    if client in (lease["address"], lease["mac"]):
        return True
    lower = client.lower()
    if lease["hostname"] is not None and lower == lease["hostname"].lower():
        return True
    bare = _NO_MAC.sub("", lower)
    return len(bare) == 12 and not re.search(r"[^0-9a-f:.-]", lower) and bare == lease["mac"].replace(":", "")


def _release(args: argparse.Namespace, daemon: Daemon) -> int:
    status, text = daemon.release(args.address)
    if status == 409:
        hint = "remove its lan.dhcp.reservation from the configuration and reload (SIGHUP), then release it"
        return _refuse(f"{args.address} is reserved for its client, which would get it again: {hint}")
    if status != 200:
        return _refuse(text)
    print(json.dumps({"released": str(args.address)}) if args.json else f"{args.address} is released")
    return 0


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no IPv4 address; `routerd leases show {text}` finds it"
        ) from None


def _refuse(text: str) -> int:
    print(f"routerd leases: {text}", file=sys.stderr)
    return 1
