"""`routerd restore`: puts what a backup holds in place of what is there, which is set aside."""

import argparse
import hashlib
import json
import os
import struct
import sys
import tarfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from routerd.aliases.choices_text import TextError, decode
from routerd.backup_manifest import (
    ALIASES,
    LARGEST_MANIFEST,
    LEASES,
    MANIFEST,
    SEQUENCE,
    Manifest,
    ManifestError,
    Part,
    read_manifest,
)
from routerd.commands.restore_put import own_directory, put
from routerd.commands.store_at import (
    RefusedError,
    aliases_path,
    alone,
    guarded,
    leases_path,
    reason,
    sequence_path,
)
from routerd.commands.words import count
from routerd.config.fault import escape
from routerd.config.model import Config
from routerd.dhcp.offline_service import judge_opened, judge_saved, refuse_in_use
from routerd.dhcp.store_file import make_directories
from routerd.rip.sequence import LAST

HELP = "put the content of a backup in place; stop the daemon first"
_PIECE = 1 << 20
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, struct.error, TypeError, ValueError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and whether leases may be replaced."""
    parser.add_argument("file", metavar="FILE", help="a file that `routerd backup` wrote; - for standard input")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also where there are leases now; like every file that is replaced, they are set aside as "
        "FILE.before-restore-TIME",
    )


def run(args: argparse.Namespace) -> int:
    """Restore it. 1 while a daemon runs, and where the backup cannot be used; then nothing changed."""
    return guarded("routerd restore", args.config, lambda config: _restore(args, config))


def _restore(args: argparse.Namespace, config: Config) -> int:
    places = {LEASES: leases_path(config), ALIASES: str(aliases_path(config)), SEQUENCE: str(sequence_path(config))}
    where = "standard input" if args.file == "-" else escape(args.file)
    with ExitStack() as stack:
        stack.enter_context(alone("restore"))
        refuse_in_use(places[LEASES])
        try:
            make_directories(os.path.realpath(places[LEASES]))
            directory = own_directory(stack, Path(places[LEASES]).resolve().parent)
            said = _unpack(args.file, where, Path(directory))
            bound = _judge(where, said, Path(directory))
        except OSError as error:
            raise RefusedError(f"{error.filename or where}: {reason(error)}; nothing changed") from None
        if LEASES in said.parts and not args.force:
            _refuse_to_replace(places[LEASES])
        kept = _keep_sequence(said, Path(directory), places[SEQUENCE])
        try:
            aside = put(said.parts, Path(directory), places)
        except OSError as error:
            raise RefusedError(f"{error.filename or where}: {reason(error)}; what was set aside is there") from None
    return _report(args, where, said, bound, aside, kept)


# ---------------------------------------------------------------- the backup


def _unpack(file: str, where: str, directory: Path) -> Manifest:
    """Write the parts into the directory, each checked, and say what they are. Raises `RefusedError`, OSError."""
    with ExitStack() as stack:
        stream: IO[bytes] = sys.stdin.buffer if file == "-" else stack.enter_context(open(file, "rb"))
        try:
            archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|gz"))
            members = iter(archive)
            first = next(members, None)
            if first is None or first.name != MANIFEST or not first.isreg() or first.size > LARGEST_MANIFEST:
                raise ManifestError("is no backup of routerd's")
            content = archive.extractfile(first)
            said = read_manifest(content.read() if content is not None else b"")
            missing = dict(said.parts)
            for member in members:
                part = missing.pop(member.name, None)
                content = archive.extractfile(member) if part is not None and member.isreg() else None
                if part is None or content is None or member.size != part.size:
                    raise ManifestError(f"holds {member.name[:40]!r}, of which its manifest says something else")
                _copy(content, part, member.name, directory / member.name)
            if missing:
                raise ManifestError(f"is cut: {', '.join(sorted(missing))} is missing")
        except ManifestError as error:
            raise RefusedError(f"{where}: {error}; nothing changed") from None
        except _UNREADABLE as error:
            raise RefusedError(f"{where}: is cut, damaged, or no backup ({error}); nothing changed") from None
    return said


def _copy(content: IO[bytes], part: Part, name: str, target: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        while piece := content.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if size != part.size or digest.hexdigest() != part.sha256:
        raise ManifestError(f"is damaged: {name} has another checksum than its manifest says")


def _judge(where: str, said: Manifest, directory: Path) -> int:
    """Can its parts be used by this routerd? How many leases there are. Raises `RefusedError`, OSError."""
    wrong, leases = judge_saved(str(directory / LEASES)) if LEASES in said.parts else ("", 0)
    if not wrong and LEASES in said.parts:
        wrong = judge_opened(str(directory / LEASES), str(directory))
    if wrong:
        raise RefusedError(f"{where}: its {LEASES} {wrong}; nothing changed")
    if ALIASES in said.parts:
        try:
            decode((directory / ALIASES).read_bytes())
        except TextError as error:
            raise RefusedError(f"{where}: its {ALIASES} {error}; nothing changed") from None
    if SEQUENCE in said.parts and _number(directory / SEQUENCE) is None:
        raise RefusedError(f"{where}: its {SEQUENCE} holds no number; nothing changed")
    return leases


# ---------------------------------------------------------------- what is there


def _refuse_to_replace(path: str) -> None:
    wrong, leases = judge_saved(path) if os.path.exists(path) else ("", 0)
    ahead = os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal") > 0
    if leases or wrong or ahead:
        what = count(leases, "lease") if leases else "something"
        raise RefusedError(
            f"{escape(path)}: {what} would be replaced; say --force, and it is set aside; nothing changed"
        )


def _number(path: Path) -> int | None:
    try:
        number = int(path.read_bytes()[:32])
    except (OSError, ValueError):
        return None
    return number if 0 <= number <= LAST else None


def _keep_sequence(said: Manifest, directory: Path, path: str) -> bool:
    """Routers refuse numbers that step back: where the one that is there is the larger one, it stays."""
    there = _number(Path(path))
    if SEQUENCE not in said.parts or there is None or there < (_number(directory / SEQUENCE) or 0):
        return False
    (directory / SEQUENCE).unlink()
    return True


def _report(args: argparse.Namespace, where: str, said: Manifest, leases: int, aside: list[str], kept: bool) -> int:
    if args.json:
        facts = {"made": said.made, "version": said.version, "parts": sorted(said.parts), "leases": leases}
        print(json.dumps({"file": args.file, **facts, "set_aside": aside, "sequence_kept": kept}, indent=2))
        return 0
    names = ", ".join(sorted(said.parts))
    print(f"{where}: of {said.made}, routerd {escape(said.version)}: {names} restored, {count(leases, 'lease')}")
    if kept:
        print("the RIP sequence that is there is larger and stays: routers refuse numbers that step back")
    for path in aside:
        print(f"set aside: {escape(path)}")
    return 0
