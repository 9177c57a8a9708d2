"""The status page of LuCI shows what `/v1` says, and no more than that."""

import re
from typing import Any

import pytest

from routerd.api.shapes import SHAPES as V1
from tests.net.site import Site, soon
from tests.openwrt.luci import played_status

_LISTS = ("peers", "hosts", "routes", "leases", "problems")
_NOTHING: dict[str, Any] = {
    "status": {"version": "0.1.0", "now": "2026-11-22T12:00:10Z", "started": "2026-11-22T12:00:00Z", "counts": {}},
    "faults": {"faults": []},
    **{name: {name: []} for name in _LISTS},
}


def names_of(shape: Any, path: str) -> set[str]:
    """The paths of all that a shape of /v1 may have."""
    found: set[str] = set()
    for part in shape.get("anyOf", [shape]):
        if "$ref" in part:
            part = V1[part["$ref"].rpartition("/")[2]]
        found |= names_of(part["items"], path) if "items" in part else set()
        for name, inside in part.get("properties", {}).items():
            found |= {f"{path}.{name}"} | names_of(inside, f"{path}.{name}")
        if isinstance(part.get("additionalProperties"), dict):
            found.add(f"{path}.*")
    return found


@pytest.mark.net
def test_status_page_shows_what_the_daemon_says(site: Site) -> None:
    daemon = site.start()
    soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    site.client().wait_lease()
    soon("Endpoint B is routed", lambda: (daemon.host("192.168.200.22") or {}).get("strategy") == "site-gateway")
    site.example.cut_tunnel()
    soon("the peer is down", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "down")
    answers = {name: daemon.get(f"/v1/{name}?limit=500")[1] for name in _LISTS}
    answers |= {"status": daemon.get("/v1/status")[1], "faults": {"faults": []}}
    assert all(answers[name][name] for name in _LISTS)
    found = played_status(answers)
    text = re.sub(r"<[^>]+>", "|", found["html"])
    assert 'class="label important" title="' in found["html"]
    for word in ("endpoint-a", "|down|", "203.0.113.1:51821", "|routed|", "|direct|", "192.168.200.22", "|bound|"):
        assert word in text
    assert answers["problems"]["problems"][0]["text"] in text
    assert found["html"] == found["again"]
    assert found["seconds"] == 5
    assert {(call[0], call[1]) for call in found["calls"]} == {
        ("routerd", name) for name in ("status", "faults", *_LISTS)
    }
    shapes = {"Peer": "peers", "Host": "hosts", "Route": "routes", "Lease": "leases", "Problem": "problems"}
    known = names_of(V1["Status"], "status") | {"faults.faults"}
    for shape, name in shapes.items():
        known |= {f"{name}.{name}", f"{name}.next"} | names_of(V1[shape], f"{name}.{name}")
    known |= {f"{name}.error" for name in answers} | {f"status.counts.{name}" for name in _LISTS}
    counts = {name for name in found["read"] if re.fullmatch(r"status\.counts\.\w+\.[\w-]+", name)}
    assert set(found["read"]) - counts <= known


def test_what_is_not_known_is_shown_as_that() -> None:
    host: dict[str, Any] = {
        "address": "192.168.200.9",
        "mac": None,
        "hostname": None,
        "lan": "lan0",
        "lease": None,
        "evidence": None,
    }
    host |= {"accepts_routes": None, "return_path": "unknown", "strategy": "masquerade", "pinned": True, "since": None}
    peer: dict[str, Any] = {
        "name": "p",
        "vpn": "vpn",
        "state": "later",
        "reachable": None,
        "addresses": [],
        "rx_bytes": None,
    }
    found = played_status({**_NOTHING, "hosts": {"hosts": [host]}, "peers": {"peers": [peer]}})
    cells = re.findall(r'<td class="td" data-title="([^"]*)">(.*?)</td>', found["html"])
    shown = {name: re.sub(r"<[^>]+>", "", text) for name, text in cells}
    unknown = {"Return path", "Asks for routes", "Reachable", "Received", "Sent", "Since"}
    assert {name: shown[name] for name in unknown} == dict.fromkeys(unknown, "unknown")
    assert shown["Has the current routes"] == "no lease"
    # A word that a later daemon says.
    assert shown["State"] == "later"
    assert shown["Strategy"] == "masqueraded (pinned)"


def test_texts_of_strangers_stay_texts() -> None:
    evil = "<img src=x onerror=alert(1)>%s%d\"'&"
    lease: dict[str, Any] = {
        "address": evil,
        "mac": evil,
        "hostname": evil,
        "lan": evil,
        "state": evil,
        "expires": evil,
    }
    peer: dict[str, Any] = {
        "name": evil,
        "vpn": evil,
        "state": evil,
        "addresses": [evil],
        "endpoint": evil,
        "since": evil,
    }
    peer |= {"probe": {"kind": evil, "failure": evil, "rtt_ms": 1}, "last_handshake": evil, "flapping": True}
    host = {
        "address": evil,
        "hostname": evil,
        "strategy": evil,
        "return_path": evil,
        "evidence": {"kind": evil, "at": evil},
    }
    route = {"prefix": evil, "gateway": evil, "metric": 1, "channels": [evil], "state": evil, "reason": evil}
    problem = {"severity": evil, "text": evil, "mend": evil, "caused_by": evil, "since": evil}
    fault = {"path": evil, "rule": evil, "mend": evil}
    status = _NOTHING["status"] | {
        "version": evil,
        "config": {"errors": [fault], "loaded": evil},
        "confirm": {"deadline": evil},
    }
    rows = zip(_LISTS, (peer, host, route, lease, problem), strict=True)
    answers = {
        "status": status,
        "faults": {"faults": [evil]},
        **{name: {name: [row], "next": evil} for name, row in rows},
    }
    answers |= {name: {"error": evil, "faults": [evil]} for name in ("reload", "probe", "release")}
    handlers = [["handleReload"], ["handleProbe", evil], ["handleRelease", evil]]
    found = played_status(answers, handlers=handlers)
    everything = "".join([found["html"], found["again"], *found["notes"]])
    assert "<img" not in everything
    assert everything.count("&lt;img src=x onerror=alert(1)&gt;%s%d") > 60
    assert [[call[1], call[2]] for call in found["handled"] if call[1] in ("reload", "probe", "release")] == [
        ["reload", {}],
        ["probe", {"name": evil}],
        ["release", {"address": evil}],
    ]
    assert len(found["notes"]) == 3


def test_daemon_that_cannot_be_asked() -> None:
    reason = {"error": "routerd does not run, or not at /run/routerd/routerd.sock: No such file or directory"}
    answers: dict[str, Any] = dict.fromkeys(("status", *_LISTS), reason)
    found = played_status(answers | {"faults": {"faults": ["routerd.@lan[0].x: is no option"]}})
    assert reason["error"] in found["html"]
    assert "routerd.@lan[0].x: is no option" in found["html"]
    # Nothing is shown as if it were so still.
    assert "<table" not in found["html"]
    found = played_status({})
    assert "RPC call to routerd/status failed" in found["html"]
    found = played_status({name: answer for name, answer in _NOTHING.items() if name != "leases"})
    assert "There are no leases" not in found["html"]
    assert "RPC call to routerd/leases failed" in found["html"]
    assert found["saves"] == [None, None, None]


def test_who_may_not_write_has_no_buttons() -> None:
    lease = {"address": "192.168.200.50", "state": "bound"}
    answers = {**_NOTHING, "leases": {"leases": [lease]}}
    assert played_status(answers)["html"].count("<button") == 2
    assert "<button" not in played_status(answers, writable=False)["html"]
