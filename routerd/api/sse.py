"""Events as the text of a server-sent event stream, and what a reader of one asks for. Pure."""

import json
from collections.abc import Iterable

from routerd.api.views import Json, time_text
from routerd.events import EventLog, Numbered
from routerd.model import Event

KINDS = ("lease", "peer", "host", "route", "alias", "problem", "daemon")
ALL = "0"
"""In place of an id: everything that is kept."""

_OWN = ("id", "kind", "subject", "what", "at")
_CACHED = 256


def parse_kinds(values: Iterable[str]) -> frozenset[str] | None:
    """The kinds that `?kind=a,b` asks for, given once or more often; None for all. Raises ValueError with the rule."""
    kinds = frozenset(kind for value in values for kind in value.split(","))
    if unknown := kinds - set(KINDS):
        raise ValueError(f"kind is one or more of {', '.join(KINDS)}, separated by commas, not {min(unknown)!r}")
    return kinds or None


def start(log: EventLog, last_id: str | None) -> tuple[int, str]:
    """After which number a reader begins, and its first lines: reconnect after 2 s, with this id at least.

    Without an id it gets what is new; with the id that it saw last what came after that; with `0` all that is kept.
    """
    number = log.last if last_id is None else log.resume(last_id)
    lost = ""
    if last_id not in (None, ALL, log.text_id(number)):
        # The id is of another run of the daemon, or of a stranger: nobody knows how much came in between.
        kept = log.after(number, 1)
        number = kept[0].number - 1 if kept else log.last
        lost = _lost(log.text_id(number), None)
    return number, f"retry: 2000\nid: {log.text_id(number)}\n\n{lost}"


def heartbeat(text_id: str) -> str:
    """A comment that keeps the connection alive, and the id to resume from: it moves on also unseen."""
    return f":\nid: {text_id}\n\n"


class Encoder:
    """Makes the text of events, of each one once for all readers that are about as far."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._texts: dict[int, str] = {}

    def text(self, cursor: int, rows: Iterable[Numbered], kinds: frozenset[str] | None) -> str:
        """The events of these kinds in `rows`, which follow `cursor`; first how many are lost where some are."""
        parts = []
        for row in rows:
            if row.number > cursor + 1:
                parts.append(_lost(self._log.text_id(row.number - 1), row.number - cursor - 1))
            cursor = row.number
            if kinds is None or row.event.kind in kinds:
                parts.append(self._event(row))
        return "".join(parts)

    def _event(self, row: Numbered) -> str:
        text = self._texts.get(row.number)
        if text is None:
            if len(self._texts) >= _CACHED:
                self._texts.clear()
            text = self._texts[row.number] = _event(self._log.text_id(row.number), row.event)
        return text


def _event(text_id: str, event: Event) -> str:
    body = {
        "id": text_id,
        "kind": event.kind,
        "subject": event.subject,
        "what": event.what,
        "at": time_text(event.at, milliseconds=True),
    }
    return _text(event.kind, text_id, body | {key: value for key, value in event.data.items() if key not in _OWN})


def _lost(text_id: str, count: int | None) -> str:
    """Tells a reader that events are lost, so that it reads the lists anew; None where nobody knows how many."""
    return _text("lost", text_id, {"id": text_id, "kind": "lost", "count": count})


def _text(name: str, text_id: str, body: Json) -> str:
    return f"id: {text_id}\nevent: {name}\ndata: {json.dumps(body)}\n\n"
