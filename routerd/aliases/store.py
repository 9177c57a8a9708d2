"""The file that remembers which peer has which address of a pool. What fails is said in words; nothing raises."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from routerd.aliases.choice import Choice
from routerd.aliases.choices_text import LARGEST, TextError, decode, encode
from routerd.system.files import write_synced


class Loaded(NamedTuple):
    """What the file says. `aside` is where it was moved because it is damaged, and `error` says what is wrong."""

    rows: tuple[Choice, ...] = ()
    aside: str | None = None
    error: str | None = None


def load(path: Path) -> Loaded:
    """Read the file; one that is torn or another program's is set aside, so that it is not lost."""
    try:
        if not path.exists():
            return Loaded()
        if not path.is_file():
            return Loaded(error="is no regular file")
        if path.stat().st_size > LARGEST:
            raise TextError(f"is larger than {LARGEST >> 20} MiB")
        return Loaded(decode(path.read_bytes()))
    except TextError as error:
        return _set_aside(path, str(error))
    except OSError as error:
        return Loaded(error=f"cannot be read: {error.strerror}")


def save(path: Path, rows: tuple[Choice, ...]) -> str | None:
    """Replace the file's content; after return it is on disk. Why that cannot be done; None where it was."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            return "is no regular file"
        write_synced(path, encode(rows), 0o640)
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return None


def _set_aside(path: Path, why: str) -> Loaded:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside, count = f"{path}.damaged-{stamp}", 1
    while os.path.lexists(aside):
        aside, count = f"{path}.damaged-{stamp}-{count}", count + 1
    try:
        os.rename(path, aside)
    except OSError as error:
        return Loaded(error=f"{why}, and cannot be set aside: {error.strerror}")
    return Loaded(aside=aside, error=why)
