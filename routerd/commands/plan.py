"""`routerd plan`: what routerd would do on this machine now, without doing it."""

import argparse
import asyncio
import json
import sys

from routerd.commands.table import table
from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import read_config
from routerd.health import ProblemTracker
from routerd.model import Facts, KernelRoute, Plan, ProbeTarget, ProblemReport
from routerd.observe.service import ObserveService
from routerd.plan import plan
from routerd.plan_peers import peers_part

HELP = "show what routerd would do here, without doing it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `plan` needs only the arguments that all commands share."""


def run(args: argparse.Namespace) -> int:
    """Print the plan for the configuration and this machine as they are now; 2 for a bad configuration."""
    try:
        config = read_config(args.config)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    facts = asyncio.run(_facts(config))
    made, targets = plan(config, facts), peers_part(config, facts).targets
    problems = _problems(made)
    if args.json:
        print(json.dumps(_as_json(made, targets, problems), indent=2))
    else:
        print("\n".join(_as_text(made, targets, problems)).rstrip())
    return 0


async def _facts(config: Config) -> Facts:
    observe = ObserveService(lambda facts: None, lambda devices: None)
    vpns = {vpn.name: vpn.interface for vpn in config.vpns if vpn.interface is not None}
    observe.configure([lan.interface for lan in config.lans], vpns)
    try:
        return await observe.first()
    finally:
        observe.close()


def _problems(made: Plan) -> tuple[ProblemReport, ...]:
    tracker = ProblemTracker()
    tracker.update(made.problems, 0.0)
    return tracker.report(3600.0)  # Nothing here passes by itself: patience is for a running daemon.


def _kernel(route: KernelRoute) -> str:
    if route.interface is None and route.gateway is None:
        return f"unreachable {route.prefix} metric {route.metric}"
    via = "" if route.gateway is None else f" via {route.gateway}"
    return f"{route.prefix}{via} dev {route.interface} metric {route.metric}"


def _as_json(made: Plan, targets: tuple[ProbeTarget, ...], problems: tuple[ProblemReport, ...]) -> dict[str, object]:
    return {
        "routes": [
            {
                "prefix": str(route.prefix),
                "gateway": None if route.gateway is None else str(route.gateway),
                "metric": route.metric,
                "lan": route.lan,
                "channels": list(route.channels),
                "state": route.state.value,
                "reason": route.reason,
            }
            for route in made.routes
        ],
        "dhcp": [
            {
                "lan": part.interface,
                "address": str(part.address),
                "network": str(part.network),
                "pools": [str(pool) for pool in part.settings.pools],
                "router": None if part.router is None else str(part.router),
                "routes": [{"prefix": str(prefix), "gateway": str(gateway)} for prefix, gateway in part.routes],
            }
            for part in made.dhcp
        ],
        "kernel": {
            "routes": [_kernel(route) for route in made.kernel.routes],
            "sysctls": [f"net.ipv4.conf.{s.interface}.{s.name}={s.value}" for s in made.kernel.sysctls],
        },
        "peers": [
            {"name": target.name, "vpn": target.vpn, "probe": target.kind, "address": _text(target.address)}
            for target in targets
        ],
        "problems": [{"code": p.code, "subject": p.subject, "text": p.text, "mend": p.mend} for p in problems],
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _as_text(made: Plan, targets: tuple[ProbeTarget, ...], problems: tuple[ProblemReport, ...]) -> list[str]:
    routes = [(r.prefix, r.gateway, r.lan, ",".join(r.channels), r.state.value, r.reason) for r in made.routes]
    lines = table("Routes", ("PREFIX", "VIA", "LAN", "CHANNELS", "STATE", "REASON"), routes, "none")
    dhcp = [
        (p.interface, p.address, ",".join(str(pool) for pool in p.settings.pools) or None, p.router,
         ", ".join(f"{prefix} via {gateway}" for prefix, gateway in p.routes) or None)
        for p in made.dhcp
    ]  # fmt: skip
    lines += table("DHCP", ("LAN", "FROM", "POOLS", "ROUTER", "OPTION 121"), dhcp, "not served")
    lines += ["Kernel routes:", *(f"  {_kernel(route)}" for route in made.kernel.routes), ""]
    settings = [f"  net.ipv4.conf.{s.interface}.{s.name} = {s.value}" for s in made.kernel.sysctls]
    lines += ["Kernel settings:", *settings, ""]
    peers = [(t.name, t.vpn, t.kind, t.address) for t in targets]
    lines += table("Peers", ("NAME", "VPN", "PROBE", "ADDRESS"), peers, "none")
    return [*lines, *(f"{p.severity}: {p.text}\n  {p.mend}" for p in problems)]
