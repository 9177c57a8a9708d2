"""The files for the system: where they are put, that systemd takes them, and that they fit the program."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.commands.own_files import places
from routerd.config.load import parse
from routerd.config.model import Config
from routerd.system import sysctl
from routerd.system.files import RUNTIME
from routerd.system.privileges import NEEDED
from tests.config.test_config_files import CONFIGS

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEMD = CHECKOUT / "packaging/systemd"
UNIT = SYSTEMD / "routerd.service"
MOST = 2.2
"""The exposure that `systemd-analyze security` may find at most, of 10."""
_TARGETS = ("basic", "multi-user", "network", "network-pre", "shutdown", "sysinit")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")


def unit() -> dict[str, list[str]]:
    """The settings of the unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line[:1] not in ("#", "[", ""):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def default_config() -> Config:
    return parse((CONFIGS / "minimal.toml").read_text(encoding="utf-8"))


def test_all_is_installed_and_systemd_finds_no_fault(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1600000000"}
    subprocess.run([CHECKOUT / "packaging/install", tmp_path], check=True, env=env, timeout=60)
    found = {str(path.relative_to(tmp_path / "usr")) for path in tmp_path.rglob("*") if path.is_file()}
    examples = {f"share/doc/routerd/examples/{path.name}" for path in CONFIGS.glob("*.toml")}
    assert found == examples | {
        "lib/modules-load.d/routerd.conf",
        "lib/sysctl.d/50-routerd.conf",
        "lib/systemd/networkd.conf.d/50-routerd.conf",
        "lib/systemd/system/routerd-dnsmasq.path",
        "lib/systemd/system/routerd-dnsmasq.service",
        "lib/systemd/system/routerd.service",
        "lib/sysusers.d/routerd.conf",
        "share/bash-completion/completions/routerd",
        "share/doc/routerd/examples/NetworkManager.conf",
        "share/doc/routerd/when-it-does-not-work.md",
        "share/fish/vendor_completions.d/routerd.fish",
        "share/man/man5/routerd.toml.5",
        "share/man/man7/routerd-problems.7",
        "share/man/man8/routerd.8",
        "share/routerd/routerd.schema.json",
        "share/zsh/vendor-completions/_routerd",
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()} == {0o644}
    assert "2020-09-13" in (tmp_path / "usr/share/man/man8/routerd.8").read_text()
    if shutil.which("systemd-analyze"):
        assert _verify(tmp_path) == ""


def _verify(root: Path) -> str:
    """What systemd has to say of the unit, in a tree that has all that it names."""
    units = root / "usr/lib/systemd/system"
    for name in _TARGETS:
        shutil.copy(f"/usr/lib/systemd/system/{name}.target", units)
    (root / "usr/bin").mkdir()
    for name in ("routerd", "kill"):
        (root / "usr/bin" / name).touch(0o755)
    argv = ["systemd-analyze", "verify", "--man=no", f"--root={root}", "routerd.service"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")


@needs_systemd
def test_the_unit_is_confined() -> None:
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST * 10:.0f}", str(UNIT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    level = re.search(r"Overall exposure level for routerd.service: ([0-9.]+)", done.stdout)
    assert level is not None, done.stderr
    assert float(level[1]) <= MOST
    assert done.returncode == 0


def test_the_unit_gives_what_the_program_needs_and_no_more() -> None:
    settings = unit()
    capabilities = {name for name, _ in NEEDED.values()}
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert set(settings[name][0].split()) == capabilities
    writable = [f"/var/lib/{settings['StateDirectory'][0]}", f"/run/{settings['RuntimeDirectory'][0]}"]
    writable += [path.lstrip("-") for path in settings["ReadWritePaths"]]
    assert settings["ProtectSystem"] == ["strict"]
    for path in [*(place.directory for place in places(default_config())), RUNTIME, sysctl.CONF]:
        assert any(path.is_relative_to(allowed) for allowed in writable), path
    # After a crash the next start needs what is there, and nothing may be taken away meanwhile.
    assert settings["RuntimeDirectoryPreserve"] == ["yes"]
    assert "ExecStopPost" not in settings


def test_settings_of_the_kernel_are_raised_in_order_and_route_nothing() -> None:
    rows = [line for line in (SYSTEMD / "sysctl.conf").read_text().splitlines() if line and line[0] != "#"]
    values = {key.strip(): int(value) for key, value in (row.split("=") for row in rows)}
    names = [f"-net.ipv4.neigh.default.gc_thresh{number}" for number in (1, 2, 3)]
    assert list(values) == names
    assert sorted(values.values()) == list(values.values())


def test_settings_for_network_managers_can_be_read() -> None:
    found = {}
    for path in (SYSTEMD / "networkd.conf", CHECKOUT / "packaging/NetworkManager.conf"):
        parser = configparser.ConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(path.read_text())
        found[path.name] = {name: dict(parser[name]) for name in parser.sections()}
    assert found["networkd.conf"] == {"Network": {"ManageForeignRoutes": "no", "ManageForeignRoutingPolicyRules": "no"}}
    assert found["NetworkManager.conf"] == {"device-routerd": {"match-device": "interface-name:wg0", "managed": "0"}}
