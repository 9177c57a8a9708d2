"""Rules of iptables-nft, of which nft's JSON shows little, and rules that nobody can judge."""

from typing import Any

import pytest

from routerd.nat.foreign import findings
from routerd.nat.foreign_text import rule_text
from routerd.nat.foreign_walk import Effect
from tests.nat.parts import PLAIN

ON_VPN = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "wg0"}}
TRACKED = {"xt": {"type": "match", "name": "conntrack"}}
UNNAMED = {"xt": None}
COMMENT = {"xt": {"type": "match", "name": "comment"}}
ACCEPT, DROP = {"accept": None}, {"drop": None}


def ruleset(*rules: list[dict[str, Any]], policy: str = "drop", hook: str = "forward", kind: str = "filter"):
    """A table of iptables-nft with one chain of these rules."""
    chain = {"family": "ip", "table": "t", "name": "C", "type": kind, "hook": hook, "prio": 0, "policy": policy}
    rows = [{"rule": {"family": "ip", "table": "t", "chain": "C", "handle": n, "expr": r}} for n, r in enumerate(rules)]
    return [{"metainfo": {}}, {"table": {"family": "ip", "name": "t"}}, {"chain": chain}, *rows]


@pytest.mark.parametrize(
    ("rules", "ways"),
    [
        ([[TRACKED, ACCEPT]], ["wg0", "lan0"]),
        ([[UNNAMED, ACCEPT]], ["wg0", "lan0"]),
        ([[ON_VPN, TRACKED, ACCEPT]], ["lan0"]),
        ([[ON_VPN, COMMENT, ACCEPT]], ["lan0"]),
        ([[ACCEPT]], []),
        ([[{"limit": {"rate": 1}}, ACCEPT]], []),
        ([[{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}}, ACCEPT]], []),
        ([[ON_VPN, {"jump": {"target": "nowhere"}}]], ["wg0", "lan0"]),
        ([[ON_VPN, {"goto": {"target": "C"}}]], ["lan0"]),
        ([[ON_VPN, {"queue": {}}]], ["lan0"]),
        ([["odd", {"match": 3}, {}]], []),
    ],
)
def test_a_policy_of_drop(rules: list[Any], ways: list[str]) -> None:
    rules = [[row for row in rule if isinstance(row, dict)] for rule in rules]
    found = findings(ruleset(*rules), PLAIN)
    # A rule that has no verdict ends nothing.
    expected = ["wg0", "lan0"] if rules == [[{"match": 3}, {}]] else ways
    assert [finding.way.packet.iif for finding in found] == expected
    assert all(finding.handle is None for finding in found)


def test_only_certain_drops_are_told() -> None:
    port = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 25}}
    assert findings(ruleset([port, DROP], [ON_VPN, port, DROP], policy="accept"), PLAIN) == []
    assert findings(ruleset([port, ACCEPT], policy="accept"), PLAIN) == []
    rejects = [ON_VPN, COMMENT, {"xt": {"type": "target", "name": "REJECT"}}]
    (found,) = findings(ruleset([TRACKED, DROP], rejects, policy="accept"), PLAIN)
    assert (found.handle, found.place) == (1, "ip t C")


PORT = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}}
NAMED = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@open"}}
ESTABLISHED = {
    "match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]},
}


@pytest.mark.parametrize(
    ("rules", "policy", "passed"),
    [
        ([[ESTABLISHED, ACCEPT], [PORT, ACCEPT]], "drop", {"wg0": 1, "lan0": 1}),
        ([[ON_VPN, PORT, ACCEPT], [PORT, ACCEPT]], "drop", {"wg0": 0, "lan0": 1}),
        ([[PORT, ACCEPT], [DROP]], "accept", {"wg0": 0, "lan0": 0}),
        ([[PORT, ACCEPT], [ON_VPN, DROP]], "accept", {"wg0": 0}),
        # Who knows what the others are about?
        ([[PORT, ACCEPT], [NAMED, ACCEPT]], "drop", {}),
        ([[PORT, ACCEPT], [{"limit": {"rate": 1}}, ACCEPT]], "drop", {}),
        ([[PORT, ACCEPT], [ON_VPN, TRACKED, ACCEPT]], "drop", {"lan0": 0}),
        ([[PORT, ACCEPT], [{"queue": {}}]], "drop", {}),
        ([[PORT, ACCEPT], [ACCEPT]], "drop", {}),
        ([[PORT, ACCEPT]], "accept", {}),
        ([[PORT, DROP]], "accept", {}),
    ],
)
def test_a_firewall_that_lets_some_ports_pass(rules: list[Any], policy: str, passed: dict[str, int]) -> None:
    found = findings(ruleset(*rules, policy=policy), PLAIN)
    assert {finding.way.packet.iif: finding.handle for finding in found} == passed
    assert {finding.effect for finding in found} <= {Effect.PARTLY}


def test_the_text_of_a_rule_is_found_by_its_handle() -> None:
    listing = 'table ip t { # handle 2\n\tchain C { # handle 1\n\t\tiifname "a" drop # handle 2\n\t}\n}'
    assert rule_text(listing, 2) == 'iifname "a" drop'
    assert rule_text(listing, None) == "policy drop"
    assert "handle 9" in rule_text(listing, 9)
