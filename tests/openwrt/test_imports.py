"""All that routerd imports is in a package that its own one names, of the split library of Python and of others."""

import json
import re
import subprocess
import sys

import pytest

from tests.openwrt.feed import FEED, Package, all_of, closure
from tests.openwrt.split import SPLIT, only

_IMPORT_ALL = """
import importlib, json, pkgutil, sys
import routerd
failed = {}
names = []
for module in pkgutil.walk_packages(routerd.__path__, 'routerd.'):
    if module.name.startswith(('routerd.lab', 'routerd.commands.lab')) or module.name.endswith('__main__'):
        continue
    names.append(module.name)
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        failed[module.name] = str(error)
print(json.dumps({'failed': failed, 'names': names, 'loaded': {name: getattr(module, '__file__', None)
    for name, module in list(sys.modules.items())}}))
"""


@pytest.fixture(scope="module")
def all_packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    return all_of(tmp_path_factory.mktemp("feed"))


def import_all(all_packages: dict[str, Package], *without: str) -> dict[str, dict[str, str]]:
    named = closure("routerd", all_packages) - set(without)
    words = [sys.executable, "-I", "-c", only(named) + _IMPORT_ALL]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env={"HOME": "/"})
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_all_that_is_imported_is_in_a_named_package(all_packages: dict[str, Package]) -> None:
    found = import_all(all_packages)
    assert len(found["names"]) > 200
    assert found["failed"] == {}
    # Of other libraries none is loaded but those that are installed.
    libraries = {
        name.partition(".")[0]
        for name, file in found["loaded"].items()
        if file and "site-packages" in file and name[0] != "_"
    }
    provided = {"aiohappyeyeballs", "aiohttp", "aiosignal", "attr", "attrs", "frozenlist", "idna", "multidict"}
    assert libraries - provided <= {"prometheus_client", "propcache", "pyroute2", "typing_extensions", "yarl"}


@pytest.mark.parametrize("package", sorted(f"python3-{name}" for name in SPLIT))
def test_no_package_is_named_in_vain(package: str, all_packages: dict[str, Package]) -> None:
    if package in closure("routerd", all_packages):
        assert import_all(all_packages, package)["failed"]


def test_the_part_of_pyroute2_is_the_part_that_is_used(all_packages: dict[str, Package]) -> None:
    loaded = import_all(all_packages)["loaded"]
    used = {
        file.partition("site-packages/")[2] for name, file in loaded.items() if name.startswith("pyroute2") and file
    }
    text = (FEED / "routerd-pyroute2" / "Makefile").read_text()
    named = set(re.findall(r"pyroute2/\S+\.py", text))
    assert {name for name in used if name.endswith(".py")} == named
