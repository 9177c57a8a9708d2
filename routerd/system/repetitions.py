"""Keeps a log readable while something fails again and again: the first few lines, then how many more there were."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW = 60.0
MOST = 5
"""Lines of one kind about one subject in a window."""
MOST_SUBJECTS = 30
"""Lines of one kind about all subjects together in a window."""

_MOST_KINDS = 256
_LONGEST = 200
_SUMMARY = "%s: %d more suppressed; the last: %s"

_Key = tuple[str, str, str | None]


def subject_of(record: logging.LogRecord) -> str | None:
    """What a line of routerd's is about: what stands before the first colon; None if nothing does."""
    if not record.name.startswith("routerd") or not isinstance(record.msg, str) or not isinstance(record.args, tuple):
        return None
    head, colon, _ = record.msg.partition(": ")
    if not colon and head.startswith("%s") and record.args:
        # A text that was made elsewhere, as those of problems, begins with its subject itself.
        head, colon, _ = str(record.args[0]).partition(": ")
        return head if colon and len(head) <= _LONGEST else None
    if not colon:
        return None
    try:
        subject = head % record.args[: head.count("%") - 2 * head.count("%%")]
    except (TypeError, ValueError):
        return None
    return subject[:_LONGEST]


class _Kind:
    """When lines of one kind were let through, how many were not since, and the last of those."""

    def __init__(self, most: int, about: str) -> None:
        self.about = about
        self.passed: deque[float] = deque(maxlen=most)
        self.suppressed = 0
        self._last = ("", logging.NOTSET, "")

    def is_free(self, now: float) -> bool:
        return len(self.passed) < (self.passed.maxlen or 0) or now - self.passed[0] >= WINDOW

    def suppress(self, record: logging.LogRecord) -> None:
        """Count it. Its text alone is kept: a traceback would keep every frame of it alive."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        self.suppressed += 1
        self._last = (record.name, record.levelno, text.removeprefix(f"{self.about}: ")[:_LONGEST])

    def summary(self) -> logging.LogRecord:
        """The line that says how many were suppressed; from here on they are counted anew."""
        name, level, text = self._last
        count, self.suppressed = self.suppressed, 0
        return logging.LogRecord(
            name, level, "", 0, "%s: %d more suppressed; the last: %s", (self.about, count, text), None
        )


class Repetitions(logging.Filter):
    """Lets at most `MOST` lines with one template and subject through in a window, and `MOST_SUBJECTS` of a template.

    `due` gives the lines that say how many more there were, for the handler to write before the next one. A record
    with the attribute `every` is always let through. Memory is bounded whatever is logged.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: OrderedDict[_Key, _Kind] = OrderedDict()
        self._due: list[logging.LogRecord] = []
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if getattr(record, "every", False):
            return True
        with self._lock:
            now = self._clock()
            template, subject = str(record.msg)[:_LONGEST], subject_of(record)
            kinds = [self._kind((record.name, template, subject), MOST)]
            if subject is not None:
                kinds.append(self._kind((record.name, template, None), MOST_SUBJECTS))
            full = next((kind for kind in kinds if not kind.is_free(now)), None)
            if full is not None:
                full.suppress(record)
                return False
            for kind in kinds:
                self._settle(kind)
                kind.passed.append(now)
            return True

    def due(self, *, every: bool = False) -> list[logging.LogRecord]:
        """The lines about what was suppressed and is over now; with `every` about all that was suppressed."""
        with self._lock:
            now = self._clock()
            for kind in self._kinds.values():
                if every or kind.is_free(now):
                    self._settle(kind)
            due, self._due = self._due, []
            return due

    def _kind(self, key: _Key, most: int) -> _Kind:
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(most, key[0] if key[2] is None else key[2])
            if len(self._kinds) > _MOST_KINDS:
                self._settle(self._kinds.popitem(last=False)[1])
        self._kinds.move_to_end(key)
        return kind

    def _settle(self, kind: _Kind) -> None:
        if kind.suppressed:
            self._due.append(kind.summary())
