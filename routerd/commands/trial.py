"""The argument `--confirm`: how long a configuration is tried."""

import argparse

from routerd.config.schema import Bad
from routerd.confirm import parse_deadline

HELP = (
    "try the configuration: unless `routerd confirm` comes within this time (from 1s to 24h), it is taken back by "
    "itself, also where the daemon is killed meanwhile"
)


def add_argument(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add it. `note` is what is to be known of it for this command, besides."""
    parser.add_argument("--confirm", metavar="DURATION", type=_seconds, help=HELP + note)


def _seconds(text: str) -> float:
    try:
        return parse_deadline(text)
    except Bad as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error.rule}; {error.mend}") from None
