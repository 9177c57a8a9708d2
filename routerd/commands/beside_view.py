"""Other DHCP servers of `/v1/status` as a table for people: what they hand out, as far as routerd has seen. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from routerd.commands.table import Cell, Paper, columns, table

Row = Mapping[str, Any]

_ANSWERS = {
    "right": Cell("as it should be", "good"),
    "silent": Cell("does not answer", "warning"),
    "without": Cell("no routes", "warning"),
    "old": Cell("older routes", "warning"),
    "other": Cell("its own routes", "warning"),
}
_UNASKED = Cell("not asked yet", "dim")


def beside_lines(beside: Row, paper: Paper) -> list[str]:
    """The table; nothing where routerd serves by itself."""
    rows = [row for server in beside.get("servers", ()) for row in _rows(server)]
    head = columns("~SERVER", "LAN", "STATE", "~OPTION 121")
    return table("DHCP of other servers", head, rows, "none", paper) if rows else []


def _rows(server: Row) -> Iterator[tuple[object, ...]]:
    if server["kind"] == "dnsmasq":
        pid = server["pid"]
        name = "dnsmasq" if pid is None else f"dnsmasq (process {pid})"
        for lan in server["lans"]:
            yield name, lan["lan"], _ANSWERS.get(lan["answer"], _UNASKED), lan["told"]
        return
    state = Cell("answers", "good") if server["answers"] else Cell("does not answer", "warning")
    if server["answers"] and server.get("error"):
        state = Cell("refuses", "error")
    held, lans = ", ".join(server["held"]), ", ".join(row["lan"] for row in server.get("lans", ()))
    yield f"Kea ({server['path']})", lans or None, state, f"in {held}" if held else None
