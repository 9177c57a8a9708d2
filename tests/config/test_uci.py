"""/etc/config/routerd says the same as a TOML file, with OpenWrt's habits, and its faults in UCI's words."""

import re
import time
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.config.fault import ConfigError
from routerd.config.load import load, parse
from routerd.config.logical import Network, live_devices, peer_name
from routerd.config.model import Config
from routerd.config.tables import ROOT
from routerd.config.toml_text import toml_text
from routerd.config.uci import read_uci
from routerd.config.uci_scheme import MAIN as MAIN_TYPE
from routerd.config.uci_scheme import SHAPES, TABLES
from routerd.config.uci_text import parse_uci
from tests.config.uci_scene import KEY, KEYS, MAIN, NETWORK, network, read, sample, uci_text

TREE = Path(__file__).parents[2]
CONFIGS = TREE / "configs"
EXAMPLES = sorted((TREE / "openwrt/examples").glob("*.uci"))
DEFAULT = TREE / "openwrt/files/etc/config/routerd"
LAN = "config lan 'a'\n\toption interface 'lan'\n"


def faults_of(text: str, where: Network | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, where).load()
    return [str(fault) for fault in caught.value.errors]


# ---------------------------------------------------------------- the same as in TOML


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_a_file_in_toml_is_the_same_in_uci(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert read(uci_text(tomllib.loads(text)), Network()).load() == parse(text)


def test_every_key_of_the_table_can_be_set() -> None:
    data = sample(ROOT)
    made = read(uci_text(data), Network())
    assert made.faults == {}
    assert made.data == data


def test_the_scheme_is_made_from_the_table() -> None:
    assert set(TABLES.values()) == SHAPES.keys()
    assert MAIN_TYPE not in SHAPES
    for shape in SHAPES.values():
        assert not set(shape.parents) & shape.keys.keys(), shape.type
        for chain in shape.places.values():
            assert [key.name for key in chain[-1].keys] == [*shape.keys], shape.type


def test_the_text_of_a_trial_is_the_same_configuration() -> None:
    data = sample(ROOT)
    assert tomllib.loads(toml_text(data)) == data
    made = read(uci_text(tomllib.loads((CONFIGS / "reference.toml").read_text(encoding="utf-8"))), Network())
    assert parse(toml_text(made.data)) == made.load()


# ---------------------------------------------------------------- files of the package


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_those_of_the_kinds_of_sites(path: Path) -> None:
    live = {"lan": "eth0.10", "guest": "eth0.20", "plant": "eth0.30"} if path.stem == "vlans" else {"lan": "eth0"}
    made = read(path.read_text(encoding="utf-8"), network(**live))
    assert made.enabled
    assert made.waiting == []
    config = made.load()
    same = CONFIGS / f"{path.stem}.toml"
    if path.stem == "first-start":
        assert not same.exists()
        return
    assert _without_peers(config) == _without_peers(parse(same.read_text(encoding="utf-8")))


def _without_peers(config: Config) -> tuple[Config, list[list[str]]]:
    """A configuration and the names of its peers: how they are known is different on OpenWrt."""
    names = [[peer.name for peer in vpn.peers] for vpn in config.vpns]
    return replace(config, vpns=tuple(replace(vpn, peers=()) for vpn in config.vpns)), names


def test_every_kind_of_site_has_its_example() -> None:
    kinds = {path.stem for path in CONFIGS.glob("*.toml")} - {"reference", "minimal"}
    assert {path.stem for path in EXAMPLES} == kinds | {"first-start"}


def test_the_default_file_is_off_and_right_when_switched_on() -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    assert not read(text).enabled
    switched = text.replace("enabled '0'", "enabled '1'")
    assert read(switched).load() == read(MAIN).load()
    # Everything that it offers in comments, at once.
    everything = re.sub(r"^#(?=config |\toption |\tlist )", "", switched, flags=re.MULTILINE)
    config = read(everything).load()
    assert config.lans[0].dhcp is not None
    assert config.vpns[0].peers[0].probe == "tcp:22"
    assert config.vpns[0].peers[0].public_key == KEY


# ---------------------------------------------------------------- OpenWrt's habits


def test_a_first_start_needs_no_more_than_enabled() -> None:
    made = read(MAIN)
    config = made.load()
    assert made.enabled
    assert [(vpn.name, vpn.interface) for vpn in config.vpns] == [("wg0", "wg0")]
    assert [lan.interface for lan in config.lans] == ["br-lan"]
    assert config.lans[0].dhcp is None
    assert [(peer.name, peer.public_key) for peer in config.vpns[0].peers] == [("endpoint-a", KEY)]


def test_sections_add_to_a_first_start() -> None:
    config = read(f"{MAIN}config dhcp\n\toption lan 'lan'\n\tlist pools '10.1.1.5-10.1.1.9'\n").load()
    assert config.lans[0].dhcp is not None
    config = read(f"{MAIN}config peer\n\toption vpn 'wg0'\n\toption name 'x'\n\toption address '10.0.0.9'\n").load()
    assert [peer.name for peer in config.vpns[0].peers] == ["x", "endpoint-a"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            ("proto 'wireguard'", "proto 'none'"),
            "network has no interface with proto wireguard; set WireGuard up there",
        ),
        (
            (
                "config interface 'guest'\n",
                "config interface 'wg1'\n\toption proto 'wireguard'\nconfig interface 'g'\n",
            ),
            "network has several WireGuard interfaces: wg1, wg0; add `config vpn` with `option interface 'wg1'`",
        ),
        (("interface 'lan'", "interface 'home'"), "network has no interface lan; add `config lan` with `option interf"),
    ],
)
def test_a_first_start_that_has_to_ask(change: tuple[str, str], fault: str) -> None:
    (found,) = faults_of(f"{MAIN}config dhcp\n\tlist pools '10.1.1.5-10.1.1.9'\n", network(NETWORK.replace(*change)))
    assert found.startswith("routerd: says nothing of the ")
    assert fault in found


def test_without_a_network_nothing_is_guessed() -> None:
    assert [fault.split(";")[0] for fault in faults_of(MAIN, Network())] == [
        "routerd: says nothing of the VPN, and network has no interface with proto wireguard",
        "routerd: says nothing of the LAN, and network has no interface lan",
    ]


@pytest.mark.parametrize(
    ("section", "live", "device"),
    [
        ("option device 'br-lan'", {}, "br-lan"),
        ("option device 'br-lan'", {"x": "br-other"}, "br-other"),
        ("option ifname 'eth0.1'", {}, "eth0.1"),
        ("option ifname 'eth0.1'\n\toption type 'bridge'", {}, "br-x"),
        ("option proto 'wireguard'", {}, "x"),
        ("option proto 'pppoe'\n\toption device 'eth1'", {}, "pppoe-x"),
        ("option proto 'pppoe'\n\toption device 'eth1'", {"x": "pppoe-x"}, "pppoe-x"),
        ("option device '@lan'", {}, "br-lan"),
        ("option device '@lan'", {"lan": "br-live"}, "br-live"),
        ("option device '@x'", {}, None),
        ("option device '@nobody'", {}, None),
        ("option proto 'static'", {}, None),
        ("option proto 'static'", {"x": "phy0-ap1"}, "phy0-ap1"),
        ("list ifname 'eth0'\n\tlist ifname 'eth1'", {}, "eth0"),
        ("option ifname 'eth0 eth1'", {}, None),
    ],
)
def test_devices_of_logical_interfaces(section: str, live: dict[str, str], device: str | None) -> None:
    where = network(f"{NETWORK}\nconfig interface 'x'\n\t{section}\n", **live)
    assert where.device("x") == device
    made = read(f"{MAIN}config vpn\n\toption interface 'wg0'\nconfig lan\n\toption interface 'x'\n", where)
    assert made.data["lan"][0]["interface"] == device or "x"
    assert made.waiting == ([] if device else ["x"])
    # An interface without a device is no fault: it is waited for.
    assert made.load().lans[0].interface == device or "x"


def test_a_device_is_taken_as_it_is() -> None:
    config = read(f"{MAIN}config lan\n\toption interface 'eth7'\n").load()
    assert config.lans[0].interface == "eth7"


def test_an_interface_that_comes_up_later_in_the_dump() -> None:
    text = f"{MAIN}config lan\n\toption interface 'guest'\n"
    assert read(text).waiting == ["guest"]
    assert read(text, network(guest="phy0-ap1")).waiting == []


@pytest.mark.parametrize("word", ["1", "on", "true", "yes", "enabled"])
def test_true_in_all_its_spellings(word: str) -> None:
    assert read(f"config routerd 'main'\n\toption enabled '{word}'\n").enabled
    assert read(f"{MAIN}config nat\n\toption keep '{word}'\n").load().nat.keep


@pytest.mark.parametrize("word", ["0", "off", "false", "no", "disabled"])
def test_false_in_all_its_spellings(word: str) -> None:
    assert not read(f"config routerd 'main'\n\toption enabled '{word}'\n").enabled
    assert not read(f"{MAIN}config nat\n\toption keep '{word}'\n").load().nat.keep


def test_without_its_section_it_is_off() -> None:
    assert not read(LAN).enabled
    assert not read("config routerd 'main'\n").enabled
    assert not read("").enabled


@pytest.mark.parametrize("lines", ["list dns '1.1.1.1'\n\tlist dns '9.9.9.9'", "option dns '1.1.1.1 9.9.9.9'"])
def test_a_list_may_be_an_option_with_spaces(lines: str) -> None:
    dhcp = read(f"{MAIN}config dhcp\n\tlist pools '10.1.1.5-10.1.1.9'\n\t{lines}\n").load().lans[0].dhcp
    assert dhcp is not None
    assert [str(address) for address in dhcp.dns] == ["1.1.1.1", "9.9.9.9"]


def test_an_empty_list() -> None:
    assert read(f"{MAIN}config http\n\toption listen 'none'\n").load().http.listen == ()
    assert read(f"{MAIN}config lan\n\toption interface 'lan'\n\toption vpns 'none'\n").load().lans[0].vpns == ()


@pytest.mark.parametrize("name", ["a", "@lan[0]", "lan"])
def test_a_section_belongs_to_a_lan_by_its_name_number_or_interface(name: str) -> None:
    text = f"{MAIN}{LAN}config lan 'b'\n\toption interface 'guest'\nconfig rip\n\toption lan '{name}'\n"
    config = read(text).load()
    assert [lan.rip is not None for lan in config.lans] == [True, False]


def test_an_option_of_a_reservation_of_a_subnet() -> None:
    text = f"""{MAIN}
config dhcp_option
	option reservation 'r'
	option code '43'
	option type 'uint16'
	list value '1'
	list value '2'
config dhcp_option
	option subnet 's'
	option code '44'
	option type 'bool'
	option value 'on'
config reservation 'r'
	option subnet 's'
	option address '10.2.2.7'
	option mac '02:00:00:00:00:22'
config subnet 's'
	option subnet '10.2.2.0/24'
	list pools '10.2.2.50-10.2.2.60'
config dhcp
	list pools '10.1.1.5-10.1.1.9'
"""
    dhcp = read(text).load().lans[0].dhcp
    assert dhcp is not None
    (subnet,) = dhcp.subnets
    assert [(option.code, option.data) for option in subnet.options] == [(44, b"\1")]
    assert [(option.code, option.data) for option in subnet.reservations[0].options] == [(43, b"\0\1\0\2")]


def test_all_files_of_one_export() -> None:
    text = f"package network\n{NETWORK}\npackage routerd\n\n{MAIN}\npackage wireless\n\nconfig wifi-device 'radio0'\n"
    assert read(text).load() == read(MAIN).load()


# ---------------------------------------------------------------- peers


def peers(text: str, descriptions: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str | None]]:
    more = "".join(
        f"config wireguard_wg0\n\toption description '{name}'\n\toption public_key '{key}'\n"
        for name, key in descriptions
    )
    config = read(MAIN + text, network(NETWORK + more)).load()
    return [(peer.name, peer.public_key) for peer in config.vpns[0].peers]


def test_names_of_peers_are_unique() -> None:
    found = peers("", [("endpoint-a", KEYS[1]), ("endpoint-a", KEYS[2])])
    assert found == [("endpoint-a", KEYS[0]), ("endpoint-a-2", KEYS[1]), ("endpoint-a-3", KEYS[2])]


def test_peers_without_a_description_or_a_key_have_no_name() -> None:
    assert peers("", [("", KEYS[1]), ("x", "junk"), ("y", "")]) == [("endpoint-a", KEY)]


def test_a_peer_that_is_switched_off_is_left_out() -> None:
    off = NETWORK.replace("\tlist allowed_ips", "\toption disabled '1'\n\tlist allowed_ips")
    assert read(MAIN, network(off)).load().vpns[0].peers == ()


def test_one_key_has_one_name() -> None:
    assert peers("", [("again", KEY)]) == [("endpoint-a", KEY)]


def test_a_peer_section_adds_to_a_peer_of_the_network() -> None:
    assert peers("config peer\n\toption name 'endpoint-a'\n\toption probe 'none'\n") == [("endpoint-a", KEY)]
    assert peers(f"config peer\n\toption name 'mine'\n\toption public_key '{KEY}'\n") == [("mine", KEY)]
    assert peers(f"config peer\n\toption public_key '{KEY}'\n\toption probe 'none'\n") == [("endpoint-a", KEY)]
    other = "config peer\n\toption name 'endpoint-a'\n\toption address '10.0.0.7'\n"
    assert peers(other) == [("endpoint-a", None), ("endpoint-a-2", KEY)]


def test_descriptions_become_names() -> None:
    assert peer_name("  Anna's\tphone / work ") == "Anna's phone - work"
    assert peer_name("\x00\x1b[31m") == "[31m"
    assert [peer_name(text) for text in ("", " ", ".", "..", "\n")] == [""] * 5
    assert len(peer_name("ä" * 200)) == 63


@given(st.lists(st.text(max_size=70), max_size=6))
def test_any_description_is_a_name_or_none(descriptions: list[str]) -> None:
    more = "".join(
        "config wireguard_wg0\n\toption description '{}'\n\toption public_key '{}'\n".format(
            text.replace("\0", "").replace("'", "'\\''").encode(errors="replace").decode(), KEYS[index % 3]
        )
        for index, text in enumerate(descriptions)
    )
    config = read(MAIN, network(NETWORK + more)).load()
    assert len({peer.name for peer in config.vpns[0].peers}) == len(config.vpns[0].peers)


def test_keys_of_wireguard_are_read_by_nobody() -> None:
    where = network()
    secret = Network(parse_uci(NETWORK, "network", {"private_key", "preshared_key"}))
    assert read(MAIN, where).load() == read(MAIN, secret).load()
    assert "secret" not in repr(read(MAIN, where).data)


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("config lann\n", "routerd.@lann[0] (line 3): is not a known type of section; did you mean `config lan`?"),
        (
            "config lan 'a'\n\toption interfase 'lan'\n",
            "routerd.a.interfase (line 4): 'lan': is not an option of `config lan`; did you mean `option interface`?",
        ),
        (
            f"{LAN}\toption enabled '1'\n",
            "routerd.a.enabled (line 5): '1': is not an option of `config lan`; known here: interface, address, "
            "strategy, vpns, alias_pool",
        ),
        (
            f"{LAN}\toption strategy 'auto' # yes\n\tlist address '1.2.3.4'\n",
            "routerd.a.address (line 6): '1.2.3.4': takes one value, and is a list; write it as `option address`",
        ),
        (
            f"{LAN}\toption strategy 'it'\\''s'\n",
            "routerd.a.strategy (line 5): 'it'\\''s': must be one of the known words; use one of \"auto\", "
            '"site-gateway", "masquerade", "none"',
        ),
        (
            "config dhcp\n\tlist pools '10.1.1.5-10.1.1.9'\n\tlist pools '10.1.1.9-10.1.1.1'\n",
            "routerd.@dhcp[0].pools (line 5): '10.1.1.9-10.1.1.1': must begin with its lowest address; write "
            '"10.1.1.1-10.1.1.9"',
        ),
        (
            "config dhcp 'd'\n\toption pools '10.1.1.5-10.1.1.9'\n\toption rapid_commit 'si'\n",
            "routerd.d.rapid_commit (line 5): 'si': must be a boolean; write 1 or 0 (or on, off, true, false, yes, no, "
            "enabled, disabled)",
        ),
        (
            "config probe\n\toption down_after '3x'\n",
            "routerd.@probe[0].down_after (line 4): '3x': must be a whole number; write it in digits",
        ),
        (
            "config probe\n\toption down_after '1000'\n",
            "routerd.@probe[0].down_after (line 4): '1000': must be from 1 to 100; choose a value in this range",
        ),
        (
            "config dhcp\n\tlist pools '10.1.1.5-10.1.1.9'\nconfig dhcp 'd'\n",
            "routerd.d (line 5): is the second `config dhcp` of one lan; join the two",
        ),
        (
            "config log\nconfig log 'l'\n",
            "routerd.l (line 4): is the second `config log` of one file; join the two",
        ),
        (
            f"{LAN}config lan 'b'\n\toption interface 'guest'\nconfig rip\n",
            "routerd.@rip[0] (line 7): must say which lan it belongs to; add `option lan` with the name of a `config "
            "lan`: a, b",
        ),
        (
            f"{LAN}config rip\n\toption lan 'c'\n",
            "routerd.@rip[0].lan (line 6): 'c': must be the name of a `config lan` section; use one that is there: a",
        ),
        (
            "config reservation\n\toption lan 'lan'\n\toption subnet 'x'\n",
            "routerd.@reservation[0].lan (line 4): 'lan': says twice where it belongs: by lan and subnet; keep subnet",
        ),
        (
            "config dhcp\n",
            "routerd.@dhcp[0] (line 3): has no address to serve; set pools, add a reservation, or set option mode "
            "'off'",
        ),
        (
            "config dhcp_option\n\toption code '6'\n\toption type 'ip'\n\toption value '1.1.1.1'\nconfig dhcp\n"
            "\tlist pools '10.1.1.5-10.1.1.9'\n",
            "routerd.@dhcp_option[0].code (line 4): '6': is an option that the server sets itself; set `dns` of "
            "`config dhcp`",
        ),
        (
            "\toption level 'info'\n",
            "routerd.main.level (line 3): 'info': is not known; the only option of `config routerd` is enabled",
        ),
        (
            "config forward\n\toption listen '80/tcp'\n\toption to 'nobody:80'\n",
            "routerd.@forward[0].to (line 5): 'nobody:80': ",
        ),
        (
            "config vpn 'v'\n\toption interface 'lan'\nconfig lan\n\toption interface 'lan'\n",
            "routerd.v.interface (line 4): 'lan': must not be the interface of a LAN too (routerd.@lan[0] (line 5)); ",
        ),
    ],
)
def test_faults_name_section_option_and_line(text: str, fault: str) -> None:
    found = faults_of(MAIN + text)
    assert found[0].startswith(fault), found
    assert len(found) == 1, found


def test_one_section_says_whether_it_runs() -> None:
    (found,) = faults_of(f"{MAIN}config routerd 'other'\n")
    assert found == "routerd.other (line 3): is the second `config routerd`; join it with that of line 1"


def test_a_peer_of_the_network_at_fault_is_named_there() -> None:
    text = f"{MAIN}config peer\n\toption name 'x'\n\toption address '10.0.0.9'\n\toption public_key '{KEYS[1]}'\n"
    twice = f"{text}config peer\n\toption name 'y'\n\toption address '10.0.0.9'\n"
    (found,) = faults_of(twice)
    assert found.startswith("routerd.@peer[1].address (line 9): '10.0.0.9': is the address already of routerd.@peer[0]")


def test_all_faults_at_once_in_the_order_of_the_file() -> None:
    text = """config lan 'a'
	option interface 'lan'
	option strategy 'x'
config dhcp
	list pools 'y'
	option rapid_commit 'z'
config lann 'l'
config probe
	option interval '1'
"""
    lines = [int(re.findall(r"\(line (\d+)\)", fault)[0]) for fault in faults_of(MAIN + text)]
    assert lines == [5, 7, 8, 9, 11]


WORDS = [
    "lan",
    "a",
    "none",
    "1",
    "0",
    "10.1.1.5-10.1.1.9",
    "10.0.0.0/24",
    "x y",
    "wg0",
    "guest",
    "02:00:00:00:00:22",
    "ip",
]


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = []
    for number in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from([*SHAPES, MAIN_TYPE, "lann", "nothing"]))
        known = SHAPES[kind].options if kind in SHAPES else ("enabled",)
        name = draw(st.sampled_from(["", f"s{number}", "a"]))
        parts.append(f"config {kind} '{name}'\n")
        for _ in range(draw(st.integers(0, 5))):
            option = draw(st.sampled_from([*known, "interfase"]))
            value = draw(st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="'\0"), max_size=8))
            parts.append(f"\t{draw(st.sampled_from(['option', 'list']))} {option} '{value}'\n")
    return "".join(parts)


@given(texts(), st.booleans())
def test_whatever_it_says_there_is_a_config_or_a_config_error(text: str, has_network: bool) -> None:
    with suppress(ConfigError):
        made = read(text, network() if has_network else Network())
        with suppress(ConfigError):
            assert made.load() == load(tomllib.loads(toml_text(made.data)))


def test_many_sections_are_read_soon() -> None:
    text = MAIN + "config dhcp\n\tlist pools '10.0.0.1-10.0.255.250'\n"
    text += "".join(
        f"config reservation 'r{index}'\n\toption mac '02:00:00:00:{index >> 8:02x}:{index & 255:02x}'\n"
        f"\toption address '10.0.{index >> 8}.{index & 255}'\nconfig dhcp_option\n\toption reservation 'r{index}'\n"
        "\toption code '43'\n\toption type 'hex'\n\toption value '00'\n"
        for index in range(1, 5_000)
    )
    sections = parse_uci(text, "routerd")
    began = time.process_time()
    made = read_uci(sections, network())
    assert time.process_time() - began < 0.5
    assert len(made.data["lan"][0]["dhcp"]["reservation"]) == 4_999


# ---------------------------------------------------------------- what netifd says


def test_devices_out_of_a_dump() -> None:
    dump = (Path(__file__).parent / "uci/dump.json").read_text(encoding="utf-8")
    assert live_devices(dump) == {"lan": "br-lan", "loopback": "lo", "wan": "pppoe-wan", "wg0": "wg0"}


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"interface": 1}', "[" * 100_000, "Command failed: Not found"]
)
def test_what_is_no_dump(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        live_devices(text)


def test_what_is_odd_in_a_dump_is_left_out() -> None:
    odd = '{"interface": [1, null, {"interface": 5, "up": true}, {"interface": "a", "up": true, "l3_device": ["x"]}]}'
    assert live_devices(odd) == {}
