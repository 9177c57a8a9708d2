"""What other DHCP servers of this machine are told, of the plan, as JSON and as lines for people. Pure."""

from routerd.beside.words import server_of
from routerd.beside_part import BesidePart
from routerd.commands.table import Paper, columns, table


def beside_json(parts: tuple[BesidePart, ...]) -> list[dict[str, object]]:
    """For machines: one entry a LAN."""
    return [
        {
            "lan": part.lan,
            "server": part.mode,
            "path": server_of(part.settings).path,
            "networks": [
                {
                    "network": str(each.network),
                    "tag": each.tag if part.mode == "dnsmasq" else None,
                    "router": None if each.router is None else str(each.router),
                    "routes": [{"prefix": str(prefix), "gateway": str(gateway)} for prefix, gateway in each.routes],
                }
                for each in part.networks
            ],
        }
        for part in parts
    ]


def beside_text(parts: tuple[BesidePart, ...], paper: Paper) -> list[str]:
    """For people: one row a network; nothing where routerd serves by itself."""
    rows = [
        (
            part.lan,
            f"{part.mode} ({server_of(part.settings).path})",
            each.network,
            each.router,
            ", ".join(f"{prefix} via {gateway}" for prefix, gateway in each.routes) or None,
        )
        for part in parts
        for each in part.networks
    ]
    head = columns("LAN", "~SERVER", "NETWORK", "ROUTER", "~OPTION 121")
    return table("DHCP of other servers", head, rows, "none", paper) if rows else []
