"""/etc/init.d/routerd under BusyBox's shell: what procd is told, and what the daemon gets to read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openwrt.feed import PROGRAM, packages
from tests.openwrt.router import Router

pytestmark = pytest.mark.net

RULES = (
    "type rule name DHCP src lan device br-lan direction in family ipv4 proto udp dest_port 67 target ACCEPT",
    "type rule name to the VPN src lan dest * device wg0 direction out family ipv4 proto all"
    " src_ip 192.168.1.0/24 dest_ip 10.0.0.0/24 target ACCEPT",
    "type rule name from the VPN src * dest lan device wg0 direction in family ipv4 proto all"
    " src_ip 10.0.0.0/24 dest_ip 192.168.1.0/24 target ACCEPT",
)
BROKEN = "config routerd main\n\toption enabled 1\nconfig bogus\n"


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    made = Router(tmp_path)
    yield made
    made.close()


def rules(router: Router) -> tuple[str, ...]:
    """The objects that are in the array `firewall` of the instance's data."""
    text = "\n".join(router.log)
    inside = text[text.index("json_add_array firewall") : text.index("json_add_array errors")]
    objects = inside.split("json_add_object")[1:]
    return tuple(
        " ".join(line.removeprefix("json_add_string ") for line in each.splitlines() if "add_string" in line)
        for each in objects
    )


def errors(router: Router) -> list[str]:
    text = router.log[router.log.index("json_add_array errors") + 1 :]
    return [line.removeprefix("json_add_string  ") for line in text[: text.index("json_close_array ")]]


def parameters(router: Router) -> dict[str, str]:
    found = (line.split(" ", 2)[1:] for line in router.log if line.startswith("procd_set_param "))
    return {words[0]: words[1] for words in found}


def test_start_tells_procd_all(router: Router) -> None:
    router.init("start")
    kept = "/var/run/routerd-init/config"
    assert parameters(router) == {
        "command": "/usr/lib/routerd/launch",
        "file": f"{kept}/routerd {kept}/network",
        "reload_signal": "HUP",
        "respawn": "3600 5 0",
        "term_timeout": "30",
        "limits": "core=0",
        "stdout": "1",
        "stderr": "1",
    }
    assert rules(router) == RULES
    assert errors(router) == []
    triggers = [line for line in router.log if "trigger" in line]
    assert triggers == [
        "procd_add_reload_trigger routerd network dhcp firewall",
        "procd_add_reload_interface_trigger lan",
        "procd_add_reload_interface_trigger wg0",
        "procd_add_raw_trigger routerd.options 1000 /etc/init.d/routerd options",
    ]


SECRETS = """
config interface 'wan'
	option proto 'pppoe'
	option username 'me'
	option password 'hidden-a
	option proto hidden-b'
	list peerdns 'hidden-c'
"""


def test_the_daemon_reads_copies_without_secrets(router: Router) -> None:
    network = router.read("/etc/config/network").replace("endpoint-a", "a'\\''s\nlong end")
    router.write("/etc/config/network", network + SECRETS)
    router.init("start")
    assert "kept" not in router.said
    network = router.read("/var/run/routerd-init/config/network")
    assert "option description 'a'\\''s\nlong end'\n" in network
    assert "config interface 'wan'\n\toption proto 'pppoe'\n" in network
    # Nor are they anywhere else where another user could read them.
    assert (
        router.run("find /var/run/routerd-init -type f | xargs grep -E 'AAAAAA|hidden|username' /tmp/syslog || :") == ""
    )
    assert router.run("ls /var/run/routerd-init").split() == ["config", "lock", "read", "runs"]
    assert router.run("stat -c '%a %G' /var/run/routerd-init/config /var/run/routerd-init/config/*").split("\n")[
        :4
    ] == [
        "750 routerd",
        "640 routerd",
        "640 routerd",
        "640 routerd",
    ]
    # Leases are on flash if nothing is said, and where it is said, there.
    leases = "uci -c /var/run/routerd-init/config get routerd.@leases[0]"
    assert router.run(f"{leases}.store; {leases}.sync").split() == ["sqlite:/etc/routerd/state/leases.db", "bindings"]
    router.run("printf 'config leases\\n\\toption sync always\\n' >>/etc/config/routerd")
    router.init("reload")
    assert router.run(f"{leases}.store; {leases}.sync").split() == ["sqlite:/etc/routerd/state/leases.db", "always"]


def test_it_is_shipped_switched_off(router: Router) -> None:
    router.run("sed -i s/\"enabled '1'\"/\"enabled '0'\"/ /etc/config/routerd")
    router.init("start")
    assert "procd_open_instance main" not in router.log
    assert router.uci("get dhcp.lan.ignore") == ""


def test_a_broken_edit_keeps_what_runs_and_is_reported(router: Router) -> None:
    router.init("start")
    before = parameters(router), rules(router), router.run("md5sum /var/run/routerd-init/config/*")
    good = router.read("/etc/config/routerd")
    router.write("/etc/config/routerd", BROKEN)
    router.init("reload")
    assert "routerd goes on with the one that it has" in router.said
    assert (parameters(router), rules(router), router.run("md5sum /var/run/routerd-init/config/*")) == before
    assert "routerd.@bogus[0]" in errors(router)[0]
    assert "routerd.@bogus[0]" in router.read("/tmp/syslog")
    router.write("/etc/config/routerd", good)
    router.init("reload")
    assert errors(router) == []


def test_with_faults_from_the_beginning_nothing_starts(router: Router) -> None:
    router.write("/etc/config/routerd", BROKEN)
    router.init("start")
    assert "procd_open_instance main" not in router.log
    assert "does not start" in router.said
    assert router.uci("get dhcp.lan.ignore") == ""


@pytest.mark.long
@pytest.mark.parametrize("edit", ["sed -i s/\"enabled '1'\"/\"enabled 'True'\"/ {}", "echo junk >>{}"])
def test_an_edit_that_says_neither_on_nor_off_is_a_fault(router: Router, edit: str) -> None:
    router.init("start")
    router.run(edit.format("/etc/config/routerd"))
    router.init("reload")
    assert "procd_open_instance main" in router.log
    assert errors(router) != []
    assert router.uci("get dhcp.lan.ignore") == "1"


def test_only_what_is_committed_switches_it_on(router: Router) -> None:
    router.run("sed -i s/\"enabled '1'\"/\"enabled '0'\"/ /etc/config/routerd; uci set routerd.main.enabled=1")
    router.init("start")
    assert "procd_open_instance main" not in router.log
    router.uci("commit routerd")
    router.init("reload")
    assert "procd_open_instance main" in router.log


RIP_KEY = """config rip
	option lan 'lan'
config rip_key
	option id '1'
	option algorithm 'md5'
	option secret_file '/etc/rip.key'
"""


@pytest.mark.long
def test_a_key_that_the_daemons_user_may_not_read(router: Router) -> None:
    router.write("/etc/rip.key", "secret\n")
    router.run("chmod 600 /etc/rip.key; chown 0:0 /etc/rip.key")
    router.write("/etc/config/routerd", router.read("/etc/config/routerd") + RIP_KEY)
    router.init("start")
    assert "procd_open_instance main" not in router.log
    assert "routerd.@rip_key[0].secret_file (line 15): '/etc/rip.key'" in router.said
    router.run("chown routerd /etc/rip.key")
    router.init("start")
    assert "procd_open_instance main" in router.log


STORE = "printf 'config leases\\n\\toption store sqlite:/srv/usb/leases.db\\n' >>/etc/config/routerd"


@pytest.mark.parametrize(
    "spoil",
    [
        f"mkdir -m 700 -p /srv/usb; {STORE}",
        pytest.param(f"mkdir -p /srv/usb; touch /srv/usb/other; {STORE}", marks=pytest.mark.long),
        pytest.param("chmod 700 /etc/routerd", marks=pytest.mark.long),
        pytest.param("chown 0:0 /etc/routerd/state; touch /etc/routerd/state/x", marks=pytest.mark.long),
    ],
)
def test_a_store_that_the_daemons_user_cannot_write(router: Router, spoil: str) -> None:
    """It would not start again, at the next power failure."""
    router.init("start")
    assert router.run("stat -c '%U %a' /etc/routerd /etc/routerd/state") == "root 755\nrouterd 750\n"
    before = router.run("md5sum /var/run/routerd-init/config/*")
    router.run(spoil)
    router.init("reload")
    assert "procd_open_instance main" in router.log
    assert "user routerd cannot write there" in errors(router)[0]
    assert ".store" in errors(router)[0]
    assert router.run("md5sum /var/run/routerd-init/config/*") == before


@pytest.mark.long
def test_a_check_by_hand_is_as_that_user(router: Router) -> None:
    router.run("ash /etc/rc.common /etc/init.d/routerd check")
    router.run("chmod 700 /etc/routerd")
    router.run("ash /etc/rc.common /etc/init.d/routerd check", fails=True)
    assert "user routerd cannot write there" in router.said


@pytest.mark.long
def test_an_interface_that_comes_while_an_edit_is_refused(router: Router) -> None:
    router.run("ip link delete wg0")
    router.init("start")
    assert rules(router) == RULES[:1]
    router.run(
        "echo 'config bogus' >>/etc/config/routerd; ip link add wg0 type bridge; ip addr add 10.0.0.2/24 dev wg0"
    )
    router.init("reload")
    assert errors(router) != []
    assert rules(router) == RULES


NONE = """config routerd main
	option enabled 1
config lan
	option interface lan
	option vpns none
"""


@pytest.mark.long
def test_a_lan_that_takes_no_part_is_not_opened(router: Router) -> None:
    router.write("/etc/config/routerd", NONE)
    router.init("start")
    assert rules(router) == ()
    router.run("sed -i 's/option vpns none/option strategy masquerade/' /etc/config/routerd")
    router.init("reload")
    assert rules(router) == RULES[2:]


@pytest.mark.long
def test_switched_off_and_on_again(router: Router) -> None:
    """procd keeps the triggers, so a change of the configuration is enough."""
    router.init("start")
    triggers = [line for line in router.log if "trigger" in line]
    for value, runs in (("0", False), ("1", True)):
        router.run(f"uci set routerd.main.enabled={value}; uci commit routerd")
        router.init("reload")
        assert ("procd_open_instance main" in router.log) is runs
        assert [line for line in router.log if "trigger" in line] == triggers
        assert "kill routerd" not in router.log
        assert router.uci("get dhcp.lan.ignore") == ("1" if runs else "")


def test_clean_does_nothing_while_routerd_runs(router: Router) -> None:
    router.init("start")
    before = router.run("ls -R /var/run/routerd-init")
    router.run("printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/routerd")
    router.init("clean")
    assert router.run("ls -R /var/run/routerd-init") == before


@pytest.mark.long
@pytest.mark.parametrize("runs", [True, False])
def test_an_upgrade_restarts_what_runs(router: Router, tmp_path: Path, runs: bool) -> None:
    packages(PROGRAM, tmp_path)
    if runs:
        router.init("start")
    script = "pidof() { echo 2147483647; }\n" + (tmp_path / "routerd.postinst").read_text()
    router.run(f"touch /tmp/procd.log; export PKG_UPGRADE=1; {script}")
    assert ("kill routerd" in router.read("/tmp/procd.log")) is runs


def test_files_that_are_missing_stop_nothing(router: Router) -> None:
    router.run("rm /etc/config/network /etc/config/dhcp /etc/config/firewall")
    router.write("/etc/config/routerd", "config routerd main\n\toption enabled 1\n" + LAN_BY_DEVICE)
    router.init("start")
    assert "procd_open_instance main" in router.log


LAN_BY_DEVICE = """config vpn
	option interface 'wg0'
	list prefixes '10.0.0.0/24'
config lan
	option interface 'br-lan'
"""


def test_an_interface_that_comes_later(router: Router) -> None:
    """Its device cannot be known until it is up; then procd's trigger reloads."""
    router.run("uci delete network.lan.device; uci commit network")
    router.init("start")
    assert "procd_open_instance main" in router.log
    assert rules(router) == ()
    assert router.uci("get dhcp.lan.ignore") == ""
    router.run("echo br-lan >/tmp/devices/lan; uci set network.lan.device=br-lan; uci commit network")
    router.init("reload")
    assert rules(router) == RULES
    assert router.uci("get dhcp.lan.ignore") == "1"


def test_a_gateway_on_the_lan_needs_its_prefixes_alone(router: Router) -> None:
    text = "config routerd main\n\toption enabled 1\n" + LAN_BY_DEVICE
    router.write("/etc/config/routerd", text.replace("option interface 'wg0'", "list gateways '192.168.1.5'"))
    router.init("start")
    assert rules(router) == (
        "type rule name to the VPN by the LAN src lan dest lan family ipv4 proto all"
        " src_ip 192.168.1.0/24 dest_ip 10.0.0.0/24 target ACCEPT",
    )


def test_removal_leaves_the_router_as_it_was(router: Router, tmp_path: Path) -> None:
    packages(PROGRAM, tmp_path)
    # Blank lines are as uci leaves them.
    router.run("uci set dhcp.lan.start=100 && uci commit dhcp")
    listed = "cd /etc && find config routerd rc.d -type f 2>/dev/null | sort | xargs md5sum"
    before = router.run(listed)
    router.init("start")
    # What a daemon that was killed has left is removed too.
    router.run("mkdir -p /etc/routerd/state && touch /etc/routerd/state/leases.db && nft add table inet routerd")
    assert router.run(listed) != before
    router.run((tmp_path / "routerd.prerm").read_text())
    # opkg stops it once more.
    router.init("stop")
    router.run((tmp_path / "routerd.postrm").read_text())
    assert router.run(listed) == before
    assert router.run("nft list tables; ls -A /var/run; ls -d /etc/routerd 2>/dev/null || :") == ""
