"""`routerd lab`: the example network, to demonstrate routerd and to look around in."""

import argparse
import json
import os
import shutil
import sys
from typing import Any

from routerd.lab.daemon import start_example_daemon
from routerd.lab.demo import demo
from routerd.lab.dhcp_client import start_client
from routerd.lab.errors import LabError
from routerd.lab.example import Example, example_network
from routerd.lab.lab import Lab
from routerd.lab.removal import down, sweep
from routerd.lab.state import directories
from routerd.lab.status import lab_facts, lab_lines
from routerd.system.signals import orderly_end

HELP = "build the example network from network namespaces"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `routerd lab` to its parser."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("up", help="build it, start routerd on Host β, and leave it running")
    remove = actions.add_parser("down", help="remove one network that was left running, or all of them")
    remove.add_argument("id", nargs="?", help="the four digits that `up` printed; default: all")
    actions.add_parser("demo", help="show routerd's main job step by step and remove everything")
    status = actions.add_parser("status", help="list the networks that exist and their processes")
    status.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Does what `args.action` says. Returns the exit code: 0, or 1 with one clear line on standard error."""
    try:
        _check_machine()
        if args.action == "status":
            return _status(getattr(args, "json", False))
        with orderly_end():
            if args.action == "demo":
                return demo()
            return _up() if args.action == "up" else _down(args.id)
    except LabError as error:
        print(f"routerd lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("routerd lab: interrupted, everything was removed", file=sys.stderr)
        return 130


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabError("needs root, because it makes network namespaces: run it with sudo")
    packages = {"ip": "iproute2", "nft": "nftables", "wg": "wireguard-tools"}
    missing = [package for program, package in packages.items() if shutil.which(program) is None]
    if missing:
        raise LabError(f"install what is missing: apt-get install {' '.join(missing)}")


def _up() -> int:
    with Lab() as lab:
        example = example_network(lab)
        daemon = start_example_daemon(example)
        try:
            daemon.wait_ready()
        except LabError as error:
            tail = daemon.log.read_text(errors="replace").splitlines()[-20:]
            raise LabError("\n".join([str(error), *tail])) from None
        lease = _lease(lab, example)
        lab.keep()
        _explain(lab, example, lease)
    return 0


def _lease(lab: Lab, example: Example) -> str:
    try:
        client = start_client(lab, example.b, hostname="endpoint-b")
        return f"has {client.wait_lease().address} from {client.name}"
    except LabError as error:
        return f"has no lease: {error}"


def _explain(lab: Lab, example: Example, lease: str) -> None:
    def enter(machine: str, command: str) -> str:
        return f"ip netns exec routerd-{lab.id}-{machine} {command}"

    lines = (
        ("Endpoint A", enter("a", "ping 192.168.200.22")),
        ("Host β", enter("beta", f"wg show {example.tunnel_beta.interface}")),
        ("gateway", enter("gw", "nft list ruleset")),
        ("Endpoint B", enter("b", "ip route")),
        ("routerd", f"curl --unix-socket {lab.directory}/routerd.sock http://localhost/v1/peers"),
        ("its log", f"tail -f {lab.directory}/routerd.log"),
        ("remove it", f"routerd lab down {lab.id}"),
    )
    print(f"lab {lab.id} is up: routerd runs on Host β, Endpoint B {lease}\n")
    for title, command in lines:
        print(f"  {title:<11} {command}")


def _down(number: str | None) -> int:
    if number is not None:
        down(number)
        print(f"lab {number} is removed")
        return 0
    removed = sweep()
    removed += _remove_kept()
    print(f"removed: {', '.join(removed)}" if removed else "there is no lab to remove")
    return 0


def _remove_kept() -> list[str]:
    removed = []
    for facts in map(lab_facts, directories()):
        if facts is not None and facts["kept"] and not facts["in_use"]:
            down(facts["id"])
            removed.append(facts["id"])
    return removed


def _status(as_json: bool) -> int:
    labs: list[dict[str, Any]] = [facts for path in directories() if (facts := lab_facts(path)) is not None]
    if as_json:
        print(json.dumps({"labs": labs}, indent=2))
    elif not labs:
        print("there is no lab; build one with: routerd lab up")
    for facts in [] if as_json else labs:
        print("\n".join(lab_lines(facts)))
    return 0
