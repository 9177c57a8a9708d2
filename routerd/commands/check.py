"""`routerd check`: is the configuration valid, in itself and on this machine as it is now?"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from routerd.config.check import Networks, check_networks
from routerd.config.check_ports import Listener
from routerd.config.fault import ConfigError, ConfigFault, escape
from routerd.config.model import Config
from routerd.config.store import ConfigFile

HELP = "check the configuration, and whether it fits this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the rules themselves."""
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the configuration instead")
    parser.add_argument(
        "--user",
        metavar="NAME[:GROUP]",
        help="as root: would the daemon, run as this user, get at its files? As at its start, directories that are "
        "missing are made, and files of routerd's given to the user",
    )
    parser.add_argument(
        "--ask-segment",
        action="store_true",
        help="ask on the LANs which DHCP servers answer, and show what they would give; no address is taken",
    )
    parser.add_argument(
        "--interface",
        metavar="INTERFACE",
        action="append",
        default=[],
        help="with --ask-segment: ask here, whatever the configuration says; may be said several times",
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="with --ask-segment: wait so long for answers (%(default)s); dnsmasq takes three to try an address",
    )


def run(args: argparse.Namespace) -> int:
    """Check the file `args.config` and print the outcome; 0 where it is valid, 2 where it is not."""
    if args.schema:
        return _print_schema()
    if args.ask_segment:
        from routerd.commands import ask_segment

        return ask_segment.run(args)
    source = ConfigFile(args.config)
    try:
        config = source.read()
    except ConfigError as error:
        # What could be read is held against the machine as well, so that all faults show at once.
        part = error.partial
        more = check_networks(part, _machine(part)[0], _listening(part)) if part is not None else ()
        return _report(args, (*error.errors, *source.told(more)), source.file)
    networks, notes = _machine(config, source.waiting)
    faults = [*check_networks(config, networks, _listening(config)), *_as_user(args, config)]
    errors = source.told(faults)
    if errors or args.json:
        return _report(args, errors, source.file, config)
    print(f"{escape(str(args.config))}: fine: {_summary(config)}")
    if source.disabled is not None:
        print(f"note: {source.disabled}")
    for note in notes:
        print(f"note: {note}")
    return 0


def _as_user(args: argparse.Namespace, config: Config) -> Sequence[ConfigFault]:
    if args.user is None:
        return ()
    from routerd.commands.check_user import faults_of

    return faults_of(args.user, config)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60.0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds from 0.1 to 60")
    return seconds


def _print_schema() -> int:
    from routerd.config.tables import ROOT
    from routerd.docs.schema import json_schema

    print(json.dumps(json_schema(ROOT), indent=2, ensure_ascii=False))
    return 0


def _machine(config: Config, waiting: Sequence[str] = ()) -> tuple[Networks, list[str]]:
    """The addresses of this machine, and what is worth knowing about interfaces that cannot be checked now."""
    from routerd.system.addresses import interface_addresses

    try:
        networks = interface_addresses()
    except OSError as error:
        return {}, [f"the interfaces of this machine cannot be read, so nothing is checked against them: {error}"]
    notes = [f"interface {escape(name)} has no device yet; it is looked for again and again" for name in waiting]
    lans = [lan.interface for lan in config.lans]
    for name in [vpn.interface for vpn in config.vpns if vpn.interface] + lans:
        if name not in networks and name not in waiting:
            notes.append(f"interface {name} does not exist now; it is waited for at start")
        elif name in lans and not networks.get(name, (1,)):
            notes.append(f"interface {name} has no IPv4 address now; its LAN waits for one")
    return networks, notes


def _listening(config: Config) -> Sequence[Listener]:
    """The sockets of this machine, where forwards could take something away from them.

    Those of the daemon that runs here are its own affair: it keeps ports for its probes, others after every start.
    """
    from routerd.system import listeners, lock

    if not any(lan.forwards for lan in config.lans):
        return ()
    daemon = lock.holder()
    own = set() if daemon is None else listeners.sockets_of(daemon)
    return [each for each in listeners.listeners() if not each.inode or each.inode not in own]


def _report(args: argparse.Namespace, errors: Sequence[ConfigFault], file: str, config: Config | None = None) -> int:
    if args.json:
        facts = {} if errors or config is None else _facts(config)
        print(json.dumps({"valid": not errors, "errors": [asdict(error) for error in errors], **facts}, indent=2))
        return 2 if errors else 0
    for error in errors:
        print(error, file=sys.stderr)
    path = escape(str(args.config))
    # A file that cannot be read is the only fault, and its line says all.
    if errors[0].path not in (path, escape(file)):
        print(f"{path}: {_count(len(errors), 'fault')}", file=sys.stderr)
    return 2


def _facts(config: Config) -> dict[str, object]:
    """What scripts need to set up the machine around routerd, its firewall and its other DHCP server."""
    from routerd.commands.openings import rules

    vpns = [
        {"name": vpn.name, "interface": vpn.interface, "prefixes": [str(prefix) for prefix in vpn.prefixes or ()]}
        for vpn in config.vpns
    ]
    lans = [
        {"interface": lan.interface, "dhcp": None if lan.dhcp is None else lan.dhcp.mode, "rip": lan.rip is not None}
        for lan in config.lans
    ]
    return {"vpns": vpns, "lans": lans, "firewall": rules(config)}


def _summary(config: Config) -> str:
    served = [lan.dhcp for lan in config.lans if lan.dhcp is not None and lan.dhcp.mode == "serve"]
    behind = [subnet.mode for lan in config.lans if lan.dhcp is not None for subnet in lan.dhcp.subnets]
    # Said only where there are any, with those that are not served: "off" is easily forgotten.
    relayed = f" and {behind.count('serve')} of {_count(len(behind), 'network')} behind relay agents" if behind else ""
    return ", ".join(
        (
            _count(len(config.vpns), "vpn"),
            _count(sum(len(vpn.peers) for vpn in config.vpns), "named peer"),
            _count(len(config.lans), "LAN"),
            f"DHCP served on {len(served)}{relayed}",
            _count(sum(len(dhcp.reservations) for dhcp in served), "reservation"),
        )
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
