"""The pages of LuCI: their files agree with each other, with the plugin, with the table of keys, and with `/v1`."""

import json
import re
import runpy
from typing import Any

import pytest

from routerd.api.openapi import OPERATIONS
from routerd.api.shapes import SHAPES as V1
from routerd.config.uci_scheme import ENABLED, MAIN, SHAPES
from routerd.docs import luci as made
from tests.net.site import Site, soon
from tests.openwrt.luci import APP, RESOURCES, SCHEME, SETTINGS, play, played_status
from tests.openwrt.ucode_scene import PLUGIN

_MENU = APP / "root/usr/share/luci/menu.d/luci-app-routerd.json"
_ACL = APP / "root/usr/share/rpcd/acl.d/luci-app-routerd.json"
_LISTS = ("peers", "hosts", "routes", "leases", "problems")
_NOTHING: dict[str, Any] = {
    "status": {"version": "0.1.0", "now": "2026-11-22T12:00:10Z", "started": "2026-11-22T12:00:00Z", "counts": {}},
    "faults": {"faults": []},
    **{name: {name: []} for name in _LISTS},
}


def plugin_methods() -> set[str]:
    """The methods that the plugin offers."""
    text = PLUGIN.read_text()
    return set(re.findall(r"^\t(\w+): (?:\{|list\()", text[text.index("const methods") :], re.MULTILINE))


def test_what_is_made_is_current() -> None:
    update = runpy.run_path(str(APP / "update.py"))
    assert SCHEME.read_text() == made.scheme(), "run: make docs"
    assert update["TEMPLATE"].read_text() == made.template(update["sources"]()), "run: make docs"


def test_texts_are_found() -> None:
    source = "_('it\\'s'); E(_( 'two')); under_('no'); _(\n'three')"
    text = made.template({"a.js": source, "b.json": '{"title": "four", "path": "no"}'})
    assert re.findall(r'^msgid "(.+)"$', text, re.MULTILINE) == ["four", "it's", "three", "two"]
    assert "#: b.json:1\n" in text
    everything = "".join(path.read_text() for path in APP.glob("htdocs/**/*.js"))
    # Double quotes and templates would not be found.
    assert not re.search(r'(?<![\w$])_\(\s*["`]', everything)
    assert not re.search(r"[<>&]", "".join(re.findall(r"_\('(.*?)'\)", SCHEME.read_text())))


def test_settings_are_those_of_the_table() -> None:
    sections = [{".type": "interface", ".name": name} for name in ("loopback", "lan", "wg0")]
    named = [
        {".type": "lan", ".name": "site"},
        {".type": "lan", ".name": "cfg1", ".anonymous": True, "interface": "guest"},
    ]
    asked = {"network": sections, "routerd": named}
    found = play("settings", SETTINGS, scheme=str(SCHEME), uci=asked)["sections"]
    by_type = {section["type"]: section for section in found}
    assert len(found) == len(by_type)
    assert {name: {option["name"] for option in section["options"]} for name, section in by_type.items()} == {
        MAIN: {ENABLED},
        **{name: set(shape.options) for name, shape in SHAPES.items()},
    }
    options = {(name, option["name"]): option for name, section in by_type.items() for option in section["options"]}
    assert options["lan", "interface"]["values"] == ["lan", "wg0"]
    assert options["dhcp", "lan"]["values"] == ["site", "guest"]
    assert by_type["nat"]["kind"] == "single"
    assert by_type["peer"]["anonymous"]
    assert not by_type["lan"]["anonymous"]
    for name, shape in SHAPES.items():
        for key in shape.section.keys:
            option, kind = options[name, key.name], key.kind
            assert option["description"].startswith(key.text[0].upper() + key.text[1:])
            assert option["optional"] is not key.required
            choices = [value for value in option["values"] if value]
            if kind.json == "boolean":
                assert choices == ["1", "0"]
            elif (kind.item or kind).choices:
                assert choices == list((kind.item or kind).choices)
            assert (option["widget"] == "DynamicList") == (kind.item is not None)


def test_settings_refuse_what_routerd_refuses() -> None:
    values = {
        "dhcp.lease_time": ["1h", "1h30m", "bogus", "", "1"],
        "dhcp.pools": ["10.0.0.1-10.0.0.2", "none", "10.0.0.1"],
        "reservation.mac": ["02-00-00-00-00-22", "02:00"],
        "peer.public_key": ["A" * 43 + "=", "A"],
    }
    found = play("settings", SETTINGS, scheme=str(SCHEME), uci={}, values=values)["sections"]
    told = {f"{part['type']}.{option['name']}": option["checked"] for part in found for option in part["options"]}
    bad = {name: [value for value, said in told[name].items() if said is not True] for name in values}
    assert bad == {
        "dhcp.lease_time": ["1", "bogus"],
        "dhcp.pools": ["10.0.0.1"],
        "reservation.mac": ["02:00"],
        "peer.public_key": ["A"],
    }
    assert told["dhcp.lease_time"]["bogus"] == "Expecting: duration, from 10s to 2^31 s"


def test_defaults_are_those_of_the_init_script() -> None:
    script = (PLUGIN.parents[3] / "lib/routerd/openwrt.sh").read_text()
    found = {part["type"]: part for part in play("settings", SETTINGS, scheme=str(SCHEME), uci={})["scheme"]}
    shown = {key["name"]: key["placeholder"] for key in found["leases"]["keys"]}
    assert shown == dict(re.findall(r'set "\w+\.\$section\.(\w+)=([^"]+)"', script))


def test_plugin_reads_what_the_init_script_writes() -> None:
    script = (PLUGIN.parents[4] / "etc/init.d/routerd").read_text()
    kept = re.search(r"^KEPT=(.*)$", script, re.MULTILINE)
    assert kept
    for name, variable in (("CONFIG", "GOOD"), ("FAULTS", "FAULTS")):
        path = re.search(rf"^{variable}=\$KEPT(.*)$", script, re.MULTILINE)
        assert path
        assert f"const {name} = '{kept[1]}{path[1]}';" in PLUGIN.read_text()


def test_access_lists_and_menu() -> None:
    menu, acl = json.loads(_MENU.read_text()), json.loads(_ACL.read_text())
    group = acl["luci-app-routerd"]
    read, write = (set(group[kind]["ubus"]["routerd"]) for kind in ("read", "write"))
    assert read | write == plugin_methods()
    assert not read & write
    # Who may only read cannot change anything: these are not asked by GET.
    text = PLUGIN.read_text()
    assert write == {"reload", "probe", "release"}
    assert len(re.findall(r"ask\('(?:POST|DELETE)'", text)) == len(write)
    assert group["write"]["uci"] == ["routerd"]
    assert menu["admin/services/routerd"]["depends"]["acl"] == list(acl)
    views = [entry["action"]["path"] for entry in menu.values() if entry["action"]["type"] == "view"]
    assert {RESOURCES / "view" / f"{path}.js" for path in views} == set(RESOURCES.glob("view/**/*.js"))


def test_plugin_asks_what_is_served() -> None:
    play("syntax", PLUGIN)
    text = PLUGIN.read_text()
    asked = {(method, target) for method, target in re.findall(r"ask\('([A-Z]+)', ['`]([^'`]+)", text)}
    paths = {(method.lower(), re.sub(r"\$\{encode\([\w.]+\)\}", "{}", target)) for method, target in asked}
    lists = {("get", f"/v1/{name}") for name in re.findall(r"list\('(\w+)'\)", text)}
    paths = {pair for pair in paths if "${name}" not in pair[1]} | lists
    served = {(operation.method, re.sub(r"\{\w+\}", "{}", operation.path)) for operation in OPERATIONS}
    assert len(paths) == 9
    assert paths <= served


def test_packages_have_what_the_plugin_imports() -> None:
    makefile = (PLUGIN.parents[5] / "Makefile").read_text()
    modules = set(re.findall(r"^import .* from '(\w+)';$", PLUGIN.read_text(), re.MULTILINE))
    assert modules == {"fs", "socket", "ubus", "uci"}
    assert {f"+ucode-mod-{name}" for name in modules} | {"+rpcd-mod-ucode"} <= set(makefile.split())
    assert "LUCI_DEPENDS:=+luci-base +routerd\n" in (APP / "Makefile").read_text()


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
