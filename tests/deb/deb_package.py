"""The package as a file: the same every time, and nothing in it is for one kind of machine only."""

import os
import subprocess
from pathlib import Path

from tests.deb.packages import Built, package
from tests.net.managed import CHECKOUT

_PROGRAMS = {"./usr/bin/routerd", "./usr/share/python3/runtime.d/routerd.rtupdate"}


def test_the_same_wheel_gives_the_same_package(this: Built, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        package(CHECKOUT, this.wheel, tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / this.package.name).read_bytes() == this.package.read_bytes()


def test_it_fits_every_machine(this: Built) -> None:
    done = subprocess.run(
        ["dpkg-deb", "--contents", str(this.package)], capture_output=True, text=True, check=True, timeout=30
    )
    rows = [line.split(None, 5) for line in done.stdout.splitlines()]
    files = {row[5]: row[0] for row in rows if not row[5].endswith("/")}
    assert {row[1] for row in rows} == {"root/root"}
    assert {row[3] for row in rows} == {"2020-09-13"}
    assert {name for name, mode in files.items() if mode != "-rw-r--r--"} == _PROGRAMS
    kinds = {Path(name).suffix for name in files if name.startswith("./usr/lib/routerd/")}
    assert kinds <= {".py", ""}
    assert {Path(name).name for name in files if "dist-info" in name} == {"METADATA"}
    parts = {name.split("/")[4] for name in files if name.startswith("./usr/lib/routerd/") and "-info/" not in name}
    libraries = {"aiohappyeyeballs", "aiohttp", "aiosignal", "prometheus_client", "propcache", "pyroute2", "yarl"}
    assert parts == libraries | {"routerd"}
