"""What the running daemon knows, as lines for people: the summary, and tables of what there is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routerd.commands.beside_view import beside_lines
from routerd.commands.hosts_view import hosts_lines
from routerd.commands.leases_view import lease_table, routes_lines
from routerd.commands.rip_view import rip_lines
from routerd.commands.table import Cell, Paper, clean, columns, table, wrap
from routerd.commands.words import age, ago, amount, count, since

Row = Mapping[str, Any]

FIRST_LEASES = FIRST_PEERS = FIRST_ALIASES = 20

_FACT = 18

_STATES = {"up": "good", "stale": "warning", "down": "error", "idle": "dim", "never": "dim", "unknown": "dim"}
_ROUTE_STATES = {"offered": "good", "withdrawn": "warning", "not-needed": "dim"}
_ALIAS_STATES = {"active": "good", "conflict": "error"}
_SEVERITIES = {"error": "error", "warning": "warning"}


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that `routerd status` shows: `/v1/status`, what keeps routerd from being ready, and the lists.

    `leases` may be the first ones only; how many there are stands in the status.
    """

    status: Row
    failed: Sequence[tuple[str, str]]
    peers: Sequence[Row]
    routes: Sequence[Row]
    leases: Sequence[Row]
    problems: Sequence[Row]


def document_lines(document: Document, now: float, paper: Paper, *, problems_first: bool = False) -> list[str]:
    """The whole status. `problems_first` is for a screen that is cut at its end."""
    problems = problem_lines(document.problems, now, paper)
    tables = peer_table(document.peers, now, paper, most=FIRST_PEERS) + route_table(document.routes, paper)
    tables += alias_table(document.status["services"].get("aliases", {}).get("aliases", ()), paper)
    tables += rip_lines(document.status["services"].get("rip", {}), now, paper)
    tables += beside_lines(document.status["services"].get("beside", {}), paper)
    leases = lease_table(document.leases, now, paper, most=FIRST_LEASES, total=_total(document))
    dhcp = document.status["services"].get("dhcp", {})
    told = [line for text in routes_lines(dhcp.get("lans", ())) for line in wrap(f"  {text}", paper, "    ")]
    leases[-1:] = [*told, "", *hosts_lines(document.status["services"].get("hosts", {}), paper)]
    parts = [*problems, *tables, *leases] if problems_first else [*tables, *leases, *problems]
    first, *rest = wrap(summary(document), paper, "  ")
    ready, style = ("not ready", "error") if document.failed else ("ready", "good")
    return [first.replace(f", {ready}", f", {paper.paint(ready, style)}", 1), *rest, "", *parts]


def summary(document: Document) -> str:
    """The first line: version, uptime, ready or not, and how many peers are reachable."""
    ready = "ready"
    if document.failed:
        name, why = document.failed[0]
        ready = f"not ready: {name}{why and ': '}{why}"
        if len(document.failed) > 1:
            ready += f" (and {len(document.failed) - 1} more)"
    version = f"routerd {document.status['version']}"
    words = [version, f"up {age(document.status['uptime_s'])}", ready, reachable(document.peers)]
    if document.problems:
        words.append(count(len(document.problems), "problem"))
    return ", ".join(words)


def reachable(peers: Sequence[Row]) -> str:
    """How many peers are reachable, and what is with those of which that is not known: 1 of 3 peers (2 idle)."""
    if not peers:
        return "no peers"
    well = sum(peer["reachable"] is True for peer in peers)
    open_states = [str(peer["state"]) for peer in peers if peer["reachable"] is None]
    kinds = ", ".join(f"{open_states.count(state)} {state}" for state in sorted(set(open_states)))
    return f"{well} of {count(len(peers), 'peer')} reachable" + (f" ({kinds})" if kinds else "")


_URGENT = (False, None, True)


def peer_table(peers: Sequence[Row], now: float, paper: Paper, *, most: int | None = None) -> list[str]:
    """The table of peers. Of more than `most` those that are not reachable come first, and the rest is counted."""
    left = 0
    if most is not None and len(peers) > most:
        left = len(peers) - most
        peers = sorted(peers, key=lambda peer: _URGENT.index(peer["reachable"]))[:most]
    head = columns("~NAME", "STATE", ">SINCE", "~ADDRESSES", ">RTT", ">HANDSHAKE", ">RECEIVED", ">SENT", "~ENDPOINT")
    rows = [
        (
            peer["name"],
            Cell(_state(peer), _STATES.get(peer["state"], "")),
            since(peer["since"], now),
            ", ".join(peer["addresses"]) or None,
            rtt(peer) if peer["reachable"] else None,
            ago(peer["last_handshake"], now),
            amount(peer["rx_bytes"]),
            amount(peer["tx_bytes"]),
            peer["endpoint"],
        )
        for peer in peers
    ]
    lines = table("Peers", head, rows, "none", paper)
    if left:
        lines[-1:] = [f"  … and {left} more (routerd status --peers)", ""]
    return lines


def rtt(peer: Row) -> str | None:
    """The last round-trip time, in words."""
    value = peer["probe"]["rtt_ms"]
    return None if value is None else f"{value:.1f} ms" if value < 99.95 else f"{value:.0f} ms"


def route_table(routes: Sequence[Row], paper: Paper) -> list[str]:
    """The table of routes."""
    head = columns("PREFIX", "VIA", "~LAN", "~CHANNELS", "STATE", "~REASON")
    rows = [
        (
            *(route["prefix"], route["gateway"], route["lan"], ", ".join(route["channels"])),
            Cell(route["state"], _ROUTE_STATES.get(route["state"], "")),
            route["reason"],
        )
        for route in routes
    ]
    return table("Routes", head, rows, "none", paper)


def alias_table(aliases: Sequence[Row], paper: Paper) -> list[str]:
    """The table of alias addresses; nothing where there is none. Of many those that do not work come first."""
    if not aliases:
        return []
    left = max(0, len(aliases) - FIRST_ALIASES)
    if left:
        aliases = sorted(aliases, key=lambda row: row["state"] == "active")[:FIRST_ALIASES]
    head = columns("ADDRESS", "~PEER", "STATE", "~LAN", "~USED BY")
    rows = [
        (
            row["address"],
            row["peer"],
            Cell(row["state"], _ALIAS_STATES.get(row["state"], "")),
            row["lan"],
            row["used_by"],
        )
        for row in aliases
    ]
    lines = table("Alias addresses", head, rows, "none", paper)
    if left:
        lines[-1:] = [f"  … and {left} more (routerd status --json)", ""]
    return lines


def problem_lines(problems: Sequence[Row], now: float, paper: Paper) -> list[str]:
    """The problems in the order that they come in, first causes first, each with its mend."""
    title = paper.paint("Problems:", "title")
    if not problems:
        return [f"{title} none", ""]
    lines = [title]
    for problem in problems:
        severity = str(problem["severity"])
        because = f" (because of {problem['caused_by']})" if problem["caused_by"] else ""
        lasting = since(problem["since"], now)
        for_long = f" (for {lasting})" if lasting else ""
        text, *rest = wrap(f"  {severity}: {problem['text']}{because}{for_long}", paper, "    ")
        lines.append(text.replace(severity, paper.paint(severity, _SEVERITIES.get(severity, "")), 1))
        lines += rest + wrap(f"    {problem['mend']}", paper, "    ")
    return [*lines, ""]


def peer_lines(peer: Row, problems: Sequence[Row], now: float, paper: Paper) -> list[str]:
    """Everything that is known of one peer, one line for each, and its problems."""
    probe = peer["probe"]
    lasting = since(peer["since"], now)
    state = paper.paint(_state(peer), _STATES.get(peer["state"], "")) + (f" for {lasting}" if lasting else "")
    facts = {
        "vpn": peer["vpn"],
        "public key": peer["public_key"],
        "addresses": ", ".join(peer["addresses"]) or None,
        "endpoint": peer["endpoint"],
        "last handshake": ago(peer["last_handshake"], now),
        "received": amount(peer["rx_bytes"]),
        "sent": amount(peer["tx_bytes"]),
        "probe": probe["kind"],
        "round trip": rtt(peer),
        "last answer": ago(probe["last_success"], now),
        "failures": probe["failures"] or None,
        "failed because": probe.get("failure"),
        "last traffic": next(
            (ago(row["at"], now) for row in peer.get("evidence", ()) if row["kind"] == "traffic"), None
        ),
    }
    lines = [f"{paper.paint(clean(str(peer['name'])), 'title')}: {state}"]
    narrow = Paper(None if paper.width is None else paper.width - _FACT)
    for name, value in facts.items():
        if value is not None:
            first, *rest = wrap(str(value), narrow, "")
            lines += [f"  {name}".ljust(_FACT) + first, *(" " * _FACT + line for line in rest)]
    return lines + (["", *problem_lines(problems, now, paper)] if problems else [])


def _state(peer: Row) -> str:
    return f"{peer['state']}, flapping" if peer.get("flapping") else str(peer["state"])


def _total(document: Document) -> int:
    total: int = sum(document.status["counts"]["leases"].values())
    return max(total, len(document.leases))
