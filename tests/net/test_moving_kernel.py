"""Bursts of kernel messages, a machine that was suspended, and other programs that take away what routerd made."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.waiting import wait_for
from routerd.lab.wireguard import Peer, add_peers
from tests.net.moving import STRANGER, Moving, message_type, moving
from tests.net.site import Site

pytestmark = pytest.mark.net

SUSPENDED = 60.0 if os.environ.get("ROUTERD_LONG") else 5.0
BURST = 30_000


@contextmanager
def stopped(daemon: Daemon) -> Iterator[None]:
    """The process stands still meanwhile, as in a suspended machine, but others go on."""
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def batch(net: Moving, lines: list[str]) -> None:
    """One `ip -batch` of many lines in Host β."""
    path = net.site.lab.directory / "batch"
    path.write_text("".join(f"{line}\n" for line in lines))
    net.beta.run(["ip", "-batch", path], timeout=60)


def readdress(old: int, new: int) -> list[str]:
    """The lines that give the LAN another host number; the second address goes with the first one of its network."""
    return [f"address del 192.168.200.{old}/24 dev lan0", f"address add 192.168.200.{new}/24 dev lan0"]


def test_a_burst_of_routes_hides_no_change(site: Site) -> None:
    with moving(site) as net:
        lines = [f"route add blackhole 172.{16 + n // 65536}.{n // 256 % 256}.{n % 256}/32" for n in range(BURST)]
        batch(net, [*lines[: BURST // 2], *readdress(2, 3), *lines[BURST // 2 :]])
        net.event()
        net.within("the new next hop is served", lambda: net.served(gateway="192.168.200.3"))
        net.within("the kernel's routes are there", net.kernel_is_right)
        net.event()
        batch(net, [*readdress(3, 2), "route replace default via 192.168.200.1"])
        net.settled("among 30,000 routes")


def test_lost_messages_hide_no_change(site: Site) -> None:
    with moving(site) as net:
        with stopped(net.daemon):
            # More messages than the socket holds, and then the change, of which nothing is heard any more.
            noise = "route {} unreachable default metric 7"
            batch(net, [noise.format(word) for _ in range(BURST // 2) for word in ("add", "del")])
            net.beta.ip(*readdress(2, 3))
            drops = net.beta.run(["sh", "-c", "awk '$2 == 0 { sum += $9 } END { print sum }' /proc/net/netlink"])
            assert int(drops.stdout) > 0
        net.event()
        net.within("the new next hop is served", lambda: net.served(gateway="192.168.200.3"))
        net.within("the kernel's routes are there", net.kernel_is_right)


@pytest.mark.long
def test_the_machine_was_suspended(site: Site) -> None:
    text = site.config.replace("[lan.dhcp]", '[lan.dhcp]\nlease_time = "30s"').replace('"1s"', '"500ms"')
    with moving(site, text) as net:
        made = net.ask(1)
        assert made is not None
        wishes = ((50, made.yiaddr.to_bytes(4, "big")), (54, made.options[54]))
        assert message_type(net.ask(3, *wishes)) == 5
        (before,) = net.daemon.get("/v1/leases")[1]["leases"]
        with stopped(net.daemon):
            # The time passes outside: nothing tells when a machine has slept for long enough.
            woken = time.monotonic() + SUSPENDED
            add_peers(
                site.example.tunnel_beta, [Peer(site.example.tunnel_a.keys.public, ["10.0.0.1/32", "10.7.0.0/24"])]
            )
            net.beta.ip("address add 192.168.200.9/24 dev lan0", "route del unreachable 10.0.0.0/24 proto 121")
            while time.monotonic() < woken:
                site.example.b.run(["ping", "-c", "1", "-W", "1", "192.168.200.2"], check=False)
                time.sleep(0.2)
        net.event()
        states = set()
        net.within("the peer is up", lambda: states.add(net.peer()) or net.answers())
        assert "down" not in states
        net.within("the kernel's routes are there", net.kernel_is_right)
        net.within("the new network is served", lambda: net.served("10.7.0.0/24"))
        state = "bound" if SUSPENDED < 25 else "expired"
        net.within(f"the lease is {state}", lambda: leases(net)[before["address"]] == state)
        net.within(
            "a client keeps its address", lambda: message_type(net.request(before["address"], STRANGER, 0.5)) == 5
        )


def leases(net: Moving) -> dict[str, str]:
    """The state of every lease by address."""
    return {row["address"]: row["state"] for row in net.daemon.get("/v1/leases")[1]["leases"]}


# ---------------------------------------------------------------- others


def contested(net: Moving) -> str:
    """The text of the problem that a route is contested; "" where it is not shown."""
    rows = net.daemon.get("/v1/problems")[1]["problems"]
    return next((row["text"] for row in rows if row["code"] == "route-contested"), "")


@pytest.mark.long
def test_another_program_removes_a_route_again_and_again(site: Site) -> None:
    with moving(site) as net:
        loop = "while :; do echo 'route del unreachable 10.0.0.0/24 proto 121'; sleep 0.02; done | ip -force -batch -"
        net.event()
        remover = net.beta.popen(["sh", "-c", loop], name="remover", stdout=subprocess.DEVNULL)
        net.within("the problem names it", lambda: "ip (process " in contested(net))
        net.within("it was put back once, and then later", lambda: "(3 times lately)" in contested(net), limit=5.0)
        assert "unreachable 10.0.0.0/24" in contested(net)
        added = site.log().count("route unreachable 10.0.0.0/24 metric 4294967295: added")
        # At the start, at once, 1 s later, and 2 s after that: not fifty times a second.
        assert added <= 4
        os.killpg(remover.pid, signal.SIGTERM)
        remover.wait(5)
        net.within("it is there again", lambda: "unreachable 10.0.0.0/24" in net.kernel(), limit=15.0)


_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_NETWORKD = """
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/netif /run/systemd/network /run/dbus
chown -R systemd-network: /run/systemd/netif
printf '%s\\n' '[Match]' Name=x0 '[Network]' LinkLocalAddressing=no IPv6AcceptRA=no > /run/systemd/network/10-x.network
printf '%s' "$1" > /run/bus.conf
mount -o remount,bind,ro /sys
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
/lib/systemd/systemd-networkd &
while read -r _; do networkctl reconfigure x0; done
kill %1 %2
wait
"""


@pytest.mark.skipif(
    not all(map(shutil.which, ("networkctl", "dbus-daemon", "/lib/systemd/systemd-networkd"))),
    reason="needs systemd and dbus-daemon",
)
def test_systemd_networkd_removes_a_route(site: Site) -> None:
    with moving(site) as net:
        net.beta.ip("link add x0 type veth peer x1", "link set x0 up", "link set x1 up")
        argv = ["unshare", "-m", "--propagation", "slave", "sh", "-ec", _NETWORKD, "sh", _BUS]
        networkd = net.beta.popen(argv, name="networkd", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert networkd.stdin is not None
        log = net.beta.log("networkd")
        wait_for("networkd runs", lambda: "Enumeration completed" in log.read_text(), limit=15)
        net.event()
        networkd.stdin.write("\n")
        networkd.stdin.flush()
        net.within("the problem names it", lambda: "systemd-network (process " in contested(net), limit=5.0)
        mends = [row["mend"] for row in net.daemon.get("/v1/problems")[1]["problems"]]
        assert any("ManageForeignRoutes=no" in mend for mend in mends)
        net.within("the routes are there again", net.kernel_is_right, limit=5.0)
        networkd.stdin.close()
        networkd.wait(10)


def test_a_route_that_was_removed_once_is_there_again_at_once(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip("route del unreachable 10.0.0.0/24 proto 121")
        net.within("the problem is shown", lambda: "(once lately)" in contested(net))
        net.within("it is there again", net.kernel_is_right)
        assert net.daemon.get("/readyz")[0] == 200


def test_forwarding_that_is_switched_off_is_switched_on_again(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.sysctl(ip_forward=1)
        net.beta.sysctl(ip_forward=0)
        net.within("it is on again", net.kernel_is_right)
        subject = "setting net.ipv4.conf.lan0.forwarding"
        net.within("the problem is shown", lambda: net.shows("setting-contested", subject))
        net.within("it is ready", lambda: net.daemon.get("/readyz")[0] == 200)
