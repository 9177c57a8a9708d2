"""What RIP would announce and learn, as JSON and as lines for people. Pure."""

from collections.abc import Iterable, Iterator

from routerd.commands.table import Paper, columns, table
from routerd.rip_part import RipLan, RipPart, RipRoute

_MOST = 8


def rip_json(part: RipPart) -> list[dict[str, object]]:
    """One object for every LAN that has RIP and is up."""
    return [
        {
            "lan": lan.interface,
            "address": str(lan.address),
            "versions": list(lan.settings.versions),
            "announced": [_json(route) for route in lan.routes],
            "peers": [
                {"vpn": peer.vpn, "name": peer.name, "announced": [_json(route) for route in peer.routes]}
                for peer in lan.peers
            ],
            "learned": [str(item) for item in lan.settings.imports],
        }
        for lan in part.lans
    ]


def rip_text(part: RipPart, paper: Paper) -> list[str]:
    """The table; nothing where no LAN has RIP."""
    rows = [
        (
            *(lan.interface, ", ".join(lan.settings.versions), lan.address),
            _some(_announced(lan)) or None,
            _some(map(str, lan.settings.imports)) or None,
        )
        for lan in part.lans
    ]
    head = columns("LAN", "VERSIONS", "FROM", "~ANNOUNCED", "~LEARNED")
    return table("RIP", head, rows, "none", paper) if rows else []


def _announced(lan: RipLan) -> Iterator[str]:
    yield from (_text(route) for route in lan.routes)
    for peer in lan.peers:
        yield from (f"{route.prefix} while {peer.name} is up" for route in peer.routes)


def _text(route: RipRoute) -> str:
    return str(route.prefix) if route.next_hop is None else f"{route.prefix} via {route.next_hop}"


def _some(words: Iterable[str]) -> str:
    found = list(words)
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more


def _json(route: RipRoute) -> dict[str, object]:
    next_hop = None if route.next_hop is None else str(route.next_hop)
    return {"prefix": str(route.prefix), "next_hop": next_hop, "metric": route.metric, "tag": route.tag}
