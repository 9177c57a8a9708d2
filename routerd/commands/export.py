"""`routerd export`: configuration for other systems, made from routerd's own and from this machine as it is now."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from routerd.commands.daemon import nearest
from routerd.commands.machine import read_facts, read_ipv6, read_learned, read_wireguard
from routerd.config.fault import ConfigError, escape
from routerd.config.model import Config
from routerd.config.store import read_config
from routerd.export.bird import bird
from routerd.export.frr import frr
from routerd.export.wg_quick import parse_endpoint, peer_side, wg_quick
from routerd.model import Facts, ProbeTarget, WireGuardDevice
from routerd.plan import plan
from routerd.plan_peers import peers_part

HELP = "print configuration for other systems"

_ROUTING = {"frr": frr, "bird": bird}
_SYSTEMS = ("wg-quick", *_ROUTING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the system that it is for, and whom it is about."""
    parser.add_argument(
        "system", metavar="SYSTEM", choices=_SYSTEMS, nargs="?", help=f"{', '.join(_SYSTEMS)}; default: list all"
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="wg-quick: the name or public key of the peer")
    parser.add_argument(
        "--site-endpoint", metavar="HOST:PORT", type=_endpoint, help="wg-quick: where the site is reached from outside"
    )


def run(args: argparse.Namespace) -> int:
    """Print it. 1 for a name that is not known, 2 for a bad configuration."""
    try:
        config = read_config(args.config, secrets=False)
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        return 2
    facts, devices = asyncio.run(_look(config))
    if args.system in _ROUTING:
        return _routing(args, config, facts)
    targets = peers_part(config, facts).targets
    if args.name is None:
        return _list(args, targets, any(lan.rip is not None for lan in config.lans))
    target = _find(targets, args.name)
    if target is None:
        known = [key for target in targets for key in (target.name, target.public_key) if key]
        end = nearest(args.name, known)
        print(f"routerd export: no peer has the name or public key {args.name!r}{end}", file=sys.stderr)
        return 1
    own_ipv6 = read_ipv6(target.interface) if target.interface is not None else ()
    side = peer_side(config, facts, target, devices.get(target.vpn), own_ipv6, read_learned())
    text = wg_quick(side, args.site_endpoint)
    if args.json:
        print(json.dumps({"system": args.system, "name": target.name, "text": text}, indent=2))
    else:
        print(text, end="")
    return 0


def _routing(args: argparse.Namespace, config: Config, facts: Facts) -> int:
    if args.name is not None:
        print(f"routerd export: {args.system} is about no single peer; leave {args.name!r} out", file=sys.stderr)
        return 2
    if not any(lan.rip is not None for lan in config.lans):
        print("routerd export: no LAN has RIP; add [lan.rip] to one", file=sys.stderr)
        return 1
    text = _ROUTING[args.system](config, plan(config, facts))
    if args.json:
        print(json.dumps({"system": args.system, "text": text}, indent=2))
    else:
        print(text, end="")
    return 0


async def _look(config: Config) -> tuple[Facts, dict[str, WireGuardDevice]]:
    facts = await read_facts(config)
    found = {vpn.name: await read_wireguard(vpn.interface) for vpn in config.vpns if vpn.interface is not None}
    return facts, {name: device for name, device in found.items() if device is not None}


def _list(args: argparse.Namespace, targets: Sequence[ProbeTarget], has_rip: bool) -> int:
    names = [target.name for target in targets]
    if args.json:
        exports: list[dict[str, object]] = [{"system": "wg-quick", "names": names}]
        exports += [{"system": system} for system in _ROUTING if has_rip]
        print(json.dumps({"exports": exports}, indent=2))
        return 0
    if has_rip:
        print("routerd export frr             what [lan.rip] says, for FRR, without secrets")
        print("routerd export bird            the same for BIRD 2")
    print("routerd export wg-quick NAME   the WireGuard configuration that a peer's own side needs, without keys")
    print("\n".join(["Peers:", *(f"  {escape(name)}" for name in names)]) if names else "Peers: none")
    return 0


def _find(targets: Sequence[ProbeTarget], name: str) -> ProbeTarget | None:
    by_name = next((target for target in targets if target.name == name), None)
    return by_name or next((target for target in targets if target.public_key == name), None)


def _endpoint(text: str) -> str:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
