"""Other DHCP servers: on the LAN, on this machine, and whoever holds port 67. The other server is a real dnsmasq."""

import shutil
import subprocess
import sys
from typing import Any

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.dhcp_client import start_client
from routerd.lab.example import add_host
from routerd.lab.lab import Switch
from routerd.lab.namespace import Namespace
from tests.dhcp.scene import message
from tests.net.site import Site, blast, soon

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]

POOL = "--dhcp-range=192.168.200.100,192.168.200.110,1h"
OTHER_POOL = "--dhcp-range=10.5.0.50,10.5.0.60,1h"
GATEWAY = bytes((192, 168, 200, 1))

_INFORM = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 25, b"lan0\\0")
s.bind(("192.168.200.30", 68))
s.settimeout(1)
for _ in range(10):
    s.sendto(bytes.fromhex(sys.argv[1]), ("192.168.200.2", 67))
    try:
        print(s.recv(4096)[242])
        break
    except TimeoutError:
        pass
"""


def dnsmasq(site: Site, machine: Namespace, *options: str) -> subprocess.Popen[str]:
    """Start a dnsmasq that serves DHCP on a machine; it listens when this returns."""
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=", "--user=root"]
    leases = site.lab.directory / f"dnsmasq-{machine.role}.leases"
    process = machine.popen([*argv, "--log-facility=-", f"--dhcp-leasefile={leases}", *options], name="dnsmasq")

    def listens() -> bool:
        assert process.poll() is None, machine.log("dnsmasq").read_text()
        return f"pid={process.pid}," in machine.run(["ss", "-Hlunp", "sport = :67"]).stdout

    soon("dnsmasq listens", listens)
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.wait(5)


def problem(daemon: Daemon, code: str) -> dict[str, Any] | None:
    """The problem with this code, as it is shown now."""
    body = daemon.get("/v1/problems")[1]
    found = body["problems"] if isinstance(body, dict) else []
    return next((one for one in found if one["code"] == code), None)


def mac_of(machine: Namespace, interface: str = "lan0") -> str:
    return machine.run(["ip", "-o", "link", "show", interface]).stdout.split("link/ether ")[1].split()[0]


# ---------------------------------------------------------------- on the LAN


def test_it_does_not_serve_beside_another_server_and_takes_over_when_that_stops(site: Site) -> None:
    gw = site.example.gw
    # Its check of an address takes three seconds, longer than routerd waits at start.
    rival = dnsmasq(site, gw, "--interface=lan0", POOL)
    daemon = site.start(site.plain, ready=False)
    shown = soon("the rival is shown", lambda: problem(daemon, "dhcp-rival"))
    assert f"192.168.200.1 ({mac_of(gw)})" in shown["text"]
    assert (shown["subject"], shown["severity"]) == ("lan lan0", "error")
    assert 'mode = "off"' in shown["mend"]
    status, body = daemon.get("/readyz?verbose")
    assert status == 503
    assert f"[-]dhcp lan0 failed: another DHCP server answers: 192.168.200.1 ({mac_of(gw)})" in body
    assert daemon.get("/livez")[0] == 200
    client = site.client("udhcpc")
    assert client.wait_lease().server == "192.168.200.1"
    client.stop()
    end(rival)
    daemon.wait_ready(20)
    assert problem(daemon, "dhcp-rival") is None
    assert site.client("udhcpc").wait_lease().server == "192.168.200.2"


def test_authoritative_by_hand_serves_at_once_and_shows_the_other(site: Site) -> None:
    dnsmasq(site, site.example.gw, "--interface=lan0", POOL)
    daemon = site.start(site.config)
    shown = soon("the rival is shown", lambda: problem(daemon, "dhcp-rival-beside"))
    assert "192.168.200.1" in shown["text"]
    assert shown["severity"] == "warning"
    assert daemon.get("/readyz")[0] == 200


def test_a_server_that_comes_later_is_a_warning_and_no_restart_makes_it_worse(site: Site) -> None:
    daemon = site.start(site.plain)
    client = site.client("udhcpc")
    client.wait_lease()
    client.stop()
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    rival = dnsmasq(site, site.example.gw, "--interface=lan0", POOL)
    blast(site.example.b, [message(3, (54, GATEWAY), (50, bytes((192, 168, 200, 100))))])
    known = f"192.168.200.1 ({mac_of(site.example.gw)})"
    soon(
        "the rival is asked and shown", lambda: known in (problem(daemon, "dhcp-rival-beside") or {"text": ""})["text"]
    )
    assert daemon.get("/readyz")[0] == 200
    # The LAN has clients with leases of ours, so that a crash does not leave it to the newcomer.
    daemon.process.kill()
    daemon.process.wait()
    daemon = site.start(site.plain)
    soon("the rival is shown again", lambda: problem(daemon, "dhcp-rival-beside"))
    end(rival)
    assert site.client("udhcpc").wait_lease().server == "192.168.200.2"


def test_an_own_second_lan_on_the_same_wire_is_no_rival(site: Site) -> None:
    beta = site.example.beta
    site.example.lan.namespace.ip(
        f"link add p-second type veth peer name lan1 netns {beta.name}", "link set p-second master br0 up"
    )
    beta.ip("address add 192.168.201.2/24 dev lan1", "link set lan1 up")
    second = '\n[[lan]]\ninterface = "lan1"\n[lan.dhcp]\npools = ["192.168.201.50-192.168.201.60"]\n'
    daemon = site.start(site.plain + second)
    assert daemon.stop() == 0
    daemon = site.start(site.plain + second)
    counters = daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"]
    assert counters.get("pkt4-offer-sent", 0) == 0
    assert daemon.get("/v1/leases")[1] == {"leases": []}
    assert daemon.get("/v1/problems")[1] == {"problems": []}


# ---------------------------------------------------------------- on this machine


def other_lan(site: Site) -> Namespace:
    """A second network of Host β that dnsmasq serves; its host."""
    other = Switch(site.lab, "other")
    other.attach(site.example.beta, "oth0")
    site.example.beta.ip("address add 10.5.0.1/24 dev oth0")
    return add_host(site.lab, other, "c")


# Of two interfaces one does not exist yet: the socket that dnsmasq shares is bound to none.
@pytest.mark.parametrize(
    "options", [["--interface=oth0"], ["--interface=oth0", "--interface=oth1"]], ids=["own", "any"]
)
@pytest.mark.parametrize("first", ["dnsmasq", "routerd"])
def test_dnsmasq_on_this_machine_serves_its_interface_and_routerd_its_own(
    site: Site, first: str, options: list[str]
) -> None:
    c = other_lan(site)
    options = ["--bind-dynamic", "--no-ping", OTHER_POOL, *options]
    if first == "dnsmasq":
        dnsmasq(site, site.example.beta, *options)
    daemon = site.start(site.plain)
    if first == "routerd":
        dnsmasq(site, site.example.beta, *options)
    assert site.client("udhcpc").wait_lease().server == "192.168.200.2"
    assert start_client(site.lab, c, client="udhcpc").wait_lease().server == "10.5.0.1"
    # What is sent to this machine's own address reaches one socket only: it must be routerd's.
    b = add_host(site.lab, site.example.lan, "d", address="192.168.200.30/24")
    inform = message(8, ciaddr=0xC0A8C81E, mac=bytes.fromhex("020000000030")).hex()
    assert b.run([sys.executable, "-c", _INFORM, inform]).stdout == "5\n"
    assert daemon.get("/v1/problems")[1] == {"problems": []}


def beside_dnsmasq(site: Site) -> tuple[Daemon, "subprocess.Popen[str]"]:
    """Start dnsmasq on this machine for the same LAN, and routerd, which names it."""
    other_lan(site)
    options = ("--bind-dynamic", "--interface=lan0", "--interface=oth0", POOL, OTHER_POOL)
    rival = dnsmasq(site, site.example.beta, *options)
    daemon = site.start(site.plain, ready=False)
    shown = soon("the rival is shown", lambda: problem(daemon, "dhcp-rival"))
    assert f"dnsmasq (process {rival.pid}) on this machine, as 192.168.200.2" in shown["text"]
    return daemon, rival


def test_dnsmasq_on_this_machine_that_serves_the_same_lan_is_named(site: Site) -> None:
    """That routerd takes over when it stops, which takes ten seconds, is in tests/long."""
    daemon, _ = beside_dnsmasq(site)
    assert daemon.get("/readyz")[0] == 503


# ---------------------------------------------------------------- who holds the port


def refused(site: Site) -> str:
    """Start routerd, which cannot start; the last line that it says."""
    daemon = site.start(site.plain, ready=False)
    assert daemon.process.wait(10) == 1
    assert "Traceback" not in site.log()
    return site.log().splitlines()[-1]


def test_a_process_that_holds_the_port_is_named(site: Site) -> None:
    code = (
        "import socket, time; s = socket.socket(2, 2); s.bind(('0.0.0.0', 67)); print('ok', flush=True); time.sleep(60)"
    )
    holder = site.example.beta.popen([sys.executable, "-c", code], name="holder", stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ok\n"
    said = refused(site)
    assert "UDP port 67 on lan0 is in use by python" in said
    assert f"(process {holder.pid}); stop it" in said


def test_a_dnsmasq_that_does_not_share_the_port_is_told_how_to(site: Site) -> None:
    other_lan(site)
    holder = dnsmasq(site, site.example.beta, "--interface=oth0", OTHER_POOL)
    said = refused(site)
    assert f"in use by dnsmasq (process {holder.pid})" in said
    assert "(dnsmasq: bind-dynamic)" in said


def test_a_server_that_shares_the_port_but_serves_the_same_lan_is_named(site: Site) -> None:
    holder = dnsmasq(site, site.example.beta, "--bind-dynamic", "--interface=lan0", POOL)
    said = refused(site)
    assert f"UDP port 67 on lan0 is in use by dnsmasq (process {holder.pid}); stop it" in said
    assert "bind-dynamic" not in said
