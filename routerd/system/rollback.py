"""Takes a trial back: by the helper process when the daemon cannot, and by the next start."""

import asyncio
import logging
import sys
import time
from dataclasses import replace
from typing import NamedTuple

from routerd.confirm import Mark
from routerd.system import snapshot
from routerd.system.confirm_mark import MarkFile
from routerd.system.lock import DaemonLock, LockedError
from routerd.system.log import start_log

log = logging.getLogger("routerd")

_LOCKED = 5.0
_ATTEMPTS, _PAUSE = 5, 1.0


class Outcome(NamedTuple):
    """What could not be done in the kernel, in words: the trial is pending still. `is_left`: a DHCP server that stays
    has something of the trial, which is logged, and left to the next start and `routerd clean`.
    """

    failed: list[str]
    is_left: bool = False


def take_back(mark: Mark, file: MarkFile) -> Outcome:
    """Make the kernel as it was before the trial, mark that as done, and then make the DHCP servers that stay so.

    Of a trial that is not pending any more only those are left. A server that hangs costs some seconds at most.
    Raises OSError where the mark cannot be written. To be called with the daemon's lock.
    """
    taken = mark.snapshot or {}
    if mark.is_pending and taken:
        failed = asyncio.run(snapshot.restore(snapshot.decode(taken)))
        if failed:
            return Outcome(failed)
    servers = taken.get("beside")
    over = replace(mark, is_pending=False, snapshot=None)
    if servers is None:
        file.write(over)
        return Outcome([])
    file.write(replace(over, snapshot={"beside": servers}))
    # They are seldom in use, and this is to need little memory.
    from routerd.beside import before, before_service

    left = asyncio.run(before_service.restore(before.decode(servers)))
    file.write(over if left is None else replace(over, snapshot={"beside": before.encode(left)}))
    return Outcome([], left is not None)


def main() -> None:
    """The helper's part; the last argument names the trial. Ends with exit status 1 where something stays."""
    start_log("info", "text")
    trial, file, lock = sys.argv[-1], MarkFile(), DaemonLock()
    if not _is_pending(file, trial):
        return
    try:
        # Who has it is a daemon that was started meanwhile: then the trial is its affair.
        lock.take_soon(_LOCKED)
    except (LockedError, OSError) as error:
        log.warning("confirm: %s; it takes the trial back", error)
        return
    try:
        if not _take_back_again_and_again(file, trial):
            raise SystemExit(1)
    finally:
        lock.give_back()


def _take_back_again_and_again(file: MarkFile, trial: str) -> bool:
    for attempt in range(_ATTEMPTS):
        mark = file.read()
        if mark is None or mark.trial != trial or not mark.is_pending:
            return True
        try:
            failed, is_left = take_back(mark, file)
        except (OSError, ValueError) as error:
            failed, is_left = [str(error)], False
        if not failed:
            end = "what could be is taken back, see above" if is_left else "all is as it was before"
            log.warning("confirm: the daemon ended before its configuration was confirmed: %s", end)
            return True
        for text in failed:
            log.error("confirm: not taken back: %s%s", text, "; trying again" if attempt < _ATTEMPTS - 1 else "")
        time.sleep(_PAUSE)
    return False


def _is_pending(file: MarkFile, trial: str) -> bool:
    mark = file.read()
    return mark is not None and mark.trial == trial and mark.is_pending
