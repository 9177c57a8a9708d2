"""Does a rule of somebody else's apply to a packet? True, False, or None where that cannot be told. Pure.

The rules are those of `nft -j list ruleset` (libnftables-json(5)); of iptables-nft's extensions nft shows little.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from routerd.model import Address

Row = Mapping[str, Any]
Known = bool | None

_NEVER_MATTERS = frozenset({"counter", "log", "comment", "mangle", "notrack", "dup", "flow", "ct helper", "synproxy"})
_TRACKED = frozenset({"conntrack", "state", None})
_PORTS = frozenset({"dport", "sport"})


class Packet(NamedTuple):
    """The first packet of a TCP connection on its way through this machine, with ports that nobody knows yet."""

    iif: str
    oif: str
    source: Address
    destination: Address
    state: str = "new"


def applies(statements: Iterable[Row], packet: Packet) -> Known:
    """Do all matches of a rule hold?"""
    found: Known = True
    rows = list(statements)
    for row in rows:
        known = _statement(row, packet, rows)
        if known is False:
            return False
        if known is None:
            found = None
    return found


def value(left: Any, packet: Packet) -> Any:
    """What an expression yields for the packet; None where that is not known."""
    if not isinstance(left, dict) or len(left) != 1:
        return None
    ((kind, detail),) = left.items()
    if not isinstance(detail, dict):
        return None
    key = detail.get("key")
    if kind == "meta":
        version = packet.source.version
        known = {"iifname": packet.iif, "oifname": packet.oif, "iif": packet.iif, "oif": packet.oif, "l4proto": "tcp"}
        known |= {"nfproto": f"ipv{version}", "protocol": "ip" if version == 4 else "ip6"}
        return known.get(str(key))
    if kind == "ct" and key in ("state", "status"):
        return packet.state if key == "state" else "confirmed"
    if kind == "payload" and detail.get("protocol") in ("ip", "ip6"):
        if (detail["protocol"] == "ip") != (packet.source.version == 4):
            return _Other
        field = detail.get("field")
        return {"saddr": packet.source, "daddr": packet.destination, "protocol": "tcp", "nexthdr": "tcp"}.get(
            str(field)
        )
    if kind == "payload" and detail.get("protocol") in ("udp", "icmp", "icmpv6", "igmp", "sctp", "esp", "ah", "gre"):
        return _Other
    return None


def equals(found: Any, right: Any) -> Known:
    """Is a value the same as, or one of, what stands on the right of a match?"""
    if found is _Other:
        return False
    if found is None:
        return None
    if isinstance(right, dict):
        return _within(found, right)
    if isinstance(right, list):
        return _any(equals(found, one) for one in right)
    if isinstance(right, str) and right.startswith("@"):
        return None
    if isinstance(found, str):
        return _same_word(found, right)
    try:
        return bool(ip_address(right) == found)
    except ValueError:
        return None


def is_of_ports(statements: Iterable[Row]) -> bool:
    """Whether a rule is for some ports only, as its text itself says: not by a named set, not by an extension."""
    for row in statements:
        match = row.get("match")
        left = match.get("left") if isinstance(match, dict) else None
        payload = left.get("payload") if isinstance(left, dict) else None
        if isinstance(payload, dict) and payload.get("field") in ("dport", "sport"):
            return not str(match.get("right")).startswith("@") if isinstance(match, dict) else False
    return False


class _Other:
    """The value of what the packet does not have: nothing equals it, and a match on it fails either way."""


def _statement(row: Row, packet: Packet, rows: list[Row]) -> Known:
    ((kind, detail),) = row.items() if len(row) == 1 else (("", None),)
    if kind == "match" and isinstance(detail, dict):
        return _match(detail, packet)
    if kind == "xt":
        return _extension(detail, rows)
    if kind in ("limit", "quota", "ct count", "meter", "set", ""):
        return None
    return True


def _match(detail: Mapping[str, Any], packet: Packet) -> Known:
    found = value(detail.get("left"), packet)
    if found is _Other:
        return False
    same = equals(found, detail.get("right"))
    op = detail.get("op")
    if same is None or op not in ("==", "!=", "in"):
        return None
    return not same if op == "!=" else same


def _extension(detail: Any, rows: list[Row]) -> Known:
    """An extension of iptables. One that says nothing of interfaces and is about the state of a flow, or is not even
    named, nearly always stands for flows that were let through before."""
    named = detail.get("name") if isinstance(detail, dict) else None
    if named == "comment":
        return True
    if isinstance(detail, dict) and detail.get("type") == "target":
        return True
    if named in _TRACKED and any(_verdict(row) for row in rows) and not any(_on_interface(row) for row in rows):
        return False
    return None


def _verdict(row: Row) -> bool:
    return bool({"accept", "drop", "reject"} & row.keys())


def _on_interface(row: Row) -> bool:
    match = row.get("match")
    left = match.get("left") if isinstance(match, dict) else None
    meta = left.get("meta") if isinstance(left, dict) else None
    return isinstance(meta, dict) and meta.get("key") in ("iifname", "oifname", "iif", "oif")


def _within(found: Any, right: dict[str, Any]) -> Known:
    if "set" in right:
        rows = right["set"] if isinstance(right["set"], list) else [right["set"]]
        return _any(equals(found, row) for row in rows)
    if "elem" in right and isinstance(right["elem"], dict):
        return equals(found, right["elem"].get("val"))
    if isinstance(found, str):
        return None
    try:
        if "prefix" in right:
            network = ip_network(f"{right['prefix']['addr']}/{right['prefix']['len']}", strict=False)
            return found in network
        if "range" in right:
            first, last = (ip_address(one) for one in right["range"])
            return first.version == found.version and int(first) <= int(found) <= int(last)
    except (ValueError, KeyError, TypeError):
        return None
    return None


def _same_word(found: str, right: Any) -> Known:
    if not isinstance(right, str):
        return None
    return found.startswith(right[:-1]) if right.endswith("*") else found == right


def _any(known: Iterable[Known]) -> Known:
    found: Known = False
    for one in known:
        if one:
            return True
        if one is None:
            found = None
    return found
