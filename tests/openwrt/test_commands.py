"""/usr/bin/routerd as the package has it, beside a daemon that runs: what is committed is what `reload` takes over."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.site import soon
from tests.openwrt.feed import PROGRAM, TOP
from tests.openwrt.router import Router

pytestmark = pytest.mark.net

KEPT = "/var/run/routerd-init"
START = "start-stop-daemon -S -b -m -p /tmp/pid -x /bin/sh -- -c 'exec /usr/lib/routerd/launch >/tmp/daemon.log 2>&1'"


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Router]:
    """Before the first start, with the commands as `routerd-real`."""
    made = Router(tmp_path)
    text = (PROGRAM / "files/usr/bin/routerd").read_text()
    text = text.replace("#!/usr/bin/python3", f"#!{sys.executable}").replace('"/usr/lib/routerd"', f'"{TOP}"')
    made.write("/usr/bin/routerd-real", text)
    made.run("chmod 755 /usr/bin/routerd-real; touch /tmp/procd.log")
    yield made
    made.close()


@pytest.fixture
def router(stopped: Router) -> Iterator[Router]:
    """With its daemon as procd starts it."""
    made = stopped
    made.init("start")
    made.run(START)
    try:
        soon("it listens", lambda: "listen-" in made.run("ls /var/run/routerd 2>/dev/null || :"), 20.0)
        yield made
    finally:
        made.run("kill $(cat /tmp/pid); while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done")


def test_leases_are_taken_over_before_the_first_start(stopped: Router) -> None:
    stopped.run('echo "$(($(date +%s) + 3000)) 02:00:00:00:00:11 192.168.1.111 pc1 *" >/tmp/dhcp.leases')
    stopped.run("rm -rf /etc/routerd; routerd-real leases import /tmp/dhcp.leases")
    # Where the daemon looks, and may.
    stopped.init("start")
    listed = stopped.run("stat -c '%U %a' /etc/routerd /etc/routerd/state; stat -c %U /etc/routerd/state/leases.db")
    assert listed == "root 755\nrouterd 750\nrouterd\n"
    assert "store 'sqlite:/etc/routerd/state/leases.db'" in stopped.read(f"{KEPT}/config/routerd")


def strategy(router: Router, value: str) -> None:
    router.run(f"uci set routerd.lan.strategy={value}; uci commit routerd")


def copied(router: Router, value: str) -> bool:
    return f"option strategy '{value}'" in router.read(f"{KEPT}/config/routerd")


def test_reload_takes_over_what_is_committed(router: Router) -> None:
    strategy(router, "masquerade")
    assert router.run("routerd-real reload") == "reloaded\n"
    assert copied(router, "masquerade")
    # procd was told as well, so that the firewall's rules are those of the edit.
    assert "json_add_string name to the VPN" not in router.read("/tmp/procd.log").rpartition("open_service")[2]
    strategy(router, "bogus")
    router.run("routerd-real reload", fails=True)
    assert "routerd.lan.strategy" in router.said
    assert copied(router, "masquerade")


@pytest.mark.long
def test_a_trial_of_what_is_committed(router: Router) -> None:
    strategy(router, "masquerade")
    assert router.run("routerd-real reload --confirm 60s").startswith("reloaded on trial: ")
    assert copied(router, "masquerade")
    # Rules for what it may go back to are there as long as it may.
    log = router.read("/tmp/procd.log").rpartition("open_service")[2]
    assert log.count("json_add_string name to the VPN") == log.count("json_add_string name from the VPN") == 1
    router.run("routerd-real confirm")
    assert "json_add_string name to the VPN" not in router.read("/tmp/procd.log").rpartition("open_service")[2]
    assert router.run(f"ls -d {KEPT}/before* 2>/dev/null || :") == ""
    # What the daemon cannot take back is not tried.
    router.run("sed -i 's/config dhcp/config dhcp\\n\\toption mode off/; /list pools/d' /etc/config/routerd")
    before = router.read(f"{KEPT}/config/routerd")
    router.run("routerd-real reload --confirm 60s", fails=True)
    assert "service routerd reload" in router.said
    assert router.read(f"{KEPT}/config/routerd") == before


@pytest.mark.long
def test_without_a_daemon_nothing_is_started(router: Router) -> None:
    router.run("kill $(cat /tmp/pid); while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.1; done")
    router.init("stop")
    router.run("routerd-real reload", fails=True)
    assert "procd_open_instance main" not in router.read("/tmp/procd.log")
    router.run(START)
