"""The Debian package as far as it can be told without a Debian: its lock, its fields, its scripts, its files."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from routerd import __version__
from routerd.config.fault import ConfigError
from routerd.config.load import parse
from tests.packaging.test_files import CHECKOUT

DEB = CHECKOUT / "packaging/deb"
LOCK = CHECKOUT / "packaging/requirements.lock"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_DEBIAN_12 = {
    "attrs": ("python3-attr", "22.2.0"),
    "frozenlist": ("python3-frozenlist", "1.3.3"),
    "idna": ("python3-idna", "3.3"),
    "multidict": ("python3-multidict", "6.0.4"),
    "typing-extensions": ("python3-typing-extensions", "4.4.0"),
}
"""The libraries that Debian 12 has new enough: their packages, and the versions there."""


def locked() -> dict[str, tuple[str, list[str]]]:
    """The lock: names with versions and sums."""
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {row[0].partition("==")[0]: (row[0].partition("==")[2], row[1:]) for row in rows}


def fields() -> dict[str, str]:
    """The fields of the control file, each on its one line; of the description its first."""
    rows = [line.partition(": ") for line in (DEB / "control").read_text(encoding="utf-8").splitlines()]
    return {key: value for key, _, value in rows if value and not key.startswith(" ")}


def depends() -> dict[str, list[str]]:
    """What the package depends on, by the first alternative's name, with the bounds on it."""
    found: dict[str, list[str]] = {}
    for part in fields()["Depends"].split(", "):
        name, _, bound = part.partition(" | ")[0].partition(" ")
        found.setdefault(name, []).extend([bound.strip("()")] if bound else [])
    return found


def needs(name: str) -> list[Requirement]:
    """What a library needs on the Python of Debian 12, as it is installed here."""
    environment = {"python_version": "3.11", "extra": ""}
    found = [Requirement(line) for line in requires(name) or ()]
    return [need for need in found if need.marker is None or need.marker.evaluate(environment)]


def test_versions_agree() -> None:
    assert PROJECT["version"] == __version__
    assert re.search(r"^Version: @VERSION@$", (DEB / "control").read_text(), re.MULTILINE)
    assert depends()["python3"] == [PROJECT["requires-python"].replace(">=", ">= ")]


def test_the_lock_is_whole_and_takes_nothing_without_its_sum() -> None:
    lock = locked()
    for name, (version, sums) in lock.items():
        assert name == canonicalize_name(name)
        assert Version(version)
        # Of a wheel, and of the source that an OpenWrt feed builds from.
        assert len(sums) == 2, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in sums), name
    wanted = [Requirement(line) for line in PROJECT["dependencies"]]
    seen = set()
    while wanted:
        need = wanted.pop()
        name = canonicalize_name(need.name)
        assert need.specifier.contains(lock[name][0]), f"{need} but {lock[name][0]} is locked"
        if name not in seen:
            seen.add(name)
            wanted += needs(name)
    assert seen == lock.keys()


def test_what_debian_has_new_enough_is_not_vendored_and_the_bounds_say_so() -> None:
    row = re.search(r'^debian="(.*)"$', (DEB / "build").read_text(), re.MULTILINE)
    assert row is not None
    assert row[1].split() == sorted(_DEBIAN_12)
    vendored = locked().keys() - _DEBIAN_12.keys()
    for name in vendored:
        for need in needs(name):
            own = canonicalize_name(need.name)
            if own not in _DEBIAN_12:
                assert own in vendored
                continue
            package, version = _DEBIAN_12[own]
            assert need.specifier.contains(version), f"{name}: {need}"
            # Each bound of the library is one of the package's, or weaker than it.
            bounds = [Requirement(f"x{text.replace('<< ', '<').replace('>= ', '>=')}") for text in depends()[package]]
            lowest = max(Version(spec.version) for bound in bounds for spec in bound.specifier if spec.operator == ">=")
            assert need.specifier.contains(lowest), f"{name}: {need}"
            if any(spec.operator == "<" for spec in need.specifier):
                assert any(spec.operator == "<" for bound in bounds for spec in bound.specifier)


def test_the_licence_of_all_that_is_vendored_is_told() -> None:
    text = (DEB / "copyright").read_text(encoding="utf-8")
    for name in locked().keys() - _DEBIAN_12.keys():
        assert f"\nFiles: usr/lib/routerd/{name.replace('-', '_')}/*\n" in text
    told = set(re.findall(r"^Files: .*\nCopyright: (?:.*\n(?: .*\n)*)License: (\S+)$", text, re.MULTILINE))
    explained = set(re.findall(r"^License: (\S+)\n ", text, re.MULTILINE))
    assert told == explained
    assert len(told) == 4


def test_the_configuration_that_comes_with_it_serves_nobody() -> None:
    text = (DEB / "routerd.toml").read_text(encoding="utf-8")
    assert all(line.startswith("#") for line in text.splitlines() if line)
    with pytest.raises(ConfigError):
        parse(text)
    # Without the signs it is fine.
    parse(re.sub(r"^#(?=[\[a-z_]+.*[\]=])", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm", "rtupdate", "build"])
def test_scripts_can_be_read_by_the_shell(name: str) -> None:
    text = (DEB / name).read_text(encoding="utf-8").replace("@DAEMON@", (DEB / "daemon.sh").read_text())
    assert text.startswith("#!/bin/sh\n")
    assert re.search(r"^set -e", text, re.MULTILINE)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=10)


def test_every_unit_that_can_be_enabled_is_stopped_and_forgotten() -> None:
    row = re.search(r'^units="(.*)"$', (DEB / "daemon.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    units = (CHECKOUT / "packaging/systemd").glob("*.[sp]*")
    assert sorted(row[1].split()) == sorted(path.name for path in units if "\n[Install]\n" in path.read_text())


def test_the_starter_is_isolated() -> None:
    line = (DEB / "routerd").read_text(encoding="utf-8").splitlines()[0]
    assert line == "#!/usr/bin/python3 -BIS"
    assert sys.version_info >= (3, 11)


def test_no_mirror_and_no_machine_is_named() -> None:
    for path in [LOCK, *Path(DEB).iterdir()]:
        text = path.read_text(encoding="utf-8")
        found = [name for name in re.findall(r"https?://([^/\s]+)", text) if name != "www.debian.org"]
        assert found == [], path
