"""How many hosts of the site have a way back to the VPN, as a line for people. Pure."""

from collections.abc import Mapping
from typing import Any

from routerd.commands.table import Paper, wrap
from routerd.commands.words import count


def hosts_lines(hosts: Mapping[str, Any], paper: Paper) -> list[str]:
    """The line and an empty one; nothing where no host is measured. `hosts` is the service's report in the status."""
    known, direct, through = (hosts.get(key, 0) for key in ("known", "direct", "via-router"))
    if not known:
        return []
    text = f"{direct + through} of {count(known, 'host')} with a way back to the VPN"
    text += f" ({through} through a router)" if through else ""
    if hosts["lan-only"]:
        text += f", {hosts['lan-only']} that answer{'s' if hosts['lan-only'] == 1 else ''} the LAN only"
    text += (
        f", {hosts['unknown']} that ha{'s' if hosts['unknown'] == 1 else 've'} shown none" if hosts["unknown"] else ""
    )
    first, *rest = wrap(f"Hosts: {text}", paper, "  ")
    return [first.replace("Hosts:", paper.paint("Hosts:", "title"), 1), *rest, ""]
