"""The demonstration as a test, and what its DHCP client must not touch on the machine."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.lab import demo as story
from routerd.lab import dhcp_client
from routerd.lab.lab import Lab

pytestmark = pytest.mark.net


def test_every_step_of_the_demonstration_holds(tmp_path: Path) -> None:
    out = io.StringIO()
    code = story.demo(out, tmp_path)
    assert code == 0, out.getvalue()
    text = out.getvalue()
    for found in (
        "got 192.168.200.22 from 192.168.200.2",
        "10.0.0.0/24 via 192.168.200.2 dev lan0",
        "default via 192.168.200.1 dev lan0",
        "TCP from Endpoint A at once: Endpoint B sees 1",
        "Endpoint B has shown its way back (direct, by ",
        "TCP from Endpoint A to 192.168.200.22: Endpoint B sees source 10.0.0.1",
        "Endpoint A sees source 192.168.200.22",
        "endpoint-a is reachable (up",
        "endpoint-a is unreachable (down)",
        "All 13 steps held",
    ):
        assert found in text
    assert list(tmp_path.glob("????")) == []


def test_step_that_does_not_hold_is_named_with_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "ENDPOINT_B_ADDRESS", "192.168.200.23")
    out = io.StringIO()
    assert story.demo(out, tmp_path) == 1
    assert (
        "Failed: step 3, lease: 192.168.200.23 is reserved for Endpoint B, but it got 192.168.200.22" in out.getvalue()
    )
    assert "the end of routerd.log:" in out.getvalue()
    assert list(tmp_path.glob("????")) == []


@pytest.mark.parametrize("overlay", ["overlay overlay", "nosuchfs overlay"])
def test_dhcp_client_touches_nothing_of_the_machine(lab: Lab, monkeypatch: pytest.MonkeyPatch, overlay: str) -> None:
    monkeypatch.setattr(dhcp_client, "_PRIVATE", dhcp_client._PRIVATE.replace("overlay overlay", overlay))
    Path("/var/lib/dhcp").mkdir(exist_ok=True)
    files = [Path("/etc/resolv.conf"), Path("/etc/hostname"), Path("/etc/dhcp")]

    def machine() -> list[object]:
        return [os.uname().nodename, [path.exists() and path.stat().st_mtime_ns for path in files]]

    before = machine()
    write = "hostname; ls /etc/passwd; echo x > /etc/resolv.conf; echo x > /etc/dhcp-test; echo x > /var/lib/dhcp/mine"
    directory = lab.directory / "client"
    directory.mkdir()
    done = lab.namespace("x").run(dhcp_client.private(directory, "b.example", ["sh", "-ec", write + "; ls -A /run"]))
    assert done.stdout.split() == ["b.example", "/etc/passwd"]
    assert machine() == before
    assert not Path("/etc/dhcp-test").exists()
    assert not Path("/var/lib/dhcp/mine").exists()
    assert (directory / "leases/mine").read_text() == "x\n"


@pytest.mark.long
@pytest.mark.skipif(shutil.which("udhcpc") is None, reason="needs udhcpc")
def test_demonstration_with_udhcpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dhcp_client, "installed_client", lambda: "udhcpc")
    out = io.StringIO()
    assert story.demo(out, tmp_path) == 0, out.getvalue()
    assert "udhcpc on Endpoint B got 192.168.200.22" in out.getvalue()


def test_lab_commands_from_up_to_down() -> None:
    def lab_command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "routerd", "lab", *words], capture_output=True, text=True, timeout=60
        )

    up = lab_command("up")
    assert up.returncode == 0, up.stderr
    name = up.stdout.split()[1]
    try:
        status = lab_command("status")
        assert f"lab {name}  up" in status.stdout
        assert "routerd (" in status.stdout
        assert f'"id": "{name}"' in lab_command("status", "--json").stdout
    finally:
        down = lab_command("down", name)
    assert (down.returncode, down.stdout) == (0, f"lab {name} is removed\n")
    again = lab_command("down", name)
    assert (again.returncode, again.stderr) == (1, f"routerd lab: there is no lab {name}\n")
