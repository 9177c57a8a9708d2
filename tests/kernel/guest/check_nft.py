"""nftables of this kernel: a table of routerd's own, loaded, listed, replaced and removed."""

import json
from dataclasses import replace

from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from tests.nat.parts import PLAIN, forward
from tests.net.nat_scene import Scene

_TABLE = """
table inet routerd
delete table inet routerd
table inet routerd {
    set masqueraded {
        type ipv4_addr
        flags timeout
        elements = { 192.168.200.22 timeout 90s }
    }
    chain prerouting {
        type nat hook prerouting priority dstnat - 5
        iifname "lan0" tcp dport @PORT@ dnat ip to 10.0.0.1:80
    }
    chain postrouting {
        type nat hook postrouting priority srcnat - 5
        ip saddr 10.0.0.0/24 ip daddr @masqueraded masquerade
    }
    chain raw {
        type filter hook prerouting priority raw
        ip saddr 192.168.200.0/24 ip daddr 10.0.0.0/24 notrack
    }
}
"""


def test_a_table_is_loaded_replaced_and_removed(lab: Lab) -> None:
    beta = lab.namespace("beta")
    for port in (8080, 8081):
        beta.nft(_TABLE.replace("@PORT@", str(port)))
        listed = objects(beta)
        assert [one["name"] for one in listed["chain"]] == ["prerouting", "postrouting", "raw"]
        assert [chain["prio"] for chain in listed["chain"]] == [-105, 95, -300]
        assert [one["name"] for one in listed["set"]] == ["masqueraded"]
        assert len(listed["rule"]) == 3
        assert f'"right": {port}' in json.dumps(listed["rule"])
    beta.nft("delete table inet routerd\n")
    assert beta.run(["nft", "list", "ruleset"]).stdout == ""


def test_a_range_is_shifted_by_rules_and_sources_are_kept(lab: Lab) -> None:
    """This kernel may be the oldest that the rules meet."""
    scene = Scene(lab)
    scene.serve(scene.a, [30001, 30778, 31000])
    shifted = forward(20000, 30001, last=20999, protocol="udp")
    scene.load(replace(PLAIN, forwards=(replace(shifted, masquerade=False, measured=True),)))
    assert "udp dport ^" in scene.beta.run(["nft", "list", "table", "inet", "routerd"]).stdout
    asked = [("udp", "192.168.200.2", port) for port in (20000, 20777, 20999)]
    assert scene.ask(scene.c, *asked) == [f"192.168.200.23 {port}" for port in (30001, 30778, 31000)]


def objects(machine: Namespace) -> dict[str, list[dict[str, object]]]:
    """What nft lists of the table, by kind."""
    rows = json.loads(machine.run(["nft", "-j", "list", "table", "inet", "routerd"]).stdout)["nftables"]
    found: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        for kind, value in row.items():
            found.setdefault(kind, []).append(value)
    return found
