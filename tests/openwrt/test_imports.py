"""All that routerd imports is in a package that its own one names, of the split library of Python and of others."""

import ast
import json
import re
import subprocess
import sys

import pytest

from tests.openwrt.feed import FEED, TOP, Package, all_of, closure

SPLIT = {
    "asyncio": "asyncio",
    "codecs": "unicodedata _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw",
    "ctypes": "ctypes _ctypes",
    "dbm": "dbm _dbm _gdbm",
    "decimal": "decimal _decimal",
    "email": "email",
    "logging": "logging",
    "lzma": "lzma _lzma",
    "multiprocessing": "multiprocessing _multiprocessing",
    "ncurses": "curses _curses _curses_panel",
    "openssl": "_hashlib _ssl",
    "pydoc": "doctest pydoc pydoc_data",
    "readline": "readline",
    "sqlite3": "sqlite3 _sqlite3",
    "unittest": "unittest",
    "urllib": "urllib",
    "uuid": "uuid _uuid",
    "venv": "ensurepip venv",
    "xml": "xml xmlrpc _elementtree pyexpat",
    # Packages of 24.10 alone; Python 3.13 has no such modules any more.
    "cgi": "cgi cgitb",
    "distutils": "distutils",
    "lib2to3": "lib2to3",
}
"""The modules that OpenWrt packs into python3-NAME (24.10 and 25.12); Python's others are python3-light's."""

NOWHERE = "idlelib tkinter turtledemo webbrowser antigravity this test"
"""Modules that no package has."""

_IMPORT_ALL = """
import importlib, json, pkgutil, sys
split, nowhere = json.loads(sys.argv[1]), sys.argv[2].split()
owner = {module: package for package, modules in split.items() for module in modules.split()}
named = set(sys.argv[3].split())
class Router:
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        package = owner.get(top)
        if top in nowhere or (package is not None and 'python3-' + package not in named):
            raise ModuleNotFoundError(f'No module named {name!r}: it is in python3-{package}', name=name)
sys.meta_path.insert(0, Router())
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
    words = [sys.executable, "-I", "-c", _IMPORT_ALL, json.dumps(SPLIT), NOWHERE, " ".join(named)]
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


def test_what_functions_import_is_there_too(all_packages: dict[str, Package]) -> None:
    """Imports that run later are found in the text."""
    owner = {module: package for package, modules in SPLIT.items() for module in modules.split()}
    named = closure("routerd", all_packages)
    for path in (TOP / "routerd").rglob("*.py"):
        if "lab" in path.relative_to(TOP).parts or path.name == "lab.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                package = owner.get(name.partition(".")[0])
                assert package is None or f"python3-{package}" in named, f"{path}: {name}"
                assert not name.startswith("routerd.lab"), path


def test_the_part_of_pyroute2_is_the_part_that_is_used(all_packages: dict[str, Package]) -> None:
    loaded = import_all(all_packages)["loaded"]
    used = {
        file.partition("site-packages/")[2] for name, file in loaded.items() if name.startswith("pyroute2") and file
    }
    text = (FEED / "routerd-pyroute2" / "Makefile").read_text()
    named = set(re.findall(r"pyroute2/\S+\.py", text))
    assert {name for name in used if name.endswith(".py")} == named
