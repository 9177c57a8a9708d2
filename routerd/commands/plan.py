"""`routerd plan`: what routerd would do on this machine now, without doing it."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network

from routerd.alias_part import AliasPart, Claimed
from routerd.aliases.choice import Choices
from routerd.aliases.choices_text import TextError, decode
from routerd.aliases.starter_service import memory_path
from routerd.commands.machine import read_facts
from routerd.commands.plan_view import Outlook, as_json, as_text
from routerd.commands.terminal import paper
from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import read_config
from routerd.health import ProblemTracker
from routerd.model import KernelPart, KernelRoute, Problem
from routerd.nat_part import NatPart
from routerd.plan import plan
from routerd.plan_peers import peers_part
from routerd.reports import ProblemReport
from routerd.routes.desired import Key, on_link_prefixes, sysctl_keys
from routerd.system import sysctl
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError

HELP = "show what routerd would do here, without doing it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `plan` needs only the arguments that all commands share."""


def run(args: argparse.Namespace) -> int:
    """Print the plan for the configuration and this machine as they are now; 2 for a bad configuration."""
    try:
        config = read_config(args.config, secrets=False)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    outlook = asyncio.run(_look(config))
    if args.json:
        print(json.dumps(as_json(outlook), indent=2))
    else:
        print("\n".join(as_text(outlook, paper())).rstrip())
    return 0


async def _look(config: Config) -> Outlook:
    facts = await read_facts(config)
    # As far as this command can know; whether another machine has an address shows only when it is asked for.
    facts = replace(facts, claimed=_claims(config, plan(config, facts).aliases))
    made, peers = plan(config, facts), peers_part(config, facts)
    present, foreign = await _kernel_routes(made.kernel)
    problems = _reports((*made.problems, *peers.problems))
    return Outlook(made, peers.targets, problems, present, foreign, _settings(made.kernel), unmade(config, made.nat))


def unmade(config: Config, part: NatPart) -> tuple[tuple[str, str, str], ...]:
    """The forwards of the configuration that are not in the plan: LAN, where they listen, and lead."""
    done = {(each.lan, each.protocol, each.first, each.last) for each in part.forwards}
    return tuple(
        (lan.interface, str(forward.listen), str(forward.to))
        for lan in config.lans
        for forward in lan.forwards
        if (lan.interface, forward.listen.protocol, forward.listen.first, forward.listen.last) not in done
    )


def _claims(config: Config, part: AliasPart) -> frozenset[Claimed]:
    """The aliases that routerd would claim if they are free, with the same choices out of pools."""
    found = {Claimed(one.lan, one.address) for one in part.aliases}
    choices = Choices()
    with contextlib.suppress(OSError, TextError):
        if part.pools:
            choices.restore(decode(memory_path(config.leases.store).read_bytes()))
    for pool in part.pools:
        chosen = choices.assign(pool, (), (), time.time(), complete=part.complete)
        found |= {Claimed(pool.lan, address, peer.vpn, peer.key) for address, peer in chosen.items()}
    return frozenset(found)


async def _kernel_routes(part: KernelPart) -> tuple[frozenset[KernelRoute], frozenset[IPv4Network]]:
    """The routes of routerd's that are there, and the prefixes that others have routes for."""
    netlink = Netlink()
    try:
        present = await netlink.own_routes()
        prefixes = on_link_prefixes(part)
        return frozenset(present), frozenset(await netlink.foreign_routes(prefixes)) if prefixes else frozenset()
    except NetlinkError as error:
        print(f"note: what the kernel has already is not known: {error}", file=sys.stderr)
        return frozenset(), frozenset()
    finally:
        netlink.close()


def _settings(part: KernelPart) -> dict[Key, int]:
    values = {}
    for key in sysctl_keys(part):
        try:
            value = sysctl.read(*key)
        except OSError:
            continue
        if value is not None:
            values[key] = value
    return values


def _reports(problems: Iterable[Problem]) -> tuple[ProblemReport, ...]:
    tracker = ProblemTracker()
    tracker.update(problems, 0.0)
    return tracker.report(3600.0)  # Nothing here passes by itself: patience is for a running daemon.
