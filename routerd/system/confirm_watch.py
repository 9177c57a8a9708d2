"""Waits for the end of a daemon that tries a configuration; then it becomes the program that takes the trial back.

Run by itself (`python -I -S -c`), with nothing imported that a wait does not need, so that it stays small. Arguments:
the daemon's pid, the deadline (CLOCK_BOOTTIME) with what is granted after it, and the program to become. On standard
input the daemon sends a new deadline, or "c": confirmed. The kernel closes that pipe when the daemon ends, however it
ends.
"""

import os
import select
import sys
import time


def watch(daemon: int, deadline: float) -> bool:
    """Whether the trial is to be taken back. A daemon that hangs at the deadline is ended."""
    while True:
        left = deadline - time.clock_gettime(time.CLOCK_BOOTTIME)
        # The clock of a wait stands still while the machine is suspended, that of the deadline does not.
        if not select.select([0], [], [], max(0.0, min(left, 1.0)))[0]:
            if left <= 0:
                end(daemon)
                return True
            continue
        said = os.read(0, 4096)
        if not said:
            return True
        if b"c" in said:
            return False
        deadline = float(said.split()[-1])


def end(daemon: int) -> None:
    """Kill it, and wait until it is gone. It is this very process: it holds the other end of the pipe still."""
    try:
        os.kill(daemon, 9)
    except OSError:
        return
    last = time.monotonic() + 10
    while time.monotonic() < last:
        if select.select([0], [], [], 1.0)[0] and not os.read(0, 4096):
            return


if __name__ == "__main__":
    if watch(int(sys.argv[1]), float(sys.argv[2])):
        os.execv(sys.argv[3], sys.argv[3:])
