"""Python's library as OpenWrt splits it (24.10 and 25.12), and a Python that has only some of its packages."""

from collections.abc import Collection

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

_ONLY = """
import sys
class _Only:
    missing = {missing!r}
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if top in self.missing:
            raise ModuleNotFoundError(f'No module named {{name!r}}: it is in {{self.missing[top]}}', name=name)
sys.meta_path.insert(0, _Only())
"""


def only(packages: Collection[str]) -> str:
    """Python code after which no module of its library can be imported that none of these packages has."""
    missing = {module: f"python3-{name}" for name, modules in SPLIT.items() for module in modules.split()}
    missing = {module: package for module, package in missing.items() if package not in packages}
    return _ONLY.format(missing=missing | dict.fromkeys(NOWHERE.split(), "no package"))
