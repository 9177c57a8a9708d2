"""What is on a router, run: byte code without sources, and no module but those of the named packages."""

import ast
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.net.confirm_scene import Trial, resident
from tests.net.own import kill
from tests.net.site import Site, soon
from tests.openwrt import packaged
from tests.openwrt.feed import TOP
from tests.openwrt.router import Router

_HELPERS_MOST = 12 << 20
_UCI = """
config routerd 'main'
	option enabled '1'

config lan
	option interface 'lan'
"""
_NETWORK = """
config interface 'lan'
	option device 'lan0'
	option proto 'static'

config interface 'wg0'
	option device '{device}'
	option proto 'wireguard'
"""
_ALL = """
  [lan.rip]
  versions = ["v2"]
  [[lan.alias]]
  address = "192.168.200.201"
  peer = "endpoint-a"

[probe]"""
_BEFORE = (
    "check",
    "check --json",
    "check --schema",
    "check --ask-segment --seconds 0.1",
    "plan",
    "plan --json",
    "leases import {directory}/dhcp.leases",
    "backup {directory}/backup",
    "restore --force {directory}/backup",
)
_MEANWHILE = (
    "check",
    "status",
    "status --json",
    "plan",
    "leases",
    "leases list --json",
    "leases show 192.168.200.60",
    "leases import {directory}/dhcp.leases",
    "leases release 192.168.200.60",
    "export",
    "export wg-quick",
    "export frr",
    "export bird",
    "backup {directory}/backup",
    "reload",
    "reload --confirm 60s",
    "confirm",
)
_AFTER = (
    "leases export --format dnsmasq",
    "leases export --format kea",
    "restore --force {directory}/backup",
    "clean",
)
_IMPORT = """
import importlib, json
for module, names in json.load(sys.stdin):
    try:
        found = importlib.import_module(module)
        for name in names:
            hasattr(found, name) or importlib.import_module(module + '.' + name)
    except ImportError as error:
        print(module, *names, error)
"""
_PAGES = (
    *("/livez", "/readyz", "/health", "/metrics"),
    *(f"/v1/{name}" for name in ("peers", "hosts", "routes", "leases", "status", "problems")),
)


class Packaged(Trial):
    """The packaged routerd on Host β."""

    def __init__(self, site: Site, root: Path, work: Path) -> None:
        super().__init__(site)
        self._command = packaged.command(root, work)
        self.text = self.text.replace("\n[probe]", _ALL)
        self.tried = self.tried.replace("\n[probe]", _ALL)

    def command(self, *words: str, prefix: Sequence[str] = (), config: Path | None = None) -> list[str]:
        """As of the checkout, but for what is run."""
        old = super().command(*words, prefix=prefix, config=config)
        at = old.index("-m")
        return [*old[: at - 1], *self._command, *old[at + 2 :]]

    def all_run(self, commands: Sequence[str]) -> None:
        """Every one of these commands ends well."""
        for line in commands:
            done = self.run(*line.format(directory=self.site.lab.directory).split())
            assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
            assert "Traceback" not in done.stderr, f"{line}: {done.stderr}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shared = tmp_path_factory.getbasetemp()
    # Workers of one run share it.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    return packaged.installed(shared / "packaged" if run is None else shared.parent / f"packaged-{run}")


@pytest.fixture
def router(site: Site, root: Path, tmp_path: Path) -> Packaged:
    return Packaged(site, root, tmp_path / "feed")


def test_all_that_functions_import_is_there(root: Path, tmp_path: Path) -> None:
    """Imports that run later, if ever, are found in the text."""
    found: dict[str, list[str]] = {}
    for path in (TOP / "routerd").rglob("*.py"):
        if "lab" in path.relative_to(TOP).parts or path.name == "lab.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, path
                found.setdefault(str(node.module), []).extend(alias.name for alias in node.names)
            elif isinstance(node, ast.Import):
                found.update({alias.name: found.get(alias.name, []) for alias in node.names})
    assert {"aiohttp", "prometheus_client.core", "pyroute2.netlink.marshal", "sqlite3"} <= set(found)
    words = packaged.python(root, tmp_path / "feed", _IMPORT)
    rows = json.dumps([[module, sorted(set(names))] for module, names in found.items()])
    done = subprocess.run(words, input=rows, capture_output=True, text=True, check=True, timeout=60, cwd="/")
    assert done.stdout == ""


@pytest.mark.net
def test_all_commands(router: Packaged) -> None:
    directory = router.site.lab.directory
    router.config.write_text(router.text)
    (directory / "dhcp.leases").write_text("4000000000 02:00:00:00:00:60 192.168.200.60 printer *\n")
    router.files.mkdir(exist_ok=True)
    router.all_run(_BEFORE)
    daemon = router.start()
    router.all_run(_MEANWHILE)
    answers = {path: daemon.get(path)[0] for path in _PAGES}
    assert answers == dict.fromkeys(_PAGES, 200)
    assert daemon.stop() == 0
    router.all_run(_AFTER)
    log = router.site.log()
    assert "Traceback" not in log, log
    assert "No module named" not in log, log


@pytest.mark.net
def test_a_configuration_of_uci(router: Packaged) -> None:
    directory = router.site.lab.directory
    (directory / "network").write_text(_NETWORK.format(device=router.tunnel))
    (directory / "routerd").write_text(_UCI)
    done = router.run("check", config=Path(f"uci:{directory}/routerd"))
    assert done.returncode == 0, done.stderr


@pytest.mark.net
def test_killed_on_trial(router: Packaged) -> None:
    before = router.everything()
    daemon = router.start("--confirm", "60s", text=router.tried)
    assert resident(router.helper(daemon)) < _HELPERS_MOST
    assert router.everything() != before
    kill(daemon)
    router.is_as(before)
    soon("the mark says so", lambda: not (router.mark() or {"is_pending": True})["is_pending"])


@pytest.mark.net
def test_the_first_start(root: Path, tmp_path: Path) -> None:
    router = Router(tmp_path, root)
    try:
        router.run("uci set routerd.main.enabled=1; uci commit routerd")
        router.init("start")
        assert "procd_open_instance main" in router.log, router.said
        assert "kept" not in router.said
        assert "fine: " in router.run("routerd check")
        assert "No module" not in router.run("routerd plan 2>&1 || :")
        assert "does not answer" in router.run("routerd status 2>&1", fails=True)
    finally:
        router.close()
