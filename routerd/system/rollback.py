"""Takes a trial back: by the helper process when the daemon cannot, and by the next start."""

import asyncio
import logging
import sys
import time
from dataclasses import replace

from routerd.confirm import Mark
from routerd.system import snapshot
from routerd.system.confirm_mark import MarkFile
from routerd.system.lock import DaemonLock, LockedError
from routerd.system.log import start_log

log = logging.getLogger("routerd")

_LOCKED = 5.0
_ATTEMPTS, _PAUSE = 5, 1.0


def take_back(mark: Mark, file: MarkFile) -> list[str]:
    """Make the kernel as it was before the trial, and mark that as done; what could not be done, in words.

    Raises OSError where the mark cannot be written. To be called with the daemon's lock.
    """
    failed = [] if mark.snapshot is None else asyncio.run(snapshot.restore(snapshot.decode(mark.snapshot)))
    if not failed:
        file.write(replace(mark, is_pending=False, snapshot=None))
    return failed


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
            failed = take_back(mark, file)
        except (OSError, ValueError) as error:
            failed = [str(error)]
        if not failed:
            log.warning("confirm: the daemon ended before its configuration was confirmed: all is as it was before")
            return True
        for text in failed:
            log.error("confirm: not taken back: %s%s", text, "; trying again" if attempt < _ATTEMPTS - 1 else "")
        time.sleep(_PAUSE)
    return False


def _is_pending(file: MarkFile, trial: str) -> bool:
    mark = file.read()
    return mark is not None and mark.trial == trial and mark.is_pending
