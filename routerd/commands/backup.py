"""`routerd backup`: leases, aliases and the RIP sequence in one file."""

import argparse
import io
import json
import sqlite3
import sys
import tarfile
import time
from collections.abc import Mapping
from typing import BinaryIO

from routerd import __version__
from routerd.backup_manifest import ALIASES, LEASES, MANIFEST, SEQUENCE, manifest
from routerd.commands.daemon import find_daemon
from routerd.commands.output_file import Output
from routerd.commands.store_at import (
    RefusedError,
    aliases_path,
    alone,
    guarded,
    is_running,
    leases_path,
    reason,
    sequence_path,
)
from routerd.config.model import Config

HELP = "write leases, aliases and the RIP sequence to one file, also while the daemon runs"
_MODE = 0o600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="the file (tar, gzip; mode 0600), replaced as a whole, and where it is a link what that points to; - for "
        "standard output. The configuration and its secrets are not in it: back up /etc/routerd for those",
    )


def run(args: argparse.Namespace) -> int:
    """Write it. 1 where it cannot be written, or nothing is there; then an older file stays as it is."""
    return guarded("routerd backup", args.config, lambda config: _backup(args, config))


def _backup(args: argparse.Namespace, config: Config) -> int:
    output = Output(args.file, args.config, config)
    if output.is_stdout and sys.stdout.isatty():
        raise RefusedError("a backup is no text for a terminal; name a file, or send standard output to one")
    parts = _parts(args, config)
    if not parts:
        raise RefusedError(f"there is nothing to back up: no {leases_path(config)}, no aliases, no RIP sequence")
    said = manifest(__version__, time.time(), parts)
    output.write(lambda file: _write(file, said, parts), _MODE)
    names = sorted(parts)
    if args.json and not output.is_stdout:
        print(json.dumps({"file": args.file, "parts": {name: len(parts[name]) for name in names}}, indent=2))
    else:
        print(f"{output.shown}: {', '.join(names)}; without the configuration", file=sys.stderr)
    return 0


def _parts(args: argparse.Namespace, config: Config) -> dict[str, bytes]:
    path, parts = leases_path(config), {}
    try:
        if is_running():
            parts[LEASES] = find_daemon(args.config).saved()
        else:
            from routerd.dhcp.offline_service import saved_offline

            with alone("backup"):
                leases = saved_offline(path)
            if leases is not None:
                parts[LEASES] = leases
        for name, file in ((ALIASES, aliases_path(config)), (SEQUENCE, sequence_path(config))):
            path = str(file)
            if file.exists():
                parts[name] = file.read_bytes()
    except OSError as error:
        raise RefusedError(f"{error.filename or path}: {reason(error)}") from None
    except sqlite3.Error as error:
        raise RefusedError(f"{path}: cannot be read ({error}); start routerd, which mends what it can") from None
    return parts


def _write(file: BinaryIO, said: bytes, parts: Mapping[str, bytes]) -> None:
    """The manifest first, so that who reads it knows what is to come. Raises OSError."""
    # As a stream: standard output cannot be sought.
    with tarfile.open(fileobj=file, mode="w|gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in ((MANIFEST, said), *sorted(parts.items())):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), _MODE, int(time.time())
            archive.addfile(info, io.BytesIO(data))
