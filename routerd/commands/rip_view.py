"""RIP of `/v1/status` as tables for people: the speakers, the routers that they hear, what those said. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from routerd.commands.table import Cell, Paper, columns, table
from routerd.commands.words import ago

Row = Mapping[str, Any]

_FIRST = 20
_BAD = ("RcvBadPackets", "RcvBadRoutes")


def rip_lines(rip: Row, now: float, paper: Paper) -> list[str]:
    """All tables; nothing where RIP is not spoken."""
    speakers: Sequence[Row] = rip.get("speakers", ())
    if not speakers:
        return []
    rows = [
        (
            *(one["lan"], f"RIP{one['version']}"),
            Cell("speaking", "good") if one["speaking"] else Cell("silent", "warning"),
            *(one["announced"], one["withdrawn"] or None, one["learned"], one["key"]),
        )
        for one in speakers
    ]
    head = columns("LAN", "VERSION", "STATE", ">ANNOUNCED", ">WITHDRAWN", ">LEARNED", ">KEY")
    return [*table("RIP", head, rows, "none", paper), *_neighbours(speakers, now, paper), *_learned(rip, paper)]


def _neighbours(speakers: Sequence[Row], now: float, paper: Paper) -> list[str]:
    known = [(one, each) for one in speakers for each in one["neighbours"]]
    left = max(0, len(known) - _FIRST)
    if left:
        known = sorted(known, key=lambda row: not any(row[1][kind] for kind in _BAD))[:_FIRST]
    rows = [
        (
            *(each["address"], one["lan"], f"RIP{one['version']}", each["routes"], ago(each["last_update"], now)),
            *(each[kind] or None for kind in _BAD),
            each["last_error"],
        )
        for one, each in known
    ]
    head = columns(
        "ADDRESS", "~LAN", "~VERSION", ">ROUTES", ">LAST UPDATE", ">BAD PACKETS", ">BAD ROUTES", "~LAST ERROR"
    )
    lines = table("RIP neighbours", head, rows, "none heard", paper)
    if left:
        lines[-1:] = [f"  … and {left} more (routerd status --json)", ""]
    return lines


def _learned(rip: Row, paper: Paper) -> list[str]:
    """What routers of the site announced, if anything."""
    learned: Row = rip.get("learned", {})
    routes: Sequence[Row] = learned.get("routes", ())
    if not routes:
        return []
    shown = routes[:_FIRST]
    rows = [(each["prefix"], each["gateway"], each["lan"], each["neighbour"], each["metric"]) for each in shown]
    lines = table("RIP learned", columns("PREFIX", "GATEWAY", "~LAN", "~FROM", ">METRIC"), rows, "none", paper)
    if left := len(routes) - len(shown) + learned["left_out"]:
        lines[-1:] = [f"  … and {left} more (routerd status --json)", ""]
    return lines
