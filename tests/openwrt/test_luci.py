"""The pages of LuCI: their files agree with each other, with the plugin, with the table of keys, and with `/v1`."""

import json
import re
import runpy

from routerd.api.openapi import OPERATIONS
from routerd.config.uci_scheme import ENABLED, MAIN, SHAPES
from routerd.config.uci_service import LEASES
from routerd.docs import luci as made
from tests.openwrt.luci import APP, RESOURCES, SCHEME, SETTINGS, play
from tests.openwrt.ucode_scene import PLUGIN

_MENU = APP / "root/usr/share/luci/menu.d/luci-app-routerd.json"
_ACL = APP / "root/usr/share/rpcd/acl.d/luci-app-routerd.json"


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
    interfaces = [{"interface": name, "up": True} for name in ("loopback", "lan", "wg0")]
    named = [
        {".type": "lan", ".name": "site"},
        {".type": "lan", ".name": "cfg1", ".anonymous": True, "interface": "guest"},
    ]
    found = play("settings", SETTINGS, scheme=str(SCHEME), uci={"routerd": named}, interfaces=interfaces)["sections"]
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
    script = (PLUGIN.parents[3] / "lib/routerd/config.sh").read_text()
    found = {part["type"]: part for part in play("settings", SETTINGS, scheme=str(SCHEME), uci={})["scheme"]}
    shown = {key["name"]: key["placeholder"] for key in found["leases"]["keys"]}
    assert shown == LEASES == dict(re.findall(r'set "\w+\.\$section\.(\w+)=([^"]+)"', script))


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
    assert group["write"]["uci"] == group["read"]["uci"] == ["routerd"], "the keys of WireGuard are in network"
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
