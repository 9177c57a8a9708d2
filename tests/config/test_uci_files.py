"""/etc/config/routerd and /etc/config/network as files, with a `ubus` of the test."""

import argparse
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routerd.commands import check
from routerd.config import uci_service
from routerd.config.fault import ConfigError
from routerd.config.model import Leases
from routerd.config.store import ConfigFile, parse_text, read_config
from routerd.system import addresses, ubus
from tests.config.uci_scene import MAIN, NETWORK

GUEST = f"{MAIN}config lan\n\toption interface 'guest'\n"
DUMP = '{"interface": [{"interface": "guest", "up": true, "l3_device": "phy0-ap1"}]}'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with both files, as the one that `uci:NAME` looks at; no `ubus` is there."""
    directory = tmp_path / "config"
    directory.mkdir()
    (directory / "routerd").write_text(MAIN)
    (directory / "network").write_text(NETWORK)
    monkeypatch.setattr(uci_service, "_DIRECTORIES", (str(tmp_path / "over"), str(directory)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return directory


def add_ubus(place: Path, script: str) -> None:
    path = place.parent / "bin/ubus"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def fault_of(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    (fault,) = caught.value.errors
    return str(fault)


def test_by_name_and_by_path(place: Path) -> None:
    config = read_config("uci:routerd")
    assert replace(config, leases=Leases()) == read_config(f"uci:{place}/routerd")
    assert config.lans[0].interface == "br-lan"
    # As libuci does, which takes files of /var/run/uci first.
    over = place.parent / "over"
    over.mkdir()
    (over / "network").write_text(NETWORK.replace("br-lan", "br-over"))
    assert read_config("uci:routerd").lans[0].interface == "br-over"


def test_leases_of_etc_config_are_on_flash(place: Path) -> None:
    assert read_config("uci:routerd").leases == Leases("sqlite:/etc/routerd/state/leases.db", "bindings")
    (place / "routerd").write_text(MAIN + "config leases\n\toption sync always\n")
    assert read_config("uci:routerd").leases == Leases("sqlite:/etc/routerd/state/leases.db", "always")


@pytest.mark.parametrize("name", ["", "a.b", "../x", "x/routerd", "/", "/etc/config/", "a b", "a\0b"])
def test_names_that_are_none(place: Path, name: str) -> None:
    assert "is no name of a UCI file; write uci:NAME or uci:/DIRECTORY/NAME" in fault_of(f"uci:{name}")


def test_files_that_cannot_be_read(place: Path) -> None:
    (place / "network").write_bytes(b"config interface 'lan'\n\toption device 'a\n")
    assert fault_of("uci:routerd").startswith("network line 2: has a ' that nothing closes; ")
    (place / "network").unlink()
    (place / "network").mkdir()
    assert fault_of("uci:routerd").startswith(f"{place}/network: is not a regular file; ")
    (place / "routerd").write_bytes(b"\xff\xfe\0")
    assert fault_of("uci:routerd").startswith(f"{place}/routerd: is not UTF-8 in line 1; ")
    (place / "routerd").unlink()
    assert fault_of("uci:routerd").startswith(f"{place}/routerd: cannot be read: No such file or directory; ")


@pytest.mark.parametrize("name", ["routerd", "network"])
@given(data=st.binary(max_size=100) | st.binary(min_size=4_000, max_size=5_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_junk_in_the_files_is_a_fault_at_most(place: Path, name: str, data: bytes) -> None:
    (place / name).write_bytes(data)
    with suppress(ConfigError):
        read_config("uci:routerd")


def test_a_description_in_another_encoding_is_no_fault(place: Path) -> None:
    (place / "network").write_bytes(NETWORK.encode().replace(b"endpoint-a", b"B\xfcro"))
    assert read_config("uci:routerd").vpns[0].peers[0].name == "B\ufffdro"


def test_what_netifd_says(place: Path) -> None:
    (place / "routerd").write_text(GUEST)
    file = ConfigFile("uci:routerd")
    assert file.read().lans[0].interface == "guest"
    assert file.waiting == ("guest",)
    assert file.again() is None
    add_ubus(place, f"[ \"$*\" = '-t 2 call network.interface dump' ] && echo '{DUMP}'")
    # An edit that nobody asked to take over stays out.
    (place / "routerd").write_text(MAIN)
    config = file.again()
    assert config is not None
    assert config.lans[0].interface == "phy0-ap1"
    assert parse_text(file.text) == config
    assert (file.waiting, file.again()) == ((), None)


@pytest.mark.parametrize("script", ["exit 4", "echo junk", "echo '{}'", "kill -9 $$", "printf '\\377\\0'"])
def test_a_netifd_that_says_nothing(place: Path, script: str) -> None:
    add_ubus(place, script)
    assert read_config("uci:routerd").lans[0].interface == "br-lan"


def test_a_netifd_that_hangs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ubus, "_TIMEOUT", 0.1)
    add_ubus(place, "exec /bin/sleep 60")
    began = time.monotonic()
    assert read_config("uci:routerd").lans[0].interface == "br-lan"
    assert time.monotonic() - began < 10


def test_secrets_are_looked_at_and_named_in_uci(place: Path) -> None:
    rip = (
        "config rip\nconfig rip_key\n\toption id '1'\n\toption algorithm 'md5'\n\toption secret_file '/none/rip.key'\n"
    )
    (place / "routerd").write_text(MAIN + rip)
    assert read_config("uci:routerd", secrets=False).lans[0].rip is not None
    assert fault_of("uci:routerd").startswith(
        "routerd.@rip_key[0].secret_file (line 7): '/none/rip.key': cannot be used"
    )


def test_a_reload_does_not_switch_it_off(place: Path) -> None:
    file = ConfigFile("uci:routerd")
    file.read_enabled()
    (place / "routerd").write_text(MAIN.replace("1", "0"))
    with pytest.raises(ConfigError, match=r"routerd\.main\.enabled: is not 1, so routerd is switched off"):
        file.read_enabled()
    (place / "routerd").write_text("")
    with pytest.raises(ConfigError, match=r"run: uci set routerd\.main=routerd; uci set routerd\.main\.enabled=1;"):
        file.read_enabled()


def test_check_holds_it_against_the_machine(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(addresses, "interface_addresses", lambda: {"wg0": (), "br-lan": ()})
    args = argparse.Namespace(config="uci:routerd", json=False, schema=False, ask_segment=False, user=None)
    assert check.run(args) == 0
    assert capsys.readouterr().out == (
        "uci:routerd: fine: 1 vpn, 1 named peer, 1 LAN, DHCP served on 0, 0 reservations\n"
        "note: interface br-lan has no IPv4 address now; its LAN waits for one\n"
    )
    (place / "routerd").write_text(GUEST.replace("1", "0"))
    assert check.run(args) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "note: routerd.main.enabled: is not 1, so routerd is switched off; "
        "run: uci set routerd.main.enabled=1; uci commit routerd",
        "note: interface guest has no device yet; it is looked for again and again",
    ]
    (place / "routerd").unlink()
    assert check.run(args) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
