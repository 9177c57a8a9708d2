"""What standard output is: its width, its colours, and a screen that is drawn anew again and again."""

import io
import os
import shutil
import sys
import time
from collections.abc import Callable

from routerd.commands.table import Paper
from routerd.system.signals import orderly_end

# A screen of its own, on which the terminal cuts lines instead of wrapping them; and back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?7l\x1b[H", "\x1b[?7h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def paper() -> Paper:
    """Endless and without colours where it is no terminal; the width is read anew by every call."""
    # A hostname of any script must not end the command where the locale has only ASCII.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if not sys.stdout.isatty():
        return Paper()
    width = shutil.get_terminal_size().columns
    return Paper(width, colour=_can_draw() and not os.environ.get("NO_COLOR"))


def can_watch() -> bool:
    """Can `watch` draw here?"""
    return sys.stdout.isatty() and _can_draw()


def watch(draw: Callable[[Paper], list[str]], seconds: float) -> None:
    """Draw now and every so many seconds, on a screen of its own, until Ctrl-C or a signal ends it."""
    with orderly_end():
        try:
            sys.stdout.write(_ENTER)
            while True:
                started = time.monotonic()
                sys.stdout.write(_picture(draw(paper())))
                sys.stdout.flush()
                time.sleep(max(0.05, seconds - (time.monotonic() - started)))
        except KeyboardInterrupt:
            return
        finally:
            sys.stdout.write(_LEAVE)
            sys.stdout.flush()


def _picture(lines: list[str]) -> str:
    """One write for all: what is there is written over and only the rest is cleared, so that nothing flickers."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    height = shutil.get_terminal_size().lines
    if len(lines) > height:
        lines = [*lines[: height - 1], f"… and {len(lines) - height + 1} more lines"]
    return _HOME + "\n".join(f"{line}{_END_OF_LINE}" for line in lines) + _END_OF_SCREEN


def _can_draw() -> bool:
    return os.environ.get("TERM", "") not in ("", "dumb")
