"""dnsmasq gets its pools back, whatever routerd came to an end by; and does not while routerd runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.site import soon
from tests.openwrt.router import Router

pytestmark = pytest.mark.net

HOTPLUG = "for file in /etc/hotplug.d/iface/*; do (ACTION=ifup; . $file); done"
GONE = "/etc/hotplug.d/iface/35-routerd-gone"


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    made = Router(tmp_path)
    yield made
    made.close()


def ignored(router: Router) -> bool:
    """Is the pool ignored for routerd? If not, nothing of routerd is in it."""
    now = (router.uci("get dhcp.lan.ignore"), router.uci("get dhcp.lan.routerd_ignore"))
    assert now in (("1", "unset"), ("", ""))
    return now[0] == "1"


@pytest.mark.long
def test_a_routerd_that_was_disabled_leaves_no_lan_without_dhcp(router: Router) -> None:
    """The power fails, and routerd does not start again: dnsmasq serves as soon as an interface is up."""
    router.init("enable")
    router.init("start")
    router.reboot()
    router.run(HOTPLUG)
    assert ignored(router)
    router.init("disable")
    router.run(HOTPLUG)
    assert not ignored(router)


@pytest.mark.long
def test_one_that_was_started_by_hand_keeps_its_pool(router: Router) -> None:
    router.init("start")
    router.run(HOTPLUG)
    assert ignored(router)
    assert router.run(f"ls {GONE}") != ""


@pytest.mark.long
def test_a_broken_edit_and_a_reboot(router: Router) -> None:
    router.init("enable")
    router.init("start")
    router.init("shutdown")
    router.run("echo 'config bogus' >>/etc/config/routerd")
    router.reboot()
    # An interface may be up before routerd has looked at its configuration.
    router.run(HOTPLUG)
    assert ignored(router)
    text = router.read("/etc/config/dhcp")
    router.init("start")
    assert "procd_open_instance main" not in router.log
    assert not ignored(router)
    router.write("/etc/config/dhcp", text)
    router.run(HOTPLUG)
    assert not ignored(router)


@pytest.mark.long
def test_options_after_a_stop_take_nothing_away(router: Router) -> None:
    router.init("start")
    router.init("stop")
    router.init("options")
    assert not ignored(router)


@pytest.mark.long
def test_a_device_that_is_not_known_just_now(router: Router) -> None:
    router.init("start")
    router.run("uci delete network.lan.device; uci commit network")
    router.init("reload")
    assert ignored(router)


@pytest.mark.long
def test_a_file_that_uci_cannot_read_at_stop(router: Router) -> None:
    router.init("start")
    text = router.read("/etc/config/dhcp")
    router.write("/etc/config/dhcp", text + "junk\n")
    router.init("stop")
    assert "/etc/config/dhcp cannot be read by uci" in router.read("/tmp/syslog")
    assert router.read("/etc/config/dhcp") == text + "junk\n"
    router.write("/etc/config/dhcp", text)
    router.run(HOTPLUG)
    assert not ignored(router)


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("cp /etc/config/dhcp /tmp/kept; echo junk >>/etc/config/dhcp", "cp /tmp/kept /etc/config/dhcp"),
        pytest.param(
            "mount --bind /etc/config /etc/config; mount -o remount,bind,ro /etc/config",
            "umount /etc/config",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_stop_that_could_not_write(router: Router, spoil: str, mend: str) -> None:
    """As on a router, where the package has enabled it: a stop by hand is no boot."""
    router.init("enable")
    router.init("start")
    router.run(spoil)
    router.init("stop")
    router.run(mend)
    assert ignored(router)
    router.run(HOTPLUG)
    assert not ignored(router)


@pytest.mark.long
def test_restore_is_for_a_routerd_that_does_not_run(router: Router) -> None:
    router.init("start")
    router.run("ash /etc/rc.common /etc/init.d/routerd restore", fails=True)
    assert "routerd restore FILE" in router.said
    assert ignored(router)


# ------------------------------------------------------------ a daemon that cannot start

PLAYED = """#!/bin/sh
case $1 in
run)
	[ -e /tmp/works ] || exit 1
	mkdir -p /var/run/routerd
	echo $$ >/var/run/routerd/listen-1
	exec sleep 60
	;;
*) exec /usr/bin/routerd-real "$@" ;;
esac
"""
LAUNCH = "/usr/lib/routerd/launch"


@pytest.fixture
def failing(router: Router) -> Router:
    """routerd was told to run, and its daemon ends at once."""
    router.init("start")
    router.run("mv /usr/bin/routerd /usr/bin/routerd-real")
    router.write("/usr/bin/routerd", PLAYED)
    router.run("chmod 755 /usr/bin/routerd; touch /tmp/procd.log")
    return router


def test_a_daemon_that_ends_again_and_again_leaves_dhcp_to_dnsmasq(failing: Router) -> None:
    for _ in range(2):
        failing.run(LAUNCH, fails=True)
    assert ignored(failing)
    failing.run(LAUNCH, fails=True)
    assert not ignored(failing)
    assert "dnsmasq serves DHCP until routerd runs" in failing.read("/tmp/syslog")
    stamp = failing.run("stat -c %Y.%i /etc/config/dhcp")
    # Nothing that happens meanwhile takes the pool away, or writes to flash.
    failing.init("reload")
    failing.run(HOTPLUG)
    assert failing.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    assert not ignored(failing)


@pytest.mark.long
def test_a_daemon_that_runs_at_last_serves(failing: Router) -> None:
    for _ in range(3):
        failing.run(LAUNCH, fails=True)
    assert not ignored(failing)
    failing.run("touch /tmp/works")
    failing.run(f"start-stop-daemon -S -b -m -p /tmp/pid -x {LAUNCH}")
    try:
        soon("dnsmasq ignores the pool", lambda: failing.uci("get dhcp.lan.routerd_ignore"), 25.0)
    finally:
        failing.run("kill $(cat /tmp/pid)")
    assert "routerd runs again" in failing.read("/tmp/syslog")


@pytest.mark.long
def test_a_read_only_file_system(router: Router) -> None:
    router.run("mount --bind /etc/config /etc/config; mount -o remount,bind,ro /etc/config")
    router.init("start")
    # The daemon runs all the same: it sees that another server answers, and says so.
    assert "procd_open_instance main" in router.log
    assert "/etc/config/dhcp cannot be written" in router.read("/tmp/syslog")
    router.run("mount -o remount,bind,rw /etc/config")
    router.init("reload")
    assert ignored(router)


def test_sysupgrade_to_an_image_without_routerd(router: Router) -> None:
    assert GONE in router.read("/lib/upgrade/keep.d/routerd").split()
    router.run("sed -i \"s/list dhcp_option '.*'/option dhcp_option '42,192.168.1.1 26,1400'/\" /etc/config/dhcp")
    text = router.read("/etc/config/dhcp")
    router.init("start")
    router.run(
        "for each in routerd_option dhcp_option; do uci add_list dhcp.lan.$each=121,10.0.0.0/24,192.168.1.1; done;"
        "uci set dhcp.lan.routerd_option_was='42,192.168.1.1 26,1400'; uci commit dhcp"
    )
    router.run("rm -r /etc/init.d/routerd /usr/lib/routerd /etc/hotplug.d/iface/30-routerd /usr/bin/routerd")
    router.reboot()
    # What somebody is just changing is neither lost nor committed.
    router.uci("set dhcp.lan.start=50")
    router.run(HOTPLUG)
    assert sorted(router.read("/etc/config/dhcp").split("\n")) == sorted(text.split("\n"))
    assert router.uci("get dhcp.lan.start") == "50"
    assert router.read("/tmp/dnsmasq.log").startswith("reload: ")
    assert router.run(f"ls -d {GONE} /tmp/routerd-gone 2>/dev/null || :") == ""
