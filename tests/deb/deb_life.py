"""The package on a Debian without systemd: installed, started by hand, upgraded, removed and purged."""

import json
import re
import time
from pathlib import Path

import pytest

from routerd import __version__
from tests.deb.machine import Debian, debian
from tests.deb.packages import NEXT, Built
from tests.net.managed import CONFIG
from tests.net.own import Own
from tests.net.site import Site

pytestmark = pytest.mark.net

MOST_MEMORY = 55_000
"""Kilobytes that the daemon may keep in memory."""
_ROUTE = ("10.0.0.0/24", "192.168.200.2")
_PROGRAM = (
    "/usr/bin/routerd",
    "/usr/lib/routerd",
    "/usr/lib/systemd/system/routerd.service",
    "/usr/lib/sysusers.d/routerd.conf",
    "/usr/share/man/man8/routerd.8.gz",
    "/usr/share/man/man5/routerd.toml.5.gz",
    "/usr/share/bash-completion/completions/routerd",
    "/usr/share/zsh/vendor-completions/_routerd",
    "/usr/share/fish/vendor_completions.d/routerd.fish",
    "/usr/share/doc/routerd/copyright",
    "/usr/share/doc/routerd/examples/reference.toml",
)


def test_it_is_installed_started_upgraded_removed_and_purged(site: Site, this: Built, next_one: Built) -> None:
    own = Own(site)
    before = own.state()
    with debian(site, this.package, next_one.package) as machine:
        _installs(machine, this.package)
        text = machine.configure()
        assert "fine" in machine.run("routerd", "check").stdout
        begun = time.monotonic()
        first = machine.start()
        print(f"ready after {time.monotonic() - begun:.2f} s")
        lease = site.client().wait_lease()
        assert _ROUTE in lease.routes
        _is_small(machine)
        kept = _leases(machine)
        assert lease.address in kept

        said = machine.apt("install", f"/srv/{next_one.package.name}")
        assert re.search(r"routerd: process \d+ goes on with the former version", said)
        assert machine.run("cat", CONFIG).stdout == text
        assert "# A line of the next version." in machine.run("cat", f"{CONFIG}.dpkg-dist").stdout
        assert machine.run("routerd", "--version").stdout == f"routerd {NEXT}\n"
        assert first.get("/livez")[0] == 200
        assert machine.stop(first) == 0

        second = machine.start()
        assert _leases(machine) == kept
        said = machine.apt("remove", "routerd")
        assert re.search(r"routerd: process \d+ is stopped", said)
        assert second.process.wait(10) == 0
        assert own.state() == before
        assert machine.there(*_PROGRAM) == []
        assert machine.there(CONFIG, "/var/lib/routerd/leases.db") == [CONFIG, "/var/lib/routerd/leases.db"]
        machine.apt("purge", "routerd")
        assert machine.run("find", "/", "-xdev", "-name", "*routerd*", "-not", "-path", "/srv/*").stdout == ""
        assert machine.run("id", "-nu", "routerd").stdout == "routerd\n"


def _installs(machine: Debian, package: Path) -> None:
    """With all that it needs, and nothing runs by itself."""
    assert not machine.installed("python3")
    said = machine.apt("install", f"/srv/{package.name}")
    assert "routerd: not started: first write /etc/routerd/routerd.toml" in said
    for name in ("python3", "nftables", "python3-multidict", "python3-frozenlist"):
        assert machine.installed(name)
    assert machine.there(*_PROGRAM) == list(_PROGRAM)
    assert machine.run("routerd", "--version").stdout == f"routerd {__version__}\n"
    assert machine.run("stat", "-c", "%a %U:%G", "/etc/routerd").stdout == "750 root:routerd\n"
    assert machine.run("find", "/usr/lib/routerd", "-name", "*.so*").stdout == ""
    assert (
        "/usr/lib/routerd/routerd/__pycache__/app.cpython-311.pyc"
        in machine.run("find", "/usr/lib/routerd/routerd/__pycache__").stdout
    )
    assert machine.run("find", "/etc/systemd", "-name", "*routerd*").stdout == ""
    # Nothing is configured, so it does not start, and says what to do.
    checked = machine.run("routerd", "check", check=False)
    assert checked.returncode == 2
    assert "vpn" in checked.stdout
    assert machine.run("routerd", "run", check=False).returncode == 2
    # The libraries are nobody else's, and others' are not used.
    assert machine.run("python3", "-c", "import routerd", check=False).returncode == 1
    machine.run(
        "sh", "-ec", "d=/usr/local/lib/python3.11/dist-packages; mkdir -p $d; echo 1/0 | tee $d/idna.py >$d/yarl.py"
    )
    fine = machine.run("env", "PYTHONPATH=/usr/local/lib/python3.11/dist-packages", "routerd", "check", "--schema")
    assert '"$schema"' in fine.stdout
    machine.run("sh", "-ec", "cd /usr/local/lib/python3.11/dist-packages; rm idna.py yarl.py")
    completion = ". /usr/share/bash-completion/completions/routerd; complete -p routerd"
    assert "routerd" in machine.run("bash", "-c", completion).stdout
    manual = machine.run("zcat", "/usr/share/man/man8/routerd.8.gz").stdout
    assert ".TH ROUTERD 8" in manual


def _is_small(machine: Debian) -> None:
    status = machine.run("sh", "-c", "cat /proc/$(cat /run/routerd/lock-*)/status").stdout
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    print(f"memory of the daemon: {int(found[1]) / 1000:.1f} MB")
    assert int(found[1]) <= MOST_MEMORY


def _leases(machine: Debian) -> list[str]:
    """The addresses that are leased, as `routerd leases` shows them."""
    shown = machine.run("routerd", "leases", "--json").stdout
    return sorted(lease["address"] for lease in json.loads(shown)["leases"] if lease["state"] == "bound")
