"""Runs pytest in the booted machine; one line a test, and at the end "N passed, M failed".

python -m tests.kernel.guest SECONDS [pytest's arguments]
"""

import faulthandler
import os
import sys
from pathlib import Path

import pytest

from tests.kernel.guest.reporter import Reporter

_HERE = Path(__file__).parent
_PLUGINS = ("terminal", "cacheprovider", "faulthandler", "pastebin", "doctest", "unittest")


def main(seconds: float, arguments: list[str]) -> None:
    """Runs the tests of this folder; after `seconds` it shows where it hangs and gives up."""
    console = os.dup(2)  # pytest takes the standard ones away
    faulthandler.enable(console)
    faulthandler.dump_traceback_later(seconds, exit=True, file=console)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    without = [word for name in _PLUGINS for word in ("-p", f"no:{name}")]
    options = [
        "--confcutdir=" + str(_HERE),
        "--override-ini=python_files=check_*.py",
        "--override-ini=addopts=--strict-markers",
    ]
    reporter = Reporter()
    pytest.main([str(_HERE), *options, *without, *arguments], plugins=[reporter])
    print(f"{reporter.passed} passed, {reporter.failed} failed", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
