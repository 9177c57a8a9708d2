"""Leases as lines for people: the table, one lease, and how far the routes have got. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from routerd.commands.table import Cell, Paper, clean, columns, table
from routerd.commands.words import ago, count, until

Row = Mapping[str, Any]

STATES = ("offered", "bound", "released", "expired", "declined")

_FACT = 12
_STYLES = {"bound": "good", "declined": "warning"}
_ROUTES = {"current": "", "older": "warning", "not asked": "dim", "unknown": "dim"}


def lease_table(
    leases: Sequence[Row], now: float, paper: Paper, *, most: int | None = None, total: int | None = None
) -> list[str]:
    """The table of leases: at most the first `most`, and how many of `total` (default: all these) are left out."""
    head = columns("ADDRESS", "MAC", "~HOSTNAME", "~LAN", "STATE", "EXPIRES", "ROUTES")
    rows = [
        (
            *(lease["address"], lease["mac"], lease["hostname"], lease["lan"]),
            Cell(lease["state"], _STYLES.get(lease["state"], "dim")),
            until(lease["expires"], now) or "never",
            None if (word := routes_word(lease)) is None else Cell(word, _ROUTES[word]),
        )
        for lease in leases[:most]
    ]
    lines = table("Leases", head, rows, "none", paper)
    left = (len(leases) if total is None else total) - len(rows)
    if left > 0:
        lines[-1:] = [f"  … and {left} more (routerd leases)", ""]
    return lines


def routes_word(lease: Row) -> str | None:
    """What a bound lease has of the routes, in a word; None for one that is not bound."""
    current = lease.get("routes_current")
    if current is None:
        return None
    if current:
        return "current"
    return {True: "older", False: "not asked", None: "unknown"}[lease["accepts_routes"]]


def lease_lines(lease: Row, now: float, paper: Paper) -> list[str]:
    """Everything that is known of one lease, one line for each."""
    asks = {True: "yes", False: "no: its routes must come from its default gateway", None: "not known"}
    facts = {
        "mac": lease["mac"],
        "client id": lease["client_id"],
        "hostname": lease["hostname"],
        "lan": lease["lan"],
        "leased": ago(lease["starts"], now),
        "expires": until(lease["expires"], now) or "never",
        "asks routes": asks[lease["accepts_routes"]] if lease.get("routes_current") is not None else None,
        "routes": routes_word(lease),
    }
    state = paper.paint(lease["state"], _STYLES.get(lease["state"], "dim"))
    lines = [f"{paper.paint(lease['address'], 'title')}: {state}"]
    lines += [f"  {name}".ljust(_FACT + 2) + clean(str(value)) for name, value in facts.items() if value is not None]
    return [*lines, ""]


def routes_lines(lans: Iterable[Row]) -> list[str]:
    """A line for each LAN, as `/v1/status` shows it: how many of its leases have the current routes, and why not all.

    Nothing of a LAN without leases, nor of one that hands out no routes and where nobody has any.
    """
    lines = []
    for name, routes in ((lan["lan"], lan["routes"]) for lan in lans if "routes" in lan):
        leases, current = routes["leases"], routes["current"]
        if not leases or (not routes["handed_out"] and current == leases):
            continue
        have = "has" if leases == 1 else "have"
        text = f"{name}: {current} of {count(leases, 'lease')} {have} the current routes"
        if not routes["handed_out"]:
            text += " (none); the others keep theirs until they renew"
        elif refusing := routes["not_accepting"]:
            text += f"; {refusing} {'does' if refusing == 1 else 'do'} not ask for routes (option 121)"
        lines.append(text)
    return lines
