"""The package on a Debian that systemd runs: enabled, upgraded while it serves, removed and purged."""

import pytest

from tests.deb.machine import Debian, debian_with_systemd
from tests.deb.packages import NEXT, Built
from tests.net.managed import CONFIG, Managed
from tests.net.own import Own
from tests.net.site import Site, soon

pytestmark = pytest.mark.net


def test_systemd_runs_it_through_an_upgrade_until_it_is_removed(site: Site, this: Built, next_one: Built) -> None:
    own = Own(site)
    before = own.state()
    with debian_with_systemd(site, this.package, next_one.package) as machine:
        host = machine.host
        assert host.systemctl("is-enabled", "routerd", check=False) == "disabled\n"
        assert host.show("ActiveState") == "inactive"
        machine.run("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/routerd.service")
        text = machine.configure()
        host.systemctl("enable", "--now", "routerd")
        soon("it is ready, as its status line says", lambda: host.show("StatusText").startswith("Ready; "))
        lease = site.client().wait_lease()
        assert ("10.0.0.0/24", "192.168.200.2") in lease.routes
        host.systemctl("reload", "routerd")
        soon("the configuration is read again", lambda: host.logged("taken over"))
        # Nothing that systemd has to say of the package's directories.
        assert "mode is different" not in host.log()
        main = _goes_on_where_the_configuration_has_faults(machine, next_one, text)
        machine.apt("install", "--reinstall", f"/srv/{next_one.package.name}")
        soon("the next one is ready", lambda: host.show("StatusText").startswith("Ready; "))
        assert host.show("MainPID") not in ("0", main)
        assert (host.show("ActiveState"), host.show("NRestarts")) == ("active", "0")
        assert lease.address in host.run("routerd", "leases").stdout
        machine.apt("remove", "routerd")
        _is_gone(host)
        assert own.state() == before
        machine.apt("purge", "routerd")
        found = host.run("find", "/etc", "/var/lib", "/usr", "/run", "-name", "*routerd*").stdout
        assert found == ""


def _goes_on_where_the_configuration_has_faults(machine: Debian, next_one: Built, text: str) -> str:
    """An upgrade does not end a daemon that would not start any more: its process, still."""
    host = machine.host
    main = host.show("MainPID")
    host.write(CONFIG, text + "[lgo]\n")
    said = machine.apt("install", f"/srv/{next_one.package.name}")
    assert "lgo" in said
    assert "the former version goes on running" in said
    assert (host.show("MainPID"), host.show("ActiveState")) == (main, "active")
    assert machine.run("routerd", "--version").stdout == f"routerd {NEXT}\n"
    host.write(CONFIG, text)
    return main


def _is_gone(host: Managed) -> None:
    assert host.show("LoadState") == "not-found"
    assert host.systemctl("is-active", "routerd", check=False) in ("inactive\n", "unknown\n")
    assert "Stopped" in host.logged("routerd.service")
