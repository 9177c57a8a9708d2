"""`routerd leases import`: takes over the leases of another DHCP server, so that nobody gets another address."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from routerd.commands.daemon import find_daemon
from routerd.commands.store_at import RefusedError, alone, give, guarded, is_running, leases_path, owner_of, reason
from routerd.commands.words import count
from routerd.config.fault import escape
from routerd.config.model import Config
from routerd.lease_files import kea
from routerd.lease_files.found import Found
from routerd.lease_files.read import FORMATS, LARGEST, in_order, merged, parsed, recognized, text_of
from routerd.lease_records import CONFLICT, KNOWN, SKIPPED, Import, Outcome, tally, to_json

NAME = "import"
HELP = "take over the leases of dnsmasq, Kea or ISC dhcpd"
DESCRIPTION = (
    "Takes over leases from the lease file of dnsmasq, of Kea (memfile) or of ISC dhcpd, so that every client keeps "
    "its address. Stop the other server first. While routerd runs, it takes them over itself; while it does not, they "
    "are written to its lease file, all or none. What routerd knows already and what is reserved wins; everything "
    "that is not taken over is listed with the reason. A Kea file is read with what Kea's clean-up left beside it "
    "(FILE.completed, FILE.2, FILE.1)."
)
_AT_ONCE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and what of it is meant."""
    parser.add_argument("file", metavar="FILE", help="the lease file of the other server")
    parser.add_argument("--format", choices=tuple(FORMATS), help="whose file it is; default: what its content says")
    parser.add_argument("--lan", metavar="LAN", default=None, help="only leases of this LAN (its interface)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken over, and change nothing")


def run(args: argparse.Namespace) -> int:
    """Take them over. 1 where nothing can be read, understood or stored; 2 for a bad configuration."""
    return guarded("routerd leases import", args.config, lambda config: _import(args, config))


def _import(args: argparse.Namespace, config: Config) -> int:
    now = time.time()
    files = _read(args.file, args.format, now)
    if args.lan is not None and args.lan not in (lans := [lan.interface for lan in config.lans]):
        raise RefusedError(f"no LAN {args.lan!r} is configured; LANs: {', '.join(lans)}")
    asked = Import(tuple(in_order(merged(found for _, found in files))), args.lan, args.dry_run)
    wrong = files[-1][1].foreign
    if wrong is not None and not asked.records:
        _report(args, files, [])
        raise RefusedError(f"{escape(args.file)}: {wrong}; nothing was taken over")
    outcomes = _by_daemon(args, asked) if is_running() else _by_hand(config, asked)
    return _report(args, files, outcomes)


def _read(path: str, name: str | None, now: float) -> list[tuple[str, Found]]:
    """What the file says, and what others beside it say that count less; the oldest first."""
    text = _text(path)
    name = name or recognized(text)
    if name is None and text.strip("\x00 \r\n"):
        raise RefusedError(f"{escape(path)}: is no lease file of dnsmasq, Kea or ISC dhcpd; say --format if it is one")
    if name is None:
        return [(path, Found(notes=["the file is empty"]))]
    older: list[str] = []
    if name == kea.NAME:
        there = [path + suffix for suffix in kea.SIBLINGS if os.path.isfile(path + suffix)]
        older = there[:1] if there[:1] == [path + kea.SIBLINGS[0]] else there
    return [*((each, parsed(name, _text(each), now)) for each in older), (path, parsed(name, text, now))]


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise RefusedError(f"{escape(path)}: cannot be read: {reason(error)}") from None
    if len(data) > LARGEST:
        raise RefusedError(f"{escape(path)}: is larger than {LARGEST >> 20} MiB, which no lease file is")
    return text_of(data)


def _by_daemon(args: argparse.Namespace, asked: Import) -> list[Outcome]:
    daemon = find_daemon(args.config)
    found: list[Outcome] = []
    for start in range(0, len(asked.records), _AT_ONCE):
        piece = asked.records[start : start + _AT_ONCE]
        body = {"leases": [to_json(each) for each in piece], "lan": asked.lan, "dry_run": asked.dry_run}
        rows = daemon.take_over(body)
        for record, row in zip(piece, rows, strict=True):
            found.append(Outcome(record.address, row["outcome"], row["state"], row["reason"] or "", record.line))
    return found


def _by_hand(config: Config, asked: Import) -> list[Outcome]:
    from routerd.commands.machine import read_facts
    from routerd.dhcp.offline_service import files_of, take_over_offline
    from routerd.plan import plan

    path = leases_path(config)
    with ExitStack() as stack:
        if not asked.dry_run:
            stack.enter_context(alone("leases import"))
        parts = plan(config, asyncio.run(read_facts(config))).dhcp
        scopes = [scope for part in parts for scope in part.scopes]
        if not scopes:
            raise RefusedError("DHCP is served on no LAN now: none is configured, or its interface has no address yet")
        try:
            owner = owner_of(path)
            imported = take_over_offline(path, scopes, asked)
        except OSError as error:
            raise RefusedError(f"{error.filename or path}: {reason(error)}") from None
        if not asked.dry_run:
            for file in files_of(path):
                give(file, owner)
    return list(imported.outcomes)


def _report(args: argparse.Namespace, files: list[tuple[str, Found]], outcomes: list[Outcome]) -> int:
    faults = [(path, fault) for path, found in files for fault in found.faults]
    more = sum(found.more_faults for _, found in files)
    notes = [f"{escape(path)}: {note}" for path, found in files for note in found.notes]
    notes += [
        f"{escape(path)}:{found.cut}: the file ends within an entry: it was cut, and that entry is skipped"
        for path, found in files
        if found.cut is not None
    ]
    left = [each for each in outcomes if each.outcome in (CONFLICT, SKIPPED)]
    counts = {**tally(outcomes), "unreadable": len(faults) + more}
    if args.json:
        print(
            json.dumps(
                {
                    "file": args.file,
                    "dry_run": args.dry_run,
                    "counts": counts,
                    "notes": notes,
                    "faults": [{"file": path, **fault._asdict()} for path, fault in faults],
                    "leases": [{**each._asdict(), "address": str(each.address)} for each in outcomes],
                },
                indent=2,
            )
        )
        return 0
    for path, fault in faults:
        print(f"{escape(path)}:{fault.line}: {fault.value!r}: {fault.rule}; skipped", file=sys.stderr)
    if more:
        print(f"{escape(args.file)}: {count(more, 'more entry', 'more entries')} cannot be read", file=sys.stderr)
    for each in left:
        kept = "ours stays" if each.outcome == CONFLICT else "skipped"
        print(f"{escape(args.file)}:{each.line}: {each.address}: {each.reason}; {kept}", file=sys.stderr)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print("\n".join(_summary(args, counts)))
    return 0


def _summary(args: argparse.Namespace, counts: dict[str, int]) -> Iterator[str]:
    would = "would be " if args.dry_run else ""
    texts = {
        "bound": f"{would}taken over",
        "ended": f"ended leases {would}remembered, so that their clients get the same addresses",
        "declined": f"declined addresses {would}kept off for an hour",
        KNOWN: "known here already",
        CONFLICT: "in conflict with leases here, which stay",
        SKIPPED: "skipped, as they cannot be leases here",
        "unreadable": "that cannot be read",
    }
    yield f"{escape(args.file)}: {count(sum(counts.values()), 'entry', 'entries')}"
    for name, text in texts.items():
        if counts.get(name):
            yield f"  {counts[name]:>6} {text}"
