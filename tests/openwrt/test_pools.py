"""/etc/init.d/routerd under BusyBox's shell: what becomes of dnsmasq's pools in /etc/config/dhcp."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openwrt.router import Router

pytestmark = pytest.mark.net

OPTIONS = "br-lan 121,10.0.0.0/24,192.168.1.1,0.0.0.0/0,192.168.1.1\nbr-lan 249,10.0.0.0/24,192.168.1.1\n"
ENTRIES = [line.split()[1] for line in OPTIONS.splitlines()]


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    made = Router(tmp_path)
    yield made
    made.close()


def pool(router: Router, option: str) -> str:
    return router.uci(f"get dhcp.lan.{option}")


@pytest.mark.parametrize("before", ["", pytest.param("0", marks=pytest.mark.long)])
def test_dnsmasq_ignores_the_pool_while_routerd_serves(router: Router, before: str) -> None:
    if before:
        router.uci(f"set dhcp.lan.ignore={before}")
        router.uci("commit dhcp")
    text = router.read("/etc/config/dhcp")
    router.init("start")
    assert (pool(router, "ignore"), pool(router, "routerd_ignore")) == ("1", before or "unset")
    assert router.uci("get dhcp.wan.routerd_ignore") == ""
    assert router.read("/tmp/dnsmasq.log") == "reload: 1:42,192.168.1.1\n"
    # Nothing is written, and dnsmasq left alone, if all is as it should be.
    stamp = router.run("stat -c %Y.%i /etc/config/dhcp")
    router.init("reload")
    assert router.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    assert len(router.read("/tmp/dnsmasq.log").splitlines()) == 1
    # A reboot writes nothing, and finds it so; so does a restart.
    router.init("shutdown")
    router.reboot()
    router.init("start")
    router.init("restart")
    assert router.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    router.init("stop")
    assert sorted(router.read("/etc/config/dhcp").split("\n")) == sorted(text.split("\n"))
    assert router.read("/tmp/dnsmasq.log").endswith(f"reload: {before}:42,192.168.1.1\n")


def test_what_the_administrator_ignores_stays_ignored(router: Router) -> None:
    router.uci("set dhcp.lan.ignore=1")
    router.uci("commit dhcp")
    text = router.read("/etc/config/dhcp")
    router.init("start")
    router.init("stop")
    assert router.read("/etc/config/dhcp") == text


@pytest.mark.long
def test_what_the_administrator_changes_meanwhile_is_kept(router: Router) -> None:
    router.init("start")
    router.uci("set dhcp.lan.ignore=0")
    router.uci("commit dhcp")
    # Two servers on one LAN are no choice: it is ignored again, and the new value remembered.
    router.init("reload")
    assert (pool(router, "ignore"), pool(router, "routerd_ignore")) == ("1", "0")
    router.init("stop")
    assert (pool(router, "ignore"), pool(router, "routerd_ignore")) == ("0", "")


@pytest.mark.long
def test_edits_that_are_not_committed_are_left_alone(router: Router) -> None:
    router.uci("set dhcp.lan.start=50")
    router.init("start")
    assert "option start '100'" in router.read("/etc/config/dhcp")
    assert pool(router, "start") == "50"
    router.uci("commit dhcp")
    assert pool(router, "routerd_ignore") == "unset"
    router.init("stop")
    assert (pool(router, "ignore"), pool(router, "start")) == ("", "50")


@pytest.mark.long
def test_a_mode_that_no_longer_serves_gives_the_pool_back(router: Router) -> None:
    router.init("start")
    router.run("sed -i '/list pools/d; s/config dhcp/config dhcp\\n\\toption mode off/' /etc/config/routerd")
    router.init("reload")
    assert (pool(router, "ignore"), pool(router, "routerd_ignore")) == ("", "")
    router.run("sed -i s/\"enabled '1'\"/\"enabled '0'\"/ /etc/config/routerd")
    router.init("reload")
    assert "procd_open_instance main" not in router.log


@pytest.mark.long
def test_a_full_overlay_is_reported_and_tried_again(router: Router) -> None:
    router.run(
        "cp -a /etc/config /tmp/kept; mount -t tmpfs -o size=64k tmpfs /etc/config; cp -a /tmp/kept/. /etc/config/;"
        "dd if=/dev/zero of=/etc/config/full bs=1k 2>/dev/null || :"
    )
    text = router.read("/etc/config/dhcp")
    router.init("start")
    # The daemon runs all the same: it sees that another server answers, and says so.
    assert "procd_open_instance main" in router.log
    assert "cannot be written" in router.read("/tmp/syslog")
    assert router.read("/etc/config/dhcp") == text
    assert router.run("ls /etc/config").split() == ["dhcp", "firewall", "full", "network", "routerd"]
    router.run("rm /etc/config/full")
    router.init("reload")
    assert pool(router, "ignore") == "1"


# ------------------------------------------------------------ list dhcp_option


def serve_by_dnsmasq(router: Router) -> None:
    router.run("sed -i \"/list pools/d; s/config dhcp$/config dhcp\\n\\toption mode 'dnsmasq'/\" /etc/config/routerd")
    router.init("start")


def wanted(router: Router, text: str) -> None:
    router.run("mkdir -p /var/run/routerd")
    router.write("/var/run/routerd/dnsmasq-options", "# Made by routerd\n" + text)
    router.init("options")


@pytest.mark.long
def test_options_are_kept_current(router: Router) -> None:
    serve_by_dnsmasq(router)
    assert pool(router, "ignore") == ""
    wanted(router, OPTIONS)
    assert pool(router, "dhcp_option").split() == ["42,192.168.1.1", *ENTRIES]
    stamp = router.run("stat -c %Y.%i /etc/config/dhcp")
    wanted(router, OPTIONS)
    router.init("reload")
    assert router.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    # Another route; and none, when the gateway is down.
    wanted(router, OPTIONS.replace("10.0.0.0", "10.7.0.0"))
    assert pool(router, "dhcp_option").split() == [
        "42,192.168.1.1",
        *(each.replace("10.0.0", "10.7.0") for each in ENTRIES),
    ]
    wanted(router, "")
    assert (pool(router, "dhcp_option"), pool(router, "routerd_option")) == ("42,192.168.1.1", "")


@pytest.mark.long
def test_a_restart_and_a_reboot_write_nothing(router: Router) -> None:
    """Options stay as they were until the daemon has said what it wants, although it withdraws them when it ends."""
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    stamp = router.run("stat -c %Y.%i /etc/config/dhcp")
    router.init("restart")
    router.init("options")
    router.init("reload")
    assert router.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    wanted(router, OPTIONS)
    router.init("shutdown")
    wanted(router, "")
    router.reboot()
    router.init("start")
    assert router.run("stat -c %Y.%i /etc/config/dhcp") == stamp
    # Then the gateway turns out to be down.
    wanted(router, "")
    assert pool(router, "dhcp_option") == "42,192.168.1.1"


def test_options_go_with_routerd(router: Router) -> None:
    text = router.read("/etc/config/dhcp")
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    router.init("stop")
    assert router.read("/etc/config/dhcp") == text


@pytest.mark.long
def test_an_entry_that_somebody_removed_comes_back(router: Router) -> None:
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    router.uci(f"del_list dhcp.lan.dhcp_option={ENTRIES[0]}")
    router.uci("commit dhcp")
    router.init("reload")
    assert sorted(pool(router, "dhcp_option").split()) == sorted(["42,192.168.1.1", *ENTRIES])


@pytest.mark.parametrize(
    "own",
    [
        "121,10.5.0.0/16,192.168.1.9",
        pytest.param("option:classless-static-route,10.5.0.0/16,192.168.1.9", marks=pytest.mark.long),
        pytest.param("tag:x,tag:!y,121,10.5.0.0/16,192.168.1.9", marks=pytest.mark.long),
    ],
)
def test_the_administrators_own_option_stays(router: Router, own: str) -> None:
    router.uci(f"add_list dhcp.lan.dhcp_option={own}")
    router.uci("commit dhcp")
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    assert pool(router, "dhcp_option").split() == ["42,192.168.1.1", own, ENTRIES[1]]
    assert "dhcp.lan has a dhcp_option 121 of its own" in router.read("/tmp/syslog")
    wanted(router, "")
    assert pool(router, "dhcp_option").split() == ["42,192.168.1.1", own]


@pytest.mark.long
def test_an_option_that_the_administrator_forces_is_his(router: Router) -> None:
    router.uci("add_list dhcp.lan.dhcp_option_force=121,10.5.0.0/16,192.168.1.9")
    router.uci("commit dhcp")
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    assert pool(router, "dhcp_option").split() == ["42,192.168.1.1", ENTRIES[1]]


@pytest.mark.long
def test_an_option_that_is_no_list_becomes_one_meanwhile(router: Router) -> None:
    """dnsmasq's script parts it at spaces, and does not part the entries of a list."""
    router.run("sed -i \"s/list dhcp_option '.*'/option dhcp_option '42,192.168.1.1 26,1400'/\" /etc/config/dhcp")
    text = router.read("/etc/config/dhcp")
    serve_by_dnsmasq(router)
    wanted(router, OPTIONS)
    for entry in ("42,192.168.1.1", "26,1400", *ENTRIES):
        assert f"\tlist dhcp_option '{entry}'\n" in router.read("/etc/config/dhcp")
    router.init("stop")
    assert sorted(router.read("/etc/config/dhcp").split("\n")) == sorted(text.split("\n"))


@pytest.mark.long
@pytest.mark.parametrize("make", ["ln -s /tmp/other", "mkfifo"])
def test_only_a_file_says_what_is_wanted(router: Router, make: str) -> None:
    serve_by_dnsmasq(router)
    router.write("/tmp/other", OPTIONS)
    router.run(f"mkdir -p /var/run/routerd; {make} /var/run/routerd/dnsmasq-options")
    router.init("options")
    assert pool(router, "dhcp_option") == "42,192.168.1.1"


@pytest.mark.long
def test_nothing_but_routes_comes_through(router: Router) -> None:
    serve_by_dnsmasq(router)
    lines = ("br-lan 6,192.0.2.1", "br-lan 121,10.0.0.0/24,$(reboot)", "br-lan 121", "* 121,10.0.0.0/8,192.0.2.1")
    wanted(router, "\n".join((*lines, "br-lan 121,10.0.0.0/24 x", "x" * 5000)) + "\n")
    assert pool(router, "dhcp_option") == "42,192.168.1.1"
