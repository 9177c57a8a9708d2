"""routerd under a real systemd that finds it dead, and that finds it hanging."""

import os
import signal
from collections.abc import Iterator

import pytest

from routerd.lab.lab import Lab
from tests.net.managed import UNITS, Managed, managed
from tests.net.site import Site, soon

pytestmark = pytest.mark.net


@pytest.fixture
def host(lab: Lab) -> Iterator[Managed]:
    """Host β with systemd, routerd not started."""
    with managed(Site(lab)) as made:
        yield made


def _ends_and_comes_back(host: Managed, kind: signal.Signals) -> None:
    before, main = host.show("NRestarts"), host.pid()
    os.kill(main, kind)
    soon("it was started anew", lambda: host.show("NRestarts") != before, 10)
    soon("it is active again", lambda: host.show("ActiveState") == "active")


def test_it_comes_back_after_a_crash_and_a_hang_and_nothing_is_lost_meanwhile(host: Managed) -> None:
    host.write(f"{UNITS}/routerd.service.d/watchdog.conf", "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n")
    host.systemctl("daemon-reload")
    host.start()
    routes = ["ip", "-4", "route", "show", "proto", "121"]
    soon("the route is there", lambda: "unreachable" in host.run(*routes).stdout)
    settings = host.run("ls", "/run/routerd").stdout
    monitor = host.beta.popen(["ip", "monitor", "route"], name="monitor")
    for kind in (signal.SIGKILL, signal.SIGSTOP):
        _ends_and_comes_back(host, kind)
    assert host.show("NRestarts") == "2"
    assert "Watchdog timeout" in host.log()
    assert host.logged("Fatal Python error: Aborted")
    assert host.run("ls", "/run/routerd").stdout == settings
    host.systemctl("stop", "routerd")
    monitor.terminate()
    monitor.wait()
    # Only the end of the third one has removed it.
    assert host.beta.log("monitor").read_text().count("Deleted unreachable") == 1
    assert host.run(*routes).stdout == ""
