"""`routerd check`: exit codes and texts."""

import argparse
import json
import os
import socket
from ipaddress import IPv4Interface, ip_address
from pathlib import Path

import pytest

from routerd.commands import check, openings
from routerd.config.fault import ConfigError
from routerd.config.store import LARGEST, read_config
from routerd.system import addresses, listeners, lock

CONFIGS = Path(__file__).parents[2] / "configs"
MINIMAL = (CONFIGS / "minimal.toml").read_text(encoding="utf-8")
MACHINE = {"eth0": (IPv4Interface("192.168.200.2/24"),), "wg0": (IPv4Interface("10.0.0.2/24"),)}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[IPv4Interface, ...]]:
    found = dict(MACHINE)
    monkeypatch.setattr(addresses, "interface_addresses", lambda: found)
    monkeypatch.setattr(listeners, "listeners", list)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routerd.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    return path


def run(path: Path | str, as_json: bool = False) -> int:
    arguments = argparse.Namespace(config=str(path), json=as_json, schema=False, ask_segment=False, user=None)
    return check.run(arguments)


def test_fine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file) == 0
    out, err = capsys.readouterr()
    assert out == f"{file}: fine: 1 vpn, 0 named peers, 1 LAN, DHCP served on 1, 0 reservations\n"
    assert err == ""


@pytest.mark.parametrize(("mode", "served"), [("serve", "1 and 1 of 2 networks"), ("off", "0 and 0 of 2 networks")])
def test_networks_behind_relay_agents_that_are_not_served_are_seen(
    file: Path, mode: str, served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    subnet = '[[lan.dhcp.subnet]]\nsubnet = "192.168.{0}.0/24"\npools = ["192.168.{0}.9-192.168.{0}.20"]\n'
    text = MINIMAL.replace("[lan.dhcp]", f'[lan.dhcp]\nmode = "{mode}"')
    file.write_text(text + subnet.format(201) + subnet.format(202) + 'mode = "off"\n', encoding="utf-8")
    assert run(file) == 0
    assert f"DHCP served on {served} behind relay agents, " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["minimal.toml", "reference.toml", "masquerade-and-forwards.toml"])
def test_the_files_fit_the_example_network(name: str) -> None:
    assert run(CONFIGS / name) == 0


def test_missing_interfaces_are_notes(
    file: Path, machine: dict[str, tuple[IPv4Interface, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    del machine["wg0"]
    machine["eth0"] = ()
    assert run(file) == 0
    notes = capsys.readouterr().out.splitlines()[1:]
    assert notes == [
        "note: interface wg0 does not exist now; it is waited for at start",
        "note: interface eth0 has no IPv4 address now; its LAN waits for one",
    ]


def test_interfaces_that_cannot_be_read_are_a_note(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(addresses, "interface_addresses", refuse)
    assert run(file) == 0
    assert "nothing is checked against them" in capsys.readouterr().out


def test_faults_of_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(MINIMAL.replace("pools", "pool").replace('"wg0"', "3"), encoding="utf-8")
    assert run(file) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("vpn[0].interface: 3: must be")
    assert lines[1].startswith("lan[0].dhcp.pool: is not a known key")
    assert lines[2] == f"{file}: 2 faults"


def test_faults_of_the_machine(
    file: Path, machine: dict[str, tuple[IPv4Interface, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["eth0"] = (IPv4Interface("192.168.201.2/24"),)
    assert run(file) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["lan[0].dhcp.pools[0]", "lan[0].dhcp.router"]
    assert lines[2] == f"{file}: 2 faults"


def test_faults_of_file_and_machine_at_once(
    file: Path, machine: dict[str, tuple[IPv4Interface, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["eth0"] = (IPv4Interface("10.1.1.1/24"),)
    file.write_text(file.read_text() + "\n[http]\nfoo = 1\n")
    assert run(file) == 2
    said = capsys.readouterr().err
    assert "http.foo" in said
    assert "lan[0].dhcp.pools[0]" in said


def test_json(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "rules", lambda config: [{"name": "one", "src_ip": "10.0.0.0/24 10.1.0.0/24"}])
    assert run(file, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "valid": True,
        "errors": [],
        "vpns": [{"name": "wg0", "interface": "wg0", "prefixes": []}],
        "lans": [{"interface": "eth0", "dhcp": "serve", "rip": False}],
        "firewall": [{"name": "one", "src_ip": "10.0.0.0/24 10.1.0.0/24"}],
    }
    file.write_text(MINIMAL.replace('"192.168.200.1"', '"gw"'), encoding="utf-8")
    assert run(file, as_json=True) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "valid": False,
        "errors": [
            {
                "path": "lan[0].dhcp.router",
                "value": '"gw"',
                "rule": "must be an IPv4 address",
                "mend": 'write four numbers, for example "192.168.200.1"',
            }
        ],
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.toml", "cannot be read: "),
        (".", "is not a regular file"),
        ("fifo", "is not a regular file"),
        ("a\0b", "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert run(f"{tmp_path}/{name}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert "--config" in line


def test_encodings(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert read_config(file).vpns[0].name == "wg0"
    file.write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8 in line 2; save it as UTF-8"):
        read_config(file)
    file.write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        read_config(file)


def test_without_arguments_the_file_is_checked_and_nobody_is_asked() -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    found = parser.parse_args([])
    assert found == argparse.Namespace(
        schema=False, ask_segment=False, user=None, interface=found.interface, seconds=5.0
    )
    assert not found.interface
    assert check.HELP


FORWARD = '[[lan.forward]]\nlisten = "{}"\nto = "10.0.0.1:80"\n'


@pytest.mark.parametrize(
    ("listen", "at", "refused"),
    [
        ("22/tcp", ("tcp", "0.0.0.0", 22), True),
        ("20-30/tcp", ("tcp", "::", 22), True),
        ("22/tcp", ("tcp", "192.168.200.2", 22), True),
        ("22/tcp", ("tcp", "127.0.0.1", 22), False),
        ("22/tcp", ("tcp", "10.0.0.2", 22), False),
        ("22/udp", ("tcp", "0.0.0.0", 22), False),
        ("51822/udp", ("udp", "0.0.0.0", 51822), True),
        # routerd itself may run already.
        ("67/udp", ("udp", "0.0.0.0", 67), False),
        ("8121/tcp", ("tcp", "127.0.0.1", 8121), False),
    ],
)
def test_a_forward_takes_no_port_from_a_service_of_this_machine(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    listen: str,
    at: tuple[str, str, int],
    refused: bool,
) -> None:
    found = listeners.Listener(at[0], ip_address(at[1]), at[2], 0)
    monkeypatch.setattr(listeners, "listeners", lambda: [found])
    file.write_text(MINIMAL.replace("[lan.dhcp]", '[lan.dhcp]\nmode = "off"') + FORWARD.format(listen))
    assert run(file) == (2 if refused else 0)
    fault = f"must not take port {at[2]}, which another program on this machine listens at"
    assert (fault in capsys.readouterr().err) is refused


def test_ports_that_the_running_daemon_keeps_for_its_probes_are_its_own(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as kept:
        found = listeners.Listener("tcp", ip_address("192.168.200.2"), 50000, os.fstat(kept.fileno()).st_ino)
        monkeypatch.setattr(listeners, "listeners", lambda: [found])
        find = lock.holder
        monkeypatch.setattr(lock, "holder", lambda: find(tmp_path))
        file.write_text(MINIMAL.replace("[lan.dhcp]", '[lan.dhcp]\nmode = "off"') + FORWARD.format("49000-51000/tcp"))
        assert run(file) == 2
        daemon = lock.DaemonLock(tmp_path)
        daemon.take()
        assert run(file) == 0
        daemon.give_back()
        assert run(file) == 2
