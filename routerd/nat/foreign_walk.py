"""One packet through the chains of somebody else's table: where it ends, as far as that is certain. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from routerd.nat.foreign_match import Packet, Row, applies, equals, is_of_ports, value

_DEEPEST = 16
_MOST_RULES = 50_000


class Effect(Enum):
    """What a rule does to the packet."""

    DROP = "drop"
    SOURCE = "source"
    PARTLY = "partly"
    """Dropped, but for the ports that rules let pass."""


class End(Enum):
    """How a packet leaves a chain; MAYBE: that cannot be told."""

    ACCEPT = "accept"
    HIT = "hit"
    MAYBE = "maybe"
    RETURN = "return"


@dataclass(slots=True)
class Table:
    """The chains and rules of a table, by the chains' names."""

    chains: dict[str, Row] = field(default_factory=dict)
    rules: dict[str, list[Row]] = field(default_factory=dict)


class Walk:
    """One packet through the chains of one table.

    `strict`: a rule about ports is taken for one about others; the first one that lets these pass is `passed`.
    """

    def __init__(self, table: Table, packet: Packet, effect: Effect, *, strict: bool = False) -> None:
        self._table, self._packet, self._effect, self._strict = table, packet, effect, strict
        self._left = _MOST_RULES
        self.hit: tuple[str, int | None] = ("", None)
        self.passed: tuple[str, int] | None = None

    def chain(self, name: str, depth: int) -> End:
        """How the packet leaves the chain; RETURN is also its end."""
        if depth > _DEEPEST:
            return End.MAYBE
        for rule in self._table.rules.get(name, ()):
            self._left -= 1
            if self._left < 0:
                return End.MAYBE
            statements = rule.get("expr")
            end = self._rule(name, rule, statements if isinstance(statements, list) else [], depth)
            if end is not None:
                return end
        return End.RETURN

    def _rule(self, chain: str, rule: Row, statements: Sequence[Row], depth: int) -> End | None:
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
        end: End | None
        if kind in ("jump", "goto", "accept", "return"):
            if kind in ("jump", "goto"):
                end = self._jump(kind, str(detail["target"]), known is True, depth)
            else:
                end = (End.ACCEPT if kind == "accept" else End.RETURN) if known else End.MAYBE
            if known or not self._strict or not is_of_ports(statements):
                return end
            self._doubted(chain, rule, end)
            return None
        if kind == self._effect.value and known:
            handle = rule.get("handle")
            self.hit = (chain, handle if isinstance(handle, int) else None)
            return End.HIT
        # Without an effect to look for, the packet's way ends elsewhere, or perhaps goes on.
        return None if known is None or kind == self._effect.value else End.MAYBE

    def _doubted(self, chain: str, rule: Row, end: End | None) -> None:
        """A rule that is taken for no match; where it ended the packet's way otherwise, it lets some packets pass."""
        handle = rule.get("handle")
        if end is not None and self.passed is None and isinstance(handle, int):
            self.passed = (chain, handle)

    def _jump(self, kind: str, target: str, known: bool, depth: int) -> End | None:
        end = self.chain(target, depth + 1)
        if kind == "goto":
            return end if known else End.MAYBE
        if end is End.RETURN:
            return None
        if known:
            return end
        return None if end is End.HIT else End.MAYBE

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
