"""`routerd leases export`: the leases as the lease file of another DHCP server, for the way back."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any, BinaryIO

from routerd.commands.daemon import find_daemon
from routerd.commands.output_file import Output
from routerd.commands.store_at import RefusedError, alone, guarded, is_running, leases_path, reason
from routerd.commands.words import count
from routerd.config.model import Config
from routerd.lease_files import dnsmasq, kea
from routerd.lease_records import BOUND, DECLINED, LeaseRecord, octets_of
from routerd.reports import LeaseReport

NAME = "export"
HELP = "write the leases as the lease file of dnsmasq or Kea"
DESCRIPTION = (
    "Writes the bound leases as a lease file that dnsmasq or Kea (memfile; columns of Kea 2.2, which newer ones read) "
    "reads when it starts, so that every client keeps its address on the way back. Stop routerd first: a lease that it "
    "gives afterwards is not in the file. Start the other server with the file in place of its own, owned by the "
    "user that it runs as. Addresses that are kept off as declined go to Kea only: dnsmasq's file knows none."
)
_FILE = (
    "the file to write (mode 0644), replaced as a whole, and where it is a link what that points to; default, and -: "
    "standard output. With --json and a file, what was written is printed"
)
_MOST_OF_DNSMASQ = 1000
_ENDLESS = 100 * 365 * 86400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the format and the file."""
    parser.add_argument("--format", choices=(dnsmasq.NAME, kea.NAME), required=True, help="who is to read the file")
    parser.add_argument("file", metavar="FILE", nargs="?", help=_FILE)
    parser.add_argument(
        "--lan",
        metavar="LAN",
        default=None,
        help="only leases of this LAN (its interface), and behind its relay agents",
    )
    parser.add_argument(
        "--subnet-id",
        metavar="[NETWORK=]ID",
        action="append",
        default=[],
        type=_subnet,
        help="Kea's id of the subnet that the addresses are in, as in 192.168.200.0/24=1; may be said for several "
        "networks; default: 1 for all",
    )
    parser.add_argument(
        "--remaining",
        action="store_true",
        help="dnsmasq: write seconds that are left, not times: for one that was built for machines without a clock "
        "(its lease file has small numbers in the first column)",
    )


def run(args: argparse.Namespace) -> int:
    """Write them. 1 where they cannot be had or written; 2 for a bad configuration or arguments."""
    if (args.remaining and args.format != dnsmasq.NAME) or (args.subnet_id and args.format != kea.NAME):
        wrong = "--remaining is for dnsmasq" if args.remaining else "--subnet-id is for kea"
        print(f"routerd leases export: {wrong}", file=sys.stderr)
        return 2
    return guarded("routerd leases export", args.config, lambda config: _export(args, config))


def _export(args: argparse.Namespace, config: Config) -> int:
    output = Output(args.file or "-", args.config, config)
    now = time.time()
    records = [each for each in _records(args, config) if each.state != BOUND or _lasts(each, now)]
    if args.format == dnsmasq.NAME:
        text = dnsmasq.written(records, now, remaining=args.remaining)
    else:
        text = kea.written(records, now, _numbers(args.subnet_id))
    output.write(lambda file: _write(file, text), 0o644)
    bound = sum(each.state == BOUND for each in records)
    declined = sum(each.state == DECLINED for each in records)
    if args.json and not output.is_stdout:
        left_out = declined if args.format == dnsmasq.NAME else 0
        counts = {"bound": bound, "declined": declined - left_out, "declined_left_out": left_out}
        print(json.dumps({"file": args.file, "format": args.format, **counts}, indent=2))
    else:
        print(f"{output.shown}: {_said(args.format, bound, declined)}", file=sys.stderr)
    if args.format == dnsmasq.NAME and bound > _MOST_OF_DNSMASQ:
        hint = f"set dhcp-lease-max: by itself dnsmasq does not start with more than {_MOST_OF_DNSMASQ} leases"
        print(f"note: {hint}", file=sys.stderr)
    return 0


def _write(file: BinaryIO, text: str) -> None:
    file.write(text.encode())


def _said(name: str, bound: int, declined: int) -> str:
    said = f"{count(bound, 'bound lease')} written"
    if not declined:
        return said
    addresses = count(declined, "declined address", "declined addresses")
    return f"{said}, and {addresses}" if name == kea.NAME else f"{said}; {addresses} left out, as its file knows none"


def _lasts(record: LeaseRecord, now: float) -> bool:
    return record.expires is None or record.expires > now


def _records(args: argparse.Namespace, config: Config) -> list[LeaseRecord]:
    if is_running():
        found = [(row["lan"], _of_row(row)) for row in find_daemon(args.config).rows("leases")]
    else:
        found = [(each.lan, _of_report(each)) for each in _stored(leases_path(config))]
    lans = [lan.interface for lan in config.lans]
    # Leases may be left of a LAN that is not configured any more.
    if args.lan is not None and args.lan not in (*lans, *(lan for lan, _ in found)):
        raise RefusedError(f"no LAN {args.lan!r} is configured; LANs: {', '.join(lans)}")
    records = (record for lan, record in found if record is not None and args.lan in (None, lan))
    return sorted(records, key=lambda record: record.address)


def _stored(path: str) -> list[LeaseReport]:
    from routerd.dhcp.offline_service import read_offline
    from routerd.dhcp.store_file import is_there

    try:
        with alone("leases export"):
            if not is_there(path):
                raise RefusedError(f"there is nothing to export: no {path}")
            return read_offline(path)
    except OSError as error:
        raise RefusedError(f"{error.filename or path}: {reason(error)}") from None


def _of_report(report: LeaseReport) -> LeaseRecord | None:
    fields = {"address": str(report.address), "mac": report.mac, "client_id": report.client_id}
    return _record({**fields, "hostname": report.hostname, "state": report.state}, report.starts, report.expires)


def _of_row(row: dict[str, Any]) -> LeaseRecord | None:
    return _record(row, *(datetime.fromisoformat(row[name]).timestamp() for name in ("starts", "expires")))


def _record(row: dict[str, Any], starts: float, expires: float) -> LeaseRecord | None:
    state = row["state"]
    if state not in (BOUND, DECLINED):
        return None
    hardware = b"\x01" + (octets_of(row["mac"]) or b"")
    client = hardware
    if row["client_id"] is not None:
        client = octets_of(row["client_id"]) or hardware
    endless = expires - time.time() > _ENDLESS
    address, name = IPv4Address(row["address"]), row["hostname"]
    return LeaseRecord(address, hardware, client, name, state, None if endless else expires, starts)


def _numbers(given: list[tuple[IPv4Network | None, int]]) -> Callable[[IPv4Address], int]:
    """Kea's subnet of an address: that of the smallest network that was named for it, else what was named for all."""
    default = next((number for network, number in given if network is None), 1)
    named = sorted(
        ((network, number) for network, number in given if network is not None), key=lambda each: -each[0].prefixlen
    )

    def number_of(address: IPv4Address) -> int:
        return next((number for network, number in named if address in network), default)

    return number_of


def _subnet(text: str) -> tuple[IPv4Network | None, int]:
    network, equals, number = text.rpartition("=")
    with suppress(ValueError):
        if number.isascii() and number.isdigit() and 0 < int(number) < 0xFFFFFFFF and bool(network) == bool(equals):
            return IPv4Network(network) if network else None, int(number)
    raise argparse.ArgumentTypeError(f"{text!r}: expected ID or NETWORK=ID, as 192.168.200.0/24=1")
