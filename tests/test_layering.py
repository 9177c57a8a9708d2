"""The two rules of the house: few files touch the outside world, and features do not know each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import routerd

_HOUSE = Path(routerd.__file__).parent
_FILES = sorted(path.relative_to(_HOUSE) for path in _HOUSE.rglob("*.py"))

_OUTSIDE_NAMES = {"service.py", "store.py", "cli.py", "app.py", "__main__.py"}
_OUTSIDE_FOLDERS = {"commands", "system", "doctor", "lab"}
_OUTSIDE_PATHS = {
    Path(f"api/{name}.py")
    for name in (
        "server",
        "answers",
        "handlers",
        "commands",
        "stream",
        "connections",
        "encrypted",
        "lists",
        "scrapes",
        "sites",
    )
}
_OUTSIDE_PATHS |= {Path("dhcp/store_thread.py")}
_OUTSIDE_PATHS |= {Path(f"dhcp/store_{part}.py") for part in ("clock", "damaged", "file", "health", "open")}
_OUTSIDE_MODULES = {
    *("aiohttp", "asyncio", "concurrent", "ctypes", "fcntl", "getpass", "glob", "http.client", "http.server", "io"),
    *("locale", "logging", "multiprocessing", "os", "pathlib", "platform", "pyroute2", "resource", "scapy", "secrets"),
    *("select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "sys"),
    *("syslog", "tempfile", "threading", "time", "urllib.request", "uuid", "_thread"),
}
_OUTSIDE_CALLS = {
    *("open", "print", "input", "breakpoint", "__import__", "exec", "eval"),
    *("date.today", "datetime.now", "datetime.today", "datetime.utcnow"),
    *("datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow"),
}
_FEATURES = {"aliases", "peers", "hosts", "dhcp", "rip", "nat", "routes", "dns", "ra", "api", "observe"}
_KNOW_ALL = {"app.py", "commands", "doctor", "lab"}


def _tree(path: Path) -> ast.Module:
    return ast.parse((_HOUSE / path).read_text(), str(path))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Everything imported, as a dotted name; of `from a import b` the name a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_in(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _outside(tree: ast.Module) -> Iterator[str]:
    """What in a file touches the outside world, in words."""
    for name in _imports(tree):
        if _is_in(name, _OUTSIDE_MODULES) or (name.startswith("random.") and name != "random.Random"):
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) in _OUTSIDE_CALLS:
            yield f"line {node.lineno}: calls {_dotted(node.func)}"
        if isinstance(node, ast.Attribute) and _dotted(node).startswith("random.") and node.attr != "Random":
            yield f"line {node.lineno}: uses {_dotted(node)}"
        if isinstance(node, ast.Call) and _dotted(node.func) in {"Random", "random.Random"} and not node.args:
            yield f"line {node.lineno}: a random generator without a seed"


def _may_touch_outside(path: Path) -> bool:
    return _is_outside(path.name) or path.parts[0] in _OUTSIDE_FOLDERS or path in _OUTSIDE_PATHS


def _is_outside(name: str) -> bool:
    return name in _OUTSIDE_NAMES or name.endswith("_service.py")


@pytest.mark.parametrize("path", [path for path in _FILES if not _may_touch_outside(path)], ids=str)
def test_pure_files_do_not_touch_the_outside_world(path: Path) -> None:
    tree = _tree(path)
    doors = [name for name in _imports(tree) if _leads_outside(name) and path.name != "__main__.py"]
    assert [*_outside(tree), *(f"imports {name}" for name in doors)] == []


def _leads_outside(name: str) -> bool:
    """True for a part of routerd that touches the outside world, which a pure file must not know either."""
    house, *parts = name.split(".")
    if house != "routerd" or not parts:
        return False
    if Path(*parts[:2]).with_suffix(".py") in _OUTSIDE_PATHS:
        return True
    return parts[0] in _OUTSIDE_FOLDERS or any(_is_outside(f"{part}.py") for part in parts)


@pytest.mark.parametrize("path", [path for path in _FILES if path.parts[0] not in _KNOW_ALL], ids=str)
def test_features_do_not_know_each_other(path: Path) -> None:
    others = {f"routerd.{feature}" for feature in _FEATURES - {path.parts[0]}}
    assert [name for name in _imports(_tree(path)) if _is_in(name, others)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from os import path",
        "import random\nrandom.random()",
        "from random import choice",
        "import random\nrandom.Random()",
        "open('x')",
        "from datetime import datetime\ndatetime.now()",
        "from http.client import HTTPConnection",
    ],
)
def test_the_rule_sees_what_it_forbids(text: str) -> None:
    assert list(_outside(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "import random\ndef f(r: random.Random) -> float:\n    return r.random()",
        "from http import HTTPStatus",
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        "import routerd.wire",
    ],
)
def test_the_rule_lets_pure_code_be(text: str) -> None:
    assert list(_outside(ast.parse(text))) == []


def test_no_wait_loses_a_cancellation() -> None:
    """In Python 3.11 asyncio.wait_for does, if what is waited for comes in that turn; asyncio.timeout does not."""
    users = [str(path) for path in _FILES if "asyncio.wait_for(" in (_HOUSE / path).read_text()]
    assert users == []
