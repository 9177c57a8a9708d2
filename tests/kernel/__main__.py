"""`make test-kernel`: boots a kernel that has WireGuard under an emulator and runs there what tests/kernel/guest has.

python -m tests.kernel [pytest's arguments, such as -k nft]
"""

import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.kernel import boot, image
from tests.kernel.verdict import Verdict

LIMIT = 300.0
"""Seconds from the start of the emulator to the power-off; what takes longer is a failure."""

_INIT = Path(__file__).with_name("init")


def main(arguments: list[str]) -> int:
    """Builds, boots, and tells every line with the seconds since the start. Returns 0 only if every test passed."""
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f}  {line}", flush=True)

    try:
        fault = _run(arguments, tell)
    except (image.ImageError, boot.DeadlineError) as error:
        fault = str(error)
    except KeyboardInterrupt:
        fault = "interrupted"
    tell(f"test-kernel: failed: {fault}" if fault else "test-kernel: all passed")
    return 1 if fault else 0


def _run(arguments: list[str], tell: Callable[[str], None]) -> str | None:
    kernel, verdict = image.kernel(), Verdict()
    with tempfile.TemporaryFile(dir=image.CACHE) as initrd:
        size = image.build(initrd, init_script(arguments))
        tell(f"# {kernel.name}, {size >> 20} MiB of files; emulated, at most {LIMIT:g} s")
        for line in boot.lines(kernel, initrd, LIMIT):
            tell(line)
            verdict.take(line)
    return verdict.fault()


def init_script(arguments: list[str]) -> str:
    """The script that runs first in the guest. Its tests end a little before the deadline, to say where they hung."""
    return script([sys.executable, "-m", "tests.kernel.guest", str(LIMIT - 30), *arguments])


def script(run: list[str]) -> str:
    """The script that runs first in the guest, and has it do this."""
    return _INIT.read_text().replace("@CHECKOUT@", shlex.quote(str(image.CHECKOUT))).replace("@RUN@", shlex.join(run))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
