"""The Makefiles of openwrt/: what they name is what routerd needs, in the versions that are locked."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.openwrt.feed import FEED, LIBRARIES, PROGRAM, TOP, Package, all_of, closure, make, packages

FROM_FEED = {"attrs": ("23.1.0", "23.1.0"), "idna": ("3.6", "3.11"), "typing-extensions": ("4.9.0", "4.9.0")}
"""The libraries that are taken from OpenWrt's own feed, with their versions in 24.10 and 25.12."""

MODULES = {
    "nf_conntrack": "kmod-nf-conntrack-netlink",
    "nf_conntrack_netlink": "kmod-nf-conntrack-netlink",
    "nf_tables": "kmod-nft-core",
    "nft_ct": "kmod-nft-core",
    "nft_chain_nat": "kmod-nft-nat",
    "nft_nat": "kmod-nft-nat",
    "nft_masq": "kmod-nft-nat",
    "nft_fib_inet": "kmod-nft-fib",
}
"""The kernel's modules that routerd's rules need, with the package that has them or depends on the one that has."""


SHELL = sorted((PROGRAM / "files/usr/lib/routerd").glob("*.sh"))


@pytest.fixture(scope="module")
def all_packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    return all_of(tmp_path_factory.mktemp("feed"))


def lock(name: str = "requirements.lock") -> dict[str, tuple[str, list[str]]]:
    text = (TOP / "packaging" / name).read_text()
    found = re.finditer(r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n?)+)", text, re.M)
    return {each[1]: (each[2], re.findall("sha256:([0-9a-f]{64})", each[3])) for each in found}


LATER = lock("requirements-dns.lock")
"""What no part of routerd needs yet."""


# ------------------------------------------------------------ the feed

_SCAN = """
find -L . -mindepth 1 -maxdepth 5 -name Makefile |
    xargs grep -aHE 'call (Build/DefaultTargets|BuildPackage|KernelPackage)' |
    sed -e 's#^./##' -e 's#/Makefile:.*##' | uniq
"""
"""How `./scripts/feeds update` looks for packages (include/scan.mk)."""


def test_the_sdk_sees_every_package() -> None:
    done = subprocess.run(["sh", "-c", _SCAN], capture_output=True, text=True, check=True, timeout=20, cwd=FEED)
    assert sorted(done.stdout.split()) == sorted(path.parent.name for path in FEED.glob("*/Makefile"))


@pytest.mark.parametrize(("tool", "ending"), [("opkg install", "_1-r1_all.ipk"), ("apk add", "-1-r1.apk")])
def test_what_the_readme_installs(tool: str, ending: str, all_packages: dict[str, Package], tmp_path: Path) -> None:
    lines = [line.strip() for line in (FEED / "README.md").read_text().splitlines() if line.startswith("    ")]
    commands = [line for line in lines if line.startswith(("rm -f ", tool))]
    script = f"{tool.split()[0]}() {{ printf '%s\\n' \"$@\"; }}\n" + "\n".join(commands)
    ours = {*all_packages, "luci-app-routerd"}
    for name in ours:
        (tmp_path / f"{name}{ending}").touch()
    words = ["busybox", "ash", "-ec", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20, cwd=tmp_path)
    installed = {line.removeprefix("./").removesuffix(ending) for line in done.stdout.splitlines() if "routerd" in line}
    assert installed == (closure("routerd", all_packages) & ours) | {"luci-app-routerd"}


# ------------------------------------------------------------ versions


def test_what_nothing_needs_yet_is_not_installed(all_packages: dict[str, Package]) -> None:
    assert set(LATER) == {"dnslib"}
    later = {f"routerd-{name}" for name in LATER}
    for package in all_packages.values():
        assert not later & package.depends
    imports = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(LATER)})\b", re.M)
    assert not [path for path in (TOP / "routerd").rglob("*.py") if imports.search(path.read_text())]


def test_every_locked_library_has_a_package(all_packages: dict[str, Package]) -> None:
    ours = {directory.name.removeprefix("routerd-") for directory in LIBRARIES} - set(LATER)
    assert ours | set(FROM_FEED) == set(lock())
    installed = closure("routerd", all_packages)
    assert {f"routerd-{name}" for name in ours} | {f"python3-{name}" for name in FROM_FEED} <= installed


@pytest.mark.parametrize("directory", LIBRARIES, ids=lambda each: each.name)
def test_versions_and_sums_are_those_of_the_lock(directory: Path, all_packages: dict[str, Package]) -> None:
    project = directory.name.removeprefix("routerd-")
    version, sums = (LATER if project in LATER else lock())[project]
    fields = all_packages[directory.name].fields
    assert fields["VERSION"] == version
    # The lock has the wheel's first, and last that of the source, which OpenWrt fetches.
    assert fields["HASH"] == sums[-1]
    assert fields["SOURCE"] == f"{project.replace('-', '_')}-{version}.tar.gz"
    assert fields["ARCH"] == "all"
    assert fields["BUILDS"] == "nothing"


@pytest.mark.parametrize("release", [0, 1], ids=["24.10", "25.12"])
def test_what_comes_from_the_feed_is_new_enough(release: int) -> None:
    for project in lock():
        for text in requires(project) or ():
            wanted = Requirement(text)
            if wanted.name in FROM_FEED and "extra" not in str(wanted.marker):
                assert wanted.specifier.contains(FROM_FEED[wanted.name][release]), f"{project}: {text}"


def test_the_program_is_this_one(all_packages: dict[str, Package]) -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    assert all_packages["routerd"].fields["VERSION"] == project["version"]
    assert all_packages["routerd"].fields["CONFFILES"] == "/etc/config/routerd"
    ours = {Requirement(text).name for text in project["dependencies"]}
    assert {f"routerd-{name}" for name in ours} <= all_packages["routerd"].depends
    assert all_packages["routerd-doctor"].depends == {"routerd", "scapy"}
    assert "scapy" not in closure("routerd", all_packages)


def test_what_the_plugin_of_rpcd_imports_is_named(all_packages: dict[str, Package]) -> None:
    text = (PROGRAM / "files/usr/share/rpcd/ucode/routerd.uc").read_text()
    imported = {f"ucode-mod-{name}" for name in re.findall(r"^import .* from '(\w+)';$", text, re.M)}
    assert imported
    assert imported | {"rpcd-mod-ucode"} == {name for name in all_packages["routerd"].depends if "ucode" in name}


# ------------------------------------------------------------ what is installed


def test_kernel_modules_are_named(all_packages: dict[str, Package]) -> None:
    text = (TOP / "packaging" / "systemd" / "modules-load.conf").read_text()
    modules = {line for line in text.splitlines() if line and not line.startswith("#")}
    assert modules == set(MODULES)
    assert set(MODULES.values()) | {"nftables-json"} <= all_packages["routerd"].depends


def test_what_the_program_installs(tmp_path: Path) -> None:
    (tmp_path / "install").mkdir()
    (tmp_path / "package").mkdir()
    make(PROGRAM, tmp_path, "build-routerd")
    package, site = tmp_path / "package", tmp_path / "install" / "usr/lib/routerd/routerd"
    assert (site / "app.py").is_file()
    assert not (site / "lab").exists()
    assert not list(site.rglob("__pycache__"))
    modes = {
        "etc/init.d/routerd": 0o755,
        "usr/bin/routerd": 0o755,
        "etc/config/routerd": 0o600,
        "etc/sysctl.d/50-routerd.conf": 0o644,
        "etc/uci-defaults/90-routerd": 0o644,
        "etc/hotplug.d/iface/30-routerd": 0o644,
        "lib/upgrade/keep.d/routerd": 0o644,
        **{f"usr/lib/routerd/{path.name}": 0o644 for path in SHELL},
        "usr/lib/routerd/launch": 0o755,
        # ubusd reads no file that others may write.
        "usr/share/acl.d/routerd.json": 0o644,
    }
    assert {name: (package / name).stat().st_mode & 0o777 for name in modes} == modes
    assert "option enabled '0'" in (package / "etc/config/routerd").read_text()
    acl = json.loads((package / "usr/share/acl.d/routerd.json").read_text())
    assert acl == {
        "user": "routerd",
        "access": {"network.interface": {"methods": ["dump"]}, "service": {"methods": ["event"]}},
    }
    # The program itself, as a router starts it: its libraries come first, and the configuration is UCI's.
    starter = (package / "usr/bin/routerd").read_text()
    assert starter.startswith("#!/usr/bin/python3\n")
    words = [sys.executable, "-c", starter.replace("/usr/lib/routerd", str(site.parent)), "check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "/etc/config/routerd: cannot be read" in done.stderr
    # It runs without its docstrings, and errors are where they were.
    words = [
        sys.executable,
        "-I",
        "-c",
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import routerd.cli as c; c.main()",
    ]
    done = subprocess.run([*words, str(site.parent), "--help"], capture_output=True, text=True, check=True, timeout=20)
    assert "lab" not in re.findall(r"^ {4}(\w+)", done.stdout, re.M)
    for name in ("app.py", "dhcp/responder.py"):
        assert len((site / name).read_text().splitlines()) == len((TOP / "routerd" / name).read_text().splitlines())


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_packages_scripts_are_shell(script: str, tmp_path: Path) -> None:
    packages(PROGRAM, tmp_path)
    path = tmp_path / f"routerd.{script}"
    assert path.read_text().startswith('#!/bin/sh\n[ -n "${IPKG_INSTROOT}" ] && exit 0\n')
    check_shell(path)


SCRIPTS = (
    PROGRAM / "files/etc/init.d/routerd",
    PROGRAM / "files/usr/lib/routerd/launch",
    *SHELL,
    *(PROGRAM / "files" / name for name in ("etc/hotplug.d/iface/30-routerd", "etc/uci-defaults/90-routerd")),
    PROGRAM / "files/etc/hotplug.d/iface/35-routerd-gone",
)


def check_shell(path: Path) -> None:
    for words in (["busybox", "ash", "-n"], ["shellcheck", "--shell=dash", "--exclude=SC1008,SC1091"]):
        done = subprocess.run([*words, str(path)], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda each: each.name)
def test_scripts_are_clean(path: Path) -> None:
    check_shell(path)
