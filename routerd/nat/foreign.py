"""What the rules of others do to VPN traffic: drop it where it is forwarded, or change its source. Pure.

One packet for each way between a LAN and a vpn is walked through every table but routerd's own. Only what certainly
happens is told: a rule that may let the packet through, such as one about ports, ends the search without a finding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from routerd.model import Network
from routerd.nat.foreign_match import Packet, Row, applies, equals, value
from routerd.nat_part import NatLan, NatPart, NatVpn

OWN_SOURCE_PRIORITY = 95
"""srcnat - 5. What comes earlier than that is faster than routerd's own rules."""

_DEEPEST = 16
_MOST_RULES = 50_000


class Effect(Enum):
    """What a rule does to the packet."""

    DROP = "drop"
    SOURCE = "source"


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


class _End(Enum):
    ACCEPT = "accept"
    HIT = "hit"
    MAYBE = "maybe"
    RETURN = "return"


@dataclass(slots=True)
class _Table:
    chains: dict[str, Row] = field(default_factory=dict)
    rules: dict[str, list[Row]] = field(default_factory=dict)


def findings(ruleset: Iterable[Row], part: NatPart) -> list[Finding]:
    """All rules that hit VPN traffic, each told once for a way."""
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


def _tables(ruleset: Iterable[Row]) -> dict[tuple[str, str], _Table]:
    tables: dict[tuple[str, str], _Table] = {}
    for row in ruleset:
        for kind in ("chain", "rule"):
            detail = row.get(kind)
            if not isinstance(detail, dict) or (detail.get("family"), detail.get("table")) == ("inet", "routerd"):
                continue
            table = tables.setdefault((str(detail.get("family")), str(detail.get("table"))), _Table())
            if kind == "chain":
                table.chains[str(detail.get("name"))] = detail
            else:
                table.rules.setdefault(str(detail.get("chain")), []).append(detail)
    return tables


def _look(family: str, name: str, table: _Table, chain: Row, way: Way) -> Finding | None:
    hook, kind = chain.get("hook"), chain.get("type")
    if (hook, kind) == ("forward", "filter"):
        effect = Effect.DROP
    elif (hook, kind) == ("postrouting", "nat") and way.packet.state == "new":
        if way.from_vpn and _priority(chain) >= OWN_SOURCE_PRIORITY:
            return None
        effect = Effect.SOURCE
    else:
        return None
    walk = _Walk(table, way.packet, effect)
    end = walk.chain(str(chain.get("name")), 0)
    where, handle = walk.hit
    if end is _End.RETURN and effect is Effect.DROP and chain.get("policy") == "drop":
        where, handle = str(chain.get("name")), None
    elif end is not _End.HIT:
        return None
    return Finding(effect, family, name, where, handle, way, _owner(name, table.chains))


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


class _Walk:
    """One packet through the chains of one table."""

    def __init__(self, table: _Table, packet: Packet, effect: Effect) -> None:
        self._table, self._packet, self._effect = table, packet, effect
        self._left = _MOST_RULES
        self.hit: tuple[str, int | None] = ("", None)

    def chain(self, name: str, depth: int) -> _End:
        """How the packet leaves the chain; RETURN is also its end."""
        if depth > _DEEPEST:
            return _End.MAYBE
        for rule in self._table.rules.get(name, ()):
            self._left -= 1
            if self._left < 0:
                return _End.MAYBE
            statements = rule.get("expr")
            end = self._rule(name, rule, statements if isinstance(statements, list) else [], depth)
            if end is not None:
                return end
        return _End.RETURN

    def _rule(self, chain: str, rule: Row, statements: Sequence[Row], depth: int) -> _End | None:
        """How the rule ends the chain; None: it does not."""
        known = applies(statements, self._packet)
        if known is False:
            return None
        verdict, sure = self._verdict(statements)
        if not sure:
            known = None
        if verdict is None:
            return None
        ((kind, detail),) = verdict.items()
        if kind in ("jump", "goto"):
            return self._jump(kind, str(detail["target"]), known is True, depth)
        if kind == "accept":
            return _End.ACCEPT if known else _End.MAYBE
        if kind == "return":
            return _End.RETURN if known else _End.MAYBE
        if kind == self._effect.value and known:
            handle = rule.get("handle")
            self.hit = (chain, handle if isinstance(handle, int) else None)
            return _End.HIT
        # Without an effect to look for, the packet's way ends elsewhere, or perhaps goes on.
        return None if known is None or kind == self._effect.value else _End.MAYBE

    def _jump(self, kind: str, target: str, known: bool, depth: int) -> _End | None:
        end = self.chain(target, depth + 1)
        if kind == "goto":
            return end if known else _End.MAYBE
        if end is _End.RETURN:
            return None
        if known:
            return end
        return None if end is _End.HIT else _End.MAYBE

    def _verdict(self, statements: Sequence[Row]) -> tuple[Row | None, bool]:
        """The verdict of a rule in one of the words drop, source, accept, return, jump, goto, other; and is it sure?"""
        for row in statements:
            for kind, detail in row.items():
                if kind in ("accept", "return"):
                    return {kind: None}, True
                if kind in ("drop", "reject"):
                    return {"drop": None}, True
                if kind in ("masquerade", "snat"):
                    return {"source": None}, True
                if kind in ("jump", "goto") and isinstance(detail, dict):
                    return {kind: detail}, True
                if kind in ("queue", "dnat", "redirect", "tproxy"):
                    return {"other": None}, True
                if kind == "vmap" and isinstance(detail, dict):
                    return self._mapped(detail)
                if kind == "xt" and isinstance(detail, dict) and detail.get("type") == "target":
                    word = {"REJECT": "drop", "MASQUERADE": "source", "SNAT": "source", "NETMAP": "source"}
                    return ({word[detail["name"]]: None}, True) if detail.get("name") in word else (None, True)
        return None, True

    def _mapped(self, detail: Mapping[str, Any]) -> tuple[Row | None, bool]:
        """A verdict map: what is found is sure, a key that is not known may be anything."""
        found, data = value(detail.get("key"), self._packet), detail.get("data")
        rows = data.get("set") if isinstance(data, dict) else None
        if found is None or not isinstance(rows, list):
            return {"accept": None}, False
        for row in rows:
            if not isinstance(row, list) or len(row) != 2:
                return {"accept": None}, False
            same = equals(found, row[0])
            if same is None:
                return {"accept": None}, False
            if same:
                return self._verdict([row[1]])
        return None, True
