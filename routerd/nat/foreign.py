"""What the rules of others do to VPN traffic: drop it where it is forwarded, or change its source. Pure.

One packet for each way between a LAN and a vpn is walked through every table but routerd's own. Only what certainly
happens is told: behind a rule that may let the packet through, such as one about ports, that only some of it passes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from routerd.model import Network
from routerd.nat.foreign_match import Packet, Row
from routerd.nat.foreign_walk import Effect, End, Table, Walk
from routerd.nat_part import NatLan, NatPart, NatVpn

OWN_SOURCE_PRIORITY = 95
"""srcnat - 5. What comes earlier than that is faster than routerd's own rules."""


class Way(NamedTuple):
    """From where to where the packet goes, and whether it comes from the VPN."""

    packet: Packet
    from_vpn: bool


class Finding(NamedTuple):
    """A rule, or (handle None) the policy of a base chain, and the way of the packet that it hits."""

    effect: Effect
    family: str
    table: str
    chain: str
    handle: int | None
    way: Way
    owner: str

    @property
    def place(self) -> str:
        """The chain, as nft takes it."""
        return f"{self.family} {self.table} {self.chain}"


def findings(ruleset: Iterable[Row], part: NatPart) -> list[Finding]:
    """All rules that hit VPN traffic, each told once for a way; where only some of it passes, what lets it pass."""
    tables = _tables(ruleset)
    found: list[Finding] = []
    for way in ways(part):
        for (family, name), table in tables.items():
            if family not in ("inet", "ip" if way.packet.source.version == 4 else "ip6"):
                continue
            for chain in table.chains.values():
                finding = _look(family, name, table, chain, way)
                if finding is not None:
                    found.append(finding)
    return found


def ways(part: NatPart) -> Iterator[Way]:
    """One packet for each vpn, LAN, direction and IP version. In place 2 only one direction passes this machine."""
    for vpn in part.vpns:
        for lan in part.lans:
            if vpn.name not in lan.vpns:
                continue
            for version in (4, 6):
                yield from _ways(vpn, lan, version)


def _ways(vpn: NatVpn, lan: NatLan, version: int) -> Iterator[Way]:
    there = next((prefix for prefix in vpn.prefixes if prefix.version == version), None)
    here = next((network for network in lan.networks if network.version == version), None)
    if there is None or here is None:
        return
    peer, host = _last(there), _last(here)
    if vpn.interface is None:
        if any(address in network for address, _ in vpn.gateways for network in lan.networks):
            yield Way(Packet(lan.interface, lan.interface, host, peer, "untracked"), False)
        return
    yield Way(Packet(vpn.interface, lan.interface, peer, host), True)
    yield Way(Packet(lan.interface, vpn.interface, host, peer), False)


def _last(network: Network) -> Any:
    """A host of the network that rules seldom name."""
    return network[-2] if network.num_addresses > 2 else network[0]


def _tables(ruleset: Iterable[Row]) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}
    for row in ruleset:
        for kind in ("chain", "rule"):
            detail = row.get(kind)
            if not isinstance(detail, dict) or (detail.get("family"), detail.get("table")) == ("inet", "routerd"):
                continue
            table = tables.setdefault((str(detail.get("family")), str(detail.get("table"))), Table())
            if kind == "chain":
                table.chains[str(detail.get("name"))] = detail
            else:
                table.rules.setdefault(str(detail.get("chain")), []).append(detail)
    return tables


def _look(family: str, name: str, table: Table, chain: Row, way: Way) -> Finding | None:
    hook, kind = chain.get("hook"), chain.get("type")
    if (hook, kind) == ("forward", "filter"):
        effect = Effect.DROP
    elif (hook, kind) == ("postrouting", "nat") and way.packet.state == "new":
        if way.from_vpn and _priority(chain) >= OWN_SOURCE_PRIORITY:
            return None
        effect = Effect.SOURCE
    else:
        return None
    walk = Walk(table, way.packet, effect)
    end = walk.chain(str(chain.get("name")), 0)
    where, handle = walk.hit
    if end is End.RETURN and effect is Effect.DROP and chain.get("policy") == "drop":
        where, handle = str(chain.get("name")), None
    elif end is End.MAYBE and effect is Effect.DROP and (passed := _passed(table, chain, way)) is not None:
        effect, (where, handle) = Effect.PARTLY, passed
    elif end is not End.HIT:
        return None
    return Finding(effect, family, name, where, handle, way, _owner(name, table.chains))


def _passed(table: Table, chain: Row, way: Way) -> tuple[str, int] | None:
    """The first rule that lets some packets pass, where all others are dropped for certain."""
    walk = Walk(table, way.packet, Effect.DROP, strict=True)
    end = walk.chain(str(chain.get("name")), 0)
    dropped = end is End.HIT or (end is End.RETURN and chain.get("policy") == "drop")
    return walk.passed if dropped else None


def _priority(chain: Row) -> int:
    priority = chain.get("prio")
    return priority if isinstance(priority, int) else 0


def _owner(table: str, chains: Mapping[str, Row]) -> str:
    """Whose table it is, as far as names tell."""
    if table == "fw4" or table == "firewalld":
        return table
    if any(name.startswith(("ufw-", "ufw6-")) for name in chains):
        return "ufw"
    if any(name.startswith("DOCKER") for name in chains):
        return "docker"
    return "iptables" if "FORWARD" in chains or "POSTROUTING" in chains else ""
