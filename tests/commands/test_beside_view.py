"""Other DHCP servers, as `routerd plan` and `routerd status` show them."""

from routerd.commands.beside_view import beside_lines
from routerd.commands.plan_beside_view import beside_json, beside_text
from routerd.commands.table import Paper
from tests.beside.scene import network, part

PAPER = Paper(width=140)
FAR = network("10.0.0.0/24", tag="far", own="192.168.201.0/24")


def test_the_plan() -> None:
    parts = (part(network("10.0.0.0/24"), FAR),)
    text = "\n".join(beside_text(parts, PAPER))
    assert "DHCP of other servers" in text
    assert "/run/routerd/dnsmasq-options" in text
    assert "10.0.0.0/24 via 192.168.200.2" in text
    (lan,) = beside_json(parts)
    assert (lan["lan"], lan["server"], lan["path"]) == ("lan0", "dnsmasq", "/run/routerd/dnsmasq-options")
    assert beside_text((), PAPER) == []


def test_the_status() -> None:
    lans = [
        {"lan": "lan0", "answer": "old", "told": "10.9.0.0/16 via 192.168.200.9"},
        {"lan": "lan1", "answer": None, "told": None},
    ]
    dnsmasq = {"kind": "dnsmasq", "path": "/x", "pid": 77, "lans": lans}
    kea = {"kind": "kea", "path": "/run/kea/s", "answers": False, "held": ["192.168.200.0/24"]}
    text = "\n".join(beside_lines({"servers": [dnsmasq, kea]}, PAPER))
    for words in ("dnsmasq (process 77)", "older routes", "not asked yet", "Kea (/run/kea/s)", "in 192.168.200.0/24"):
        assert words in text
    assert beside_lines({"servers": []}, PAPER) == beside_lines({}, PAPER) == []
