"""What the package leaves behind, what it finds there, and what it does where the disk is full."""

import re
import signal

import pytest

from tests.deb.machine import Debian, debian
from tests.deb.packages import Built
from tests.net.managed import CHECKOUT, CONFIG
from tests.net.own import Own
from tests.net.site import Site

pytestmark = pytest.mark.net

_ACCOUNTS = {f"/etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow") for old in ("", "-")}
"""The user stays: its number must not become another's."""


def test_a_purge_leaves_nothing_even_while_a_daemon_runs(site: Site, this: Built) -> None:
    own = Own(site)
    network = own.state()
    with debian(site, this.package) as machine:
        machine.apt("install", *_needed())
        before = machine.files()
        machine.apt("install", f"/srv/{this.package.name}")
        machine.configure()
        machine.run("sh", "-ec", "echo secret > /etc/routerd/rip.key")
        daemon = machine.start()
        assert machine.files() != before
        machine.apt("purge", "routerd")
        assert daemon.process.wait(10) == 0
        assert own.state() == network
        after = machine.files()
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert changed <= _ACCOUNTS | {"/etc", "/var/lib/python"}
        assert machine.there("/run/routerd", "/var/lib/routerd", "/etc/routerd") == []
        _keeps_what_is_there(machine, this)
        _bears_a_full_disk(machine)
        _spares_what_another_daemon_uses(machine)
        _ends_a_trial_that_hangs(machine, this)
        assert own.state() == network


def _needed() -> list[str]:
    """The packages that ours depends on."""
    control = (CHECKOUT / "packaging/deb/control").read_text()
    depends = next(line for line in control.splitlines() if line.startswith("Depends: ")).removeprefix("Depends: ")
    return sorted({re.split(r"[ (|]", part.strip())[0] for part in depends.split(",")})


def _keeps_what_is_there(machine: Debian, this: Built) -> None:
    """A configuration that was there before the package is the user's."""
    text = machine.configure("# By hand.\n")
    machine.apt("install", f"/srv/{this.package.name}")
    assert machine.run("cat", CONFIG).stdout == text
    assert machine.there(f"{CONFIG}.dpkg-dist") == [f"{CONFIG}.dpkg-dist"]


def _bears_a_full_disk(machine: Debian) -> None:
    """Byte code that cannot be written costs time, not the installation."""
    script = """
        py3clean -p routerd /usr/lib/routerd
        mount -t tmpfs -o size=32m tmpfs /mnt
        cp -a /usr/lib/routerd/. /mnt
        ! dd if=/dev/zero of=/mnt/full bs=64k 2>/dev/null
        mount --bind /mnt /usr/lib/routerd
        /var/lib/dpkg/info/routerd.postinst configure
        routerd --version
        umount /usr/lib/routerd /mnt
    """
    said = machine.run("sh", "-ec", script).stdout
    assert "byte code cannot be written" in said
    assert "\nrouterd 0" in said


def _spares_what_another_daemon_uses(machine: Debian) -> None:
    """One that is not the package's, as pip installs it, goes on with its leases when the package is purged."""
    machine.run("sh", "-ec", "cp -a /usr/lib/routerd /usr/local/lib/routerd; cp /usr/bin/routerd /usr/local/bin/other")
    machine.run("sed", "-i", "s,/usr/lib/routerd,/usr/local/lib/routerd,", "/usr/local/bin/other")
    daemon = machine.start(program="/usr/local/bin/other")
    said = machine.apt("purge", "routerd")
    assert "a daemon runs on; /var/lib/routerd, and its keys in /etc/routerd, are left to it" in said
    assert machine.there("/var/lib/routerd/leases.db", CONFIG) == ["/var/lib/routerd/leases.db"]
    assert daemon.get("/livez")[0] == 200
    assert machine.stop(daemon) == 0


def _ends_a_trial_that_hangs(machine: Debian, this: Built) -> None:
    """It is killed, its helper takes the trial back while its program is there still, and no more is left."""
    machine.apt("install", f"/srv/{this.package.name}")
    machine.configure()
    daemon = machine.start("--confirm", "1h")
    machine.run("sh", "-ec", "kill -STOP $(cat /run/routerd/lock-*)")
    said = machine.apt("purge", "routerd")
    assert re.search(r"routerd: process \d+ hung, and was killed\n", said)
    assert "is stopped" not in said
    assert "a daemon runs" not in said
    # What started it was stopped along with it.
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon.process.wait(10) == -signal.SIGKILL
    log = machine.said()
    assert "confirm: the daemon ended before its configuration was confirmed: all is as it was before" in log
    assert "Traceback" not in log
    assert machine.there("/run/routerd", "/var/lib/routerd", "/etc/routerd") == []
