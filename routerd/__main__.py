"""The command `routerd`, also as `python -m routerd`."""

import signal
import sys


def main() -> int:
    """Run the command line. A daemon ignores SIGHUP from its first moment: a reload must not end one that starts."""
    if "run" in sys.argv[1:]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from routerd.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    raise SystemExit(main())
