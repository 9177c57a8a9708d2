"""Boots the image under an emulator and hands on what it says, line by line, until it powers off or time is up."""

import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tests.kernel.image import ImageError

# It ends with whom it works for, however that ends.
_QEMU = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
# Speculation is not emulated, so there is nothing to mitigate. `panic`: a kernel that fails ends the emulator.
# Expedited: a peer or namespace is gone in a millisecond, not in three ticks of the clock.
_KERNEL_WORDS = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off random.trust_cpu=on rcupdate.rcu_expedited=1"
_GRACE = 5.0
# The firmware clears the screen.
_ESCAPE = re.compile(r"\x1b(c|\[[0-9;?]*[A-Za-z])")


class DeadlineError(Exception):
    """The machine did not power off in time."""


def lines(
    kernel: Path, initrd: BinaryIO, limit: float, *, devices: Sequence[str] = (), words: str = "", kill: bool = False
) -> Generator[str, None, None]:
    """Everything that the machine writes to its console. Raises `DeadlineError` after `limit` seconds.

    `devices` are more of the emulator's words, `words` more of the kernel's. `kill`: when the caller has enough, the
    machine ends at once, as if its power was cut.
    """
    deadline = time.monotonic() + limit
    command = [*_command(kernel, initrd.fileno(), words), *devices]
    with (
        _running(command, initrd.fileno(), kill) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        rest = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise DeadlineError(f"not done after {limit:g} s")
            data = os.read(process.stdout.fileno(), 65536)
            *whole, rest = (rest + data).split(b"\n")
            yield from (_text(line) for line in whole)
            if not data:
                yield from [_text(rest)] if rest else []
                return


def _command(kernel: Path, initrd: int, words: str) -> list[str]:
    machine = ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "1024"]
    devices = ["-nodefaults", "-no-user-config", "-nographic", "-serial", "stdio", "-no-reboot", "-nic", "none"]
    return [
        *_QEMU,
        *machine,
        *devices,
        "-kernel",
        str(kernel),
        "-initrd",
        f"/proc/self/fd/{initrd}",
        "-append",
        f"{_KERNEL_WORDS} {words}".rstrip(),
    ]


@contextmanager
def _running(argv: list[str], initrd: int, kill: bool) -> Iterator[subprocess.Popen[bytes]]:
    missing = [program for program in (argv[0], _QEMU[-1]) if shutil.which(program) is None]
    if missing:
        raise ImageError(f"not installed: {', '.join(missing)}: scripts/setup kernel")
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[initrd]
    )
    try:
        yield process
    finally:
        process.kill() if kill else process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _text(line: bytes) -> str:
    return _ESCAPE.sub("", line.decode(errors="replace")).rstrip("\r")
