"""What is told of the aliases: events, lines of the log, problems, and the rows of `/v1/status`. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from routerd.aliases.book import Book, News
from routerd.aliases.claim import Claim, State
from routerd.model import Event, Problem

_NAMED = 3


def event(news: News, at: float) -> Event:
    """The event; `at` is Unix seconds."""
    (lan, address), peer = news.key, news.peer
    data: dict[str, object] = {"lan": lan, "vpn": peer.vpn, "peer": peer.name}
    if news.what == "conflict":
        data["mac"] = None if news.mac is None else news.mac.hex(":")
    return Event("alias", str(address), news.what, at, data)


def line(news: News) -> tuple[bool, str]:
    """Whether it is a warning, and the line of the log."""
    (lan, address), peer = news.key, news.peer
    if news.what == "claimed":
        return False, f"alias {address}: nobody else has it on {lan}; it stands for {peer.name}"
    if news.what == "released":
        return False, f"alias {address}: released"
    return True, f"alias {address}: {_who(news.mac)} has it on {lan}, so it does not stand for {peer.name}"


def problems(book: Book) -> Iterator[Problem]:
    """What other machines have."""
    for (lan, address), entry in book.entries.items():
        if entry.claim.state is State.CONFLICT and not entry.pooled:
            values = (("who", _who(entry.claim.other)), ("peer", entry.peer.name))
            yield Problem("alias-conflict", f"alias {address}", values, (f"lan {lan}", f"vpn {entry.peer.vpn}"))
    for lan in book.lans:
        taken = sorted((at, one.mac) for at, one in book.occupied.items() if one.lan == lan)
        if taken:
            named = [f"{at} ({_who(mac)})" for at, mac in taken[:_NAMED]]
            more = f", and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
            code = "alias-pool-taken" if book.lacking.get(lan) else "alias-pool-shared"
            values = (("addresses", ", ".join(named) + more), ("peers", str(book.lacking.get(lan, 0))))
            yield Problem(code, f"lan {lan}", values)


def unclaimed(failures: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """What keeps the aliases of a LAN (or of all: "") from being claimed or answered for, and why."""
    for lan, reason in failures:
        subject = f"lan {lan}" if lan else "aliases"
        yield Problem("alias-unclaimed", subject, (("reason", reason),), (f"interface {lan}",) if lan else ())


def rows(book: Book, now: float, wall: float) -> list[dict[str, object]]:
    """Every address, ready for JSON; `wall` are Unix seconds at `now`."""
    return [
        {
            "address": str(address),
            "lan": lan,
            "vpn": entry.peer.vpn,
            "peer": entry.peer.name,
            "peer_address": str(entry.peer.address),
            "pool": entry.pooled,
            "state": state(entry.claim),
            "used_by": None if entry.claim.other is None else entry.claim.other.hex(":"),
            "since": _time(wall - (now - entry.claim.since)),
        }
        for (lan, address), entry in sorted(book.entries.items())
    ]


def state(claim: Claim) -> str:
    """The state in a word; an address that is answered for is `active`."""
    return "active" if claim.installed and claim.wants else claim.state.value


def _time(unix: float) -> str:
    whole, part = divmod(round(unix * 1000), 1000)
    return f"{datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat()}.{part:03}Z"


def _who(mac: bytes | None) -> str:
    return "this machine itself" if mac is None else mac.hex(":")
