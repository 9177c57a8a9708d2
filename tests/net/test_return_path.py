"""Which hosts have a way back to the VPN, measured by the hosts service among real ones on one LAN."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from tests.net.lan_hosts import (
    HIDING,
    LanHosts,
)
from tests.net.site import soon

pytestmark = pytest.mark.net

_TRACK = """
table ip track {
    chain post {
        type nat hook postrouting priority srcnat
        iifname "wg0" oifname "lan0" ct state new counter comment "makes the kernel track flows"
    }
}
"""


class Hosts(LanHosts):
    """a: the peer. beta: Host β. Everything else is put on the LAN by `host`."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, Switch(lab, "lan"))
        self.beta, self.a = lab.namespace("beta"), lab.namespace("a")
        self.file = lab.directory / "hosts.json"
        self.program: subprocess.Popen[str] | None = None
        self.put(self.beta, 2)
        self.beta.ip(f"link add wg0 type veth peer name wg0 netns {self.a.name}", "link set wg0 up")
        self.beta.ip("address add 10.0.0.2/24 dev wg0")
        self.a.ip("link set wg0 up", "address add 10.0.0.1/24 dev wg0", "route add 192.168.200.0/24 via 10.0.0.2")
        self.beta.sysctl(ip_forward=1, conf__all__send_redirects=0, conf__lan0__send_redirects=0)
        self.beta.nft(_TRACK)

    def start(self, interval: float = 1.0, strategy: str = "auto", *known: Namespace) -> None:
        """Start the service on Host β, whose kernel knows these machines."""
        for machine in known:
            machine.run(["ping", "-c1", "-W1", "192.168.200.2"])
        program = Path(__file__).with_name("hosts_played.py")
        self.program = self.beta.popen(
            [sys.executable, program, self.file, str(interval), strategy], name="hosts", stdin=subprocess.PIPE
        )
        soon("the service is up", self.file.exists)

    def say(self) -> dict[str, Any]:
        """What the service says."""
        assert self.program is not None
        assert self.program.poll() is None, (self.lab.directory / "hosts.log").read_text()
        said: dict[str, Any] = json.loads(self.file.read_text())
        return said

    def leased(self, last: int) -> None:
        """Tell the service that this host was sent an ACK."""
        assert self.program is not None
        assert self.program.stdin is not None
        self.program.stdin.write(f"lease 192.168.200.{last}\n")
        self.program.stdin.flush()

    def path(self, last: int) -> str:
        """The measured state of a host."""
        return str(self.say()["hosts"].get(f"192.168.200.{last}", {}).get("path"))

    def row(self, last: int) -> tuple[str, str | None, str | None, str]:
        """State, kind of evidence, the end of the next hop's link-layer address, and strategy."""
        host = self.say()["hosts"][f"192.168.200.{last}"]
        return host["path"], host["kind"], host["hop"] and host["hop"][-2:], host["strategy"]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Lab() as lab:
        yield Hosts(lab)


@pytest.mark.long
def test_a_router_that_hides_its_hosts_is_never_trusted(hosts: Hosts) -> None:
    """Its resets and the first answers of TCP pass as they are; what follows gets the router's address."""
    hosts.gateway("hiding", 4, HIDING)
    host = hosts.host("h", 28, via=4)
    hosts.listen(host, 22)
    hosts.start(0.5, "auto", host)
    soon("it is known", lambda: hosts.path(28) == "unknown")
    soon("something came through the router", lambda: hosts.row(28)[2] == "04")
    host.nft("table ip shut { chain in { type filter hook input priority 0; tcp dport 22 drop; }; }")
    sent = hosts.say()["status"]["packets_sent"]["lan0"]
    soon("closed ports were tried", lambda: hosts.say()["status"]["packets_sent"]["lan0"] > sent + 30, limit=15)
    assert hosts.row(28)[0::3] == ("unknown", "masquerade")
    assert not [change for change in hosts.say()["changes"] if change[0] == "192.168.200.28"]


def test_no_program_of_a_host_hears_of_its_measurements(hosts: Hosts) -> None:
    """A half-open connection is all there is, and it is ended: by routerd, and by nobody else."""
    hosts.gateway("gw", 1)
    host = hosts.host("d", 24, via=1)
    hosts.listen(host, 22)
    host.nft(
        """
        table ip look {
            counter opened { }
            counter ended { }
            counter other { }
            chain in {
                type filter hook input priority 0
                ip saddr 10.0.0.2 tcp dport 22 tcp flags & (syn | ack | rst) == syn counter name opened
                ip saddr 10.0.0.2 tcp dport 22 tcp flags & rst == rst counter name ended
                ip saddr 10.0.0.2 tcp dport 22 tcp flags & (syn | rst) == 0 counter name other
            }
        }"""
    )
    hosts.start(0.5, "auto", host)

    def count(name: str) -> int:
        said = json.loads(host.run(["nft", "-j", "list", "counter", "ip", "look", name]).stdout)
        return int(said["nftables"][-1]["counter"]["packets"])

    soon("it was measured several times", lambda: count("ended") >= 4)
    soon("each is ended", lambda: count("opened") == count("ended") == count("other"))
    assert hosts.path(24) == "via-router"
    queue = host.run(["ss", "-Hltn", "sport", "=", ":22"]).stdout.split()
    assert queue[1] == "0", "a connection was completed"
    assert host.run(["ss", "-Htan", "state", "syn-recv"]).stdout == ""


@pytest.mark.long
def test_a_host_gets_the_route_with_its_lease_and_loses_it_again(hosts: Hosts) -> None:
    host = hosts.host("b", 22)
    hosts.start(2.0, "auto", host)
    soon("it is known", lambda: hosts.path(22) == "unknown")
    soon("it is silent for long", lambda: hosts.say()["status"]["packets_sent"]["lan0"] > 6)
    hosts.leased(22)
    began = time.monotonic()
    host.ip("route add 10.0.0.0/24 via 192.168.200.2")
    soon("it is routed", lambda: hosts.path(22) == "direct")
    assert time.monotonic() - began < 3.0
    assert hosts.say()["changes"][-1][1] == "site-gateway"
    host.ip("route del 10.0.0.0/24 via 192.168.200.2")
    began = time.monotonic()
    soon("it is masqueraded", lambda: hosts.say()["changes"][-1][1] == "masquerade")
    assert time.monotonic() - began < 4.0
    address, strategy, _, lost = hosts.say()["changes"][-1]
    assert (address, strategy, lost) == ("192.168.200.22", "masquerade", True)
    assert [event[:2] for event in hosts.say()["events"]] == [
        ["192.168.200.22", "direct"],
        ["192.168.200.22", "unknown"],
    ]


_SOME_PORTS = """
table ip some {
    chain input {
        type filter hook input priority 0
        iifname "lan0" ip saddr != 192.168.200.0/24 meta l4proto tcp tcp dport 80 drop
        iifname "lan0" ip saddr != 192.168.200.0/24 meta l4proto { tcp, udp } th dport 5300 drop
        tcp dport 81 drop
    }
}
"""
_KNOCK = """
import socket, sys, time
address, kind, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(3)
try:
    s.connect((address, port))
    s.send(b"x")
    s.recv(1)
except OSError as error:
    print(error)
"""


@pytest.mark.long
def test_flows_without_an_answer_make_a_host_lan_only(hosts: Hosts) -> None:
    """TCP does it for one host, UDP for another."""
    both = {22: ("tcp", 80), 23: ("udp", 5300)}
    known = [hosts.host(role, last, route=True, rules=_SOME_PORTS) for role, last in (("b", 22), ("c", 23))]
    for host in known:
        hosts.listen(host, 80, 81)
    hosts.start(2.0, "auto", *known)

    def knock(last: int, kind: str, port: int) -> None:
        hosts.a.popen([sys.executable, "-c", _KNOCK, f"192.168.200.{last}", kind, str(port)])

    for last in both:
        soon("it is routed", lambda last=last: hosts.path(last) == "direct")
        for spared in (("tcp", 81), ("udp", 514), ("udp", 5301), ("udp", 33440)):
            # Nobody is answered there, or is told that nothing serves it, so hiding the peer would help nobody.
            knock(last, *spared)
    began = time.monotonic()
    soon("that had its time", lambda: time.monotonic() > began + 3)
    assert [hosts.path(last) for last in both] == ["direct"] * 2
    for last, (kind, port) in both.items():
        knock(last, kind, port)
    began = time.monotonic()
    soon("they are lan-only", lambda: all(hosts.path(last) == "lan-only" for last in both))
    assert time.monotonic() - began < 3.0
    changes = {address: rest for address, *rest in hosts.say()["changes"]}
    assert [changes[f"192.168.200.{last}"][::2] for last in both] == [["masquerade", False]] * 2
    began = time.monotonic()
    soon("it is remembered", lambda: time.monotonic() > began + 2.5)
    assert [hosts.row(last)[0::3] for last in both] == [("lan-only", "masquerade")] * 2


def test_flows_are_proof_enough(hosts: Hosts) -> None:
    """A host that answers no probe, and uses the VPN: its own packets are seen."""
    rules = """
    table ip shut {
        chain input {
            type filter hook input priority 0
            iifname "lan0" ct state != established ip saddr != 192.168.200.0/24 drop
        }
    }"""
    host = hosts.host("b", 22, route=True, rules=rules)
    hosts.listen(hosts.a, 7000)
    hosts.start(1.0, "auto", host)
    soon("it was probed in vain", lambda: hosts.say()["status"]["packets_sent"]["lan0"] > 6)
    assert hosts.path(22) == "unknown"
    host.popen(["ping", "-i0.005", "-w8", "-q", "10.0.0.1"])
    soon("its packets are seen", lambda: hosts.path(22) == "direct")
    assert hosts.row(22)[1:3] == ("packet", "16")


def test_a_closed_udp_port_is_proof(hosts: Hosts) -> None:
    """The refusal is the host's own packet to the VPN, and no sample of such is needed."""
    rules = """
    table ip shut {
        chain input {
            type filter hook input priority 0
            iifname "lan0" meta l4proto { tcp, icmp } ip saddr != 192.168.200.0/24 drop
        }
    }"""
    host = hosts.host("b", 22, route=True, rules=rules)
    hosts.start(30.0, "auto", host)
    soon("it is known", lambda: hosts.path(22) == "unknown")
    hosts.a.popen([sys.executable, "-c", _KNOCK, "192.168.200.22", "udp", "5301"])
    soon("its refusal is seen", lambda: hosts.path(22) == "direct")
    assert hosts.row(22)[1:3] == ("packet", "16")


def test_another_machine_takes_the_address(hosts: Hosts) -> None:
    """It has no route; a connection without an answer tells, long before the next measurement."""
    host = hosts.host("b", 22, route=True)
    hosts.start(30.0, "auto", host)
    soon("it is routed", lambda: hosts.path(22) == "direct")
    host.ip("link set lan0 down", "link set lan0 address 02:00:00:00:00:99", "link set lan0 up")
    host.run(["ping", "-c1", "-W1", "192.168.200.2"])
    hosts.a.popen([sys.executable, "-c", _KNOCK, "192.168.200.22", "tcp", "80"])
    began = time.monotonic()
    soon("it is masqueraded", lambda: hosts.path(22) == "unknown")
    assert time.monotonic() - began < 3.0
    assert hosts.say()["changes"][-1][1] == "masquerade"
    assert hosts.say()["hosts"]["192.168.200.22"]["mac"] == "02:00:00:00:00:99"


def test_a_proof_ends_when_nothing_is_heard_of_the_host(hosts: Hosts) -> None:
    host = hosts.host("b", 22, route=True)
    hosts.start(1.0, "auto", host)
    soon("it is routed", lambda: hosts.path(22) == "direct")
    host.cut("lan0")
    began = time.monotonic()
    soon("it is not any more", lambda: hosts.path(22) == "unknown")
    assert 1.9 < time.monotonic() - began < 4.5
    assert hosts.say()["changes"][-1][1::2] == ["masquerade", False]


def test_a_host_behind_an_inner_router(hosts: Hosts) -> None:
    inner = hosts.gateway("inner", 5)
    far = hosts.lab.namespace("far")
    inner.ip(f"link add in0 type veth peer name lan0 netns {far.name}", "link set in0 up")
    inner.ip("address add 192.168.77.1/24 dev in0")
    far.ip("link set lan0 up", "address add 192.168.77.9/24 dev lan0", "route add default via 192.168.77.1")
    hosts.beta.ip("route add 192.168.77.0/24 via 192.168.200.5")
    hosts.a.ip("route add 192.168.77.0/24 via 10.0.0.2")
    hosts.start(1.0, "auto")
    hosts.a.popen(["ping", "-i0.5", "-w8", "-q", "192.168.77.9"])
    soon("it is measured", lambda: hosts.say()["hosts"].get("192.168.77.9", {}).get("path") == "via-router")
    assert hosts.say()["hosts"]["192.168.77.9"]["hop"] == "02:00:00:00:00:05"


def test_a_site_gateway_says_who_cannot_answer(hosts: Hosts) -> None:
    good, bad = hosts.host("b", 22, route=True), hosts.host("c", 23)
    hosts.start(0.5, "site-gateway", good, bad)
    soon("there is a problem", lambda: hosts.say()["problems"])
    assert hosts.say()["problems"] == [
        ["hosts-without-way-back", "lan lan0", {"count": "1 host", "hosts": "192.168.200.23"}]
    ]
    assert hosts.row(23)[0::3] == ("unknown", "site-gateway")


def test_it_goes_on_with_a_new_interface_and_leaves_nothing(hosts: Hosts) -> None:
    host = hosts.host("b", 22, route=True)
    hosts.start(0.5, "auto", host)
    soon("it is routed", lambda: hosts.path(22) == "direct")
    hosts.lan.namespace.ip(f"link del {hosts.lan.port(hosts.beta)}")
    soon("it says so", lambda: hosts.say()["problems"] and not hosts.say()["checks"][0])
    hosts.put(hosts.beta, 2)
    soon("it is well again", lambda: not hosts.say()["problems"] and hosts.say()["checks"][0])
    soon("and proven again", lambda: hosts.path(22) == "direct")
    assert hosts.program is not None
    assert hosts.program.stdin is not None
    hosts.program.stdin.close()
    soon("it has ended", lambda: hosts.program is not None and hosts.program.poll() is not None)
    assert hosts.beta.run(["ss", "-Hlntw0"]).stdout == ""
