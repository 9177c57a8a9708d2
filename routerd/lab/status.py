"""What `routerd lab status` says of a lab."""

import time
from pathlib import Path
from typing import Any

from routerd.lab.state import NETNS, owned, read


def lab_facts(directory: Path) -> dict[str, Any] | None:
    """The facts of one lab as they are printed in JSON, or None where it has no record (any more)."""
    record = read(directory)
    if record is None:
        return None
    return {
        "id": record.id,
        "kept": record.kept,
        "in_use": owned(directory),
        "owner": record.owner,
        "age_seconds": round(time.time() - record.created),
        "directory": str(directory),
        "namespaces": [{"name": name, "exists": (NETNS / name).exists()} for name in record.namespaces],
        "processes": [{"pid": one.pid, "name": one.name, "alive": one.alive} for one in record.processes],
    }


def lab_lines(facts: dict[str, Any]) -> list[str]:
    """The same facts for people."""
    if facts["in_use"]:
        state = f"in use by process {facts['owner']}"
    else:
        state = "up" if facts["kept"] else "left over: the next lab removes it"
    lines = [f"lab {facts['id']}  {state}, {facts['age_seconds']} s old, {facts['directory']}"]
    lines += [_line("namespace", one["name"], one["exists"], "exists", "gone") for one in facts["namespaces"]]
    for one in facts["processes"]:
        lines.append(_line("process", f"{one['name']} ({one['pid']})", one["alive"], "alive", "ended"))
    return lines


def _line(kind: str, name: str, good: bool, yes: str, no: str) -> str:
    return f"  {kind:<10} {name:<28} {yes if good else no}"
