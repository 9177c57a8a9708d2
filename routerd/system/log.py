"""Log lines for people (text) and for machines (JSON), on standard error."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

from routerd.system.repetitions import Repetitions, subject_of

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class TextFormatter(logging.Formatter):
    """Time, level and message on one line; the traceback of a bug follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        return f"{_time(record)} {record.levelname} {_text(self, record)}"


class JournalFormatter(logging.Formatter):
    """Lines for the journal, which has a time of its own: each begins with its priority, as sd-daemon(3) says."""

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        text = _text(self, record) if self._inner is None else self._inner.format(record)
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, subject, message, and the traceback of a bug."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        row = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        subject = subject_of(record)
        if subject is not None:
            row["subject"] = subject
        row["message"] = record.getMessage()
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        # ASCII only: nothing that a client has sent reaches a terminal as it is.
        return json.dumps(row)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines, and in place of repetitions how many there were."""

    def __init__(self, stream: TextIO, repetitions: Repetitions) -> None:
        super().__init__(stream)
        self._repetitions = repetitions
        self.addFilter(repetitions)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, and before it what was suppressed until now."""
        for summary in self._repetitions.due():
            super().emit(summary)
        super().emit(record)

    def close(self) -> None:
        """Write what was suppressed to the end."""
        for summary in self._repetitions.due(every=True):
            super().emit(summary)
        super().close()


def start_log(level: str, form: str) -> None:
    """Log from `level` on (debug, info, warning, error) as text or json; may be called again with other wishes."""
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, LineHandler):
            old.close()
    handler = LineHandler(sys.stderr, Repetitions())
    inner = JsonFormatter() if form == "json" else None
    if _is_journal(sys.stderr):
        handler.setFormatter(JournalFormatter(inner))
    else:
        handler.setFormatter(inner or TextFormatter())
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("routerd").setLevel(level.upper())


def escaped(text: str) -> str:
    """The text with control and other unprintable characters escaped: always one line, harmless to a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    lines = [escaped(record.getMessage())]
    if record.exc_info:
        lines += [f"  {escaped(line)}" for line in formatter.formatException(record.exc_info).split("\n")]
    return "\n".join(lines)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that systemd has connected to the journal: a child may have been given another."""
    wanted = os.environ.get("JOURNAL_STREAM")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return wanted == f"{found.st_dev}:{found.st_ino}"
